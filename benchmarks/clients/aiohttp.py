"""A bare call: aiohttp's client and JSON."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from benchmarks.clients._question import ASKED
from benchmarks.pythons import OURS

PACKAGE: Final = "aiohttp"
ENTRY: Final = "aiohttp:ClientSession"
PYTHON: Final = OURS


@asynccontextmanager
async def asking(vendor_url: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    from aiohttp import ClientSession

    url = f"{vendor_url}/v1/chat/completions"
    async with ClientSession(headers={"authorization": "Bearer key"}) as session:

        async def ask() -> str:
            async with session.post(url, json=ASKED) as reply:
                completion = await reply.json()
            return str(completion["choices"][0]["message"]["content"])

        yield ask
