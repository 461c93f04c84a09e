"""Anthropic, Gemini, Cohere and OpenAI on a loopback socket, each on its own wire.

async with NativeVendors() as vendors, running_proxy(vendors.config()) as proxy:
    await proxy.chat(model="anthropic")
    assert vendors.anthropic.refusals == []

They check what they are asked by the rules which the vendors document (`request_rules`), and what
depends on the turns before: results for every call, state given back byte for byte and to nobody
else. They answer by one script, whole or as a stream.
"""

from collections.abc import Sequence
from typing import Any, Self

from modelmesh.testing.fake_provider import FakeProvider
from native_vendors.anthropic import Anthropic
from native_vendors.cohere import Cohere
from native_vendors.gemini import Gemini
from native_vendors.openai import OpenAI
from native_vendors.vendor import KEY, Vendor

__all__ = ["NAMES", "NativeVendors"]

NAMES = ("anthropic", "gemini", "openai", "cohere")


class NativeVendors:
    """The four vendors, and `more`. Each has a pool of its own, by its name."""

    def __init__(self, **more: Vendor) -> None:
        self._more = more
        self.anthropic = Anthropic()
        self.gemini = Gemini()
        self.openai = OpenAI()
        self.cohere = Cohere()
        models = {vendor.model: vendor for vendor in self.all}
        self._server = FakeProvider(faults=models)

    @property
    def all(self) -> Sequence[Vendor]:
        return [self.named(name) for name in self.names]

    @property
    def names(self) -> Sequence[str]:
        return (*NAMES, *self._more)

    def named(self, name: str) -> Vendor:
        vendor: Vendor = self._more.get(name) or getattr(self, name)
        return vendor

    @property
    def origin(self) -> str:
        return self._server.url.removesuffix("/v1")

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    def reset(self) -> None:
        """Have all vendors forget everything."""
        for vendor in self.all:
            vendor.reset()

    def config(self, **pools: dict[str, Any]) -> dict[str, Any]:
        """Return a configuration: `pools`, and one for each vendor.

        Models have the names of the vendors, and so do providers.
        """
        alone = {name: {"models": [name], "retry": {"max_attempts": 1}} for name in self.names}
        vendors = [(name, self.named(name)) for name in self.names]
        return {
            "providers": {
                name: {
                    "connector": vendor.connector,
                    "base_url": self.origin + vendor.base,
                    "api_key": KEY,
                }
                for name, vendor in vendors
            },
            "models": {name: {"provider": name, "model": v.model} for name, v in vendors},
            "pools": {**alone, **pools},
        }
