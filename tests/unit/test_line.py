from typing import Any

import pytest
from attrs import define, field
from scene import WALL, begun, pool, request, target

from modelmesh.ledger import Always, Limit
from modelmesh.ledger.windows import Rolling, Window
from modelmesh.line import STEP, Line
from modelmesh.outcome import OpenAttempt
from modelmesh.pool import Pool
from modelmesh.walk import Step, Walk

HOUR = 3600.0
MINUTE = Rolling(60.0)


def test_nobody_has_to_wait_where_nobody_waits() -> None:
    line = Line()
    assert not line
    assert line.turn("a", 5.0, 9.0) == 9.0


def test_who_came_later_waits_for_those_before_and_no_longer() -> None:
    line = Line()
    line.join("a", 5.0, 20.0)
    line.join("a", 3.0, 30.0)
    assert line.turn("a", 2.0, 9.0) == 9.0
    assert line.turn("a", 4.0, 9.0) == 30.0 + STEP
    assert line.turn("a", 6.0, 9.0) == 30.0 + STEP
    assert line.turn("a", 6.0, 40.0) == 40.0 + STEP
    assert line.turn("b", 6.0, 9.0) == 9.0
    line.leave("a", 3.0, 30.0)
    assert line.turn("a", 6.0, 9.0) == 20.0 + STEP
    line.leave("a", 5.0, 20.0)
    assert not line


@define
class Clients:
    """Clients of one pool, whose clock goes on when one of them waits."""

    pool: Pool
    now: float = 0.0
    open: list[OpenAttempt] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.pool.wall = lambda: WALL + self.now

    def comes(self) -> Walk:
        return Walk.start(self.pool, request(), self.now)

    def tries(self, walk: Walk) -> Step | None:
        """Go on until it waits, has begun an attempt, or is refused."""
        step = walk.next(self.now)
        if step and not step.pause:
            attempt = walk.begin(step, self.now)
            if attempt:
                self.open.append(attempt)
        return step

    def wakes(self, walk: Walk, step: Step) -> bool:
        """Begin what was waited for; whether that could be."""
        attempt = walk.begin(step, self.now)
        if attempt:
            self.open.append(attempt)
        return attempt is not None


def limited(requests: int, window: Window = MINUTE, **settings: Any) -> Clients:
    limit = Limit(
        name="a: few a minute",
        subject="a",
        unit="requests",
        amount=requests,
        window=window,
    )
    asked = pool(target("a/m"), granted={"a/m": (limit,)}, max_wait=100.0, **settings)
    return Clients(asked)


def test_a_renewed_limit_is_for_those_who_waited_in_the_order_in_which_they_came() -> None:
    clients = limited(1)
    clients.tries(clients.comes())
    clients.now = 1.0
    first = clients.comes()
    waits = clients.tries(first)
    assert waits
    assert 59.0 < waits.pause < 61.0
    clients.now = 2.0
    second = clients.comes()
    behind = clients.tries(second)
    assert behind
    assert 2.0 + behind.pause > 1.0 + waits.pause
    # When it is renewed, neither a newcomer nor the second is before the first.
    clients.now = 1.0 + waits.pause + STEP / 2
    newcomer = clients.comes()
    late = clients.tries(newcomer)
    assert late
    assert late.pause > 0
    assert not clients.wakes(second, behind)
    assert clients.wakes(first, waits)
    assert len(clients.open) == 2
    assert clients.pool.line


def test_who_leaves_is_waited_for_no_more() -> None:
    clients = limited(1)
    clients.tries(clients.comes())
    with clients.comes() as first:
        clients.now = 1.0
        assert clients.tries(first)
        assert clients.pool.line
    assert not clients.pool.line


def test_nobody_waits_for_what_is_renewed_too_late() -> None:
    clients = limited(1)
    clients.pool.settings = type(clients.pool.settings)(max_wait=20.0)
    clients.tries(clients.comes())
    walk = clients.comes()
    assert clients.tries(walk) is None
    told = walk.verdict(clients.now)
    assert (told.status, told.code) == (429, "rate_limit_exceeded")
    assert "a: few a minute" in str(told)
    assert told.retry_after is not None
    assert 59.0 < told.retry_after < 62.0


def test_nobody_waits_for_what_is_never_renewed() -> None:
    clients = limited(1, Always())
    clients.tries(clients.comes())
    walk = clients.comes()
    assert clients.tries(walk) is None
    told = walk.verdict(clients.now)
    assert (told.status, told.code, told.retry_after) == (429, "insufficient_quota", None)


def test_waiting_is_no_try() -> None:
    clients = limited(1)
    clients.tries(clients.comes())
    walk = clients.comes()
    step = clients.tries(walk)
    assert step
    assert walk.attempts == []
    clients.now += step.pause
    assert clients.wakes(walk, step)


@pytest.mark.parametrize("rule", ["rotate", "error"])
def test_a_spent_budget_goes_on_or_ends_it(rule: str) -> None:
    spent = Limit(name="a: $0", subject="a", unit="dollars", amount=0, window=Rolling(HOUR))
    asked = pool(target("a/m"), target("b/m"), granted={"a/m": (spent,)}, on_budget_exceeded=rule)
    step = Walk.start(asked, request(), 0.0).next(0.0)
    assert (step and step.target.id) == ("b/m" if rule == "rotate" else None)


def test_what_could_not_be_sent_counts_for_no_limit() -> None:
    clients = limited(1)
    begun(clients.pool, clients.pool.targets[0]).cancel(sent=False)
    begun(clients.pool, clients.pool.targets[0]).cancel()
    assert clients.tries(clients.comes())
    assert clients.open == []
