r"""A transport that plays a script: vendors for unit tests, without a socket or real time.

    clock = FakeClock()
    transport = ScriptedTransport(
        [
            reply(429, {"error": {"message": "slow down"}}, headers={"retry-after": "7"}),
            stream([b"data: 1\n\n", pause(3.0), b"data: 2\n\n", cut()]),
            fail(ErrorKind.UNREACHABLE),
            silence(),
        ],
        clock,
    )

The first request gets the first reply, and so on. Where the reply depends on the request, the
script is a function:

    transport = ScriptedTransport(lambda request: reply(body=ANSWERS[request.url]), clock)
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeAlias

from attrs import define, field, frozen

from modelmesh.clock import Clock
from modelmesh.errors import ErrorKind, TransportError
from modelmesh.types import HttpRequest


@frozen
class Pause:
    seconds: float


@frozen
class Failure:
    kind: ErrorKind
    message: str


@frozen
class Signal:
    event: asyncio.Event


Step: TypeAlias = bytes | Pause | Failure | Signal


@frozen
class Reply:
    """What happens before the head, the head, and what happens after it."""

    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)
    before: Sequence[Step] = ()
    steps: Sequence[Step] = ()


Scripted: TypeAlias = Reply | Pause | Failure | Signal
Script: TypeAlias = Sequence[Scripted] | Callable[[HttpRequest], Scripted]


def reply(
    status: int = 200,
    body: Any = b"",
    *,
    headers: Mapping[str, str] | None = None,
    after: float = 0.0,
) -> Reply:
    """Answer as a whole, `after` seconds; a body that is not bytes is sent as JSON."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    described = {"content-type": "application/json", **(headers or {})}
    return Reply(status, described, [Pause(after)], [sent] if sent else [])


def stream(
    steps: Sequence[Step],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    after: float = 0.0,
) -> Reply:
    """Answer with server-sent events: the head `after` seconds, then one step after the other."""
    described = {"content-type": "text/event-stream", **(headers or {})}
    return Reply(status, described, [Pause(after)], steps)


def pause(seconds: float) -> Pause:
    """Let time pass before the next step."""
    return Pause(seconds)


def silence() -> Pause:
    """Say nothing more, for a reply or a step: the nearest deadline ends the wait."""
    return Pause(math.inf)


def fail(kind: ErrorKind, message: str = "the wire failed") -> Failure:
    """Fail with a TransportError, for a reply or a step."""
    return Failure(kind, message)


def cut() -> Failure:
    """Break the body off."""
    return Failure(ErrorKind.STREAM_INCOMPLETE, "the vendor's reply broke off")


def until(event: asyncio.Event) -> Signal:
    """Wait for the test to set the event, for a reply or a step; the clock stands still."""
    return Signal(event)


class ScriptedTransport:
    """Sends nothing and answers by a script.

    Attributes:
        requests: what was sent, in order.
        open: how many replies are not closed yet.
        closed: whether the transport was closed.

    """

    def __init__(self, script: Script, clock: Clock) -> None:
        self.requests: list[HttpRequest] = []
        self.open = 0
        self.closed = False
        self._script = script
        self._clock = clock

    async def send(self, request: HttpRequest, *, connect: float) -> "ScriptedReply":  # noqa: ARG002 - the script says how long it takes
        """Note a request, and return what the script has for it."""
        self.requests.append(request)
        scripted = self._next(request)
        if not isinstance(scripted, Reply):
            scripted = Reply(before=[scripted])
        async for _ in _Playing(iter(scripted.before), self._clock):
            raise AssertionError("no bytes come before the head")
        self.open += 1
        return ScriptedReply(scripted, self._clock, self)

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def _next(self, request: HttpRequest) -> Scripted:
        if callable(self._script):
            return self._script(request)
        number = len(self.requests)
        if number > len(self._script):
            raise AssertionError(f"the script has no reply for request {number}: {request.url}")
        return self._script[number - 1]


class ScriptedReply:
    """A reply from the script. `closed` tells whether it was let go of."""

    def __init__(self, scripted: Reply, clock: Clock, transport: ScriptedTransport) -> None:
        self.status = scripted.status
        self.headers = scripted.headers
        self.closed = False
        self._playing = _Playing(iter(scripted.steps), clock)
        self._transport = transport

    def chunks(self) -> AsyncIterator[bytes]:
        return self._playing

    async def close(self, *, drain: bool = False) -> None:  # noqa: ARG002 - there is no connection to keep
        if not self.closed:
            self.closed = True
            self._transport.open -= 1


@define(eq=False)
class _Playing:
    """Plays steps and gives their bytes. A wait that was cancelled is taken up where it was."""

    _steps: Iterator[Step]
    _clock: Clock
    _waiting: Step | None = field(default=None, init=False)
    _awake: float = field(default=0.0, init=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while True:
            step = self._waiting or next(self._steps, None)
            match step:
                case None:
                    raise StopAsyncIteration
                case bytes():
                    return step
                case Failure():
                    raise TransportError(step.kind, step.message)
                case Pause():
                    if self._waiting is None:
                        self._awake = self._clock.now() + step.seconds
                    self._waiting = step
                    await self._clock.sleep(self._awake - self._clock.now())
                case Signal():
                    self._waiting = step
                    await step.event.wait()
            self._waiting = None
