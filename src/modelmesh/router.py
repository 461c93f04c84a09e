"""The hot path: one request, the pool's targets in order, until one of them answers."""

from collections.abc import Sequence
from http import HTTPStatus

from attrs import define, field, frozen

from modelmesh.clock import Clock
from modelmesh.errors import Attempt, ErrorKind, ProviderError, TransportError
from modelmesh.pool import OpenAttempt, Pool
from modelmesh.stream import Stream, read_whole
from modelmesh.timers import Timers
from modelmesh.types import Answer, HttpReply, Request, Target, Transport, TransportReply
from modelmesh.walk import Step, Walk


@frozen(kw_only=True)
class Reply:
    """What a target answered: whole, or as a stream that is still arriving.

    Attributes:
        target: who answered.
        attempts: the trail, the last one being the one that answered.
        dropped: parameters left out because this vendor does not take them.
        upstream_seconds: how long vendors were waited for.
        answer: the whole answer; None for a stream.
        stream: the stream; None for a whole answer.

    """

    target: Target
    attempts: Sequence[Attempt] = field(repr=False)
    dropped: frozenset[str] = frozenset()
    upstream_seconds: float = 0.0
    answer: Answer | None = None
    stream: Stream | None = field(default=None, repr=False)

    async def close(self) -> None:
        """Let go of the vendor. Whoever has a reply closes it, on every path."""
        if self.stream:
            await self.stream.close()


@define(eq=False)
class Router:
    """Tries targets. What their failures mean is the pool's to know, what comes next the walk's."""

    _transport: Transport
    _clock: Clock

    async def route(self, pool: Pool, request: Request, *, heartbeat: float | None = None) -> Reply:
        """Try the pool's targets in their order until one answers.

        Raises:
            RequestError: no target of the pool can serve such a request.
            RoutingError: none of those that were tried answered.

        """
        walk = Walk.start(pool, request, self._clock.now())
        while step := walk.next(self._clock.now()):
            if step.pause:
                await self._clock.sleep(step.pause)
            try:
                return await self._attempt(walk, step, heartbeat)
            except ProviderError as error:
                walk.failed(step, error)
        raise walk.verdict(self._clock.now())

    async def _attempt(self, walk: Walk, step: Step, heartbeat: float | None) -> Reply:
        """Ask one target. What comes of it is recorded, whichever way it ends."""
        started = self._clock.now()
        timers = Timers.start(
            step.target,
            started,
            stream=walk.request.stream,
            deadline=walk.deadline,
            heartbeat=heartbeat,
        )
        outcome = walk.pool.begin(step.target, walk.request)
        try:
            came = await self._ask(walk, step, outcome, timers)
        except (ProviderError, TransportError, TimeoutError) as error:
            now, failure = self._clock.now(), _as_failure(error)
            walk.note(step, now - started, failure)
            if walk.out_of_the_clients_time(now):
                outcome.cancel()
            else:
                outcome.fail(now, failure)
            raise failure from None
        except BaseException:
            outcome.cancel()
            raise
        now = self._clock.now()
        walk.note(step, now - started)
        walk.pool.settle(step.target, now)
        if isinstance(came, Answer):
            outcome.succeed(now)
        return Reply(
            target=step.target,
            attempts=tuple(walk.attempts),
            dropped=step.drop,
            upstream_seconds=sum(attempt.seconds for attempt in walk.attempts),
            answer=came if isinstance(came, Answer) else None,
            stream=came if isinstance(came, Stream) else None,
        )

    async def _ask(
        self, walk: Walk, step: Step, outcome: OpenAttempt, timers: Timers
    ) -> Answer | Stream:
        """Translate, send, and wait for an answer or for the first content of one."""
        target, provider, request = step.target, step.target.provider, walk.request
        sent = provider.request(request, model=target.upstream, key=target.key, drop=step.drop)
        async with self._clock.timeout_at(timers.first):
            incoming = await self._transport.send(sent, connect=timers.connect)
        try:
            if request.stream and _is_stream(incoming):
                stream = Stream(incoming, provider.decoder(), self._clock, timers, outcome)
                await stream.begin()
                return stream
            body = await read_whole(incoming, self._clock, timers)
        except BaseException:
            await incoming.close()
            raise
        await incoming.close()
        whole = HttpReply(status=incoming.status, headers=incoming.headers, body=body)
        if request.stream:
            raise provider.error(whole, wall=self._clock.wall())
        return provider.answer(whole, wall=self._clock.wall())


def _is_stream(incoming: TransportReply) -> bool:
    """Whether a reply to a request for a stream is one; a JSON document is not."""
    kind = incoming.headers.get("content-type", "")
    return incoming.status == HTTPStatus.OK and not kind.startswith("application/json")


def _as_failure(error: ProviderError | TransportError | TimeoutError) -> ProviderError:
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, TransportError):
        return ProviderError(error.kind, str(error))
    return ProviderError(ErrorKind.TIMEOUT, "the vendor did not answer in time")
