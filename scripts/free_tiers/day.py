"""Traffic over four free tiers, by a clock that nobody waits for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import define, field

from modelmesh.config.load import load
from modelmesh.errors import RoutingError
from modelmesh.mesh import ModelMesh
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import Reply, ScriptedTransport
from modelmesh.types import HttpRequest, Request
from scripts.free_tiers.vendors import Vendor

TIERS: Final = (
    ("gemini", "google.gemini.v1", "gemini-3.1-flash-lite"),
    ("openrouter", "openrouter.api.v1", "openai/gpt-oss-20b:free"),
    ("groq", "groq.api.v1", "openai/gpt-oss-20b"),
    ("cohere", "cohere.api.v1", "command-r7b-12-2024"),
)
"""Names, connectors and models, in the order in which they are preferred."""

_GRAIN: Final = 1 / 60
"""The library counts rolling windows in so many parts."""

_MOST: Final = 50
"""Tokens that each request asks for, and what its prompt may have at worst."""

_BODY: Final = {
    "model": "chat",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": _MOST,
}
_RAW: Final = json.dumps(_BODY).encode()
_WORST: Final = 200
_CLOSE: Final = 1.5
"""Seconds: one part of a minute, and a moment."""


@define(eq=False)
class Day:
    """What came of some traffic.

    Attributes:
        served: requests which were answered.
        turned_away: requests for which there was nothing left.
        wrongly: those of them for which some vendor had something left.
        untrue: requests whose client was told a time at which nothing is left either, or before
            which something is.

    """

    vendors: Sequence[Vendor]
    served: int = 0
    turned_away: int = 0
    wrongly: list[float] = field(factory=list)
    untrue: list[float] = field(factory=list)

    @property
    def refused(self) -> int:
        """How many requests a vendor had to refuse."""
        return sum(len(vendor.refused) for vendor in self.vendors)


def arrivals(hours: float, rng: Random) -> Iterator[float]:
    """Give the seconds at which requests come: about two a minute, and a crowd every two hours."""
    for minute in range(int(hours * 60)):
        crowd = 0 if (minute + 60) % 120 else 100
        count = rng.choice((0, 1, 2, 2, 3, 4)) + crowd
        yield from sorted(minute * 60 + rng.uniform(0, 30 if crowd else 60) for _ in range(count))


async def simulate(begins: datetime, hours: float, *, seed: int = 5) -> Day:
    """Send the traffic of so many hours through a mesh whose providers say `tier: free`."""
    clock = FakeClock(wall=begins.timestamp())
    day = Day([Vendor(*tier) for tier in TIERS])
    by_host = {f"{vendor.name}.test": vendor for vendor in day.vendors}

    def script(sent: HttpRequest) -> Reply:
        return by_host[urlsplit(sent.url).hostname or ""].answer(clock.wall())

    transport = ScriptedTransport(script, clock)
    mesh = ModelMesh(
        load(_config(), environ={}), clock=clock, rng=Random(seed), transport=transport
    )
    for number, at in enumerate(arrivals(hours, Random(seed))):
        clock.advance(at - clock.now())
        try:
            reply = await mesh.send(Request(id=str(number), model="chat", body=_BODY, raw=_RAW))
        except RoutingError as error:
            _turn_away(day, clock.wall(), error)
        else:
            await reply.close()
            day.served += 1
    await mesh.close()
    return day


def _turn_away(day: Day, wall: float, error: RoutingError) -> None:
    day.turned_away += 1
    if not _nothing_left(day, wall):
        day.wrongly.append(wall)
    then = wall + (error.retry_after or 0.0)
    too_early = all(vendor.is_used_up(then) for vendor in day.vendors)
    if too_early or not _nothing_left(day, then - _CLOSE):
        day.untrue.append(wall)


def _nothing_left(day: Day, wall: float) -> bool:
    """Whether nothing is left even for one who counts in parts of a window, and for the worst."""
    return all(vendor.is_used_up(wall, grain=_GRAIN, tokens=_WORST) for vendor in day.vendors)


def _config() -> Mapping[str, Any]:
    return {
        "providers": {
            name: {
                "connector": connector,
                "base_url": f"http://{name}.test/v1",
                "api_key": f"key of {name}",
                "tier": "free",
            }
            for name, connector, _ in TIERS
        },
        "models": {
            f"{name}-model": {
                "provider": name,
                "model": model,
                "capabilities": ["chat-completion"],
            }
            for name, _, model in TIERS
        },
        "pools": {"chat": {"models": [f"{name}-model" for name, *_ in TIERS], "max_wait": 0}},
        "storage": {"connector": "modelmesh.memory.v1"},
    }
