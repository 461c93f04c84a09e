"""What must be seen to hold, and whether it does: one row for each promise."""

from collections.abc import Iterable
from typing import Final, Self

from attrs import evolve, frozen

from benchmarks.figures import Figures

OURS: Final = "modelmesh"


@frozen
class Point:
    """One figure of one gateway in one case of an experiment; ours, and CPU, unless said."""

    experiment: str
    case: str
    figure: str = "cpu_us"
    gateway: str = OURS

    def of(self, gateway: str) -> Self:
        return evolve(self, gateway=gateway)

    def at(self, case: str) -> Self:
        return evolve(self, case=case)

    def median(self, figures: Figures) -> float | None:
        spread = figures.spread(self.experiment, self.case, self.gateway, self.figure)
        return spread.median if spread else None


@frozen
class Target:
    """A bound on one of our medians: as it is, times another, or what it is beyond another."""

    number: int
    promise: str
    ours: Point
    limit: float
    times: Point | None = None
    beyond: Point | None = None
    at_least: bool = False

    def measured(self, figures: Figures) -> float | None:
        """Return what there is to hold against the limit, if it was measured."""
        ours = self.ours.median(figures)
        other = self.times or self.beyond
        if ours is None or other is None:
            return ours
        theirs = other.median(figures)
        if theirs is None:
            return None
        if self.beyond:
            return ours - theirs
        return ours / theirs if theirs else None

    def met(self, figures: Figures) -> bool | None:
        """Return whether it holds, if that was measured."""
        measured = self.measured(figures)
        if measured is None:
            return None
        return measured >= self.limit if self.at_least else measured <= self.limit


PLAIN: Final = Point("plain", "64 in flight")
PACED: Final = Point("streams", "paced")
BURST: Final = Point("streams", "burst")
FIRST_TOKEN: Final = Point("streams", "one stream", "first_token_ms")
STALL: Final = Point("bodies", "streams beside 1 MB", "oldest_ms")
CALL: Final = Point("clients", "64 at once")
SYNC_CALL: Final = Point("clients", "one by one, sync")
LARGE: Final = Point("bodies", "1 MB")
POOL: Final = Point("pools", "1,000 targets")
FAILING: Final = Point("failing", "first fails")
CROWD: Final = Point("plain", "256 in flight", "per_second")

TARGETS: Final = (
    Target(1, "plain request, times bare aiohttp", PLAIN, 0.45, times=PLAIN.of("aiohttp")),
    Target(1, "plain request, times TensorZero", PLAIN, 0.45, times=PLAIN.of("tensorzero")),
    Target(1, "plain request, times Portkey", PLAIN, 1 / 12, times=PLAIN.of("portkey")),
    Target(1, "plain request, times LiteLLM", PLAIN, 1 / 90, times=PLAIN.of("litellm")),
    Target(1, "plain request, times nginx", PLAIN, 4, times=PLAIN.of("nginx")),
    Target(1, "plain request, times nginx (stretch)", PLAIN, 2.5, times=PLAIN.of("nginx")),
    Target(2, "chunk, paced, times bare aiohttp", PACED, 0.8, times=PACED.of("aiohttp")),
    Target(2, "chunk in bursts, times bare aiohttp", BURST, 1.2, times=BURST.of("aiohttp")),
    Target(2, "paced streams not identical", evolve(PACED, figure="faults"), 0),
    Target(2, "burst streams not identical", evolve(BURST, figure="faults"), 0),
    Target(2, "added to first token, ms", FIRST_TOKEN, 0.5, beyond=FIRST_TOKEN.of("direct")),
    Target(2, "longest stall beside 1 MB bodies, times nginx", STALL, 2, times=STALL.of("nginx")),
    Target(3, "call in process, times bare aiohttp", CALL, 0.45, times=CALL.of("aiohttp")),
    Target(
        3, "call in process, times TensorZero", CALL, 0.35, times=CALL.of("tensorzero_embedded")
    ),
    Target(3, "call in process, times OpenAI's SDK", CALL, 1 / 20, times=CALL.of("openai_sdk")),
    Target(3, "sync call, times OpenAI's SDK", SYNC_CALL, 1 / 5, times=SYNC_CALL.of("openai_sdk")),
    Target(4, "1 MB body, times bare aiohttp", LARGE, 1.2, times=LARGE.of("aiohttp")),
    Target(4, "1,000 targets, times one target", POOL, 1.05, times=POOL.at("1 target")),
    Target(4, "dead first target: client errors", evolve(FAILING, figure="faults"), 0),
    Target(4, "calls for each answer", evolve(FAILING, figure="calls_per_answer"), 1.02),
    Target(4, "dead first target, times healthy", FAILING, 1.1, times=FAILING.at("all healthy")),
    Target(5, "import, ms of CPU", Point("weight", "import", "import_ms"), 30),
    Target(5, "start to ready, s", Point("ready", "first answer", "seconds"), 0.6),
    Target(5, "memory at rest, MiB", Point("memory", "at rest", "idle_mib"), 40),
    Target(5, "memory per open stream, KiB", Point("memory", "at rest", "per_stream_kib"), 24),
    Target(5, "growth over requests, MiB", Point("memory", "after requests", "grown_mib"), 1),
    Target(6, "256 in flight: errors", evolve(CROWD, figure="faults"), 0),
    Target(6, "1,000 in flight: errors", evolve(CROWD.at("1,000 in flight"), figure="faults"), 0),
    Target(
        6,
        "throughput at 256, times at 64",
        CROWD,
        0.9,
        times=CROWD.at("64 in flight"),
        at_least=True,
    ),
    Target(
        6,
        "throughput at 1,000, times at 64",
        CROWD.at("1,000 in flight"),
        0.9,
        times=CROWD.at("64 in flight"),
        at_least=True,
    ),
)
"""In the order of the issue that asks for them. CPU unless something else is named."""


def in_targets_order(experiments: Iterable[str]) -> list[str]:
    """Return experiments in the order in which targets speak of them."""
    spoken_of = [target.ours.experiment for target in TARGETS]
    return sorted(experiments, key=spoken_of.index)
