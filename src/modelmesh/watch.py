"""Watching a request from its beginning to the end of its reply, for those who are told."""

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, evolve, field

from modelmesh.audience import Audience
from modelmesh.clock import Clock
from modelmesh.errors import MeshError
from modelmesh.events import End, RequestBegan, RequestEnded
from modelmesh.excerpt import Excerpt
from modelmesh.pool import Pool
from modelmesh.reply import Reply
from modelmesh.types import Request

_LEFT = 499
"""The status of a request whose client left: what nginx logs then."""


async def watched(
    request: Request,
    find: Callable[[str], Pool],
    route: Callable[[Pool, Request], Awaitable[Reply]],
    *,
    audience: Audience,
    clock: Clock,
) -> Reply:
    """Route a request, and tell of its beginning and its end. Raises what that raises."""
    watch = _Watch(evolve(request, trail=[]), audience, clock, clock.now())
    try:
        pool = watch.begin(find)
        reply = await route(pool, audience.marked(watch.request))
    except MeshError as error:
        watch.end("failed", error.status, error.code)
        raise
    except BaseException:
        watch.end("cancelled", _LEFT)
        raise
    if audience.keeps:
        watch.excerpt.listen(reply, audience.keeps)
    return evolve(reply, at_close=watch.over)


@define(eq=False)
class _Watch:
    request: Request
    _audience: Audience
    _clock: Clock
    _started: float
    excerpt: Excerpt = field(factory=Excerpt, init=False)
    _pool: str = field(default="", init=False)
    _ended: bool = field(default=False, init=False)

    def begin(self, find: Callable[[str], Pool]) -> Pool:
        """Find the pool, and tell that its request begins, also where there is none."""
        try:
            pool = find(self.request.model)
            self._pool = pool.id
            return pool
        finally:
            self._tell(RequestBegan, body=self.request.body, headers=self.request.headers)

    def over(self, _: Reply) -> None:
        """Tell how a reply ended, by what became of the attempt that answered."""
        last = self.request.trail[-1] if self.request.trail else None
        end = last.end if last else "cancelled"
        code = str(last.cause) if last and last.cause else None
        self.end(end, _LEFT if end == "cancelled" else 200, code)

    def end(self, end: End, status: int, code: str | None = None) -> None:
        if self._ended:
            return
        self._ended = True
        self._tell(
            RequestEnded,
            end=end,
            status=status,
            seconds=self._clock.now() - self._started,
            code=code,
            attempts=tuple(self.request.trail or ()),
            answer=self.excerpt.text,
        )

    def _tell(self, event: type[RequestBegan] | type[RequestEnded], **more: Any) -> None:
        if tell := self._audience.of_requests:
            request = self.request
            of_both: dict[str, Any] = {
                "at": self._clock.wall(),
                "request": request.id,
                "model": request.model,
                "pool": self._pool,
                "endpoint": request.endpoint,
                "stream": request.stream,
            }
            tell(event(**of_both, **more))
