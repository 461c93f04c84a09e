"""A first answer, with whatever vendors' keys the environment has.

export OPENAI_API_KEY=sk-...       # or whatever vendor's key you have
python examples/quickstart.py
"""

import modelmesh

with modelmesh.create("chat-completion") as client:
    response = client.chat.completions.create(
        messages=[{"role": "user", "content": "Say hello in three languages."}],
    )
    print(response.choices[0].message.content)
    print(f"({response.model})")
