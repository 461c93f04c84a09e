"""A client whose vendors say what a test wants: the real library, and nobody there."""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelmesh import ErrorKind, ProviderError, RequestError, RoutingError
from modelmesh.testing import (
    Call,
    MockClient,
    fail,
    mock_async_client,
    mock_client,
    pause,
    reply,
    silence,
)

MESSAGES: list[Any] = [{"role": "user", "content": "Hello!"}]
VENDORS = {
    "providers": {
        "anthropic.claude.v1": {"api_key": "${secrets:ANTHROPIC}"},
        "google.gemini.v1": {"api_key": "${secrets:GEMINI}"},
        "cohere.api.v1": {"api_key": "${secrets:COHERE}"},
        "assemblyai.stt.v1": {"api_key": "${secrets:ASSEMBLY}"},
    },
    "models": {
        "claude": {"provider": "anthropic.claude.v1", "capabilities": ["chat-completion"]},
        "gemini": {"provider": "google.gemini.v1", "capabilities": ["chat-completion"]},
        "command": {"provider": "cohere.api.v1", "capabilities": ["chat-completion"]},
        "ear": {"provider": "assemblyai.stt.v1", "capabilities": ["speech-to-text"]},
    },
    "pools": {
        "chat-completion": {"capability": "chat-completion"},
        "speech-to-text": {"capability": "speech-to-text"},
    },
    "secrets": {"store": "aws.secrets-manager.v1"},
    "storage": {"connector": "modelmesh.sqlite.v1", "path": "/nowhere/state.db"},
    "observability": {"logging": {"connector": "modelmesh.console.v1"}},
    "discovery": {"sync": {"enabled": True}, "health": {"enabled": True}},
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket is connected")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def said(client: MockClient, **more: Any) -> Any:
    return client.chat.completions.create(messages=MESSAGES, **more).choices[0].message.content


def streamed(client: MockClient) -> list[str]:
    chunks = client.chat.completions.create(messages=MESSAGES, stream=True)
    return [text for chunk in chunks if (text := chunk.choices[0].delta.content)]


def test_a_text_is_an_answer_and_what_was_asked_is_recorded() -> None:
    with mock_client(["Hi."]) as client:
        answer: Any = client.chat.completions.create(
            messages=MESSAGES, temperature=0.5, extra_headers={"x-client-request-id": "r7"}
        )
        [call] = client.calls
    assert answer.choices[0].message.content == "Hi."
    assert answer.model == "first"
    assert answer.usage.completion_tokens == 1
    assert (call.endpoint, call.model, call.target) == ("chat", "chat-completion", "mock/first")
    assert (call.messages, call.parameters) == (MESSAGES, {"temperature": 0.5})
    assert call.headers == {"x-client-request-id": "r7"}
    assert json.loads(call.sent[0].body)["messages"] == MESSAGES


@pytest.mark.parametrize(
    "kind", [kind for kind in ErrorKind if kind.name[:7] not in ("INVALID", "CONTENT", "CONTEXT")]
)
def test_a_kind_of_failure_makes_the_next_target_answer(kind: ErrorKind) -> None:
    with mock_client([kind, "Hi."]) as client:
        assert said(client) == "Hi."
        assert client.calls[0].tried == [("mock/first", str(kind)), ("mock/second", None)]


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (ProviderError(ErrorKind.QUOTA_EXHAUSTED, "no credit"), "quota_exhausted"),
        (TimeoutError(), "timeout"),
        (ConnectionResetError("reset"), "unreachable"),
        (fail(ErrorKind.OVERLOADED), "overloaded"),
        (reply(401, {"error": {"message": "no"}}), "bad_key"),
        (silence(), "timeout"),
        (ValueError("a bug"), "bad_answer"),
    ],
)
def test_an_exception_or_a_scripted_reply_fails_as_it_says(failure: Any, cause: str) -> None:
    with mock_client([failure, "Hi."]) as client:
        assert said(client) == "Hi."
        assert client.calls[0].tried[0] == ("mock/first", cause)


def test_all_fail_with_the_error_that_a_client_would_see() -> None:
    with mock_client([ErrorKind.RATE_LIMIT] * 3) as client:
        with pytest.raises(RoutingError) as caught:
            said(client)
        assert client.calls[0].target is None
    assert caught.value.status == 429


def test_a_clock_that_tests_move_ends_a_cooldown() -> None:
    with mock_client([ErrorKind.OVERLOADED, "second", "second", "first"]) as client:
        assert [said(client), said(client)] == ["second", "second"]
        client.rotate("chat-completion")
        client.rotate("chat-completion")
        client.clock.advance(60)
        assert said(client) == "first"
        assert client.calls[-1].target == "mock/first"


def test_a_stream_comes_in_the_pieces_given_or_word_by_word() -> None:
    with mock_client([["Hel", "lo"], "Good day to you", ["in", " one"]]) as client:
        assert streamed(client) == ["Hel", "lo"]
        assert streamed(client) == ["Good", " day", " to", " you"]
        assert said(client) == "in one"


def test_a_stream_may_break_off_or_wait() -> None:
    with mock_client([["Hel", pause(5), ErrorKind.OVERLOADED]]) as client:
        before = client.clock.now()
        chunks = client.chat.completions.create(messages=MESSAGES, stream=True)
        heard = []
        with pytest.raises(ProviderError):
            heard += [chunk.choices[0].delta.content for chunk in chunks]
        assert client.clock.now() == before + 5
        assert client.calls[0].target is None


def test_a_stream_that_fails_before_it_says_anything_fails_over() -> None:
    with mock_client([[ErrorKind.OVERLOADED], "Hi."]) as client:
        assert streamed(client) == ["Hi."]


def test_a_body_is_passed_on_as_it_is() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    with mock_client([body]) as client:
        answer: Any = client.chat.completions.create(messages=MESSAGES)
    assert answer.choices[0].message.tool_calls[0].function.name == "f"


def test_every_endpoint_answers() -> None:
    responses = [[[0.5, 0.25], [1, 0]], b"RIFF", "heard", "said", b"PNG", "https://x.test/a.png"]
    with mock_client(responses) as client:
        made = client.embeddings.create(model="embeddings", input=["a", "b"])
        assert [row.embedding for row in made.data] == [[0.5, 0.25], [1, 0]]
        speech = client.audio.speech.create(model="text-to-speech", input="a", voice="alloy")
        assert speech.content == b"RIFF"
        heard = client.audio.transcriptions
        assert heard.create(model="speech-to-text", file=b"RIFF").text == "heard"
        text = heard.create(model="speech-to-text", file=b"RIFF", response_format="text")
        assert text == "said"
        images: list[Any] = [
            client.images.generate(model="image-generation", prompt="a") for _ in range(2)
        ]
        assert images[0].data[0].b64_json == "UE5H"
        assert images[1].data[0].url == "https://x.test/a.png"
        assert client.calls[0].parameters == {"input": ["a", "b"]}
        assert not client.unused


def test_running_out_of_responses_says_so() -> None:
    with mock_client(["Hi."]) as client:
        said(client)
        with pytest.raises(
            AssertionError, match=r"no response is left for call 2, to 'chat-co.*1 were"
        ):
            said(client)
    with (
        mock_client([ErrorKind.OVERLOADED]) as client,
        pytest.raises(AssertionError, match=r"after mock/first \(overloaded\) failed"),
    ):
        said(client)


def test_what_is_left_is_told() -> None:
    with mock_client(["Hi.", "Ho."]) as client:
        said(client)
        assert client.unused == ["Ho."]


@pytest.mark.parametrize("response", ["no vector", b"RIFF", ["no", 1], 7, None])
def test_a_response_that_says_nothing_there_is_a_mistake_of_the_test(response: Any) -> None:
    with mock_client([response]) as client, pytest.raises(TypeError, match="for embeddings"):
        client.embeddings.create(model="embeddings", input="a")


def test_a_function_that_fails_is_a_mistake_of_the_test() -> None:
    with mock_client(lambda call: call.messages[7]["content"]) as client:
        with pytest.raises(IndexError):
            said(client)
        assert len(client.calls[0].sent) == 1


def test_a_function_answers_by_what_is_asked() -> None:
    def answer(call: Call) -> str:
        return f"You said {call.messages[-1]['content']}"

    with mock_client(answer) as client:
        assert said(client) == "You said Hello!"


def test_requests_are_checked_as_ever() -> None:
    wrong: Any = "no"
    with mock_client(["Hi."]) as client:
        with pytest.raises(RequestError, match="did you mean"):
            said(client, model="chat-completions")
        with pytest.raises(RequestError):
            client.chat.completions.create(messages=wrong)
        assert client.unused == ["Hi."]


def test_a_configuration_routes_as_it_says_without_its_keys_store_and_vendors() -> None:
    responses = ["from Claude", ErrorKind.BAD_KEY, ["from", " Gemini"], "heard"]
    with mock_client(responses, config=VENDORS) as client:
        assert said(client) == "from Claude"
        assert streamed(client) == ["from", " Gemini"]
        heard = client.audio.transcriptions.create(model="speech-to-text", file=b"RIFF")
        assert heard.text == "heard"
        first, second, third = client.calls
    assert first.target == "anthropic.claude.v1/claude"
    assert json.loads(first.sent[0].body)["messages"][0]["content"][0]["text"] == "Hello!"
    assert second.tried == [
        ("anthropic.claude.v1/claude", "bad_key"),
        ("google.gemini.v1/gemini", None),
    ]
    assert third.target == "assemblyai.stt.v1/ear"


def test_a_configuration_may_be_a_file_with_secrets_of_the_tests(tmp_path: Path) -> None:
    file = tmp_path / "modelmesh.yaml"
    file.write_text("""
providers:
  own: {connector: openai-compatible, base_url: "${secrets:URL}"}
models:
  m: {provider: own, capabilities: [chat-completion]}
pools:
  talk: {models: [m]}
""")
    with mock_client(["Hi."], config=file, secrets={"URL": "http://own.test/v1"}) as client:
        assert said(client) == "Hi."
        assert client.calls[0].sent[0].url == "http://own.test/v1/chat/completions"


def test_a_server_that_lists_its_models_itself_has_one() -> None:
    config: dict[str, Any] = {
        "providers": {"ollama.local.v1": {}},
        "pools": {"chat-completion": {}},
    }
    with mock_client(["Hi."], config=config) as client:
        assert said(client) == "Hi."


async def test_the_asynchronous_client_is_the_same() -> None:
    async with mock_async_client([ErrorKind.OVERLOADED, "Hi.", ["a", "b"]]) as client:
        answer = await client.chat.completions.create(messages=MESSAGES)
        assert answer.choices[0].message.content == "Hi."
        chunks = await client.chat.completions.create(messages=MESSAGES, stream=True)
        heard = [chunk.choices[0].delta.content async for chunk in chunks]
        assert "".join(filter(None, heard)) == "ab"
        assert client.calls[0].tried == [("mock/first", "overloaded"), ("mock/second", None)]
        assert (client.unused, client.clock.now()) == ([], 1000.0)


async def test_calls_at_the_same_time_are_told_apart() -> None:
    def answer(call: Call) -> Any:
        return call.messages[0]["content"]

    async with mock_async_client(answer) as client:

        async def ask(text: str) -> Any:
            messages: list[Any] = [{"role": "user", "content": text}]
            reply = await client.chat.completions.create(messages=messages)
            return reply.choices[0].message.content

        texts = [str(number) for number in range(20)]
        assert await asyncio.gather(*map(ask, texts)) == texts


def test_nothing_of_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleeping(sleep: Callable[..., Any]) -> Callable[..., Any]:
        def noted(seconds: float, *more: Any) -> Any:
            slept.append(seconds)
            return sleep(seconds, *more)

        return noted

    monkeypatch.setattr(asyncio, "sleep", sleeping(asyncio.sleep))
    config: dict[str, Any] = {**VENDORS, "pools": {"chat-completion": {"models": ["claude"]}}}
    with mock_client([ErrorKind.RATE_LIMIT, "Hi."], config=config) as client:
        assert said(client) == "Hi."
        assert len(client.calls[0].tried) == 2
    assert not any(slept)
