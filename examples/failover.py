"""Failover, seen: the first vendor is down, the second answers. Needs no key and no network.

python examples/failover.py
"""

import asyncio

import modelmesh
from modelmesh.testing.fake_provider import FakeProvider


async def main() -> None:
    async with FakeProvider() as vendor:
        provider = {"connector": "openai-compatible", "base_url": vendor.url}
        config = {
            "providers": {"broken": provider, "sound": provider},
            "models": {
                "down": {"provider": "broken", "model": "status~code=503"},
                "up": {"provider": "sound", "model": "ok"},
            },
            "pools": {"chat": {"models": ["down", "up"]}},
        }
        async with modelmesh.create_async(config=config) as client:
            messages = [{"role": "user", "content": "Is anybody there?"}]
            response = await client.chat.completions.create(model="chat", messages=messages)
            print(response.choices[0].message.content)
            print(await client.describe())


asyncio.run(main())
