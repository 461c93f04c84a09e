from typing import Any

import pytest
from attrs import evolve
from scene import error, pool, provider, request, target

from modelmesh.catalogue import Price
from modelmesh.config.schema import Deactivation, ProviderDeactivation, Recovery, Retry
from modelmesh.errors import RULES, ErrorKind, ProviderError
from modelmesh.ledger import Always, Limit
from modelmesh.ledger.windows import Rolling
from modelmesh.outcome import OpenAttempt
from modelmesh.pool import Pool
from modelmesh.retrying import RetryBudget
from modelmesh.state import State
from modelmesh.types import ModelCard, Request, Secret, Target
from modelmesh.usage import Usage

K = ErrorKind
NOW = 100.0


def begin(asked: Pool, place: int = 0, **more: Any) -> OpenAttempt:
    begun = asked.begin(asked.targets[place], request(), NOW, **more)
    assert isinstance(begun, OpenAttempt)
    return begun


def fail(asked: Pool, kind: ErrorKind, status: int | None = None, **more: Any) -> None:
    place, now = more.pop("place", 0), more.pop("now", NOW)
    begin(asked, place).fail(now, error(kind, status, **more))


def left_alone(asked: Pool, now: float = NOW) -> list[float]:
    """How long each target is left alone."""
    return [max(0.0, asked.standing(one).until() - now) for one in asked.targets]


def three() -> list[Target]:
    """Two models at one key, and one of them at another, all of one provider."""
    vendor = provider("a")
    return [
        target("a/one", key="k", of=vendor),
        target("a/two", key="k", of=vendor),
        target("a/one#2", key="l", of=vendor),
    ]


@pytest.mark.parametrize("kind", ErrorKind)
def test_a_failure_leaves_alone_what_the_table_says_and_for_how_long(kind: ErrorKind) -> None:
    asked = pool(*three())
    fail(asked, kind)
    rule = RULES[kind]
    pause = 30.0 if rule.cooldown is None else rule.cooldown
    expected = {
        "nothing": [0.0, 0.0, 0.0],
        "target": [pause, 0.0, 0.0],
        "limited": [pause, pause, 0.0],
        "key": [pause, pause, 0.0],
    }
    assert left_alone(asked) == expected[rule.cools]


MODEL, KEY, NOTHING = [30.0, 0.0, 0.0], [30.0, 30.0, 0.0], [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("kind", "known", "said", "rests"),
    [
        (K.RATE_LIMIT, True, None, MODEL),
        (K.RATE_LIMIT, False, None, KEY),
        # What the vendor says of this limit goes before what is known of it.
        (K.RATE_LIMIT, True, False, KEY),
        (K.RATE_LIMIT, False, True, MODEL),
        (K.QUOTA_EXHAUSTED, True, None, KEY),
        (K.QUOTA_EXHAUSTED, True, True, MODEL),
        (K.BAD_KEY, True, None, KEY),
        (K.OVERLOADED, True, None, MODEL),
        (K.INVALID_REQUEST, True, None, NOTHING),
    ],
)
def test_a_limit_rests_the_model_or_the_key_as_its_vendor_has_it(
    kind: ErrorKind, known: bool, said: bool | None, rests: list[float]
) -> None:
    asked = pool(*(evolve(each, per_model=known) for each in three()))
    failed = error(kind, 429, retry_after=30.0)
    failed.per_model = said
    begin(asked).fail(NOW, failed)
    assert left_alone(asked) == rests


def test_a_limited_model_rests_in_every_pool_and_by_every_name() -> None:
    state, vendor = State(), provider("a")
    one, two = (evolve(target(f"a/{name}", key="k", of=vendor), per_model=True) for name in "xy")
    alias = evolve(one, id="a/alias", model="alias")
    asked, other = pool(one, state=state), pool(alias, two, state=state)
    fail(asked, K.RATE_LIMIT, 429, retry_after=30)
    assert left_alone(other) == [30.0, 0.0]
    # One request at a time tries it again, by whatever name; an answer ends that for all.
    trial = other.begin(alias, request(), NOW + 30)
    assert isinstance(trial, OpenAttempt)
    assert not asked.standing(one).ready(NOW + 30)
    trial.succeed(NOW + 31)
    assert asked.standing(one).ready(NOW + 31)


@pytest.mark.parametrize(
    ("said", "kept"), [(7.0, 7.0), (0.5, 0.5), (999999.0, 3600.0), (0.0, 0.0), (None, 30.0)]
)
def test_the_vendors_word_is_kept_within_reason(said: float | None, kept: float) -> None:
    asked = pool(*three())
    fail(asked, K.RATE_LIMIT, 429, retry_after=said)
    assert left_alone(asked) == [kept, kept, 0.0]


def test_the_longest_that_the_vendors_word_is_kept_can_be_set() -> None:
    asked = pool(*three(), recovery=Recovery(max_cooldown=60))
    fail(asked, K.OVERLOADED, 503, retry_after=999)
    assert left_alone(asked) == [60.0, 0.0, 0.0]


def test_a_shorter_word_does_not_end_a_longer_pause() -> None:
    asked = pool(*three())
    fail(asked, K.RATE_LIMIT, 429, retry_after=50)
    fail(asked, K.RATE_LIMIT, 429, retry_after=5, now=NOW + 1)
    assert left_alone(asked)[0] == 50.0
    fail(asked, K.RATE_LIMIT, 429, retry_after=90, now=NOW + 2)
    assert left_alone(asked)[0] == 92.0


@pytest.mark.parametrize("kind", ErrorKind)
def test_a_cooldown_of_nothing_leaves_nothing_alone(kind: ErrorKind) -> None:
    off = Recovery(cooldown=0)
    limits = ProviderDeactivation(retry_limit=1)
    asked = pool(*three(), recovery=off, provider_recovery=off, provider_deactivation=limits)
    fail(asked, kind, retry_after=9)
    assert left_alone(asked) == [0.0, 0.0, 0.0]
    assert [asked.standing(one).ready(NOW) for one in asked.targets] == [True, True, True]
    assert not any(health.on_trial for health in asked.standing(asked.targets[0]).parts)


def test_a_target_is_left_alone_after_so_many_failures_in_a_row() -> None:
    asked = pool(*three(), deactivation=Deactivation(retry_limit=3))
    fail(asked, K.SERVER_ERROR)
    fail(asked, K.TIMEOUT)
    begin(asked).succeed(NOW)
    fail(asked, K.SERVER_ERROR)
    fail(asked, K.SERVER_ERROR)
    assert left_alone(asked)[0] == 0.0
    fail(asked, K.UNREACHABLE)
    assert left_alone(asked)[0] == 30.0


def test_the_clients_own_faults_are_nobodys_failures() -> None:
    asked = pool(*three(), deactivation=Deactivation(retry_limit=2))
    for kind in (K.SERVER_ERROR, K.INVALID_REQUEST, K.SERVER_ERROR, K.CONTEXT_TOO_LONG):
        fail(asked, kind, 400)
    assert left_alone(asked) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("answers", "failures", "pause"), [(0, 9, 0.0), (5, 5, 30.0), (6, 5, 0.0), (0, 10, 30.0)]
)
def test_a_target_is_left_alone_at_a_share_of_failures_among_enough_requests(
    answers: int, failures: int, pause: float
) -> None:
    limits = Deactivation(retry_limit=None, error_rate_threshold=0.5, min_requests=10)
    asked = pool(*three(), deactivation=limits)
    for _ in range(answers):
        begin(asked).succeed(NOW)
    for _ in range(failures):
        fail(asked, K.SERVER_ERROR)
    assert left_alone(asked) == [pause, 0.0, 0.0]


def test_the_share_forgets_what_lies_behind_its_window() -> None:
    limits = Deactivation(retry_limit=None, error_rate_threshold=0.5, min_requests=2, window=60)
    asked = pool(*three(), deactivation=limits)
    fail(asked, K.SERVER_ERROR)
    fail(asked, K.SERVER_ERROR, now=NOW + 61)
    assert left_alone(asked) == [0.0, 0.0, 0.0]


def test_without_limits_a_target_is_never_left_alone_on_a_guess() -> None:
    asked = pool(*three(), deactivation=Deactivation(retry_limit=None))
    for _ in range(50):
        fail(asked, K.SERVER_ERROR)
    assert left_alone(asked) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("kind", "status"), [(K.SERVER_ERROR, 520), (K.INVALID_REQUEST, 418), (K.TIMEOUT, 504)]
)
def test_a_status_that_is_listed_leaves_the_target_alone_at_once(
    kind: ErrorKind, status: int
) -> None:
    limits = Deactivation(retry_limit=None, error_codes=(418, 504, 520))
    asked = pool(*three(), deactivation=limits)
    fail(asked, kind, 500)
    assert left_alone(asked) == [0.0, 0.0, 0.0]
    fail(asked, kind, status)
    assert left_alone(asked) == [30.0, 0.0, 0.0]


def test_a_clients_fault_is_not_told_to_others_as_the_cause() -> None:
    asked = pool(*three(), deactivation=Deactivation(error_codes=(400,)))
    fail(asked, K.INVALID_REQUEST, 400)
    assert asked.standing(asked.targets[0]).worst(NOW).cause is K.SERVER_ERROR


def test_a_failed_trial_leaves_it_alone_again_whatever_the_limits() -> None:
    limits = Deactivation(retry_limit=None, error_codes=(520,))
    asked = pool(*three(), deactivation=limits)
    fail(asked, K.SERVER_ERROR, 520)
    fail(asked, K.SERVER_ERROR, 500, now=NOW + 31)
    assert left_alone(asked, NOW + 31) == [30.0, 0.0, 0.0]


def test_a_provider_is_never_left_alone_unless_configured() -> None:
    asked = pool(*three())
    for _ in range(50):
        fail(asked, K.UNREACHABLE)
    assert left_alone(asked) == [30.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "limits",
    [
        ProviderDeactivation(retry_limit=2),
        ProviderDeactivation(error_rate_threshold=0.5, min_requests=2),
    ],
)
def test_a_provider_that_fails_is_left_alone_with_all_its_targets(
    limits: ProviderDeactivation,
) -> None:
    asked = pool(
        *three(),
        target("b/one"),
        provider_deactivation=limits,
        provider_recovery=Recovery(cooldown=45),
    )
    fail(asked, K.UNREACHABLE)
    fail(asked, K.SERVER_ERROR, place=2)
    assert left_alone(asked) == [45.0, 45.0, 45.0, 0.0]


def test_a_provider_on_trial_that_fails_is_left_alone_again() -> None:
    limits = ProviderDeactivation(error_rate_threshold=0.5, min_requests=2)
    asked = pool(*three(), provider_deactivation=limits, provider_recovery=Recovery(cooldown=90))
    fail(asked, K.UNREACHABLE)
    fail(asked, K.UNREACHABLE)
    fail(asked, K.UNREACHABLE, now=NOW + 91, place=2)
    assert left_alone(asked, NOW + 91) == [90.0, 90.0, 90.0]


@pytest.mark.parametrize("kind", [K.RATE_LIMIT, K.QUOTA_EXHAUSTED, K.BAD_KEY, K.MODEL_NOT_FOUND])
def test_a_provider_is_not_to_blame_for_a_key_or_a_model(kind: ErrorKind) -> None:
    asked = pool(*three(), provider_deactivation=ProviderDeactivation(retry_limit=1))
    fail(asked, kind)
    assert left_alone(asked)[2] == 0.0


def test_a_status_that_is_listed_leaves_the_provider_alone() -> None:
    asked = pool(*three(), provider_deactivation=ProviderDeactivation(error_codes=(403,)))
    fail(asked, K.NO_PERMISSION, 403)
    assert left_alone(asked) == [3600.0, 30.0, 30.0]


def test_keys_of_one_quota_group_are_left_alone_together() -> None:
    asked = pool(
        target("a/m", key="group"), target("a/m#2", key="group"), target("a/m#3", key="another")
    )
    fail(asked, K.RATE_LIMIT, 429, retry_after=7)
    assert left_alone(asked) == [7.0, 7.0, 0.0]


def test_pools_share_what_became_of_a_target() -> None:
    state, shared = State(), target("a/m")
    one, two = pool(shared, state=state), pool(shared, target("b/m"), state=state)
    fail(one, K.SERVER_ERROR)
    assert left_alone(two) == [30.0, 0.0]


def test_an_attempt_has_one_end() -> None:
    asked = pool(*three())
    attempt = begin(asked)
    record = asked.standing(asked.targets[0]).record
    assert (record.requests, record.in_flight) == (1, 1)
    attempt.succeed(NOW)
    attempt.fail(NOW, error(K.SERVER_ERROR))
    attempt.cancel()
    attempt.succeed(NOW)
    assert (record.answers, record.cancelled, dict(record.failures)) == (1, 0, {})
    assert record.in_flight == 0
    assert left_alone(asked) == [0.0, 0.0, 0.0]


def test_a_trial_is_free_again_when_its_client_left() -> None:
    asked = pool(*three())
    fail(asked, K.SERVER_ERROR)
    standing = asked.standing(asked.targets[0])
    trial = begin(asked)
    assert not standing.ready(NOW + 31)
    trial.cancel()
    assert standing.ready(NOW + 31)
    assert standing.target.on_trial


def test_a_trial_is_over_when_the_answer_begins_however_long_it_takes() -> None:
    asked = pool(*three())
    fail(asked, K.SERVER_ERROR)
    standing = asked.standing(asked.targets[0])
    trial = begin(asked)
    trial.begin_answer(NOW + 31)
    for _ in range(5):
        assert standing.ready(NOW + 31)
        begin(asked)
    trial.fail(NOW + 60, error(K.STREAM_INCOMPLETE))
    assert not standing.ready(NOW + 60)


@pytest.mark.parametrize(("now", "blamed"), [(NOW + 4.9, True), (NOW + 5, False)])
def test_nobody_is_to_blame_when_the_clients_own_time_is_over(now: float, *, blamed: bool) -> None:
    asked = pool(*three())
    begin(asked, clients_deadline=NOW + 5).fail(now, error(K.TIMEOUT))
    record = asked.standing(asked.targets[0]).record
    assert (bool(record.failures), record.cancelled) == (blamed, int(not blamed))
    assert (left_alone(asked)[0] > 0) is blamed


def test_requests_stay_with_the_target_that_began_to_answer() -> None:
    asked = pool(*three())
    assert asked.current is asked.targets[0]
    fail(asked, K.SERVER_ERROR)
    begin(asked, 2).begin_answer(NOW)
    assert [one.id for one in asked.order(request(), NOW)] == ["a/one#2", "a/one", "a/two"]


def test_a_request_that_only_one_target_can_serve_moves_no_others() -> None:
    asked = pool(*three())
    fail(asked, K.CONTEXT_TOO_LONG)
    begin(asked, 2).begin_answer(NOW)
    assert asked.current is asked.targets[0]


def test_a_late_answer_does_not_bring_requests_back_to_a_target_left_alone() -> None:
    asked = pool(*three())
    slow = begin(asked)
    fail(asked, K.SERVER_ERROR)
    begin(asked, 2).begin_answer(NOW)
    slow.begin_answer(NOW + 1)
    assert asked.current is asked.targets[2]


def test_rotating_goes_round() -> None:
    asked = pool(*three())
    assert [asked.rotate().id for _ in range(3)] == ["a/two", "a/one#2", "a/one"]


def test_a_preview_of_the_order_counts_as_no_request() -> None:
    asked = pool(*three(), retry=Retry(budget=1))
    before = repr(asked)
    asked.preview(request(), NOW)
    assert repr(asked) == before


def test_the_order_is_made_only_as_far_as_it_is_asked_for() -> None:
    asked = pool(*(target(f"a/m{number}") for number in range(1000)))
    order = iter(asked.order(request(), NOW))
    assert next(order).id == "a/m0"
    assert not hasattr(order, "__len__")


@pytest.mark.parametrize(
    ("share", "requests", "retries"), [(0.2, 6, 2), (0.2, 4, 1), (0, 100, 0), (1, 3, 4)]
)
def test_each_request_earns_a_share_of_a_retry(share: float, requests: int, retries: int) -> None:
    budget = RetryBudget(share)
    for _ in range(requests):
        budget.earn()
    assert [budget.take() for _ in range(20)].count(True) == retries


def test_a_quiet_time_saves_no_storm_of_retries() -> None:
    budget = RetryBudget(0.2)
    for _ in range(100_000):
        budget.earn()
    assert [budget.take() for _ in range(1000)].count(True) == 10


def test_neither_a_key_nor_what_was_said_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    asked = pool(*three())
    caplog.set_level("DEBUG")
    fail(asked, K.SERVER_ERROR, 500)
    begin(asked).cancel()
    assert [record.getMessage() for record in caplog.records] == [
        "request r1: a/one: server_error (500)",
        "request r1: a/one: cancelled",
    ]


@pytest.mark.parametrize(
    ("key", "shown"), [("sk-very-secret", "no *** here"), ("EMPTY", "no EMPTY here")]
)
def test_a_key_that_a_vendor_quotes_is_blotted_out(key: str, shown: str) -> None:
    asked = pool(evolve(target("a/one"), key=Secret(key)))
    quoting = ProviderError(K.INVALID_REQUEST, f"no {key} here", param=key, code=None)
    begin(asked).fail(NOW, quoting)
    told = quoting.body()["error"]
    assert (told["message"], told["param"]) == (shown, shown.split()[1])


class Counted(dict[str, Any]):
    """A body that counts how often somebody goes through it."""

    walked = 0

    def items(self) -> Any:
        self.walked += 1
        return super().items()


def counted() -> tuple[Request, Counted]:
    body = Counted(messages=[{"role": "user", "content": "hi"}])
    return Request(id="r1", model="chat", body=body), body


PRICED = ModelCard(price=Price(input=1, output=2, cache_write=3), max_output=100)


def granted(*targets: Target, tokens: int = 10**6) -> dict[str, tuple[Limit, ...]]:
    """Limit the tokens and the dollars of targets."""
    return {
        one.id: (
            Limit(
                name="tokens", subject=one.id, unit="tokens", amount=tokens, window=Rolling(60.0)
            ),
            Limit(name="$", subject=one.id, unit="dollars", amount=10**9, window=Always()),
        )
        for one in targets
    }


def test_a_request_is_measured_once_by_however_many_limits() -> None:
    short = [target(f"a/{number}", card=PRICED) for number in range(9)]
    last = target("a/last", card=PRICED)
    asked = pool(*short, last, granted={**granted(*short, tokens=1), **granted(last)})
    sent, body = counted()
    assert all(asked.short(one, sent) for one in short)
    assert asked.short(last, sent) is None
    attempt = asked.begin(last, sent, NOW)
    assert isinstance(attempt, OpenAttempt)
    attempt.succeed(NOW, Usage(completion=3))
    assert body.walked == 1


def test_a_request_without_limits_is_not_measured() -> None:
    only = target("a/m", card=PRICED)
    asked = pool(only)
    sent, body = counted()
    assert asked.short(only, sent) is None
    attempt = asked.begin(only, sent, NOW)
    assert isinstance(attempt, OpenAttempt)
    attempt.succeed(NOW, Usage(prompt=9, completion=3))
    assert body.walked == 0


GUESS = Usage(prompt=9, completion=3, estimated=True)


@pytest.mark.parametrize(
    ("usage", "tokens", "nano"),
    [
        (Usage(prompt=9, completion=3), 0, 0),
        (GUESS, 12, 9 * 1000 + 3 * 2000),
        # Nothing told: half the most that the prompt may be, and the longest answer.
        (None, request().size.tokens // 2 + 100, None),
    ],
)
def test_case_14_what_is_estimated_is_told_apart(
    usage: Usage | None, tokens: int, nano: int | None
) -> None:
    only = target("a/m", card=PRICED)
    asked = pool(only)
    begin(asked).succeed(NOW, usage)
    record = asked.standing(only).record
    assert record.tokens_estimated == tokens
    assert record.spent_estimated == (record.spent if nano is None else nano)


@pytest.mark.parametrize("end", ["cancel", "fail"])
def test_case_14_what_broke_off_is_settled_to_the_estimate(end: str) -> None:
    only = target("a/m", card=PRICED)
    asked = pool(only, granted=granted(only))
    attempt = begin(asked)
    if end == "cancel":
        attempt.cancel(GUESS)
    else:
        attempt.fail(NOW, error(K.STREAM_INCOMPLETE), GUESS)
    record = asked.standing(only).record
    assert (record.tokens_estimated, record.spent_estimated) == (12, record.spent)
    assert {limit.unit: taken for limit, taken, _ in asked.limits(only)} == {
        "tokens": 12,
        "dollars": record.spent,
    }


def test_case_14_what_was_not_answered_took_nothing_and_is_no_estimate() -> None:
    only = target("a/m", card=PRICED)
    asked = pool(only)
    begin(asked).cancel()
    begin(asked).fail(NOW, error(K.SERVER_ERROR))
    record = asked.standing(only).record
    assert (record.tokens_in, record.tokens_estimated, record.spent_estimated) == (0, 0, 0)
