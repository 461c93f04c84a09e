"""What several files of cases need."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from failures.scenes import Scene, running
from modelmesh.testing.fake_provider import FakeProvider


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """Run a server with the pools of the file."""
    async with running(request.module.POOLS) as scene:
        yield scene


@pytest.fixture
def fresh(vendor: FakeProvider) -> Iterator[None]:
    """Let the vendor of the file forget what it got, before each test and after it."""
    vendor.reset()
    yield
    vendor.reset()
