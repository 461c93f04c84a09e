"""What tests of software on ModelMesh Lite are made of: see docs/testing.md.

Nothing is loaded before it is used, and pytest by no part of it but `plugin` and what skips a test.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelmesh.testing.clock import FakeClock
    from modelmesh.testing.conformance.discovery import DiscoveryConformance
    from modelmesh.testing.conformance.observer import ObserverConformance
    from modelmesh.testing.conformance.provider import ProviderConformance
    from modelmesh.testing.conformance.secret_store import SecretStoreConformance
    from modelmesh.testing.conformance.storage import StorageConformance
    from modelmesh.testing.conformance.strategy import StrategyConformance
    from modelmesh.testing.fake_provider import FakeProvider
    from modelmesh.testing.mock import (
        AsyncMockClient,
        Call,
        MockClient,
        mock_async_client,
        mock_client,
    )
    from modelmesh.testing.routes import assert_route
    from modelmesh.testing.transport import (
        ScriptedTransport,
        cut,
        fail,
        pause,
        reply,
        silence,
        stream,
        until,
    )
    from modelmesh.testing.view import FakeView

_HOMES = {
    "AsyncMockClient": "mock",
    "Call": "mock",
    "DiscoveryConformance": "conformance.discovery",
    "FakeClock": "clock",
    "FakeProvider": "fake_provider",
    "FakeView": "view",
    "MockClient": "mock",
    "ObserverConformance": "conformance.observer",
    "ProviderConformance": "conformance.provider",
    "ScriptedTransport": "transport",
    "SecretStoreConformance": "conformance.secret_store",
    "StorageConformance": "conformance.storage",
    "StrategyConformance": "conformance.strategy",
    "assert_route": "routes",
    "cut": "transport",
    "fail": "transport",
    "mock_async_client": "mock",
    "mock_client": "mock",
    "pause": "transport",
    "reply": "transport",
    "silence": "transport",
    "stream": "transport",
    "until": "transport",
}

__all__ = [
    "AsyncMockClient",
    "Call",
    "DiscoveryConformance",
    "FakeClock",
    "FakeProvider",
    "FakeView",
    "MockClient",
    "ObserverConformance",
    "ProviderConformance",
    "ScriptedTransport",
    "SecretStoreConformance",
    "StorageConformance",
    "StrategyConformance",
    "assert_route",
    "cut",
    "fail",
    "mock_async_client",
    "mock_client",
    "pause",
    "reply",
    "silence",
    "stream",
    "until",
]


if not TYPE_CHECKING:  # or else every misspelt name would be Any to type checkers

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'modelmesh.testing' has no attribute {name!r}")
        found = getattr(import_module(f"modelmesh.testing.{_HOMES[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
