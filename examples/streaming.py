"""An answer as it is being written."""

import modelmesh

with (
    modelmesh.create("chat-completion") as client,
    client.chat.completions.create(
        messages=[{"role": "user", "content": "Count to ten."}],
        stream=True,
    ) as stream,
):
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            print(chunk.choices[0].delta.content, end="", flush=True)
    print()
