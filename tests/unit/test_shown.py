"""What an observer sees: no key, and of what is said only so much."""

import json
from typing import Any

import happened
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as some

from modelmesh.config import schema
from modelmesh.config.load import load
from modelmesh.events import Event, Recovered, RequestBegan, RequestEnded, StoreLost
from modelmesh.shown import SLACK, Shown, keys_in

KEY = "canary-of-the-vendor-7"
LONG_KEY = "canary" * 200
WORDS = "the quick brown fox"


def shown(max_chars: int = 2000, sample: float = 1.0, *keys: str) -> Shown:
    return Shown(schema.Content(max_chars=max_chars, sample=sample), keys or (KEY,))


def began(body: dict[str, Any] | None = None, **more: Any) -> RequestBegan:
    said = {"messages": [{"role": "user", "content": WORDS}], "temperature": 1}
    return happened.began(body=body or said, **more)


def ended(**more: Any) -> RequestEnded:
    return happened.ended(**{"answer": WORDS, **more})


def seen(show: Shown, event: Event) -> Any:
    return show(event)


def test_without_content_nothing_that_is_said_is_seen() -> None:
    nothing = Shown(None, (KEY,))
    assert seen(nothing, began()).body == {"temperature": 1}
    assert seen(nothing, ended()).answer == ""
    assert nothing.keeps == 0


def test_with_content_it_is() -> None:
    assert seen(shown(), began()).body == began().body
    assert seen(shown(), ended()).answer == WORDS


def test_where_there_are_no_keys_all_else_is_as_usual() -> None:
    assert seen(Shown(schema.Content(), ()), ended()).answer == WORDS


def test_what_has_no_words_passes_as_it_is() -> None:
    event = Recovered(at=0.0, of="key", id="a")
    assert shown()(event) is event


def test_of_a_prompt_so_many_characters_are_seen_in_all_its_messages() -> None:
    body = {"messages": [{"role": "user", "content": "x" * 50} for _ in range(1000)]}
    text = json.dumps(seen(shown(120), began(body)).body)
    assert 0 < text.count("x") <= 120
    assert len(text) < 1000


def test_a_million_numbers_are_not_seen_either() -> None:
    body = {"input": list(range(100_000))}
    assert len(seen(shown(100), began(body)).body["input"]) <= 100


def test_what_is_nested_without_end_is_cut() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    assert len(json.dumps(seen(shown(), began({"messages": deep})).body)) < 200


def test_an_answer_is_cut_and_that_shows() -> None:
    assert seen(shown(9), ended()).answer == "the quick…"
    assert seen(shown(len(WORDS)), ended()).answer == WORDS


@pytest.mark.parametrize(
    "key",
    [KEY, "sk-proj-abcdefghijklmnop", "Bearer abcdefgh12345678", "AIza" + "S" * 35, LONG_KEY],
)
def test_keys_are_blotted_out_wherever_they_stand(key: str) -> None:
    show = shown(2000, 1.0, LONG_KEY, KEY)
    said = f"my key is {key}."
    for event in (
        began({"messages": [{"role": "user", "content": said}]}),
        began({"messages": [{said: said}], said: 1}),
        began(model=said, pool=""),
        ended(answer=said),
        ended(model=said, pool=""),
        ended(code=said),
        StoreLost(at=0.0, store="Redis", reason=said),
    ):
        told = str([getattr(seen(show, event), name) for name in PARTS if hasattr(event, name)])
        assert key.removeprefix("Bearer ") not in told
        assert "***" in told


PARTS = ("body", "headers", "model", "answer", "code", "reason")


@given(some.integers(0, 1500), some.integers(1, 1000))
def test_no_half_of_a_key_is_seen_where_a_text_is_cut(before: int, most: int) -> None:
    show = shown(most, 1.0, LONG_KEY, KEY)
    for key in (KEY, LONG_KEY, "sk-" + "a" * 40):
        text = show.text("." * before + key + "." * 2000, most)
        assert key[:5] not in text
        assert len(text) <= most + 1


@given(some.text(max_size=3 * SLACK), some.integers(1, 2 * SLACK))
def test_a_text_is_never_longer_than_it_may_be(said: str, most: int) -> None:
    assert len(shown(most).text(said, most)) <= most + 1


def test_of_a_sample_both_the_prompt_and_the_answer_are_seen_or_neither() -> None:
    show = shown(2000, 0.25)
    ids = [f"req_{number}" for number in range(2000)]
    prompts = {one for one in ids if "messages" in seen(show, began(request=one)).body}
    answers = {one for one in ids if seen(show, ended(request=one)).answer}
    assert prompts == answers
    assert 400 < len(prompts) < 600


def test_of_a_clients_headers_only_those_of_its_trace_are_seen() -> None:
    headers = {"traceparent": "00-1-2-01", "idempotency-key": KEY, "x-tenant-key": KEY}
    assert seen(shown(), began(headers=headers)).headers == {"traceparent": "00-1-2-01"}


def test_an_event_that_somebody_else_is_told_as_well_stays_as_it_is() -> None:
    event = began()
    before = json.dumps(event.body)
    shown(3)(event)
    assert json.dumps(event.body) == before
    assert event == evolve(event)


def test_every_key_of_a_configuration_is_known() -> None:
    config = load(
        {
            "providers": {
                "openai.llm.v1": {"api_keys": ["key-number-one", "key-number-two"]},
                "own": {
                    "connector": "openai-compatible",
                    "base_url": "http://h/v1",
                    "headers": {
                        "x-api-key": "key-in-a-header",
                        "authorization": "Token key-behind-a-word",
                        "x-team": "search-team",
                    },
                },
            },
            "models": {"m": {"provider": "own"}, "n": {"provider": "openai.llm.v1"}},
            "pools": {"p": {"models": ["m", "n"]}},
            "storage": {"connector": "memory", "url": "redis://:pass-of-redis@h:1/0"},
            "proxy": {"token": "token-of-the-proxy", "auth": {"admin_tokens": ["an-admin-token"]}},
        },
        environ={},
    )
    keys = keys_in(config)
    assert set(keys) >= {
        "key-number-one",
        "key-number-two",
        "key-in-a-header",
        "key-behind-a-word",
        "pass-of-redis",
        "token-of-the-proxy",
        "an-admin-token",
    }
    assert "search-team" not in keys
    assert [len(key) for key in keys] == sorted(map(len, keys), reverse=True)
