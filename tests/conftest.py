"""What several test files need."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from hypothesis import settings

from modelmesh.testing.fake_provider import FakeProvider

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


class MendedResponse(aiohttp.ClientResponse):
    """A response as aioresponses makes it.

    aiohttp 3.14 wants the writer of the request as well, which aioresponses 0.7.9 does not know.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        class Sent:
            output_size = 0

        super().__init__(*arguments, **{"stream_writer": Sent(), **options})


@pytest.fixture
def mended_response() -> type[aiohttp.ClientResponse]:
    """For the `response_class` of what aioresponses is told to answer."""
    return MendedResponse


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeProvider]:
    """Run a vendor for all tests of a file, unless the file has one of its own."""
    async with FakeProvider() as running:
        yield running


@pytest.fixture(scope="module", params=["direct", "aiohttp"])
def front(request: pytest.FixtureRequest) -> str:
    """Return what takes the requests of a real server: each in its turn."""
    chosen: str = request.param
    return chosen


@pytest_asyncio.fixture(loop_scope="module")
async def client(proxy: Any) -> AsyncIterator[Any]:
    """Return OpenAI's SDK as it asks the `proxy` of a file, each time once and without a token."""
    openai = pytest.importorskip("openai")
    base_url = f"{proxy.url}/v1"
    async with openai.AsyncOpenAI(base_url=base_url, api_key="any", max_retries=0) as sdk:
        yield sdk
