"""The hot path: one request, the pool's targets in order, until one of them answers."""

from attrs import define, evolve

from modelmesh.clock import Clock
from modelmesh.errors import ProviderError, RequestError, as_failure
from modelmesh.outcome import OpenAttempt
from modelmesh.pool import Pool
from modelmesh.reply import Reply
from modelmesh.stream import Stream, read_whole, splitter
from modelmesh.timers import Timers
from modelmesh.transport.protocol import Transport
from modelmesh.types import Answer, HttpReply, Request
from modelmesh.walk import Step, Walk


@define(eq=False)
class Router:
    """Tries targets. What comes next is the walk's to know, what a failure means the outcome's."""

    _transport: Transport
    _clock: Clock

    async def route(self, pool: Pool, request: Request, *, heartbeat: float | None = None) -> Reply:
        """Try the pool's targets in their order until one answers.

        Raises:
            RequestError: no target of the pool can serve such a request, or it cannot be sent.
            RoutingError: none of those that were tried answered.

        """
        with Walk.start(pool, request, self._clock.now()) as walk:
            while step := walk.next(self._clock.now()):
                if step.pause:
                    await self._clock.sleep(step.pause)
                try:
                    reply = await self._attempt(walk, step, heartbeat)
                except ProviderError as error:
                    walk.failed(step, error)
                else:
                    if reply:
                        return reply
            raise walk.verdict(self._clock.now())

    async def _attempt(self, walk: Walk, step: Step, heartbeat: float | None) -> Reply | None:
        """Ask one target, unless a limit is short. What comes of it is recorded on every path."""
        started = self._clock.now()
        timers = Timers.start(
            step.target,
            started,
            stream=walk.request.stream,
            deadline=walk.deadline,
            heartbeat=heartbeat,
        )
        outcome = walk.begin(step, started) or await walk.refilled(step, started)
        if outcome is None:
            return None
        try:
            came = await self._ask(walk, step, outcome, timers)
        except RequestError:
            outcome.cancel(sent=False)
            raise
        except Exception as error:  # noqa: BLE001 - whatever a connector raises, it is one failure
            now, failure = self._clock.now(), as_failure(error)
            walk.note(step, now - started, failure)
            outcome.fail(now, failure)
            raise failure from None
        except BaseException:
            outcome.cancel()
            raise
        now = self._clock.now()
        walk.note(step, now - started)
        outcome.begin_answer(now)
        if isinstance(came, Answer):
            outcome.succeed(now, came.usage)
        return Reply(
            target=step.target,
            attempts=tuple(walk.attempts),
            dropped=step.drop,
            answer=came if isinstance(came, Answer) else None,
            stream=came if isinstance(came, Stream) else None,
        )

    async def _ask(
        self, walk: Walk, step: Step, outcome: OpenAttempt, timers: Timers
    ) -> Answer | Stream:
        """Translate, and ask until there is an answer or the first content of one."""
        target, provider, request = step.target, step.target.provider, walk.request
        sent = provider.request(request, model=target.upstream, key=target.key, drop=step.drop)
        timer = self._clock.timer()
        while True:
            incoming = None
            try:
                with timer.until(timers.first):
                    incoming = await self._transport.send(sent, connect=timers.connect)
                    split = splitter(request, outcome.heard(incoming))
                    body = b"" if split else await read_whole(incoming, self._clock, timers, timer)
                wall = self._clock.wall()
                if split:
                    decoder = provider.decoder(request=request, model=target.upstream, wall=wall)
                    stream = Stream(incoming, split, decoder, self._clock, timers, timer, outcome)
                    await stream.begin()
                    return stream
            except BaseException:
                if incoming:
                    await incoming.close()
                raise
            await incoming.close()
            whole = HttpReply(status=incoming.status, headers=incoming.headers, body=body)
            if request.stream and whole.status in range(200, 300):
                raise provider.error(whole, wall=wall)
            answer = provider.answer(whole, request=request, model=target.upstream, wall=wall)
            if isinstance(answer, Answer):
                return answer
            headers = {**sent.headers, **answer.request.headers}
            sent = evolve(answer.request, headers=headers)
            with timer.until(timers.first):
                await self._clock.sleep(answer.pause)
