"""The same stories through both clients, on a real mesh whose sockets are scripted."""

import asyncio
import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from stories import Awaiting, Blocking, Story

from modelmesh import (
    AsyncMeshClient,
    MeshError,
    ModelMesh,
    RequestError,
    RoutingError,
    create,
    create_async,
)
from modelmesh.clock import SystemClock
from modelmesh.config.load import load
from modelmesh.errors import ConfigError
from modelmesh.testing import transport as script
from modelmesh.testing.transport import Scripted, ScriptedTransport
from modelmesh.types import HttpRequest

MESSAGES = [{"role": "user", "content": "Hello!"}]
CONFIG: dict[str, Any] = {
    "providers": {
        "a": {"connector": "openai-compatible", "base_url": "http://127.0.0.1:1/v1"},
        "b": {"connector": "openai-compatible", "base_url": "http://127.0.0.1:2/v1"},
    },
    "models": {
        "down": {"provider": "a"},
        "up": {"provider": "b"},
        "stalled": {"provider": "b"},
        "broken": {"provider": "b"},
    },
    "pools": {
        "chat": {"models": ["up"]},
        "two": {"models": ["down", "up"]},
        "dead": {"models": ["down"], "retry": {"max_attempts": 1}},
        "stalled": {"models": ["stalled"]},
        "broken": {"models": ["broken"]},
    },
    "proxy": {"forward_headers": ["x-team"]},
}


def _said(request: HttpRequest) -> Scripted:
    """Answer as the model's name says."""
    body = json.loads(request.body)
    model = body["model"]
    if model == "down":
        return script.reply(503, {"error": {"message": "We are down."}})
    if not body.get("stream"):
        message = {"role": "assistant", "content": "Hello!", "own": {"x": 1}}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return script.reply(body={"id": "chatcmpl-1", "model": model, "choices": [choice]})
    rest: dict[str, list[script.Step]] = {
        "up": [_chunk(model, "lo!"), _chunk(model, None, "stop")],
        "stalled": [script.silence()],
        "broken": [],
    }
    return script.stream([_chunk(model, "Hel"), *rest[model]])


def _chunk(model: str, content: str | None, finish: str | None = None) -> bytes:
    delta = {"content": content} if content else {}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "chatcmpl-1", "model": model, "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


@pytest.fixture
def vendor() -> ScriptedTransport:
    return ScriptedTransport(_said, SystemClock())


@pytest.fixture(params=[Blocking, Awaiting], ids=["sync", "async"])
def story(request: pytest.FixtureRequest, vendor: ScriptedTransport) -> Iterator[Story]:
    telling: Story = request.param(CONFIG, vendor, "chat")
    yield telling
    telling.end()


def _bodies(vendor: ScriptedTransport) -> list[Any]:
    return [json.loads(request.body) for request in vendor.requests]


def _ask(**parameters: Any) -> Callable[[Any], Any]:
    return lambda client: client.chat.completions.create(messages=MESSAGES, **parameters)


def test_an_answer_is_read_by_attributes(story: Story, vendor: ScriptedTransport) -> None:
    answer = story.do(_ask(temperature=0.5, vendors_own=[1]))

    assert answer.choices[0].message.content == "Hello!"
    assert answer.choices[0].message.own.x == 1
    assert answer.usage is None
    assert answer.model == "up"
    assert _bodies(vendor) == [
        {"messages": MESSAGES, "temperature": 0.5, "vendors_own": [1], "model": "up"}
    ]
    assert vendor.open == 0


def test_a_message_is_sent_back_as_it_came(story: Story, vendor: ScriptedTransport) -> None:
    message = story.do(_ask()).choices[0].message

    story.do(lambda client: client.chat.completions.create(messages=[*MESSAGES, message]))

    assert _bodies(vendor)[-1]["messages"] == [*MESSAGES, message.to_dict()]


def test_a_call_may_name_another_pool(story: Story) -> None:
    assert story.do(_ask(model="two")).model == "up"


def test_allowed_headers_go_to_the_vendor(story: Story, vendor: ScriptedTransport) -> None:
    story.do(_ask(extra_headers={"X-Team": "search", "X-Other": "no"}))

    assert vendor.requests[0].headers["x-team"] == "search"
    assert "x-other" not in vendor.requests[0].headers


def test_a_stream_gives_chunks_and_lets_go_of_the_vendor(
    story: Story, vendor: ScriptedTransport
) -> None:
    chunks = story.read(story.do(_ask(stream=True)))

    assert [chunk.choices[0].delta.content for chunk in chunks] == ["Hel", "lo!", None]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert vendor.open == 0


def test_a_stream_that_was_read_gives_nothing_more(story: Story) -> None:
    stream = story.do(_ask(stream=True))
    story.read(stream)

    assert story.read(stream) == []


def test_closing_a_stream_early_lets_go_of_the_vendor(
    story: Story, vendor: ScriptedTransport
) -> None:
    stream = story.do(_ask(model="stalled", stream=True))
    assert story.first(stream).choices[0].delta.content == "Hel"
    assert vendor.open == 1

    story.do(lambda _: stream.close())

    assert vendor.open == 0
    assert story.read(stream) == []


def test_a_stream_is_closed_by_leaving_its_context(story: Story, vendor: ScriptedTransport) -> None:
    stream = story.do(_ask(model="stalled", stream=True))

    assert story.within(stream).choices[0].delta.content == "Hel"

    assert vendor.open == 0


def test_a_stream_nobody_holds_any_more_lets_go_of_the_vendor(
    story: Story, vendor: ScriptedTransport
) -> None:
    stream = story.do(_ask(model="stalled", stream=True))
    story.first(stream)

    del stream
    gc.collect()
    for _ in range(100):
        story.do(lambda client: client.describe())

    assert vendor.open == 0


def test_a_stream_that_breaks_off_raises_after_what_came(
    story: Story, vendor: ScriptedTransport
) -> None:
    stream = story.do(_ask(model="broken", stream=True))

    assert story.first(stream).choices[0].delta.content == "Hel"
    with pytest.raises(MeshError) as broken:
        story.read(stream)
    assert broken.value.code == "stream_incomplete"
    assert vendor.open == 0


@pytest.mark.parametrize("stream", [False, True])
def test_the_next_target_answers_where_the_first_is_down(
    story: Story, vendor: ScriptedTransport, stream: bool
) -> None:
    answer = story.do(_ask(model="two", stream=stream))

    assert (story.read(answer)[0] if stream else answer).model == "up"
    assert [body["model"] for body in _bodies(vendor)] == ["down", "up"]


@pytest.mark.parametrize("stream", [False, True])
def test_where_nobody_answers_the_error_names_each_attempt(story: Story, stream: bool) -> None:
    with pytest.raises(RoutingError) as failed:
        story.do(_ask(model="dead", stream=stream))

    assert [attempt.target for attempt in failed.value.attempts] == ["a/down"]
    assert failed.value.status == 503


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_does_not_exist_is_an_error(story: Story, stream: bool) -> None:
    with pytest.raises(RequestError, match="'chet' does not exist; did you mean 'chat'") as wrong:
        story.do(_ask(model="chet", stream=stream))
    assert (wrong.value.status, wrong.value.code) == (404, "model_not_found")


def test_a_call_without_messages_is_a_mistake(story: Story) -> None:
    with pytest.raises(TypeError, match="messages"):
        story.do(lambda client: client.chat.completions.create())


def test_models_are_the_pools(story: Story) -> None:
    models = story.do(lambda client: client.models.list())

    assert models.object == "list"
    assert [model.id for model in models] == list(CONFIG["pools"])
    assert models.data[0].object == "model"
    one = story.do(lambda client: client.models.retrieve("two"))
    assert one == models.data[1]
    with pytest.raises(RequestError, match="'three' does not exist") as missing:
        story.do(lambda client: client.models.retrieve("three"))
    assert missing.value.status == 404


def test_a_client_tells_of_its_pools(story: Story) -> None:
    assert story.do(lambda client: client.active_providers()) == ["b", "a"]
    assert list(story.do(lambda client: client.pool_status())) == list(CONFIG["pools"])
    assert story.do(lambda client: client.rotate("two")) == "b/up"
    assert "b/up" in story.do(lambda client: client.describe())
    assert isinstance(story.client.mesh, ModelMesh)


def test_a_client_tells_what_became_of_its_requests(story: Story) -> None:
    story.do(_ask(model="two"))
    told = story.do(lambda client: client.stats())
    assert told["pools"]["two"]["requests"] == 2
    assert told["providers"]["b"]["answers"] == 1
    assert sum(told["targets"]["a/down"]["failures"].values()) == 1


def test_a_client_explains_where_a_request_would_go(
    story: Story, vendor: ScriptedTransport
) -> None:
    explained = story.do(lambda client: client.explain(model="two", messages=MESSAGES))

    assert [row["target"] for row in explained["targets"]] == ["a/down", "b/up"]
    assert story.do(lambda client: client.explain())["targets"][0]["target"] == "b/up"
    assert vendor.requests == []


def test_a_closed_client_says_so(story: Story, vendor: ScriptedTransport) -> None:
    story.do(_ask())
    story.do(lambda client: client.close())

    assert vendor.closed
    for call in (
        _ask(),
        _ask(stream=True),
        lambda client: client.models.list(),
        lambda client: client.describe(),
    ):
        with pytest.raises(RuntimeError, match="the client is closed"):
            story.do(call)


def test_a_client_is_closed_by_leaving_its_context(vendor: ScriptedTransport) -> None:
    with Blocking(CONFIG, vendor, "chat").client as client:
        assert client.chat.completions.create(messages=MESSAGES).model == "up"
    with pytest.raises(RuntimeError, match="the client is closed"):
        client.describe()


async def test_an_asynchronous_client_is_closed_by_leaving_its_context(
    vendor: ScriptedTransport,
) -> None:
    config = load(CONFIG, environ={})
    async with AsyncMeshClient(ModelMesh(config, transport=vendor), model="chat") as client:
        assert (await client.chat.completions.create(messages=MESSAGES)).model == "up"
        assert [model.id async for model in await client.models.list()] == list(CONFIG["pools"])
    assert vendor.closed


async def test_a_cancelled_reader_lets_go_of_the_vendor(vendor: ScriptedTransport) -> None:
    client = AsyncMeshClient(ModelMesh(load(CONFIG, environ={}), transport=vendor))
    stream = await client.chat.completions.create(messages=MESSAGES, model="stalled", stream=True)

    async def read() -> None:
        async for _ in stream:
            pass

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read(), 0.05)

    assert vendor.open == 0
    await client.close()


def test_a_call_without_any_model_is_refused(vendor: ScriptedTransport) -> None:
    telling = Blocking(CONFIG, vendor, None)

    with pytest.raises(RequestError, match="say which model is to answer"):
        telling.do(_ask())
    telling.end()


def test_created_from_a_configuration_it_asks_the_pool_named() -> None:
    with create(config=CONFIG, pool="two") as client:
        assert [row["target"] for row in client.explain()["targets"]] == ["a/down", "b/up"]


def test_created_from_a_configuration_it_asks_the_pool_of_the_capability() -> None:
    pools = {"one": {"models": ["up"]}, "talk": {"capability": "chat-completion"}}
    with create("chat-completion", config={**CONFIG, "pools": pools}) as client:
        assert client.explain()["targets"][0]["target"] == "a/down"


def test_created_from_a_configuration_with_one_pool_it_asks_that() -> None:
    config = {**CONFIG, "pools": {"only": {"models": ["up"]}}}
    with create(config=config) as client:
        assert client.explain()["targets"][0]["target"] == "b/up"


def test_created_from_keys_it_asks_the_provider_they_are_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with create("chat-completion", providers=["openai"], api_keys={"openai": "sk-x"}) as client:
        assert {row["target"].partition("/")[0] for row in client.explain()["targets"]} == {
            "openai.llm.v1"
        }


def test_created_from_the_environment_it_asks_the_providers_found_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk-x")
    with create(providers=["groq"]) as client:
        assert client.active_providers() == ["groq.api.v1"]


async def test_an_asynchronous_client_is_created_alike() -> None:
    async with create_async(config=CONFIG, pool="two") as client:
        assert [row["target"] for row in (await client.explain())["targets"]] == ["a/down", "b/up"]


def test_creating_with_a_pool_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(RequestError, match="'chet' does not exist; did you mean 'chat'"):
        create(config=CONFIG, pool="chet")
    with pytest.raises(RequestError, match="'chet' does not exist"):
        create_async(config=CONFIG, pool="chet")


def test_creating_from_a_wrong_configuration_names_its_mistakes() -> None:
    with pytest.raises(ConfigError, match="modles"):
        create(config={"modles": {}})


def test_a_configuration_does_not_go_with_choices_of_its_own() -> None:
    with pytest.raises(TypeError, match="the configuration says providers, strategy itself"):
        create(config=CONFIG, providers=["a"], strategy="stick-until-failure")


def test_a_lone_name_where_a_list_belongs_is_told_so() -> None:
    with pytest.raises(TypeError, match=r"providers is a list of names, such as \['groq'\]"):
        create("chat-completion", providers="groq")
    with pytest.raises(TypeError, match=r"models is a list of names, such as \['gpt-4o'\]"):
        create_async("chat-completion", models="gpt-4o")
