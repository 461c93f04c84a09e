"""Who is told of events. Where nobody is, nothing is made that could be told."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from modelmesh.events import Event
from modelmesh.report import report
from modelmesh.types import Request

Observer = Callable[[Event], None]
"""Is told of an event. It returns at once: whoever tells waits for it."""

Marks = Callable[[Request], Mapping[str, str]]
"""Gives the headers that vendors are sent in place of those of a request that has begun."""

log: Final = logging.getLogger("modelmesh")


@define(eq=False)
class Audience:
    """Observers, by what they want to know.

    Attributes:
        wall: tells the time, in seconds since 1970.
        of_requests: tells those who want to know of every request; None where nobody does.
        of_changes: tells those who want to know what changes: targets in front, cooldowns, limits.
        keeps: characters of an answer's text that somebody wants to see.

    """

    wall: Callable[[], float]
    of_requests: Observer | None = field(default=None, init=False)
    of_changes: Observer | None = field(default=None, init=False)
    keeps: int = field(default=0, init=False)
    _members: "list[_Member]" = field(factory=list, init=False)

    def join(
        self,
        observer: Observer,
        *,
        requests: bool = True,
        keeps: int = 0,
        marks: Marks | None = None,
    ) -> Callable[[], None]:
        """Tell an observer from now on; return what ends that.

        Args:
            observer: is told of what changes.
            requests: it is told of requests and attempts as well.
            keeps: characters of an answer's text that it wants to see.
            marks: gives the headers that vendors are sent.

        """
        member = _Member(observer, requests, keeps, marks)
        self._members.append(member)
        self._arrange()

        def leave() -> None:
            if member in self._members:
                self._members.remove(member)
                self._arrange()

        return leave

    def marked(self, request: Request) -> Request:
        """Return a request as vendors are asked it: with the headers that observers give it."""
        for marks in [member.marks for member in self._members if member.marks]:
            try:
                request = evolve(request, headers=marks(request))
            except Exception as bug:  # noqa: BLE001 - an observer may be anybody's
                report(log, "an observer", bug)
        return request

    def _arrange(self) -> None:
        members = self._members
        self.of_changes = telling([member.observer for member in members])
        self.of_requests = telling([member.observer for member in members if member.requests])
        self.keeps = max((member.keeps for member in members), default=0)


@frozen(eq=False)
class _Member:
    observer: Observer
    requests: bool
    keeps: int
    marks: Marks | None


def telling(observers: Sequence[Observer]) -> Observer | None:
    """Return what tells all of them; one that breaks is nobody's trouble but its own."""
    if not observers:
        return None

    def tell(event: Event) -> None:
        for observer in observers:
            try:
                observer(event)
            except Exception as bug:  # noqa: BLE001 - an observer may be anybody's
                report(log, "an observer", bug)

    return tell
