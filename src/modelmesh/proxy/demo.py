"""A mesh to try out without any key or network: three simulated vendors in this very process."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from modelmesh.config.schema import (
    Budget,
    MeshConfig,
    Model,
    Pool,
    Pricing,
    Provider,
    Proxy,
    RateLimits,
    Recovery,
    Storage,
    Timeouts,
)
from modelmesh.proxy.server import ProxyServer
from modelmesh.testing.fake_provider import FakeProvider, select

POOL: Final = "chat-completion"

VENDORS: Final = {
    "limited": "allows one request in 15 seconds",
    "flaky": "fails every second request",
    "steady": "always answers",
}
"""The vendors in the order in which they are tried, and what is the matter with each."""

_FAULTS: Final = {
    "limited": "limited~requests=1~window=15~told=0",
    "flaky": "flaky~every=2",
    "steady": "ok~gap=0.15",  # slow enough to see it stream
}

# Enough for whoever tries it out, and to be seen on the page.
_LIMITS: Final[Mapping[str, Mapping[str, Any]]] = {
    "limited": {},
    "flaky": {"rate_limits": RateLimits(rpm=60)},
    "steady": {"budget": Budget(daily_limit=1.0)},
}
_PRICES: Final = {
    "limited": Pricing(input=0.0, output=0.0),
    "flaky": Pricing(input=0.1, output=0.4),
    "steady": Pricing(input=2.5, output=10.0),
}


@asynccontextmanager
async def vendors() -> AsyncIterator[MeshConfig]:
    """Run the three vendors; give the configuration of a mesh over them."""
    async with AsyncExitStack() as stack:
        providers, models = {}, {}
        for name, fault in _FAULTS.items():
            model = f"{name}-model"
            vendor = FakeProvider(faults={model: select(fault)}, models=[model])
            await stack.enter_async_context(vendor)
            providers[name] = Provider(
                connector="openai-compatible", base_url=vendor.url, **_LIMITS[name]
            )
            models[model] = Model(provider=name, capabilities=(POOL,), pricing=_PRICES[name])
        pool = Pool(
            models=tuple(models),
            strategy="modelmesh.priority-selection.v1",  # so all of them come back
            recovery=Recovery(cooldown=10.0),
            timeouts=Timeouts(total=30.0),
        )
        yield MeshConfig(
            providers=providers,
            models=models,
            pools={POOL: pool},
            proxy=Proxy(host="127.0.0.1"),
            storage=Storage(connector="modelmesh.memory.v1"),  # a demo leaves nothing behind
        )


async def serve_demo(
    say: Callable[[str], object],
    *,
    host: str | None = None,
    port: int | None = None,
    token: str | None = None,
) -> None:
    """Serve the demo until a signal comes."""
    async with vendors() as config:
        server = ProxyServer(config=config, host=host, port=port, token=token, announce=say)
        await server.serve(
            signals=True, opened=lambda: say(_invitation(server.url, locked=token is not None))
        )


def _invitation(url: str, *, locked: bool) -> str:
    who = "\n".join(f"  {name:<9}{matter}" for name, matter in VENDORS.items())
    key = " \\\n    -H 'Authorization: Bearer YOUR-TOKEN'" if locked else ""
    return f"""
Three simulated vendors serve the pool {POOL!r}:
{who}

Open {url}/ in a browser to watch them, or paste these into another terminal, the chats
several times:

  curl {url}/v1/models{key}

  curl -i {url}/v1/chat/completions{key} \\
    -H 'Content-Type: application/json' \\
    -d '{_chat()}'

  curl -iN {url}/v1/chat/completions{key} \\
    -H 'Content-Type: application/json' \\
    -d '{_chat(', "stream": true')}'

The headers x-modelmesh-provider and x-modelmesh-attempts show who answered. Ctrl-C stops.
"""


def _chat(more: str = "") -> str:
    return f'{{"model": "{POOL}", "messages": [{{"role": "user", "content": "Hello!"}}]{more}}}'
