"""The suites for strategies, secret stores and observers: ours pass, and who is broken fails."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from attrs import evolve
from suites import failures

from modelmesh.config import schema
from modelmesh.connectors import registry
from modelmesh.connectors.discovery import View, health_monitor, registry_sync
from modelmesh.connectors.observability import callback, console, local_file, null, prometheus
from modelmesh.connectors.secrets import (
    SecretError,
    SecretStore,
    StoreUnreachableError,
    dotenv,
    env,
    memory,
)
from modelmesh.errors import ProviderError
from modelmesh.events import Event, RequestBegan
from modelmesh.strategies import Strategy, Turn
from modelmesh.testing import (
    DiscoveryConformance,
    FakeView,
    ObserverConformance,
    SecretStoreConformance,
    StrategyConformance,
)
from modelmesh.types import Secret, Target, Targets

# Strategies.

globals().update(
    {
        name: type(name, (StrategyConformance,), {"strategy": strategy})
        for id_, strategy in registry.available("strategies").items()
        for name in [f"Test{id_.title().replace('.', '').replace('-', '')}"]
    }
)


class TestCostFirstByWhatIsExpected(StrategyConformance):
    strategy = registry.find("strategies", "cost-first")
    options: ClassVar = {"by": "expected"}


class TestPreferring(StrategyConformance):
    strategy = registry.find("strategies", "priority-selection")
    settings: ClassVar = {"model_priority": ("model-3",), "provider_priority": ("vendor-1",)}


class Backwards:
    """A strategy as it should be: the last target first."""

    connector: ClassVar[str] = "acme.backwards.v1"

    def __init__(self, settings: schema.Pool, fallback: Strategy | None = None) -> None:
        self.settings, self.fallback = settings, fallback

    def order(self, targets: Targets, turn: Turn) -> Iterable[Target]:  # noqa: ARG002 - it goes by nothing else
        return iter([*targets][::-1])


class Anonymous(Backwards):
    connector = ""


class Dropping(Backwards):
    """It leaves out whoever never answered."""

    def order(self, targets: Targets, turn: Turn) -> Iterable[Target]:
        return [one for one in targets if turn.record(one).requests]


class Tired(Backwards):
    """It can order once."""

    order_once = True

    def order(self, targets: Targets, turn: Turn) -> Iterable[Target]:
        first, self.order_once = self.order_once, False
        return super().order(targets, turn) if first else []


class Moody(Backwards):
    def order(self, targets: Targets, turn: Turn) -> Iterable[Target]:  # noqa: ARG002 - as above
        return sorted(targets, key=lambda one: (id(one.card), id(one)), reverse=next(MOODS))


class Meddling(Backwards):
    def order(self, targets: Targets, turn: Turn) -> Iterable[Target]:
        for one in targets:
            turn.record(one).requests += 1
        return targets


class Impatient(Backwards):
    """It takes for granted that there is a second one."""

    def order(self, targets: Targets, turn: Turn) -> Iterable[Target]:  # noqa: ARG002 - as above
        return [targets[1], targets[0], *targets[2:]]


class Strange(Backwards):
    """It makes targets of its own."""

    def order(self, targets: Targets, turn: Turn) -> Iterable[Target]:  # noqa: ARG002 - as above
        return (evolve(one, id=f"{one.id}!") for one in targets)


class Lonely(Backwards):
    """With a fallback it gives up."""

    def order(self, targets: Targets, turn: Turn) -> Iterable[Target]:
        return [] if self.fallback else super().order(targets, turn)


class Wordless(Backwards):
    def why(self, order: Targets, place: int, turn: Turn) -> str:  # noqa: ARG002 - as above
        return ""


def moods() -> Iterator[bool]:
    while True:
        yield False
        yield True


MOODS: Final = moods()
STRATEGIES: Final[Mapping[str, type[Any]]] = {
    "it_has_an_id": Anonymous,
    "every_target_is_given_once": Dropping,
    "it_goes_on_from_request_to_request": Tired,
    "the_same_turn_and_chance_give_the_same_order": Moody,
    "ordering_changes_nothing": Meddling,
    "one_target_alone_is_given": Impatient,
    "whoever_takes_the_first_need_not_take_the_others": Strange,
    "it_can_stand_before_a_fallback": Lonely,
    "it_says_why_in_a_few_words": Wordless,
}

# Secret stores.


class TestEnv(SecretStoreConformance):
    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:  # noqa: ARG002 - it has no file
        return env.SecretStore(schema.Secrets(), secrets)


class TestDotenv(SecretStoreConformance):
    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:
        quoted = {
            name: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            for name, value in secrets.items()
        }
        file = tmp_path / ".env"
        file.write_text("".join(f'{name}="{value}"\n' for name, value in quoted.items()))
        return dotenv.SecretStore(schema.Secrets(path=str(file)), {})


class TestMemory(SecretStoreConformance):
    def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:
        vault = str(tmp_path)
        for name, value in secrets.items():
            memory.put(name, value, vault=vault)
        return memory.SecretStore(schema.Secrets(options={"vault": vault}), {})


class Vault:
    """A store as it should be, in memory."""

    connector: ClassVar[str] = "acme.vault.v1"
    described = "the vault of a test"

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets, self.open = dict(secrets), True

    def get(self, name: str) -> Secret | None:
        value = self._secrets.get(name)
        return Secret(value) if value else None

    def set(self, name: str, value: Secret) -> None:
        self._secrets[name] = value.reveal()

    def names(self) -> list[str]:
        return sorted(self._secrets)

    def close(self) -> None:
        self.open = False


class Guarded(Vault):
    """It lets nobody read one secret."""

    def get(self, name: str) -> Secret | None:
        if name == "DENIED":
            raise SecretError(f"{name} may not be read")
        return super().get(name)


class Away(Vault):
    def get(self, name: str) -> Secret | None:
        raise StoreUnreachableError(f"nobody answers who might have {name}")


class Undescribed(Vault):
    described = " "


class Trimming(Vault):
    def get(self, name: str) -> Secret | None:
        found = super().get(name)
        return found and Secret(found.reveal().split("\n")[0])


class Guessing(Vault):
    """It takes what begins like the name."""

    def get(self, name: str) -> Secret | None:
        near = [known for known in self._secrets if known.startswith(name)]
        return super().get(near[0] if near else name)


class Hollow(Vault):
    def get(self, name: str) -> Secret | None:
        return Secret(self._secrets[name]) if name in self._secrets else None


class Forgetful(Vault):
    def get(self, name: str) -> Secret | None:
        found = super().get(name)
        self._secrets.pop(name, None)
        return found


class Chatty(Vault):
    def __repr__(self) -> str:
        return f"Chatty({self._secrets})"


class Unsorted(Vault):
    def names(self) -> list[str]:
        return list(self._secrets)


class Deaf(Vault):
    def set(self, name: str, value: Secret) -> None: ...


class Fragile(Vault):
    def close(self) -> None:
        if not self.open:
            raise ValueError("it is closed")
        super().close()


class Nobodys(Vault):
    def get(self, name: str) -> Secret | None:  # noqa: ARG002 - it does not tell which
        raise SecretError("it may not be read")


class Sulking(Vault):
    """It says nothing of its being away."""

    def get(self, name: str) -> Secret | None:  # noqa: ARG002 - so it is
        return None


STORES: Final[Mapping[str, type[Vault]]] = {
    "it_says_what_it_is": Undescribed,
    "a_secret_comes_back_as_it_was": Trimming,
    "what_is_not_there_is_none": Guessing,
    "an_empty_one_counts_as_missing": Hollow,
    "asking_again_gives_the_same": Forgetful,
    "it_shows_no_secret": Chatty,
    "what_it_lists_are_the_names": Unsorted,
    "what_is_written_is_there": Deaf,
    "closing_twice_is_as_good_as_once": Fragile,
    "who_may_not_read_a_secret_is_told_which": Nobodys,
    "a_store_that_is_away_says_so": Sulking,
}


def vault_suite(vault: type[Vault], *, sound: bool = False) -> type[Any]:
    class Suite(SecretStoreConformance):
        def store(self, secrets: Mapping[str, str], tmp_path: Path) -> SecretStore:  # noqa: ARG002 - as above
            return vault(secrets)

        def denied(self, tmp_path: Path) -> SecretStore | None:  # noqa: ARG002 - as above
            return (Guarded if sound else vault)({})

        def unreachable(self, tmp_path: Path) -> SecretStore | None:  # noqa: ARG002 - as above
            return (Away if sound else vault)({})

    return Suite


# Observers.


class TestNull(ObserverConformance):
    observer = null.Observer


class TestConsole(ObserverConformance):
    observer = console.Observer


class TestPrometheus(ObserverConformance):
    observer = prometheus.Observer


class TestCallback(ObserverConformance):
    observer = callback.Observer
    options: ClassVar = {"function": "builtins:id"}


class TestLocalFile(ObserverConformance):
    observer = local_file.Observer

    def settings(self, tmp_path: Path) -> dict[str, Any]:
        return {"options": {"path": str(tmp_path / "events.jsonl")}}


class Listener:
    """An observer as it should be."""

    connector: ClassVar[str] = "acme.listener.v1"

    def __init__(self, settings: schema.Observer) -> None:
        self.settings, self.told = settings, list[str]()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def __call__(self, event: Event) -> Any:
        self.told.append(event.name)


class Unnamed(Listener):
    connector = ""


class Picky(Listener):
    """It takes for granted what not every event has."""

    def __call__(self, event: Any) -> Any:
        return None if event.name.startswith("conformance") else self.told.append(event.pool)


class Closed(Listener):
    def __call__(self, event: Event) -> Any:
        {"request.began": 1}.get(event.name) or KNOWN[event.name]


class Awaiting(Listener):
    async def __call__(self, event: Event) -> Any:
        await asyncio.sleep(0)
        self.told.append(event.name)


class Scribbling(Listener):
    def __call__(self, event: Any) -> Any:
        if isinstance(event, RequestBegan):
            event.body.clear()  # type: ignore[attr-defined]  # that is what it must not do


class Bounded(Listener):
    def __call__(self, event: Event) -> Any:
        if len(self.told) == 1000:
            raise OverflowError("too much")
        super().__call__(event)


class Needy(Listener):
    async def close(self) -> None:
        self.told[0]


class Single(Listener):
    """There is one for all."""

    alive: ClassVar[list[Listener]] = []

    async def start(self) -> None:
        self.alive.append(self)

    async def close(self) -> None:
        self.alive.clear()

    def __call__(self, event: Event) -> Any:  # noqa: ARG002 - it minds itself
        assert self in self.alive


KNOWN: Final[Mapping[str, int]] = {}
OBSERVERS: Final[Mapping[str, type[Any]]] = {
    "it_has_an_id": Unnamed,
    "it_takes_in_every_event": Picky,
    "it_takes_in_events_of_a_kind_it_does_not_know": Closed,
    "it_returns_at_once_and_with_nothing": Awaiting,
    "it_changes_no_event": Scribbling,
    "it_can_be_told_a_great_deal": Bounded,
    "it_begins_and_ends_without_an_event": Needy,
    "two_of_them_do_not_disturb_each_other": Single,
}

# Discoveries.


class TestRegistrySync(DiscoveryConformance):
    discovery = registry_sync.Discovery


class TestHealthMonitor(DiscoveryConformance):
    discovery = health_monitor.Discovery
    section = "health"


class Scout:
    """A discovery as it should be."""

    connector: ClassVar[str] = "acme.scout.v1"

    def __init__(self, settings: schema.DiscoverySync | schema.DiscoveryHealth) -> None:
        self.settings = settings

    async def run(self, view: View) -> None:
        while True:
            for provider in list(view.providers):
                if view.may_ask(provider):
                    await self.look(view, provider)
            await view.clock.sleep(self.settings.interval)

    async def look(self, view: View, provider: str) -> None:
        with suppress(ProviderError):
            view.found(provider, await view.list_models(provider), register=False)


class Untitled(Scout):
    connector = ""


class Brief(Scout):
    """It looks once."""

    async def run(self, view: View) -> None:
        for provider in view.providers:
            await self.look(view, provider)


class Presuming(Scout):
    """It takes for granted that there is somebody."""

    async def run(self, view: View) -> None:
        next(iter(view.providers))
        await super().run(view)


class Hasty(Scout):
    """It asks ten times as often as it is told to."""

    async def run(self, view: View) -> None:
        self.settings = evolve(self.settings, interval=self.settings.interval / 10)
        await super().run(view)


class Stubborn(Scout):
    """It has an interval of its own."""

    async def run(self, view: View) -> None:
        self.settings = evolve(self.settings, interval=60.0)
        await super().run(view)


class Intruding(Scout):
    async def run(self, view: View) -> None:
        while True:
            for provider in view.providers:
                await self.look(view, provider)
            await view.clock.sleep(self.settings.interval)


class Discouraged(Scout):
    """Where one fails it waits for an hour."""

    async def look(self, view: View, provider: str) -> None:
        try:
            view.found(provider, await view.list_models(provider), register=False)
        except ProviderError:
            await view.clock.sleep(3000)


class Hopeless(Scout):
    """Who does not answer has no models."""

    async def look(self, view: View, provider: str) -> None:
        try:
            names = await view.list_models(provider)
        except ProviderError:
            names = ["none"]
        view.found(provider, names, register=False)


class Nostalgic(Scout):
    """It asks those who were there when it began."""

    known: Any = None

    async def run(self, view: View) -> None:
        self.known = self.known or list(view.providers)
        while True:
            for provider in self.known:
                await self.look(view, provider)
            await view.clock.sleep(self.settings.interval)


class Undead(Scout):
    async def run(self, view: View) -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await super().run(view)
            if isinstance(view, FakeView) and view.clock.now() > 4000:
                raise asyncio.CancelledError


class Restless(Scout):
    """It lets no time pass."""

    async def run(self, view: View) -> None:
        while True:
            for provider in view.providers:
                await self.look(view, provider)


DISCOVERIES: Final[Mapping[str, type[Any]]] = {
    "it_has_an_id": Untitled,
    "it_goes_on_until_it_is_cancelled": Brief,
    "it_goes_on_where_there_is_nobody_to_ask": Presuming,
    "it_asks_with_measure": Hasty,
    "the_interval_is_the_configurations": Stubborn,
    "who_may_not_be_asked_is_not": Intruding,
    "who_fails_keeps_it_from_nobody_else": Discouraged,
    "who_fails_has_its_models_no_less": Hopeless,
    "who_is_gone_after_a_reload_is_asked_no_more": Nostalgic,
    "being_cancelled_ends_it": Undead,
}


def test_who_lets_no_time_pass_is_told_so(tmp_path: Path) -> None:
    suite = type("Suite", (DiscoveryConformance,), {"discovery": Restless})
    for name in ("it_asks_with_measure", "it_goes_on_where_there_is_nobody_to_ask"):
        assert "lets no time pass" in failures(suite, tmp_path / name, name)[name]


# All of them.

SUITES: Final = (
    *((StrategyConformance, name, {"strategy": one}) for name, one in STRATEGIES.items()),
    *((DiscoveryConformance, name, {"discovery": one}) for name, one in DISCOVERIES.items()),
    *((ObserverConformance, name, {"observer": one}) for name, one in OBSERVERS.items()),
)


@pytest.mark.parametrize(
    ("suite", "name", "told"), SUITES, ids=[f"{suite.__name__}-{name}" for suite, name, _ in SUITES]
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_who_is_broken_fails_the_suite(
    suite: type[Any], name: str, told: dict[str, Any], tmp_path: Path
) -> None:
    assert name in failures(type("Suite", (suite,), told), tmp_path, name)


@pytest.mark.parametrize("name", STORES)
def test_a_broken_secret_store_fails_the_suite(name: str, tmp_path: Path) -> None:
    assert name in failures(vault_suite(STORES[name]), tmp_path, name)


def test_who_is_sound_has_nothing_to_mend(tmp_path: Path) -> None:
    sound = [
        type("Suite", (StrategyConformance,), {"strategy": Backwards}),
        type("Suite", (ObserverConformance,), {"observer": Listener}),
        type("Suite", (DiscoveryConformance,), {"discovery": Scout}),
        vault_suite(Vault, sound=True),
    ]
    assert [failures(one, tmp_path / str(place)) for place, one in enumerate(sound)] == [{}] * 4


@pytest.mark.parametrize(
    ("suite", "seen"),
    [
        (StrategyConformance, STRATEGIES),
        (SecretStoreConformance, STORES),
        (ObserverConformance, OBSERVERS),
        (DiscoveryConformance, DISCOVERIES),
    ],
)
def test_every_test_of_a_suite_is_seen_to_fail(suite: type[Any], seen: Sequence[str]) -> None:
    assert {f"test_{name}" for name in seen} == {
        name for name in dir(suite) if name.startswith("test_")
    }
