"""What the vendors have in common: who asks for what, in which order it is checked and answered."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from attrs import define, field, frozen
from request_rules import body_complaints

from modelmesh.testing.fake_wire import Exchange, Received
from native_vendors.script import Heard, Saying, answer

Json = Mapping[str, Any]
KEY = "a-key-of-the-vendors"


@frozen
class Failure:
    """An answer which is none."""

    status: int
    body: Json


@define(eq=False)
class Vendor(ABC):
    """One vendor: it refuses what breaks its rules in its own words, and answers by the script.

    Attributes:
        down: it fails so, whoever asks.
        ending: its word for why answers end, other than the one they end for.
        asked: the bodies of the requests it got while it was up, refused ones too.
        refusals: why it refused requests.
        issued: the state that it gave out for itself alone, and expects to see again.
        returned: what came back of that.

    """

    model: ClassVar[str]
    connector: ClassVar[str]
    path: ClassVar[str]
    base: ClassVar[str]
    key_header: ClassVar[tuple[str, str]]
    overloaded: ClassVar[Failure]

    down: Failure | None = field(default=None, init=False)
    ending: str | None = field(default=None, init=False)
    asked: list[Any] = field(factory=list, init=False)
    refusals: list[str] = field(factory=list, init=False)
    issued: list[str] = field(factory=list, init=False)
    returned: set[str] = field(factory=set, init=False)

    async def __call__(self, exchange: Exchange) -> None:
        """Answer a request."""
        failure = self.down or self._refusal(exchange.request)
        if failure:
            await exchange.answer(failure.status, json.dumps(failure.body).encode())
            return
        body = exchange.request.json
        saying = answer(self.heard(body), self.model, self.thought, exchange.number)
        said = self.said(saying, exchange.number)
        if exchange.request.streaming:
            await exchange.deliver([*map(self.framed, self.streamed(said, body)), self.end])
        else:
            await exchange.deliver([json.dumps(said).encode()])

    @property
    def states(self) -> Sequence[str]:
        """What it gave out and no other vendor should see."""
        return [*self.issued, self.thought]

    @property
    def thought(self) -> str:
        """What it thinks."""
        return f"What {self.model} thinks."

    @property
    def end(self) -> bytes:
        """What follows the last event of a stream."""
        return b""

    def framed(self, event: Json) -> bytes:
        """Return the bytes of an event."""
        return f"data: {json.dumps(event)}\n\n".encode()

    def reset(self) -> None:
        """Forget everything."""
        self.down = self.ending = None
        for kept in (self.asked, self.refusals, self.issued, self.returned):
            kept.clear()

    def _refusal(self, request: Received) -> Failure | None:
        name, expected = self.key_header
        if request.headers.get(name) != expected.format(key=KEY):
            return self.refused(401, "the key is wrong")
        if request.path != self.path_of(request):
            return self.refused(404, f"{request.path} is unknown")
        self.asked.append(request.json)
        why = next(self._complaints(request.json), None)
        return self.refused(400, why) if why else None

    def _complaints(self, body: Json) -> Iterator[str]:
        yield from self.complaints(body)
        yield from body_complaints(self.connector, body)

    def refused(self, status: int, why: str) -> Failure:
        """Return a refusal, and note it."""
        self.refusals.append(why)
        return Failure(status, self.error(status, why))

    def path_of(self, _: Received) -> str:
        """Return the path which a request should have."""
        return self.path

    @abstractmethod
    def error(self, status: int, message: str) -> Json:
        """Return the body of an error."""

    @abstractmethod
    def complaints(self, body: Json) -> Iterator[str]:
        """Give what breaks a rule that depends on what was said before, in the vendor's words."""

    @abstractmethod
    def heard(self, body: Json) -> Heard:
        """Read a request which keeps the rules."""

    @abstractmethod
    def said(self, saying: Saying, number: int) -> dict[str, Any]:
        """Return a whole answer."""

    @abstractmethod
    def streamed(self, said: dict[str, Any], body: Json) -> Sequence[Json]:
        """Return the events by which an answer to a request is streamed."""
