"""What works: every vendor asked once for its models by each of its keys, which costs nothing."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import evolve, frozen

from modelmesh import catalogue
from modelmesh.clock import Clock
from modelmesh.errors import ErrorKind, ProviderError, as_failure
from modelmesh.plan import Plan, keys_of
from modelmesh.probe import NAMES_OF_ONES_OWN, NO_LIST, Prober, names_in
from modelmesh.transport.protocol import Transport
from modelmesh.types import Provider, Secret

AT_ONCE: Final = 8
"""Vendors that are asked at one time; of each, one key after the other."""

State = Literal["answers", "no list", "refused", "unreachable", "fails"]

WORKS: Final = frozenset({"answers", "no list"})
"""The states in which nothing is known to be wrong."""

_STATES: Final[Mapping[ErrorKind, State]] = MappingProxyType(
    {
        ErrorKind.BAD_KEY: "refused",
        # A key may well be good for chat and for nothing else.
        ErrorKind.NO_PERMISSION: "no list",
        ErrorKind.TIMEOUT: "unreachable",
        ErrorKind.UNREACHABLE: "unreachable",
    }
)


@frozen(kw_only=True)
class Probed:
    """What came of asking one vendor by one key.

    Attributes:
        key: its number among the provider's keys, from 1; None where it needs none.
        why: what went wrong, in the vendor's words or ours; never a key.
        unlisted: models configured here that the vendor does not list, by the vendor's names.

    """

    provider: str
    key: int | None
    state: State
    milliseconds: float
    why: str = ""
    unlisted: Sequence[str] = ()

    @property
    def name(self) -> str:
        return self.provider if self.key is None else f"{self.provider} #{self.key}"


def questions(plan: Plan) -> int:
    """Return how many answers there will be."""
    return sum(1 for _ in _places(plan))


async def probe(
    plan: Plan, transport: Transport, clock: Clock, tell: Callable[[Probed], None]
) -> list[Probed]:
    """Ask every vendor by every key, and tell of each answer as it comes; return all in order."""
    asking = _Asking(plan, Prober(transport, clock), clock)
    bound = asyncio.Semaphore(AT_ONCE)

    async def vendor(id_: str) -> list[Probed]:
        async with bound:
            answers = []
            for provider, number, key in _places(plan):
                if provider.id == id_:
                    answers.append(await asking.ask(provider, number, key))
                    tell(answers[-1])
            return answers

    vendors = await asyncio.gather(*map(vendor, plan.providers))
    return [answer for answers in vendors for answer in answers]


def _places(plan: Plan) -> Iterator[tuple[Provider, int | None, Secret | None]]:
    for id_, provider in plan.providers.items():
        for number, key in enumerate(keys_of(plan.config.providers[id_]), 1):
            yield provider, number if key else None, key


class _Asking:
    """Asks, and remembers what was answered to the same question: a key may stand twice."""

    def __init__(self, plan: Plan, prober: Prober, clock: Clock) -> None:
        self._plan = plan
        self._prober = prober
        self._clock = clock
        self._asked: dict[Any, asyncio.Task[tuple[Probed, list[str]]]] = {}

    async def ask(self, provider: Provider, number: int | None, key: Secret | None) -> Probed:
        question = (provider.connector, self._plan.config.providers[provider.id].base_url, key)
        if question not in self._asked:
            self._asked[question] = asyncio.create_task(self._answer(provider, number, key))
        answer, listed = await self._asked[question]
        unlisted = self._unlisted(provider, listed) if listed else ()
        return evolve(answer, provider=provider.id, key=number, unlisted=unlisted)

    async def _answer(
        self, provider: Provider, number: int | None, key: Secret | None
    ) -> tuple[Probed, list[str]]:
        state: State = "answers"
        why, listed = "", list[str]()
        begun = self._clock.now()
        try:
            body = await self._prober.ask(provider, key)
            if body is None:
                state, why = "no list", "not asked: the vendor has no list of models"
            else:
                listed = names_in(body)
        except Exception as error:  # noqa: BLE001 - whatever a connector raises, it is one row
            failure = as_failure(error)
            if key:
                failure.hide(key.reveal())
            state, why = _state(failure), str(failure)
        passed = 1000 * (self._clock.now() - begun)
        answer = Probed(provider=provider.id, key=number, state=state, milliseconds=passed, why=why)
        return answer, listed

    def _unlisted(self, provider: Provider, listed: Sequence[str]) -> list[str]:
        if provider.connector in NAMES_OF_ONES_OWN:
            return []
        names = [one.upstream for one in self._plan.targets if one.provider.id == provider.id]
        return [
            name
            for name in dict.fromkeys(names)
            if not catalogue.is_among(provider.connector, name, listed)
        ]


def _state(failure: ProviderError) -> State:
    if failure.vendor_status in NO_LIST:
        return "no list"
    return _STATES.get(failure.kind, "fails")
