from collections.abc import Callable

import pytest
from attrs import evolve
from scene import target

from modelmesh.errors import ErrorKind
from modelmesh.health import Health
from modelmesh.state import State
from modelmesh.types import Secret

BUSY = ErrorKind.OVERLOADED
LIMITED = ErrorKind.RATE_LIMIT


def cooled(*pauses: tuple[float, ErrorKind, bool]) -> Health:
    health = Health()
    for until, cause, told in pauses:
        health.leave_alone(0, until, cause, told=told)
    return health


@pytest.mark.parametrize(
    ("pauses", "until", "cause", "told_until"),
    [
        ([(10, BUSY, False)], 10, BUSY, 0),
        ([(10, BUSY, False), (30, LIMITED, True)], 30, LIMITED, 30),
        ([(30, LIMITED, True), (10, BUSY, False)], 30, LIMITED, 30),
        ([(10, LIMITED, True), (30, BUSY, False)], 30, BUSY, 10),
        ([(30, LIMITED, True), (10, BUSY, True)], 30, LIMITED, 30),
    ],
)
def test_the_later_of_two_times_stands(
    pauses: list[tuple[float, ErrorKind, bool]], until: float, cause: ErrorKind, told_until: float
) -> None:
    health = cooled(*pauses)
    assert (health.until, health.cause, health.told_until) == (until, cause, told_until)


@pytest.mark.parametrize(("now", "ready"), [(0, False), (9.99, False), (10, True), (11, True)])
def test_it_is_left_alone_until_its_time(now: float, *, ready: bool) -> None:
    assert cooled((10, BUSY, False)).ready(now) is ready


def test_half_open_admits_one_of_a_hundred_at_one_time() -> None:
    health = cooled((10, BUSY, False))
    admitted = [health.begin() for _ in range(100) if health.ready(10)]
    assert admitted == [True]


@pytest.mark.parametrize(
    ("end", "ready"),
    [
        (lambda health: health.answered(11), 100),
        (lambda health: health.alive(11), 100),
        (lambda health: health.failed(11), 1),
        (lambda _: None, 1),
    ],
)
def test_a_trial_ends_with_an_answer_and_goes_on_without(
    end: Callable[[Health], None], ready: int
) -> None:
    health = cooled((10, BUSY, False))
    assert health.begin()
    end(health)
    health.trial_running = False
    admitted = [health.begin() for _ in range(100) if health.ready(12)]
    assert len(admitted) == ready


def test_an_answer_that_began_before_it_was_left_alone_does_not_end_that() -> None:
    health = cooled((10, BUSY, False))
    health.answered(9)
    assert (health.ready(9), health.cause, health.on_trial) == (False, BUSY, True)
    assert [health.begin() for _ in range(3) if health.ready(10)] == [True]


def test_it_may_be_asked_at_once_after_it_recovered() -> None:
    health = cooled((10, LIMITED, True))
    health.failed(5)
    health.recover(5)
    assert (health.until, health.told_until, health.cause, health.on_trial) == (0, 0, None, False)
    assert health.failures_in_a_row == 0
    assert health.failure_rate(5, window=60) == (0, 0)


@pytest.mark.parametrize(
    ("now", "rate"),
    [(3, (2 / 3, 3)), (61, (1.0, 2)), (62.5, (1.0, 1)), (63, (0, 0)), (500, (0, 0))],
)
def test_the_share_of_failures_looks_a_while_back(now: float, rate: tuple[float, int]) -> None:
    health = Health()
    health.answered(1)
    health.failed(2)
    health.failed(3)
    assert health.failure_rate(now, window=60) == rate


def test_what_is_remembered_of_recent_requests_is_bounded() -> None:
    health = Health()
    for moment in range(5000):
        health.failed(moment)
    assert health.failure_rate(5000, window=1e9) == (1.0, 1000)


def test_failures_in_a_row_end_with_an_answer() -> None:
    health = Health()
    health.failed(1)
    health.failed(2)
    assert health.failures_in_a_row == 2
    health.answered(3)
    assert health.failures_in_a_row == 0


def test_targets_share_what_is_remembered_of_their_key_and_provider() -> None:
    state = State()
    one, two = target("a/one", key="k"), target("a/two", key="k")
    other = target("a/three", key="l")
    state.standing(one).key.leave_alone(0, 10, LIMITED, told=True)
    assert not state.standing(two).ready(5)
    assert state.standing(other).ready(5)
    state.standing(other).provider.leave_alone(0, 20, BUSY, told=False)
    assert not state.standing(one).ready(15)
    assert state.standing(one).until() == 20
    assert state.standing(one).told_until() == 10
    assert state.standing(one).record is state.standing(one).record
    assert state.standing(one).record is not state.standing(two).record


def test_a_model_at_a_key_is_one_whatever_it_is_called() -> None:
    state = State()
    named = evolve(target("b/other-name", key="k"), upstream="one")
    state.standing(target("a/one", key="k")).model.leave_alone(0, 10, LIMITED, told=True)
    others = [named, target("a/two", key="k"), target("a/one", key="l")]
    assert [state.standing(each).ready(5) for each in others] == [False, True, True]
    assert state.standing(named).until() == state.standing(named).told_until() == 10
    assert state.standing(named).worst(5).cause is LIMITED


def test_others_are_told_of_a_model_that_is_left_alone() -> None:
    here, there = State(), State()
    one, two = target("a/one", key="k"), target("a/two", key="k")
    here.standing(one).model.leave_alone(0, 10, LIMITED, told=True)
    notes = here.untold({}, now=0, wall=1000)
    assert list(notes) == ["model:k/one"]
    there.heed(notes, now=500, wall=1000)
    assert (there.standing(one).until(), there.standing(one).told_until()) == (510, 510)
    assert there.standing(two).ready(500)


def test_a_key_that_was_corrected_is_another_one_and_none_is_written_down() -> None:
    here, there = State(), State()
    wrong, right = (evolve(target("a/m"), key=Secret(key)) for key in ("sk-wrong", "sk-right"))
    here.standing(wrong).own.leave_alone(0, 3600, ErrorKind.BAD_KEY, told=True)
    notes = here.untold({}, now=0, wall=1000)
    assert "sk-wrong" not in str(notes)
    there.heed(notes, now=0, wall=1000)
    assert not there.standing(wrong).ready(5)
    assert there.standing(right).ready(5)


def test_the_worst_of_three_is_the_one_that_stands_in_the_way() -> None:
    standing = State().standing(target("a/m"))
    standing.target.leave_alone(0, 10, BUSY, told=False)
    standing.key.leave_alone(0, 20, LIMITED, told=True)
    assert standing.worst(5).cause is LIMITED
    # The key's time was longer, but it is the target that another request has on trial.
    standing.key.answered(20)
    assert standing.target.begin()
    assert standing.worst(30).cause is BUSY
