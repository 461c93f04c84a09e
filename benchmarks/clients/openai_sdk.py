"""OpenAI's own client."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from benchmarks.clients._question import ASKED
from benchmarks.pythons import OURS

PACKAGE: Final = "openai"
ENTRY: Final = "openai:AsyncOpenAI"
PYTHON: Final = OURS


@asynccontextmanager
async def asking(vendor_url: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{vendor_url}/v1", api_key="key") as client:

        async def ask() -> str:
            completion = await client.chat.completions.create(**ASKED)
            return completion.choices[0].message.content or ""

        yield ask


@contextmanager
def asking_sync(vendor_url: str) -> Iterator[Callable[[], str]]:
    from openai import OpenAI

    with OpenAI(base_url=f"{vendor_url}/v1", api_key="key") as client:

        def ask() -> str:
            completion = client.chat.completions.create(**ASKED)
            return completion.choices[0].message.content or ""

        yield ask
