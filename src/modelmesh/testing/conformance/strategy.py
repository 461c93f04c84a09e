"""What every strategy keeps: it orders all targets, by nothing but what it is given."""

from collections.abc import Iterable, Mapping
from random import Random
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attrs import evolve

from modelmesh.config import schema
from modelmesh.connectors.providers.openai_compatible import Provider
from modelmesh.record import Record
from modelmesh.strategies import Strategy, Turn, why
from modelmesh.testing.conformance import asked
from modelmesh.types import Secret, Target

_NOW: Final = 10_000.0
_SITUATIONS: Final = 300
_MOST: Final = 12


class StrategyConformance:
    """The suite of tests for a strategy."""

    strategy: ClassVar[type[Strategy]]  # the class that is tried
    options: ClassVar[Mapping[str, Any]] = MappingProxyType({})  # its own settings
    settings: ClassVar[Mapping[str, Any]] = MappingProxyType({})  # those of a pool besides

    def test_it_has_an_id(self) -> None:
        assert isinstance(self.strategy.connector, str), "its `connector` is no text"
        assert self.strategy.connector, "it has no `connector`, its id"

    def test_every_target_is_given_once(self) -> None:
        for seed in range(_SITUATIONS):
            targets, turn = _situation(seed)
            given = _ids(self._made().order(targets, turn))
            assert sorted(given) == sorted(_ids(targets)), f"of {_ids(targets)} it gives {given}"

    def test_it_goes_on_from_request_to_request(self) -> None:
        strategy = self._made()
        for seed in range(_SITUATIONS):
            targets, turn = _situation(seed)
            given = _ids(strategy.order(targets, turn))
            assert sorted(given) == sorted(_ids(targets)), f"of {_ids(targets)} it gives {given}"

    def test_the_same_turn_and_chance_give_the_same_order(self) -> None:
        for seed in range(_SITUATIONS):
            orders = [
                _ids(self._made().order(targets, turn))
                for targets, turn in (_situation(seed), _situation(seed))
            ]
            assert orders[0] == orders[1], "it goes by something else than it is given"

    def test_ordering_changes_nothing(self) -> None:
        for seed in range(_SITUATIONS):
            targets, turn = _situation(seed)
            before, records = list(targets), [repr(turn.record(one)) for one in targets]
            list(self._made().order(targets, turn))
            assert targets == before, "the pool's targets are others afterwards"
            after = [repr(turn.record(one)) for one in targets]
            assert after == records, "it changes what is remembered of a target"

    def test_one_target_alone_is_given(self) -> None:
        targets, turn = _situation(1)
        alone = evolve(turn, current=0)
        assert _ids(self._made().order(targets[:1], alone)) == _ids(targets[:1])

    def test_whoever_takes_the_first_need_not_take_the_others(self) -> None:
        strategy = self._made()
        for seed in range(_SITUATIONS):
            targets, turn = _situation(seed)
            first = next(iter(strategy.order(targets, turn)))
            assert first.id in _ids(targets)

    def test_it_can_stand_before_a_fallback(self) -> None:
        fallback = _Backwards(schema.Pool())
        for seed in range(_SITUATIONS):
            targets, turn = _situation(seed)
            given = _ids(self._made(fallback).order(targets, turn))
            assert sorted(given) == sorted(_ids(targets)), "with a fallback it loses targets"

    def test_it_says_why_in_a_few_words(self) -> None:
        for seed in range(_SITUATIONS):
            targets, turn = _situation(seed)
            order = list(self._made().order(targets, turn))
            for place in range(len(order)):
                words = why(self._made(), order, place, turn)
                assert isinstance(words, str), f"why is {words!r}"
                assert words.strip(), "it gives no reason"
                assert "\n" not in words, "why is more than a line"

    def _made(self, fallback: Strategy | None = None) -> Strategy:
        pool = schema.Pool(
            strategy=self.strategy.connector, options=self.options, **dict(self.settings)
        )
        return self.strategy(pool, fallback)


class _Backwards:
    """A strategy to fall back to: the last target first."""

    connector: ClassVar = "modelmesh.testing.backwards.v1"

    def __init__(self, settings: schema.Pool, fallback: Strategy | None = None) -> None:
        self.settings, self.fallback = settings, fallback

    def order(self, targets: Iterable[Target], _: Turn) -> Iterable[Target]:
        return reversed(list(targets))


def _situation(seed: int) -> tuple[list[Target], Turn]:
    """Return some targets, and what has become of them: always the same for a seed."""
    rng = Random(seed)  # noqa: S311 - every run of a test is to be the same
    targets = [_target(number, rng) for number in range(rng.randint(1, _MOST))]
    records = {one.id: _record(rng) for one in targets if rng.random() < 0.7}  # noqa: PLR2004 - most
    costs = {one.id: rng.choice([None, 0.0, 0.001, rng.random()]) for one in targets}
    rooms = {one.id: rng.choice([0.0, 1.0, rng.random()]) for one in targets}
    said: dict[str, Any] = {"messages": [{"role": "user", "content": str(rng.random())}]}
    request = asked.request("chat", said, "pool")
    return targets, Turn(
        number=rng.randrange(10**6),
        now=_NOW,
        current=rng.randrange(len(targets)),
        request=evolve(request, session=rng.choice(["", "a", "b"])),
        rng=Random(seed),  # noqa: S311 - as above
        record=lambda one: records.setdefault(one.id, Record()),
        cost=lambda one: costs.get(one.id),
        room=lambda one: rooms.get(one.id, 1.0),
    )


def _target(number: int, rng: Random) -> Target:
    vendor = f"vendor-{number % 3}"
    return Target(
        id=f"{vendor}/model-{number}",
        model=f"model-{number}",
        upstream=f"model-{number}",
        provider=Provider(vendor, base_url=f"http://{vendor}.test/v1"),
        key=Secret("sk-conformance"),
        key_subject=vendor,
        weight=rng.choice([1.0, 1.0, 0.01, 100.0]),
    )


def _record(rng: Random) -> Record:
    record = Record(spent=rng.choice([0, rng.randrange(10**12)]))
    for ago in sorted((rng.uniform(0, 9000) for _ in range(rng.randrange(5))), reverse=True):
        record.begin(_NOW - ago)
    record.in_flight = rng.randrange(9)
    if rng.random() < 0.5:  # noqa: PLR2004 - half of them
        record.first_token.add(rng.uniform(0, 100), _NOW)
        record.per_token.add(rng.random(), _NOW)
    return record


def _ids(targets: Iterable[Target]) -> list[str]:
    return [one.id for one in targets]
