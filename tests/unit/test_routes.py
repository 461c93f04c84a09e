"""Where requests go can be asserted, and a message says where they go instead."""

from typing import Any

import pytest

from modelmesh import ErrorKind, RequestError
from modelmesh.testing import assert_route, mock_async_client, mock_client

BODY = {"model": "chat-completion"}
CONFIG = {
    "providers": {
        "anthropic.claude.v1": {"api_key": "${secrets:A}"},
        "groq.api.v1": {"api_key": "${secrets:B}"},
    },
    "models": {
        "claude": {"provider": "anthropic.claude.v1", "model": "claude-sonnet-5"},
        "oss": {"provider": "groq.api.v1", "model": "openai/gpt-oss-20b"},
    },
    "pools": {"chat": {"models": ["oss", "claude"]}},
}
SEEN = [
    {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}],
    }
]


def test_a_configuration_tells_where_its_requests_go() -> None:
    assert_route(CONFIG, {"model": "chat"}, to="groq.api.v1/oss")
    assert_route(
        CONFIG, {"model": "chat"}, to="anthropic.claude.v1/claude", after=["groq.api.v1/oss"]
    )
    assert_route(
        CONFIG,
        {"model": "chat", "messages": SEEN},
        to="anthropic.claude.v1/claude",
        past={"groq.api.v1/oss": "vision"},
    )


def test_a_client_tells_where_the_next_request_goes() -> None:
    with mock_client([ErrorKind.OVERLOADED, "Hi."]) as client:
        assert_route(client, BODY, to="mock/first")
        client.chat.completions.create(messages=[{"role": "user", "content": "Hello!"}])
        assert_route(client, BODY, to="mock/second", past={"mock/first": "overloaded"})
        assert_route(client.mesh, BODY, to="mock/third", after=["mock/second"])
        assert len(client.calls) == 1


async def test_an_asynchronous_client_does_as_well() -> None:
    async with mock_async_client() as client:
        assert_route(client, BODY, to="mock/first", after=[])


def test_a_request_that_is_refused_goes_nowhere() -> None:
    blind = {**CONFIG, "pools": {"chat": {"models": ["oss"]}}}
    body = {"model": "chat", "messages": SEEN}
    assert_route(blind, body, to=None, past={"groq.api.v1/oss": "vision"})
    with pytest.raises(AssertionError, match="expected it to go nowhere, but it goes to"):
        assert_route(blind, {"model": "chat"}, to=None)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"to": "mock/third"}, "expected it to go to mock/third, but it goes to mock/first, then"),
        ({"to": "mock/first", "after": ["mock/second"]}, "to mock/second, then mock/first, but"),
        ({"to": "mock/first", "past": {"mock/second": "limit"}}, "mock/second, which may serve it"),
        ({"to": "mock/first", "past": {"x/y": "limit"}}, "x/y, which is not in the pool"),
    ],
)
def test_where_it_goes_instead_is_told(wanted: dict[str, Any], words: str) -> None:
    with mock_client() as client, pytest.raises(AssertionError) as caught:
        assert_route(client, BODY, **wanted)
    assert words in str(caught.value)
    assert "in front until it fails" in str(caught.value)


def test_a_reason_that_is_another_one_is_told() -> None:
    body = {"model": "chat", "messages": SEEN}
    with pytest.raises(AssertionError, match=r"(?s)expected 'budget' to keep it from.*no vision"):
        assert_route(
            CONFIG, body, to="anthropic.claude.v1/claude", past={"groq.api.v1/oss": "budget"}
        )


def test_a_pool_that_is_not_there_is_no_route() -> None:
    with pytest.raises(RequestError, match="does not exist"):
        assert_route(CONFIG, {"model": "chatty"}, to=None)
