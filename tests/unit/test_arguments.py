from datetime import UTC, datetime
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessage

from modelmesh.arguments import build
from modelmesh.errors import RequestError
from modelmesh.results import Result
from modelmesh.schemas import COMPLETION
from modelmesh.types import Request

MESSAGES = [{"role": "user", "content": "Hello!"}]


def _built(**parameters: Any) -> Request:
    return build(parameters, id_="req_1", default_model="chat", forwarded=["X-Team"])


def test_what_is_given_is_sent_and_nothing_else() -> None:
    request = _built(messages=MESSAGES, temperature=0, stop=None, vendors_own={"a": [1]})

    assert request == Request(
        id="req_1",
        model="chat",
        body={
            "messages": MESSAGES,
            "temperature": 0,
            "stop": None,
            "vendors_own": {"a": [1]},
            "model": "chat",
        },
    )
    assert not request.stream


def test_a_model_named_in_the_call_goes_before_the_clients() -> None:
    request = _built(model="other", messages=MESSAGES)

    assert (request.model, request.body["model"]) == ("other", "other")


def test_without_any_model_the_call_is_refused() -> None:
    with pytest.raises(RequestError, match="say which model is to answer") as refused:
        build({"messages": MESSAGES}, id_="1", default_model=None)
    assert refused.value.param == "model"


def test_the_extra_body_goes_over_the_other_parameters() -> None:
    request = _built(seed=1, extra_body={"seed": 2, "model": "third", "stream": True})

    assert request.body == {"seed": 2, "model": "third", "stream": True}
    assert request.model == "third"
    assert request.stream


def test_of_the_extra_headers_those_go_out_which_a_clients_may() -> None:
    headers = {
        "Idempotency-Key": "k",
        "X-TEAM": "search",
        "Authorization": "Bearer x",
        "Cookie": "",
    }

    request = _built(extra_headers=headers)

    assert request.headers == {"idempotency-key": "k", "x-team": "search"}
    assert "extra_headers" not in request.body


def test_the_name_of_a_session_is_known_here_and_does_not_go_out() -> None:
    request = _built(extra_headers={"X-Session-Id": "s1"})

    assert request.session == "s1"
    assert request.headers == {}
    assert _built().session == ""


def test_a_timeout_is_the_requests_and_not_sent() -> None:
    request = _built(timeout=3)

    assert request.timeout == 3.0
    assert "timeout" not in request.body
    assert _built(timeout=None).timeout is None


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "5", True])
def test_a_timeout_that_is_no_time_is_refused(timeout: object) -> None:
    with pytest.raises(RequestError, match="timeout must be a number of seconds above 0"):
        _built(timeout=timeout)


def test_an_extra_query_is_refused_instead_of_sent_as_a_parameter() -> None:
    with pytest.raises(RequestError, match="extra_query"):
        _built(extra_query={"a": "b"})


def test_openais_word_for_not_given_is_not_sent() -> None:
    request = _built(seed=openai.NOT_GIVEN, stop=openai.omit, timeout=openai.NOT_GIVEN)

    assert request.body == {"model": "chat"}


def test_an_answers_message_can_be_sent_back() -> None:
    message = {"role": "assistant", "content": "Hi.", "reasoning": "They greet."}
    answer = Result({"choices": [{"message": message}]}, COMPLETION)

    request = _built(messages=[*MESSAGES, answer.choices[0].message])

    assert request.body["messages"] == [*MESSAGES, message]
    assert type(request.body["messages"][1]) is dict


def test_models_of_other_libraries_are_sent_as_what_was_set_in_them() -> None:
    message = ChatCompletionMessage(role="assistant", content="Hi.")

    request = _built(messages=(m for m in [message]))

    assert request.body["messages"] == [{"role": "assistant", "content": "Hi."}]


def test_an_object_which_becomes_a_dict_is_sent_as_that() -> None:
    class Tool:
        def to_dict(self) -> dict[str, object]:
            return {"type": "function"}

    assert _built(tools=(Tool(),)).body["tools"] == [{"type": "function"}]


@pytest.mark.parametrize("value", [datetime.now(UTC), b"bytes", object(), 1j])
def test_what_is_not_json_is_refused_and_its_place_named(value: object) -> None:
    with pytest.raises(RequestError, match=r"^messages\[0\]\.content: \w+ cannot be sent as JSON$"):
        _built(messages=[{"role": "user", "content": value}])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_json_is_sent_as_it_is(value: Any) -> None:
    assert _built(x=value).body["x"] == value


def test_what_was_sent_does_not_change_with_what_the_caller_holds() -> None:
    messages: list[dict[str, str]] = [*MESSAGES]

    request = _built(messages=messages)
    messages.append({"role": "user", "content": "More."})

    assert request.body["messages"] == MESSAGES
