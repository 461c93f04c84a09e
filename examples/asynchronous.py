"""Several questions at once.

export OPENAI_API_KEY=sk-...       # or whatever vendor's key you have
python examples/asynchronous.py
"""

import asyncio

import modelmesh


async def main() -> None:
    async with modelmesh.create_async("chat-completion") as client:

        async def ask(question: str) -> str | None:
            messages = [{"role": "user", "content": question}]
            response = await client.chat.completions.create(messages=messages)
            return response.choices[0].message.content

        for answer in await asyncio.gather(ask("What is a mesh?"), ask("What is a pool?")):
            print(answer)


asyncio.run(main())
