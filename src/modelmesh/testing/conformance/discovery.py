"""What every discovery keeps: it goes on beside requests, whatever fails, and asks with measure."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

from attrs import evolve

from modelmesh.config import schema
from modelmesh.connectors.discovery import Discovery
from modelmesh.errors import ErrorKind
from modelmesh.testing.view import FakeView

_HOUR: Final = 3600.0
_INTERVAL: Final = 60.0
_MOST_AN_INTERVAL: Final = 2
_MODELS: Final[Mapping[str, Sequence[str]]] = {"a": ["one", "two"], "b": ["three"], "c": ["four"]}


class DiscoveryConformance:
    """The suite of tests for a discovery."""

    discovery: ClassVar[type[Discovery]]  # the class that is tried
    section: ClassVar[Literal["sync", "health"]] = "sync"  # where under `discovery:` it stands
    options: ClassVar[Mapping[str, Any]] = MappingProxyType({})  # its own settings

    def test_it_has_an_id(self) -> None:
        assert isinstance(self.discovery.connector, str), "its `connector` is no text"
        assert self.discovery.connector, "it has no `connector`, its id"

    def test_it_goes_on_until_it_is_cancelled(self) -> None:
        self._ran(FakeView(_MODELS))

    def test_it_goes_on_where_there_is_nobody_to_ask(self) -> None:
        self._ran(FakeView({}))

    def test_it_asks_with_measure(self) -> None:
        view = self._ran(FakeView(_MODELS))
        rounds = _HOUR / _INTERVAL
        for (how, provider), times in Counter(view.asked).items():
            most = rounds * _MOST_AN_INTERVAL
            assert times <= most, f"{how} of {provider}: {times} times in {rounds:.0f} intervals"

    def test_the_interval_is_the_configurations(self) -> None:
        often, seldom = FakeView(_MODELS), FakeView(_MODELS)
        self._ran(often)
        self._ran(seldom, interval=_INTERVAL * 10)
        if often.asked:
            assert len(seldom.asked) * 2 < len(often.asked), "`interval` is not minded"

    def test_who_may_not_be_asked_is_not(self) -> None:
        view = FakeView(_MODELS)
        view.closed = {"b"}
        self._ran(view)
        assert "b" not in {provider for _, provider in view.asked}, "b is not to be asked"

    def test_who_fails_keeps_it_from_nobody_else(self) -> None:
        sound = self._ran(FakeView(_MODELS))
        for kind in ErrorKind:
            view = self._ran(FakeView({**_MODELS, "a": kind}))
            others = [asked for asked in view.asked if asked[1] != "a"]
            before = [asked for asked in sound.asked if asked[1] != "a"]
            missing = set(before) - set(others)
            assert not missing, f"with {kind} at a there is no more {missing}"
            assert len(others) * 2 >= len(before), f"with {kind} at a others are hardly asked"

    def test_who_fails_has_its_models_no_less(self) -> None:
        view = FakeView(_MODELS)

        async def whole() -> None:
            discovery = self._made()
            await view.run(discovery, _HOUR)
            before = dict(view.seen)
            view.models = dict.fromkeys(_MODELS, ErrorKind.UNREACHABLE)
            await view.run(discovery, _HOUR)
            assert view.seen == before, (
                "a vendor that does not answer is taken to have other models"
            )

        asyncio.run(whole())

    def test_who_is_gone_after_a_reload_is_asked_no_more(self) -> None:
        view = FakeView(_MODELS)

        async def whole() -> None:
            discovery = self._made()
            await view.run(discovery, _HOUR)
            before, view.asked = {provider for _, provider in view.asked}, []
            view.models = {"a": ["one"], "new": ["five"]}
            await view.run(discovery, _HOUR)
            after = {provider for _, provider in view.asked}
            assert after <= {"a", "new"}, f"{after} are asked, and there are a and new"
            assert "new" in after or before != set(_MODELS), "who is new is not asked"

        asyncio.run(whole())

    def test_being_cancelled_ends_it(self) -> None:
        view = FakeView(_MODELS)

        async def whole() -> None:
            running = asyncio.create_task(self._made().run(view))
            for _ in range(10):
                await asyncio.sleep(0)
            for _ in range(3):
                running.cancel()
                await asyncio.sleep(0)
            done, _ = await asyncio.wait([running], timeout=0)
            assert done, "it goes on after it was cancelled"
            assert running.cancelled(), f"it ends otherwise: {running.exception()!r}"

        asyncio.run(whole())

    def settings(self) -> schema.DiscoverySync | schema.DiscoveryHealth:
        """Return the settings of its section."""
        sections = {"sync": schema.DiscoverySync, "health": schema.DiscoveryHealth}
        made: schema.DiscoverySync | schema.DiscoveryHealth = sections[self.section](
            enabled=True,
            connector=self.discovery.connector,
            interval=_INTERVAL,
            options=self.options,
        )
        return made

    def _made(self, **changed: Any) -> Discovery:
        return self.discovery(evolve(self.settings(), **changed))

    def _ran(self, view: FakeView, **changed: Any) -> FakeView:
        """Run it for an hour of the view's clock."""
        asyncio.run(view.run(self._made(**changed), _HOUR))
        return view
