"""Our client with a pool of three targets, failover and accounting included."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from benchmarks.clients._question import ASKED
from benchmarks.pythons import OURS

PACKAGE: Final = "modelmesh-lite"
ENTRY: Final = "modelmesh:create_async"
PYTHON: Final = OURS


@asynccontextmanager
async def asking(vendor_url: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    from benchmarks.gateways.modelmesh import configuration
    from modelmesh import create_async

    async with create_async(config=configuration(vendor_url)) as client:

        async def ask() -> str:
            completion = await client.chat.completions.create(**ASKED)
            return completion.choices[0].message.content or ""

        yield ask


@contextmanager
def asking_sync(vendor_url: str) -> Iterator[Callable[[], str]]:
    from benchmarks.gateways.modelmesh import configuration
    from modelmesh import create

    with create(config=configuration(vendor_url)) as client:

        def ask() -> str:
            completion = client.chat.completions.create(**ASKED)
            return completion.choices[0].message.content or ""

        yield ask
