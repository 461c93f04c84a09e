"""What routing costs by strategy: finding the first target, and a whole request in process.

python -m benchmarks.routing [--rounds N] [--page]

Takes a minute or two on one core. Every round is kept in `benchmarks/results/routing.json`, from
which the tables in `docs/strategies.md` are made; `--page` makes them without measuring.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from random import Random
from typing import Any, Final

from attrs import define, field, frozen

from benchmarks import answers
from benchmarks.figures import Figures, Row, rows_from
from benchmarks.kept import filled_in, keep
from benchmarks.programs import GATEWAY_CORE
from benchmarks.pythons import ROOT
from benchmarks.words import spread, times
from modelmesh.build import build
from modelmesh.clock import SystemClock
from modelmesh.config.load import load
from modelmesh.pool import Pool
from modelmesh.router import Router
from modelmesh.state import State
from modelmesh.testing.transport import Reply, ScriptedTransport
from modelmesh.types import Request

RESULTS: Final = ROOT / "benchmarks" / "results" / "routing.json"
PAGE: Final = ROOT / "docs" / "strategies.md"
SIZES: Final = (1, 10, 100, 1000)
KINDS: Final = {"order": "the first target, µs", "request": "a whole request, µs"}

_HELP: Final = "Measure what each strategy costs in pools of 1 to 1,000 targets."
_SECONDS: Final = 0.02  # of CPU, for each figure in each round
_TRIED: Final = 5
_VENDORS: Final = 10
_SESSIONS: Final = 100
_MORE_THAN_ANYBODY_REMEMBERS: Final = 10_000


@frozen
class Run:
    """A row of the tables: a strategy with settings, and what it looks at for the first target."""

    name: str
    looks_at: str
    settings: Mapping[str, Any] = field(factory=dict)
    limited: bool = False
    sessions: int = _SESSIONS

    @property
    def strategy(self) -> str:
        return self.name.partition(",")[0]


RUNS: Final = (
    Run("stick-until-failure", "one target"),
    Run("round-robin", "one"),
    Run("round-robin, `relative`", "one", {"balance_mode": "relative"}),
    Run("cost-first", "all: what was spent"),
    Run("cost-first, `by: expected`", "all: what each would cost", {"options": {"by": "expected"}}),
    Run("latency-first", "all: how long each took"),
    Run("priority-selection", "one"),
    Run(
        "priority-selection, then round-robin",
        "one",
        {"provider_priority": ["v0"], "fallback_strategy": "round-robin"},
    ),
    Run("session-stickiness", "one, of a session that was here"),
    Run(
        "session-stickiness, new sessions",
        "all, once a session",
        sessions=_MORE_THAN_ANYBODY_REMEMBERS,
    ),
    Run("rate-limit-aware", "one, while it has room", limited=True),
    Run("load-balanced", "two"),
    Run("load-balanced, `relative`", "two", {"balance_mode": "relative"}, limited=True),
)


@define(eq=False)
class Cell:
    """One strategy with a pool of one size, as it is after some traffic."""

    run: Run
    size: int
    pool: Pool = field(init=False)
    _requests: Iterator[Request] = field(init=False)
    _clock: SystemClock = field(factory=SystemClock, init=False)
    _transport: ScriptedTransport = field(init=False)
    _router: Router = field(init=False)
    _often: dict[str, int] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        config = load(configuration(self.run, self.size), environ={})
        parts = build(config, state=State(), rng=Random(self.size), wall=self._clock.wall)
        self.pool = parts.pools["chat"]
        self._requests = cycle([_request(number) for number in range(self.run.sessions)])
        said = Reply(headers={"content-type": "application/json"}, steps=[answers.plain()])
        self._transport = ScriptedTransport(lambda _: said, self._clock)
        self._router = Router(self._transport, self._clock)
        _remember(self.pool, self._clock.now())

    @property
    def case(self) -> str:
        return f"{self.size:,} target{'s' * (self.size > 1)}"

    async def microseconds(self, kind: str) -> float:
        """Return the CPU that one takes, of as many as fill the time."""
        if kind not in self._often:
            await self._seconds(kind, _SESSIONS + self.size)  # what is done once is done now
            each = await self._seconds(kind, _TRIED) / _TRIED
            self._often[kind] = max(_TRIED, int(_SECONDS / each))
        often = self._often[kind]
        return await self._seconds(kind, often) / often * 1e6

    async def _seconds(self, kind: str, often: int) -> float:
        before = time.process_time()
        if kind == "order":
            for _ in range(often):
                next(iter(self.pool.order(next(self._requests), self._clock.now())))
        else:
            for _ in range(often):
                reply = await self._router.route(self.pool, next(self._requests))
                await reply.close()
        spent = time.process_time() - before
        self._transport.requests.clear()
        return spent


def configuration(run: Run, size: int) -> dict[str, Any]:
    """Return a configuration with one pool of so many targets, all priced and weighed otherwise."""
    vendor = {"connector": "openai-compatible", "base_url": "http://vendor/v1", "api_key": "key"}
    limits = {"rate_limits": {"rpm": 100_000_000}} if run.limited else {}
    models = {
        f"m{number}": {
            "provider": f"v{number % _VENDORS}",
            "capabilities": ["chat-completion"],
            "pricing": {"input": 0.1 + number / 1000, "output": 0.6},
            "weight": 1 + number % 7,
        }
        for number in range(size)
    }
    pool = {"capability": "chat-completion", "strategy": run.strategy, **run.settings}
    return {
        "providers": {f"v{number}": {**vendor, **limits} for number in range(min(size, _VENDORS))},
        "models": models,
        "pools": {"chat": pool},
    }


def _request(number: int) -> Request:
    body = json.loads(answers.question("chat"))
    body["messages"][0]["content"] += f" {number}"
    return Request(id="r", model="chat", body=body, raw=json.dumps(body).encode())


def _remember(pool: Pool, now: float) -> None:
    """Let every target have been asked, all at other times, with other times and costs."""
    for number, target in enumerate(pool.targets):
        record, chance = pool.standing(target).record, Random(number)
        ago = chance.uniform(0, 50)
        record.begin(now - ago)
        record.in_flight = chance.randrange(3)
        record.spent = chance.randrange(1, 10**9)
        record.first_token.add(chance.uniform(0.1, 3), now - ago)
        record.per_token.add(chance.uniform(0.005, 0.05), now - ago)


async def measure(rounds: int) -> list[Row]:
    """Take every figure once a round, each time another one first."""
    cells = [Cell(run, size) for run in RUNS for size in SIZES]
    gc.collect()
    gc.freeze()
    rows = []
    for number in range(rounds):
        first = number * len(cells) // rounds
        for cell in (*cells[first:], *cells[:first]):
            for kind in KINDS:
                took = {"cpu_us": await cell.microseconds(kind)}
                rows.append(Row(kind, cell.case, cell.run.name, number, took))
        print(f"round {number + 1} of {rounds}", flush=True)
    return rows


def page(written: str, results: Mapping[str, Any]) -> str:
    """Return the page with the tables as they must be."""
    made = "".join(f"{line}\n" for line in _lines(results))
    return filled_in(written, made)


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    figures, on = Figures.of(rows_from(results["rows"])), results["machine"]
    yield (
        f"Measured {results['when']} on one core of {on['processor']}, Python {on['python']}: the "
        f"median of {results['rounds']} interleaved rounds, the least and the most in brackets."
    )
    for kind, title in KINDS.items():
        yield ""
        yield from _table(figures, kind, title)


def _table(figures: Figures, kind: str, title: str) -> Iterator[str]:
    cases = figures.cases(kind)
    yield f"| {title} | looks at | {' | '.join(cases)} | times |"
    yield "|---|---|" + "--:|" * (len(cases) + 1)
    for run in RUNS:
        found = [figures.spread(kind, case, run.name, "cpu_us") for case in cases]
        measured = [one for one in found if one]
        ratio = times(measured[-1].median / measured[0].median)
        yield f"| {run.name} | {run.looks_at} | {' | '.join(map(spread, found))} | {ratio} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing", description=_HELP)
    parser.add_argument("--rounds", type=int, default=15, help="how often each figure is taken")
    parser.add_argument("--page", action="store_true", help="only make the tables anew")
    asked = parser.parse_args(arguments)
    if not asked.page:
        logging.disable()
        os.sched_setaffinity(0, GATEWAY_CORE)
        keep(RESULTS, asyncio.run(measure(asked.rounds)), asked.rounds)
    PAGE.write_text(page(PAGE.read_text(), json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
