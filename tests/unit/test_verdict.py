import pytest
from scene import error

from modelmesh.errors import RULES, Attempt, ErrorKind, MeshError, RequestError, RoutingError
from modelmesh.obstacle import Obstacle
from modelmesh.verdict import verdict

K = ErrorKind
NOW = 1000.0


def attempt(kind: ErrorKind, status: int | None = None, name: str = "a/m") -> Attempt:
    failed = error(kind, status)
    return Attempt(target=name, provider="a", model="m", seconds=0.1, error=failed)


def waiting(kind: ErrorKind, seconds: float = 10.0, name: str = "w/m") -> Obstacle:
    return Obstacle(target=name, reason="it is left alone", cause=kind, until=NOW + seconds)


def told(
    attempts: list[Attempt],
    obstacles: list[Obstacle] | None = None,
    *,
    retry_after: float | None = None,
    out_of_time: bool = False,
) -> MeshError:
    return verdict(
        "chat",
        attempts=attempts,
        obstacles=obstacles or [],
        now=NOW,
        retry_after=retry_after,
        out_of_time=out_of_time,
    )


@pytest.mark.parametrize("kind", ErrorKind)
def test_one_cause_gives_the_status_of_its_row(kind: ErrorKind) -> None:
    rule, got = RULES[kind], told([attempt(kind, 499)])
    assert (got.status, got.type, got.code) == (rule.status or 499, rule.type, rule.code)


@pytest.mark.parametrize("kind", ErrorKind)
def test_the_status_is_one_that_the_design_names(kind: ErrorKind) -> None:
    named = {
        K.RATE_LIMIT: 429,
        K.QUOTA_EXHAUSTED: 429,
        K.OVERLOADED: 503,
        K.TIMEOUT: 504,
        K.INVALID_REQUEST: 422,
        K.CONTENT_FILTERED: 422,
        K.CONTEXT_TOO_LONG: 422,
    }
    assert told([attempt(kind, 422)]).status == named.get(kind, 502)


@pytest.mark.parametrize(
    ("kinds", "decisive"),
    [
        ([K.BAD_KEY, K.RATE_LIMIT, K.SERVER_ERROR], K.RATE_LIMIT),
        ([K.OVERLOADED, K.QUOTA_EXHAUSTED], K.QUOTA_EXHAUSTED),
        ([K.TIMEOUT, K.OVERLOADED, K.UNREACHABLE], K.OVERLOADED),
        ([K.SERVER_ERROR, K.TIMEOUT], K.TIMEOUT),
        ([K.BAD_KEY, K.UNREACHABLE], K.UNREACHABLE),
        ([K.MODEL_NOT_FOUND, K.NO_PERMISSION], K.MODEL_NOT_FOUND),
        ([K.RATE_LIMIT, K.INVALID_REQUEST], K.INVALID_REQUEST),
        ([K.CONTEXT_TOO_LONG, K.SERVER_ERROR], K.SERVER_ERROR),
        ([K.CONTEXT_TOO_LONG, K.BAD_KEY], K.CONTEXT_TOO_LONG),
    ],
)
def test_the_most_hopeful_cause_decides(kinds: list[ErrorKind], decisive: ErrorKind) -> None:
    for order in (kinds, kinds[::-1]):
        got = told([attempt(kind, 400) for kind in order])
        assert isinstance(got, RoutingError)
        assert got.kind is decisive


@pytest.mark.parametrize("kind", [K.INVALID_REQUEST, K.CONTENT_FILTERED, K.CONTEXT_TOO_LONG])
def test_the_clients_own_fault_is_told_as_the_vendor_said_it(kind: ErrorKind) -> None:
    assert str(told([attempt(kind, 400)])) == f"it is {kind}"


@pytest.mark.parametrize(
    ("kind", "waits"), [(K.RATE_LIMIT, True), (K.OVERLOADED, True), (K.TIMEOUT, False)]
)
def test_only_what_passes_says_when_to_come_back(kind: ErrorKind, *, waits: bool) -> None:
    assert told([attempt(kind)], retry_after=7.5).retry_after == (7.5 if waits else None)


def test_a_target_left_alone_counts_as_a_cause() -> None:
    got = told([attempt(K.SERVER_ERROR)], [waiting(K.RATE_LIMIT)], retry_after=10)
    assert (got.status, got.retry_after) == (429, 10)


def test_what_no_target_can_do_is_told_only_if_nothing_else_stands_in_the_way() -> None:
    blind = Obstacle(target="a/m", reason="it has no vision", code="unsupported_by_model")
    picky = Obstacle(target="b/m", reason="no", code="unsupported_parameter", param="logprobs")
    got = told([], [picky, blind])
    assert isinstance(got, RequestError)
    assert (got.status, got.code, got.param) == (400, "unsupported_parameter", "logprobs")
    assert told([], [blind, waiting(K.RATE_LIMIT)]).status == 429


def test_time_that_ran_out_is_a_timeout_unless_something_has_more_hope() -> None:
    assert told([], out_of_time=True).status == 504
    assert told([attempt(K.SERVER_ERROR)], out_of_time=True).status == 504
    assert told([attempt(K.RATE_LIMIT)], out_of_time=True).status == 429


def test_the_message_names_every_target_and_its_cause() -> None:
    blind = Obstacle(target="c/m", reason="it has no vision", code="unsupported_by_model")
    got = told([attempt(K.BAD_KEY, 401)], [waiting(K.OVERLOADED, 0.2), blind], out_of_time=True)
    assert str(got) == (
        "Routing error: no target of pool 'chat' answered (a/m: it is bad_key; "
        "w/m: left alone for 1s (overloaded); c/m: it has no vision; "
        "the time for the request ran out)"
    )


def test_the_body_lists_the_attempts() -> None:
    body = told([attempt(K.BAD_KEY, 401), attempt(K.TIMEOUT, name="b/m")]).body()["error"]
    assert [(tried["target"], tried["cause"], tried["status"]) for tried in body["attempts"]] == [
        ("a/m", "bad_key", 401),
        ("b/m", "timeout", None),
    ]
    assert (body["type"], body["code"], body["param"]) == (
        "timeout_error",
        "upstream_timeout",
        None,
    )


def test_a_target_that_was_tried_is_not_told_of_twice() -> None:
    got = told([attempt(K.OVERLOADED)], [waiting(K.OVERLOADED, name="a/m")])
    assert str(got).count("a/m") == 1


def test_what_does_not_pass_by_itself_says_what_to_do() -> None:
    assert "correct it and restart" in str(told([], [waiting(K.BAD_KEY)]))
    assert "correct its name" in str(told([], [waiting(K.MODEL_NOT_FOUND)]))
