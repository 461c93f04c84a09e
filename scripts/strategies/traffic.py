"""What is asked, and whom: the same for every strategy. Everything is drawn from one seed."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from attrs import frozen

from modelmesh.connectors.providers.openai_compatible import Provider
from modelmesh.types import Request, Target

MINUTES: Final = 30
PER_SECOND: Final = 2.0
SESSIONS: Final = 80


@frozen(kw_only=True)
class Vendor:
    """How one target behaves.

    Attributes:
        input, output: dollars per million tokens.
        first_token, per_token: seconds, while it is not busy.
        at_once: requests it can serve before all of them become slower.
        rpm: requests a minute, beyond which it refuses.
        down: the minutes in which it answers nothing, from and to.
        slow: the minutes in which it takes four times as long.

    """

    name: str
    input: float
    output: float
    first_token: float
    per_token: float
    at_once: int
    weight: float = 1.0
    rpm: int | None = None
    down: tuple[int, int] = (0, 0)
    slow: tuple[int, int] = (0, 0)

    def target(self) -> Target:
        return Target(
            id=f"{self.name}/model",
            model=self.name,
            upstream="model",
            provider=Provider(self.name, base_url="http://127.0.0.1/v1"),
            weight=self.weight,
        )

    def is_down(self, now: float) -> bool:
        return self.down[0] * 60 <= now < self.down[1] * 60

    def seconds(self, now: float, busy: int) -> tuple[float, float]:
        """Return the seconds to the first token and for each further one, `busy` at once."""
        factor = max(1.0, busy / self.at_once)
        if self.slow[0] * 60 <= now < self.slow[1] * 60:
            factor *= 4
        return self.first_token * factor, self.per_token * factor


VENDORS: Final = (
    Vendor(name="free", input=0, output=0, first_token=0.5, per_token=0.01, at_once=8, rpm=30),
    Vendor(
        name="cheap",
        input=0.15,
        output=0.6,
        first_token=0.9,
        per_token=0.012,
        at_once=20,
        weight=2.0,
        down=(8, 11),
    ),
    Vendor(
        name="fast",
        input=0.6,
        output=0.8,
        first_token=0.25,
        per_token=0.003,
        at_once=6,
        slow=(16, 22),
    ),
    Vendor(
        name="best",
        input=2.5,
        output=10.0,
        first_token=0.6,
        per_token=0.008,
        at_once=40,
        weight=4.0,
    ),
)


@frozen(kw_only=True)
class Call:
    """A request, when it comes, and how many tokens it has and gets."""

    at: float
    request: Request
    prompt: int
    answer: int

    def cost(self, vendor: Vendor) -> float:
        """Return dollars."""
        return (self.prompt * vendor.input + self.answer * vendor.output) / 1e6


def calls() -> Sequence[Call]:
    """Return half an hour of requests in the order in which they come."""
    return tuple(_calls(Random(20261124)))


def _calls(rng: Random) -> Iterator[Call]:
    now, number = 0.0, 0
    while (now := now + rng.expovariate(PER_SECOND)) < MINUTES * 60:
        number += 1
        session = f"session {rng.randrange(SESSIONS)}"
        request = Request(id=str(number), model="chat", body={"model": "chat"}, session=session)
        yield Call(
            at=now,
            request=request,
            prompt=int(rng.lognormvariate(6.5, 0.8)),
            answer=int(rng.lognormvariate(5.0, 0.7)),
        )
