"""Fixtures for pytest, which finds them by an entry point wherever this library is installed.

Every run of pytest imports this file, so it imports nothing else before a fixture is asked for.
"""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelmesh.testing import FakeClock, FakeProvider, MockClient


@pytest.fixture
def mock_client() -> "Iterator[Callable[..., MockClient]]":
    """Make clients as `modelmesh.testing.mock_client` does; they are closed after the test."""
    from modelmesh import testing  # noqa: PLC0415 - as said above

    with ExitStack() as stack:

        def made(*responses: Any, **settings: Any) -> "MockClient":
            return stack.enter_context(testing.mock_client(*responses, **settings))

        yield made


@pytest.fixture
def fake_provider() -> "Iterator[FakeProvider]":
    """Run a vendor on a loopback port, whose model name selects what goes wrong."""
    from modelmesh.testing import FakeProvider  # noqa: PLC0415 - as said above

    with FakeProvider() as running:
        yield running


@pytest.fixture
def modelmesh_clock() -> "FakeClock":
    """Return a clock that tests move."""
    from modelmesh.testing import FakeClock  # noqa: PLC0415 - as said above

    return FakeClock()
