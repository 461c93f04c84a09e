from random import Random
from typing import Any

import pytest
from scene import Picky, begun, error, pool, provider, request, target

from modelmesh.config.schema import Deactivation, Recovery, Retry, Timeouts
from modelmesh.errors import RULES, ErrorKind, MeshError, ProviderError, RoutingError
from modelmesh.pool import Pool
from modelmesh.state import State
from modelmesh.types import ModelCard, Request, Target
from modelmesh.walk import Step, Walk

K = ErrorKind
NOW = 1000.0
AB = ("a/m", "b/m")
# Nothing is left alone.
ASKED = Recovery(cooldown=0)


class Middle(Random):
    """Chance that always draws the middle."""

    def random(self) -> float:
        return 0.5


def many(*names: str) -> list[Target]:
    return [target(name) for name in names]


class Story:
    """Walks a pool, with what each target says: failures by name; a name without any answers."""

    def __init__(self, asked: Pool, says: dict[str, ProviderError], now: float = NOW) -> None:
        self.pool = asked
        self.says = says
        self.now = now
        self.slept: list[float] = []

    def walk(self, sent: Request | None = None, took: float = 0.0) -> list[str]:
        """Return the targets tried, in order; `took` is the seconds of each attempt."""
        self.trail: list[str] = []
        self.walked = walk = Walk.start(self.pool, sent or request(), self.now)
        while step := walk.next(self.now):
            self.slept.append(step.pause)
            self.now += step.pause
            self.trail.append(step.target.id)
            if self._tried(walk, step, took):
                break
        return self.trail

    def _tried(self, walk: Walk, step: Step, took: float) -> bool:
        attempt = walk.begin(step, self.now)
        assert attempt
        self.now += took
        failed = self.says.get(step.target.id)
        walk.note(step, took, failed)
        if failed:
            attempt.fail(self.now, failed)
            walk.failed(step, failed)
        else:
            attempt.begin_answer(self.now)
            attempt.succeed(self.now)
        return failed is None

    def verdict(self) -> MeshError:
        return self.walked.verdict(self.now)


def trail(asked: Pool, says: dict[str, ProviderError], **more: Any) -> list[str]:
    return Story(asked, says).walk(**more)


@pytest.mark.parametrize("kind", ErrorKind)
def test_the_table_says_whether_another_target_is_tried(kind: ErrorKind) -> None:
    asked = pool(*many(*AB), retry=Retry(budget=0))
    onward = RULES[kind].next_target and kind is not K.CONTEXT_TOO_LONG
    assert trail(asked, {"a/m": error(kind, 400)}) == (["a/m", "b/m"] if onward else ["a/m"])


@pytest.mark.parametrize("kind", ErrorKind)
def test_the_table_says_whether_a_target_is_asked_again(kind: ErrorKind) -> None:
    asked = pool(target("a/m"), retry=Retry(budget=1))
    again = 2 if RULES[kind].retry else 1
    assert trail(asked, {"a/m": error(kind)}) == ["a/m"] * again


@pytest.mark.parametrize("kind", ErrorKind)
def test_the_table_says_what_the_client_gets(kind: ErrorKind) -> None:
    story = Story(pool(target("a/m")), {"a/m": error(kind, 418)})
    story.walk()
    rule = RULES[kind]
    told = story.verdict()
    assert isinstance(told, RoutingError)
    assert (told.status, told.type, told.code) == (rule.status or 418, rule.type, rule.code)
    assert told.kind is kind
    waits = rule.status in {429, 503}
    assert told.retry_after == ((rule.cooldown or 30.0) if waits else None)


def test_a_provider_is_asked_again_for_a_share_of_what_it_is_asked_by_all_pools_together() -> None:
    state, down = State(), {"a/m": error(K.OVERLOADED)}
    pools = [
        pool(target("a/m"), state=state, retry=Retry(budget=0.2, initial_delay=0), recovery=ASKED)
        for _ in range(20)
    ]
    asked = [len(trail(each, down)) for each in pools]
    assert 20 + 1 <= sum(asked) <= 20 * 1.25 + 1
    # A pool that is new has a retry to spare, and a minute later its provider bears it again.
    idle = pool(target("a/m"), state=state, retry=Retry(initial_delay=0), recovery=ASKED)
    assert Story(idle, down, now=NOW + 61).walk() == ["a/m", "a/m"]


def test_going_on_has_no_pause_and_asking_again_has() -> None:
    asked = pool(*many("a/m", "b/m", "c/m"), rng=Middle(), retry=Retry(budget=9, max_attempts=2))
    story = Story(asked, {name: error(K.SERVER_ERROR) for name in ("a/m", "b/m", "c/m")})
    assert story.walk()[:4] == ["a/m", "b/m", "c/m", "a/m"]
    assert story.slept[:4] == [0, 0, 0, 0.25]


def test_five_dead_keys_are_asked_once_each_and_the_sixth_answers() -> None:
    names = [f"a/m#{number}" for number in range(1, 7)]
    asked = pool(*many(*names), retry=Retry(max_attempts=2))
    dead = [K.BAD_KEY, K.QUOTA_EXHAUSTED, K.RATE_LIMIT, K.BAD_KEY, K.RATE_LIMIT]
    says = {name: error(kind) for name, kind in zip(names, dead, strict=False)}
    assert trail(asked, says) == names
    assert trail(asked, says) == names[5:]


@pytest.mark.parametrize(
    ("backoff", "pauses"),
    [
        ("exponential", [0.5, 1.0, 2.0, 3.0, 3.0]),
        ("linear", [0.5, 1.0, 1.5, 2.0, 2.5]),
        ("constant", [0.5] * 5),
        ("none", [0.0] * 5),
    ],
)
def test_pauses_grow_as_configured_and_are_drawn_between_nothing_and_that(
    backoff: Any, pauses: list[float]
) -> None:
    retry = Retry(
        max_attempts=6,
        backoff=backoff,
        initial_delay=1.0,
        max_delay=6.0,
        budget=9,
    )
    story = Story(pool(target("a/m"), rng=Middle(), retry=retry), {"a/m": error(K.TIMEOUT)})
    story.walk()
    assert story.slept == [0.0, *pauses]
    drawn = Story(pool(target("a/m"), rng=Random(7), retry=retry), {"a/m": error(K.TIMEOUT)})
    drawn.walk()
    full = [2 * pause for pause in pauses]
    assert all(0 <= got <= most for got, most in zip(drawn.slept[1:], full, strict=True))
    assert len(set(drawn.slept[1:])) == (1 if backoff == "none" else 5)


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_one_target_is_asked_no_more_than_so_often(attempts: int) -> None:
    asked = pool(target("a/m"), retry=Retry(max_attempts=attempts, budget=9))
    assert trail(asked, {"a/m": error(K.TIMEOUT)}) == ["a/m"] * attempts


def test_a_pool_that_fails_wholly_is_not_stormed() -> None:
    names = ("a/m", "b/m", "c/m")
    story = Story(pool(*many(*names)), {name: error(K.OVERLOADED, 503) for name in names})
    calls = 0
    for _ in range(1000):
        calls += len(story.walk())
        story.now += 0.01
    assert 1000 <= calls <= 1.2 * 1000 + len(names)


def test_the_same_target_is_asked_again_first_where_the_scope_says_so() -> None:
    asked = pool(*many(*AB), retry=Retry(scope="same-model", max_attempts=3, budget=9))
    says = {name: error(K.SERVER_ERROR) for name in AB}
    assert trail(asked, says) == ["a/m"] * 3 + ["b/m"] * 3


def test_what_did_not_answer_in_time_is_not_asked_again_before_the_others() -> None:
    asked = pool(*many(*AB), retry=Retry(scope="same-model", max_attempts=2, budget=9))
    assert trail(asked, {"a/m": error(K.TIMEOUT)}) == ["a/m", "b/m"]


def test_a_providers_other_targets_come_first_where_the_scope_says_so() -> None:
    a, b = provider("a"), provider("b")
    one = [target("a/1", of=a), target("b/1", of=b), target("a/2", of=a), target("b/2", of=b)]
    asked = pool(*one, retry=Retry(scope="same-provider", budget=0))
    says = {each.id: error(K.SERVER_ERROR) for each in one}
    assert trail(asked, says) == ["a/1", "a/2", "b/1", "b/2"]


@pytest.mark.parametrize(
    ("retry", "kind", "status", "tries"),
    [
        (Retry(budget=1), K.NO_PERMISSION, 403, 1),
        (Retry(budget=1, retryable_codes=(403,)), K.NO_PERMISSION, 403, 2),
        (Retry(budget=1, retryable_codes=(403,)), K.NO_PERMISSION, 401, 1),
        (Retry(budget=1, retryable_codes=(400,)), K.INVALID_REQUEST, 400, 2),
        (Retry(budget=1, non_retryable_codes=(500,)), K.SERVER_ERROR, 500, 1),
        (Retry(budget=1, non_retryable_codes=(500,)), K.SERVER_ERROR, 502, 2),
    ],
)
def test_statuses_say_whether_to_ask_again(
    retry: Retry, kind: ErrorKind, status: int, tries: int
) -> None:
    assert trail(pool(target("a/m"), retry=retry), {"a/m": error(kind, status)}) == ["a/m"] * tries


@pytest.mark.parametrize(("said", "tries"), [(True, 2), (False, 1), (None, 2)])
def test_the_vendors_word_on_trying_again_is_heeded(said: bool | None, tries: int) -> None:
    asked = pool(target("a/m"), retry=Retry(budget=1))
    assert trail(asked, {"a/m": error(K.SERVER_ERROR, retryable=said)}) == ["a/m"] * tries


def test_a_fault_of_the_client_is_sent_on_only_where_its_status_is_listed() -> None:
    retry = Retry(retryable_codes=(400,), budget=0)
    assert trail(pool(*many(*AB), retry=retry), {"a/m": error(K.INVALID_REQUEST, 400)}) == [*AB]


@pytest.mark.parametrize(
    ("said", "more", "slept"),
    [
        (7.0, {}, [0.0, 7.0]),
        (21.0, {}, [0.0]),
        (21.0, {"max_wait": 30.0}, [0.0, 21.0]),
        (7.0, {"retry": Retry(budget=1, honor_retry_after=False)}, [0.0, 0.25]),
        (0.01, {}, [0.0, 0.25]),
        (15.0, {"timeouts": Timeouts(total=10.0)}, [0.0]),
    ],
)
def test_a_lone_target_is_waited_for_as_long_as_it_asks_if_that_is_bearable(
    said: float, more: dict[str, Any], slept: list[float]
) -> None:
    settings = {"retry": Retry(budget=1), **more}
    story = Story(
        pool(target("a/m"), rng=Middle(), **settings),
        {"a/m": error(K.RATE_LIMIT, retry_after=said)},
    )
    story.walk()
    assert story.slept == slept


def test_the_latest_word_of_the_vendor_counts() -> None:
    asked = pool(target("a/m"), rng=Middle(), retry=Retry(budget=9, max_attempts=3))
    story = Story(asked, {})
    walk = Walk.start(asked, request(), NOW)
    pauses = []
    for said in (3.0, 9.0, 5.0):
        step = walk.next(story.now)
        assert step
        pauses.append(step.pause)
        story.now += step.pause
        story.says = {"a/m": error(K.RATE_LIMIT, retry_after=said)}
        story._tried(walk, step, 0.0)
    assert pauses == [0.0, 3.0, 9.0]


def test_the_target_that_may_answer_the_soonest_is_asked_again() -> None:
    says = {
        "a/m": error(K.RATE_LIMIT, retry_after=9),
        "b/m": error(K.RATE_LIMIT, retry_after=2),
    }
    story = Story(pool(*many(*AB), retry=Retry(budget=0.5)), says)
    assert story.walk() == ["a/m", "b/m", "b/m"]
    assert story.slept == [0, 0, 2]


@pytest.mark.parametrize(
    ("timeout", "pool_total", "tried"), [(None, 10, 2), (8, 10, 2), (5, 10, 1), (99, 10, 2)]
)
def test_one_deadline_holds_for_all_attempts(
    timeout: float | None, pool_total: float, tried: int
) -> None:
    story = Story(
        pool(*many("a/m", "b/m", "c/m"), timeouts=Timeouts(total=pool_total)),
        {name: error(K.TIMEOUT) for name in ("a/m", "b/m", "c/m")},
    )
    assert len(story.walk(request(timeout=timeout), took=5)) == tried
    assert story.verdict().status == 504


@pytest.mark.parametrize(
    ("timeout", "deadline"), [(None, None), (5.0, NOW + 5), (10.0, NOW + 10), (99.0, None)]
)
def test_the_deadline_is_the_clients_only_if_it_is_the_nearer(
    timeout: float | None, deadline: float | None
) -> None:
    asked = pool(target("a/m"), timeouts=Timeouts(total=10.0))
    walk = Walk.start(asked, request(timeout=timeout), NOW)
    assert walk.clients_deadline == deadline


def test_no_target_is_asked_when_there_is_no_time_left() -> None:
    story = Story(pool(target("a/m")), {})
    assert story.walk(request(timeout=0.0)) == []
    assert story.verdict().status == 504
    assert "the time for the request ran out" in str(story.verdict())


def cool(asked: Pool, place: int, kind: ErrorKind, **more: Any) -> None:
    begun(asked, asked.targets[place]).fail(NOW - 1, error(kind, **more))


def test_a_lone_target_left_alone_on_a_guess_is_asked_all_the_same() -> None:
    asked = pool(target("a/m"))
    cool(asked, 0, K.SERVER_ERROR)
    assert trail(asked, {}) == ["a/m"]


def test_the_one_that_comes_back_the_soonest_is_the_last_resort() -> None:
    asked = pool(*many("a/m", "b/m", "c/m"))
    cool(asked, 0, K.SERVER_ERROR)
    begun(asked, asked.targets[1]).fail(NOW - 20, error(K.SERVER_ERROR))
    cool(asked, 2, K.SERVER_ERROR)
    assert trail(asked, {}) == ["b/m"]


@pytest.mark.parametrize("kind", [K.RATE_LIMIT, K.QUOTA_EXHAUSTED, K.BAD_KEY, K.MODEL_NOT_FOUND])
def test_what_speaks_for_itself_is_heeded_even_by_a_lone_target(kind: ErrorKind) -> None:
    asked = pool(target("a/m"))
    cool(asked, 0, kind)
    assert trail(asked, {}) == []


def test_a_guess_beyond_the_vendors_word_gives_way_once_that_is_over() -> None:
    asked = pool(target("a/m"))
    cool(asked, 0, K.OVERLOADED, retry_after=5)
    cool(asked, 0, K.SERVER_ERROR)
    assert Story(asked, {}, now=NOW + 3).walk() == []
    assert Story(asked, {}, now=NOW + 4).walk() == ["a/m"]


def test_there_is_no_last_resort_where_it_is_switched_off() -> None:
    asked = pool(target("a/m"), recovery=Recovery(last_resort=False))
    cool(asked, 0, K.SERVER_ERROR)
    story = Story(asked, {})
    assert story.walk() == []
    assert story.verdict().status == 502


def test_a_target_left_alone_on_a_guess_is_asked_when_the_one_that_was_ready_failed() -> None:
    asked = pool(*many(*AB))
    cool(asked, 0, K.SERVER_ERROR)
    assert trail(asked, {"b/m": error(K.BAD_KEY)}) == ["b/m", "a/m"]
    asked = pool(*many(*AB), retry=Retry(budget=0))
    cool(asked, 0, K.SERVER_ERROR)
    assert trail(asked, {"b/m": error(K.BAD_KEY)}) == ["b/m"]


def test_a_target_comes_back_after_its_time_and_only_one_request_tries_it() -> None:
    asked = pool(*many(*AB), recovery=Recovery(cooldown=30))
    cool(asked, 0, K.SERVER_ERROR)
    later = NOW + 30
    steps = [Walk.start(asked, request(), later).next(later) for _ in range(1)]
    assert steps[0]
    taken = [steps[0].target.id]
    begun(asked, steps[0].target)
    for _ in range(99):
        step = Walk.start(asked, request(), later).next(later)
        assert step
        begun(asked, step.target)
        taken.append(step.target.id)
    assert taken == ["a/m"] + ["b/m"] * 99


def test_a_request_that_is_too_long_goes_only_to_larger_windows() -> None:
    def sized(name: str, context: int | None) -> Target:
        return target(name, card=ModelCard(context=context))

    asked = pool(sized("a/8k", 8000), sized("b/8k", 8000), sized("c/?", None), sized("d/9k", 9000))
    says = {"a/8k": error(K.CONTEXT_TOO_LONG, 400)}
    assert trail(asked, says) == ["a/8k", "d/9k"]
    says["d/9k"] = error(K.CONTEXT_TOO_LONG, 400)
    asked = pool(*asked.targets)
    story = Story(asked, says)
    assert story.walk() == ["a/8k", "d/9k"]
    assert (story.verdict().status, story.verdict().code) == (400, "context_length_exceeded")
    assert str(story.verdict()) == "it is context_too_long"


def test_a_smaller_window_that_failed_otherwise_is_not_come_back_to() -> None:
    small, large = (target(f"{n}/m", card=ModelCard(context=n * 1000)) for n in (1, 2))
    asked = pool(small, large, retry=Retry(budget=9))
    says = {small.id: error(K.SERVER_ERROR), large.id: error(K.CONTEXT_TOO_LONG, 400)}
    assert trail(asked, says) == [small.id, large.id]


PICKY = target("picky/m", of=provider("picky", Picky))


@pytest.mark.parametrize(
    ("mode", "asked_for", "tried", "dropped"),
    [
        ("default", {"seed": 1}, ["picky/m"], {"seed"}),
        ("default", {"logprobs": True}, [], set()),
        ("default", {"seed": 1, "logprobs": True}, [], set()),
        ("strict", {"seed": 1}, [], set()),
        ("strict", {}, ["picky/m"], set()),
        ("lenient", {"seed": 1, "logprobs": True}, ["picky/m"], {"seed", "logprobs"}),
        ("default", {"seed": None}, ["picky/m"], set()),
    ],
)
def test_parameters_a_vendor_does_not_take(
    mode: str, asked_for: dict[str, Any], tried: list[str], dropped: set[str]
) -> None:
    asked = pool(PICKY, parameters=mode)
    walk = Walk.start(asked, request(**asked_for), NOW)
    step = walk.next(NOW)
    assert ([step.target.id] if step else []) == tried
    assert (step.drop if step else set()) == dropped


def test_a_target_that_takes_the_parameter_gets_the_request() -> None:
    assert trail(pool(PICKY, target("b/m")), {}, sent=request(logprobs=True)) == ["b/m"]


def test_a_parameter_nobody_takes_is_told_by_name_before_anybody_is_asked() -> None:
    story = Story(pool(PICKY), {})
    assert story.walk(request(logprobs=True)) == []
    told = story.verdict()
    assert (told.status, told.code, told.param) == (400, "unsupported_parameter", "logprobs")
    assert str(told) == (
        "No target of pool 'chat' can serve this request "
        "(picky/m: its vendor does not accept logprobs)"
    )


def test_what_a_last_resort_drops_is_dropped_there_too() -> None:
    asked = pool(PICKY)
    cool(asked, 0, K.SERVER_ERROR)
    step = Walk.start(asked, request(seed=1), NOW)
    found = step.next(NOW)
    assert found
    assert found.drop == {"seed"}


def test_a_model_known_to_lack_what_is_asked_is_passed_over() -> None:
    blind = target("a/blind", card=ModelCard(features={"vision": False}))
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
    assert trail(pool(blind, target("b/m")), {}, sent=request(messages=image)) == ["b/m"]
    story = Story(pool(blind), {})
    assert story.walk(request(messages=image)) == []
    assert (story.verdict().status, story.verdict().code) == (400, "unsupported_by_model")
    assert "a/blind: it has no vision" in str(story.verdict())


def test_a_prompt_beyond_every_window_is_told_as_openai_would() -> None:
    story = Story(pool(target("a/m", card=ModelCard(context=10))), {})
    assert story.walk(request(messages=[{"role": "user", "content": "x" * 500}])) == []
    assert (story.verdict().status, story.verdict().code) == (400, "context_length_exceeded")


def test_waiting_is_told_only_of_targets_that_could_serve_the_request() -> None:
    blind = target("a/blind", card=ModelCard(features={"vision": False}))
    asked = pool(blind, target("b/m"))
    cool(asked, 0, K.RATE_LIMIT, retry_after=3)
    cool(asked, 1, K.RATE_LIMIT, retry_after=61)
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
    story = Story(asked, {})
    assert story.walk(request(messages=image)) == []
    assert story.verdict().retry_after == 60


def test_a_target_on_trial_is_worth_a_short_wait() -> None:
    asked = pool(target("a/m"), recovery=Recovery(last_resort=False, cooldown=5))
    cool(asked, 0, K.OVERLOADED)
    story = Story(asked, {}, now=NOW + 10)
    begun(asked, asked.targets[0])
    assert story.walk() == []
    told = story.verdict()
    assert (told.status, told.retry_after) == (503, 1.0)
    assert "a/m: on trial with another request (overloaded)" in str(told)


def test_the_first_answer_takes_no_look_at_the_other_targets() -> None:
    looked: list[str] = []

    class Watched(Picky):
        def lacks(self, request: Request, model: str) -> frozenset[str]:
            looked.append(model)
            return super().lacks(request, model)

    vendor = provider("w", Watched)
    asked = pool(*(target(f"w/{number}", of=vendor) for number in range(1000)))
    assert trail(asked, {}) == ["w/0"]
    assert looked == ["0"]


def test_the_trail_has_every_attempt_once() -> None:
    story = Story(pool(*many(*AB)), {"a/m": error(K.OVERLOADED, 503)})
    story.walk(took=0.5)
    assert [attempt.describe() for attempt in story.walked.attempts] == [
        {
            "target": "a/m",
            "cause": "overloaded",
            "status": 503,
            "message": "it is overloaded",
            "milliseconds": 500.0,
        },
        {"target": "b/m", "cause": None, "status": None, "message": None, "milliseconds": 500.0},
    ]


def test_a_status_held_against_a_target_leads_to_the_next_one() -> None:
    refused = error(K.INVALID_REQUEST, 418)
    says = {"a/m": refused}
    assert Story(pool(*many(*AB)), says).walk() == ["a/m"]
    held = pool(*many(*AB), deactivation=Deactivation(error_codes=(418,)))
    assert Story(held, says).walk() == ["a/m", "b/m"]
