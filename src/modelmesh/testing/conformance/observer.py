"""What every observer keeps: it takes in whatever happens, and troubles nobody."""

import asyncio
import inspect
import types
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, fields

from modelmesh import events
from modelmesh.config import schema
from modelmesh.connectors.observability import Observer
from modelmesh.events import Event
from modelmesh.rules import ErrorKind
from modelmesh.usage import Usage


class ObserverConformance:
    """The suite of tests for an observer."""

    observer: ClassVar[type[Observer]]  # the class that is tried
    options: ClassVar[Mapping[str, Any]] = types.MappingProxyType({})  # its own settings

    def test_it_has_an_id(self) -> None:
        assert isinstance(self.observer.connector, str), "its `connector` is no text"
        assert self.observer.connector, "it has no `connector`, its id"

    def test_it_takes_in_every_event(self, tmp_path: Path) -> None:
        self._told(tmp_path, [event for sort in _sorts() for event in _samples(sort)])

    def test_it_takes_in_events_of_a_kind_it_does_not_know(self, tmp_path: Path) -> None:
        self._told(tmp_path, [_Unheard(at=1.0)])

    def test_it_returns_at_once_and_with_nothing(self, tmp_path: Path) -> None:
        for result in self._told(
            tmp_path, [event for sort in _sorts() for event in _samples(sort)]
        ):
            if inspect.iscoroutine(result):
                result.close()
            assert result is None, f"an observer is no coroutine and returns nothing: {result!r}"

    def test_it_changes_no_event(self, tmp_path: Path) -> None:
        told = [event for sort in _sorts() for event in _samples(sort)]
        before = deepcopy(told)
        self._told(tmp_path, told)
        assert told == before, "an event is another afterwards"

    def test_it_can_be_told_a_great_deal(self, tmp_path: Path) -> None:
        self._told(tmp_path, [next(_samples(events.Rotated))] * 2000)

    def test_it_begins_and_ends_without_an_event(self, tmp_path: Path) -> None:
        self._told(tmp_path, [])

    def test_two_of_them_do_not_disturb_each_other(self, tmp_path: Path) -> None:
        async def both() -> None:
            one, other = self._made(tmp_path), self._made(tmp_path)
            for each in (one, other):
                await _may(each, "start")
            one(_Unheard(at=1.0))
            await _may(one, "close")
            other(_Unheard(at=2.0))
            await _may(other, "close")

        asyncio.run(both())

    def settings(self, tmp_path: Path) -> dict[str, Any]:  # noqa: ARG002 - some write files there
        """Return what stands under `observability.logging:`, its own settings by default."""
        return {"options": self.options}

    def _made(self, tmp_path: Path) -> Observer:
        usual = {"connector": self.observer.connector}
        return self.observer(schema.Observer(**{**usual, **self.settings(tmp_path)}))

    def _told(self, tmp_path: Path, happened: Sequence[Event]) -> list[Any]:
        """Tell an observer of events, from its beginning to its end; return what it returned."""

        async def whole() -> list[Any]:
            observer: Any = self._made(tmp_path)
            await _may(observer, "start")
            results = [observer(event) for event in happened]
            await _may(observer, "close")
            return results

        return asyncio.run(whole())


class _Unheard(Event):
    """An event of a later version."""

    name = "conformance.unheard-of"


async def _may(observer: Any, what: str) -> None:
    """Await what an observer may have."""
    method = getattr(observer, what, None)
    if method is not None:
        awaitable = method()
        assert inspect.isawaitable(awaitable), f"`{what}` is no coroutine"
        await awaitable


def _sorts() -> list[type[Event]]:
    """Return all sorts of events there are."""
    found = [one for _, one in inspect.getmembers(events, inspect.isclass)]
    return [one for one in found if issubclass(one, Event) and one is not Event]


def _samples(sort: type[Event]) -> Iterator[Event]:
    """Give an event of a sort with as little as it may have, and one with all of it."""
    hints = get_type_hints(sort)
    known: Any = sort
    for whole in (False, True):
        yield known(
            **{
                one.name: _value(hints[one.name])
                for one in fields(known)
                if one.init and (whole or one.default is NOTHING)
            }
        )


_VALUES: Final[Mapping[Any, Any]] = {
    str: "conformance",
    float: 1.5,
    int: 1,
    bool: True,
    Usage: Usage(prompt=1, completion=1),
    ErrorKind: ErrorKind.RATE_LIMIT,
    Any: None,
}


def _value(hint: Any) -> Any:
    """Return some value of a type, of several the first."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _value(inside[0])
    if origin is Literal:
        return inside[0]
    if origin is Mapping:
        return {"conformance": _value(inside[1])}
    if origin is Sequence:
        return (_value(inside[0]),)
    return next(_samples(hint)) if inspect.isclass(hint) and hint in _sorts() else _VALUES[hint]
