"""An answer as it is being written.

export OPENAI_API_KEY=sk-...       # or whatever vendor's key you have
python examples/streaming.py
"""

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
