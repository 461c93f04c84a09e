"""What a record says at each level, and that it never says more."""

import json
from typing import Any

import pytest
from happened import attempt, began, ended
from hypothesis import given
from hypothesis import strategies as some

from modelmesh.config import schema
from modelmesh.connectors.observability import Level, record
from modelmesh.connectors.observability._sentences import seconds
from modelmesh.events import (
    CooldownBegan,
    Event,
    LimitNear,
    LimitReached,
    ModelsFound,
    ModelsGone,
    Recovered,
    Rotated,
    StatisticsTaken,
    StoreBack,
    StoreLost,
)
from modelmesh.redaction import parameters
from modelmesh.rules import ErrorKind
from modelmesh.usage import Usage

AT = 1_790_000_000.25
LEVELS: tuple[Level, ...] = ("metadata", "summary", "full")
WORDS = "the words of a client"

FAILED = attempt(
    at=AT,
    connector="groq.api.v1",
    server="api.test:443",
    end="failed",
    seconds=0.2000000004,
    cause=ErrorKind.RATE_LIMIT,
    status=429,
)
ANSWERED = attempt(
    at=AT,
    target="b/y",
    provider="b",
    model="y",
    seconds=0.5,
    first_token=0.1,
    usage=Usage(prompt=12, completion=40, cached=3),
    cost=0.000123,
)
BEGAN = began(
    at=AT,
    stream=True,
    body={
        "model": "chat",
        "messages": [{"role": "user", "content": WORDS}],
        "temperature": 0.5,
        "tools": [{"type": "function", "function": {"name": WORDS}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": WORDS}},
        "stop": WORDS,
        "user": WORDS,
    },
)
ENDED = ended(at=AT, stream=True, seconds=0.84, attempts=(FAILED, ANSWERED), answer=WORDS)
NOBODYS = ended(
    at=AT,
    request="r2",
    model=WORDS,
    pool="",
    end="failed",
    status=404,
    seconds=0.001,
    code="model_not_found",
)
STATS = {"targets": {"a/x": {"requests": 3, "answers": 2, "spent": 0.5}}}
OTHERS: dict[str, tuple[Event, str]] = {
    "rotated": (
        Rotated(at=AT, pool="chat", before="a/x", after="b/y"),
        "chat: b/y is now in front of a/x",
    ),
    "cooldown": (
        CooldownBegan(at=AT, of="key", id="a", cause=ErrorKind.BAD_KEY, seconds=3600.0),
        "key a is left alone for 60 min: bad_key",
    ),
    "recovered": (Recovered(at=AT, of="key", id="a"), "key a answers again"),
    "found": (
        ModelsFound(at=AT, provider="a", models=list("uvwxyz")),
        "a has new models: u, v, w, x, y and 1 more",
    ),
    "found and joined": (
        ModelsFound(at=AT, provider="a", models=["x", "y"], registered=["y"]),
        "a has new models: y, now in use; 1 more not",
    ),
    "gone": (ModelsGone(at=AT, provider="a", models=["x"]), "a does not list x"),
    "gone and kept": (
        ModelsGone(at=AT, provider="a", models=["x", "y"], kept=["y"]),
        "a does not list x, y; y still served",
    ),
    "near": (LimitNear(at=AT, limit="$5 a day", share=0.8), "limit $5 a day: 80% is used"),
    "reached": (
        LimitReached(at=AT, limit="$5 a day", pool="chat", target="a/x", seconds=7200.0),
        "limit $5 a day refuses a/x, for 2 h",
    ),
    "reached for good": (
        LimitReached(at=AT, limit="$5", pool="chat", target="a/x", seconds=None),
        "limit $5 refuses a/x",
    ),
    "lost": (
        StoreLost(at=AT, store="Redis, h:6379", reason="no answer"),
        "Redis, h:6379 does not answer: no answer",
    ),
    "back": (StoreBack(at=AT, store="Redis, h:6379"), "Redis, h:6379 answers again"),
    "statistics": (
        StatisticsTaken(at=AT, stats=STATS),
        "3 attempts so far, 2 answered, $0.500000 spent",
    ),
    "began": (BEGAN, "chat request to chat, as a stream"),
    "failed": (FAILED, "a/x failed after 0.2 s: rate_limit (429)"),
    "answered": (ANSWERED, "b/y answered in 0.5 s, 12 + 40 tokens, $0.000123"),
    "ended": (
        ENDED,
        "chat: 200 in 0.84 s by b/y, 2 attempts, 12 + 40 tokens, $0.000123",
    ),
}


def test_a_record_of_an_attempt_has_what_is_known_and_nothing_else() -> None:
    assert record(FAILED) == {
        "event": "attempt.ended",
        "time": "2026-09-21T14:13:20.250Z",
        "request": "r1",
        "pool": "chat",
        "target": "a/x",
        "provider": "a",
        "model": "x",
        "connector": "groq.api.v1",
        "server": "api.test:443",
        "end": "failed",
        "seconds": 0.2,
        "cause": "rate_limit",
        "status": 429,
        "estimated": False,
    }


def test_a_record_of_a_request_sums_its_attempts_up() -> None:
    told = record(ENDED)
    assert (told["tokens_in"], told["tokens_out"], told["cost"]) == (12, 40, 0.000123)
    assert [each["target"] for each in told["attempts"]] == ["a/x", "b/y"]
    assert told["attempts"][1]["tokens_cached"] == 3
    assert "request" not in told["attempts"][0]


@pytest.mark.parametrize("name", OTHERS)
def test_people_are_told_in_a_line(name: str) -> None:
    event, line = OTHERS[name]
    assert record(event, level="summary")["message"] == line
    assert "message" not in record(event)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("event", [BEGAN, ENDED, FAILED, ANSWERED], ids=lambda event: event.name)
def test_what_is_said_is_told_at_no_level(event: Event, level: Level) -> None:
    assert WORDS not in json.dumps(record(event, level=level))


def test_what_is_said_is_told_where_that_is_configured() -> None:
    content = schema.Content()
    assert record(BEGAN, content=content)["content"]["messages"] == BEGAN.body["messages"]
    assert record(ENDED, content=content)["content"] == {"answer": WORDS}
    assert "content" not in record(FAILED, content=content)


def test_only_full_has_parameters_and_those_are_no_text() -> None:
    expected = {"temperature": 0.5, "tools": 1, "response_format": "json_schema"}
    assert record(BEGAN, level="full")["parameters"] == expected
    assert "parameters" not in record(BEGAN, level="summary")


def test_a_model_that_does_not_exist_is_a_clients_own_word() -> None:
    assert WORDS not in json.dumps(record(NOBODYS))
    assert record(NOBODYS, level="summary")["model"] == WORDS
    message = record(NOBODYS, level="summary")["message"]
    assert message == f"{WORDS}: 404 (model_not_found) in 0.001 s"


def test_a_code_that_is_none_of_ours_and_a_stores_reason_are_words_of_others() -> None:
    theirs = ended(at=AT, request="r", end="failed", status=400, seconds=0.1, code="their_code")
    assert "code" not in record(theirs)
    assert record(theirs, level="summary")["code"] == "their_code"
    lost, _ = OTHERS["lost"]
    assert "reason" not in record(lost)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", OTHERS)
def test_every_record_is_json(name: str, level: Level) -> None:
    event, _ = OTHERS[name]
    told = record(event, level=level, content=schema.Content())
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(
    ("many", "written"),
    [(0.0123456, "0.0123 s"), (30.0, "30 s"), (180.0, "3 min"), (7200.0, "2 h")],
)
def test_a_time_is_written_as_people_do(many: float, written: str) -> None:
    assert seconds(many) == written


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=10,
)
NAMES = some.sampled_from(["temperature", "tools", "response_format", "tool_choice", "messages"])


@given(some.dictionaries(NAMES | some.text(), JSON))
def test_parameters_are_numbers_and_choices_whatever_comes(body: dict[str, Any]) -> None:
    shown = parameters(body)
    assert all(isinstance(value, bool | int | float | str) for value in shown.values())
    assert parameters(shown) == shown
