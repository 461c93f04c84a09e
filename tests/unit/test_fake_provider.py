"""The fake vendor does what it is asked to: other tests believe it."""

import asyncio
import io
import json
import re
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.testing.fake_provider import CATALOGUE, Exchange, FakeProvider, Fault, select
from modelmesh.testing.fake_wire import read_request

# The same faults, in less time or space than they take when nothing is set.
BRIEF = {
    "steady": "steady~gap=0.001",
    "slow-first-token": "slow-first-token~delay=0.01",
    "slow-body": "slow-body~gap=0.001",
    "huge-line": "huge-line~bytes=10000",
    "split-utf8": "split-utf8~gap=0",
    "close-after-idle": "close-after-idle~idle=0.01",
}
SILENT = {
    "never-headers",
    "headers-then-silence",
    "comments-only",
    "role-then-silence",
    "stall-mid",
}
CUT = {"cut-chunked", "cut-length", "cut-close"}
VARIANTS = [
    "ok",
    "steady~gap=0.001",
    "slow-body~gap=0.001",
    "unknown-fields",
    "usage-in-stream",
    "set-cookie",
    "crlf",
    "cr",
    "no-space",
    "bom",
    "multi-line-data",
    "no-final-blank-line",
    "no-done",
    "reasoning-only-then-content",
]


@frozen
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[str]:
        text = self.body.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        events = []
        for block in text.split("\n\n"):
            data = [line[5:] for line in block.split("\n") if line.startswith("data:")]
            if data:
                events.append("\n".join(data).removeprefix(" "))
        return events

    @property
    def chunks(self) -> list[Any]:
        return [json.loads(event) for event in self.events if event != "[DONE]"]

    @property
    def deltas(self) -> list[str]:
        choices = [choice for chunk in self.chunks for choice in chunk.get("choices", [])]
        return [choice["delta"]["content"] for choice in choices if choice["delta"].get("content")]


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as provider:
        yield provider


@pytest.fixture
async def crashes() -> list[Mapping[str, Any]]:
    seen: list[Mapping[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, crash: seen.append(crash))
    return seen


def written(
    model: str,
    *,
    stream: bool = False,
    key: str = "k",
    headers: str = "",
    path: str = "/v1/chat/completions",
    **fields: Any,
) -> bytes:
    body = json.dumps({"model": model, "stream": stream, **fields}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: fake\r\nAuthorization: Bearer {key}\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def connect(provider: FakeProvider) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(provider.host, provider.port, limit=1 << 24)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:-2])
    body = b""
    whole = True
    try:
        if "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        elif "transfer-encoding" in headers:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        else:
            body = await reader.read()
    except asyncio.IncompleteReadError as cut:
        body += cut.partial
        whole = False
    return Answer(int(head[0].split(" ")[1]), headers, body, whole)


async def ask(provider: FakeProvider, model: str, **asked: Any) -> Answer:
    reader, writer = await connect(provider)
    writer.write(written(model, **asked))
    try:
        return await asyncio.wait_for(read_answer(reader), 5)
    finally:
        writer.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(1):
        while not condition():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)


def hang_up(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset:
        at_once = struct.pack("ii", 1, 0)
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", sorted(set(CATALOGUE) - SILENT))
async def test_every_fault_answers_or_ends_the_connection(
    provider: FakeProvider, crashes: list[Mapping[str, Any]], name: str, stream: bool
) -> None:
    reader, writer = await connect(provider)
    writer.write(written(BRIEF.get(name, name), stream=stream, headers="Connection: close\r\n"))
    try:
        answered = await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        answered = b""
    writer.close()
    assert answered.startswith(b"HTTP/1.1 ") is (name not in {"close-before-headers", "reset-mid"})
    assert provider.received[0].finished is (
        name not in CUT | {"close-before-headers", "reset-mid"}
    )
    assert crashes == []


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "model", sorted(SILENT | {"ok~delay=60", "steady~gap=60", "slow-body~gap=60"})
)
async def test_a_client_that_leaves_is_noticed_at_once(
    provider: FakeProvider, model: str, stream: bool, reset: bool
) -> None:
    _, writer = await connect(provider)
    writer.write(written(model, stream=stream))
    await until(lambda: provider.received)
    left = asyncio.get_running_loop().time()
    hang_up(writer, reset=reset)
    await until(lambda: not provider.open_connections)
    [request] = provider.received
    assert request.client_gone is not None
    assert left <= request.client_gone < left + 1
    assert not request.finished


async def test_a_client_that_leaves_after_its_answer_is_not_said_to_be_gone(
    provider: FakeProvider,
) -> None:
    assert (await ask(provider, "ok~chunks=20~gap=0.001", stream=True)).events[-1] == "[DONE]"
    await until(lambda: not provider.open_connections)
    assert provider.received[0].finished
    assert provider.received[0].client_gone is None


async def keep_talking(exchange: Exchange) -> None:
    await exchange.answer(200, b"{}")
    await exchange.silence()


async def keep_listening(exchange: Exchange) -> None:
    exchange.close()
    await exchange.silence()


@pytest.mark.parametrize("fault", [keep_talking, keep_listening])
async def test_a_client_that_is_owed_nothing_is_not_said_to_be_gone(fault: Fault) -> None:
    async with FakeProvider(faults={"own": fault}) as provider:
        with suppress(asyncio.IncompleteReadError):
            await ask(provider, "own")
        await until(lambda: not provider.open_connections)
        assert provider.received[0].client_gone is None


async def test_a_client_that_does_not_read_is_not_said_to_be_gone(provider: FakeProvider) -> None:
    _, writer = await connect(provider)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(written("huge-line~bytes=32000000", stream=True))
    await until(lambda: provider.received)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert provider.received[0].client_gone is None
    assert not provider.received[0].finished
    hang_up(writer, reset=False)
    await until(lambda: provider.received[0].client_gone)


@pytest.mark.parametrize("after", [0, 2, 7])
@pytest.mark.parametrize("name", sorted(CUT))
async def test_a_cut_stream_brings_its_deltas_and_no_end(
    provider: FakeProvider, name: str, after: int
) -> None:
    answer = await ask(provider, f"{name}~after={after}", stream=True)
    assert len(answer.deltas) == after
    assert "[DONE]" not in answer.events
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in answer.chunks)
    assert answer.whole is (name == "cut-close")  # nothing on the wire tells


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["cut-chunked", "cut-length"])
async def test_an_http_client_sees_a_broken_body(
    provider: FakeProvider, name: str, stream: bool
) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"{provider.url}/chat/completions"
        async with session.post(url, json={"model": name, "stream": stream}) as response:
            assert await response.content.readany()
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()


@pytest.mark.parametrize("name", ["cut-chunked", "cut-length", "reset-mid"])
async def test_a_busy_http_client_still_gets_the_bytes_before_the_cut(
    provider: FakeProvider, name: str
) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"{provider.url}/chat/completions"
        async with session.post(url, json={"model": name, "stream": True}) as response:
            for _ in range(3):
                assert b"chat.completion.chunk" in await response.content.readuntil(b"\n\n")
                for _ in range(10):
                    await asyncio.sleep(0)
            with pytest.raises(aiohttp.ClientError):
                await response.content.readuntil(b"\n\n")


async def test_an_http_client_sees_nothing_wrong_with_a_body_cut_by_closing(
    provider: FakeProvider,
) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"{provider.url}/chat/completions"
        async with session.post(url, json={"model": "cut-close", "stream": True}) as response:
            assert b"[DONE]" not in await response.read()


@pytest.mark.parametrize("name", ["cut-chunked", "cut-length", "cut-close"])
async def test_a_cut_document_is_not_json(provider: FakeProvider, name: str) -> None:
    answer = await ask(provider, name)
    assert answer.body.startswith(b'{"id":')
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


async def test_a_reset_comes_after_the_deltas(provider: FakeProvider) -> None:
    reader, writer = await connect(provider)
    writer.write(written("reset-mid~after=3", stream=True))
    await reader.readuntil(b"\r\n\r\n")
    for _ in range(4):
        assert b"chat.completion.chunk" in await reader.readuntil(b"\n\n\r\n")
    with pytest.raises(ConnectionResetError):
        await reader.read(1)
    writer.close()


@pytest.mark.parametrize(
    ("model", "events"),
    [
        ("role-then-silence", 1),
        ("stall-mid~after=3", 4),
        ("headers-then-silence", 0),
    ],
)
async def test_a_stall_comes_after_what_was_promised(
    provider: FakeProvider, model: str, events: int
) -> None:
    reader, writer = await connect(provider)
    writer.write(written(model, stream=True))
    await reader.readuntil(b"\r\n\r\n")
    for _ in range(events):
        assert b"chat.completion.chunk" in await reader.readuntil(b"\n\n\r\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.1)
    writer.close()


@pytest.mark.parametrize(("stream", "sign"), [(True, b": still busy\n\n"), (False, b"\n")])
async def test_signs_of_life_go_on(provider: FakeProvider, stream: bool, sign: bytes) -> None:
    reader, writer = await connect(provider)
    writer.write(written("comments-only~gap=0.001", stream=stream))
    await reader.readuntil(b"\r\n\r\n")
    for _ in range(20):
        size = int(await reader.readuntil(b"\r\n"), 16)
        assert await reader.readexactly(size + 2) == sign + b"\r\n"
    writer.close()


async def test_a_healthy_answer_is_the_same_either_way(provider: FakeProvider) -> None:
    plain = (await ask(provider, "ok@a")).json
    stream = await ask(provider, "ok@a", stream=True)
    assert plain["object"] == "chat.completion"
    assert plain["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello from ok@a"},
            "finish_reason": "stop",
        }
    ]
    assert plain["usage"]["total_tokens"] == 13
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "".join(stream.deltas) == "Hello from ok@a"
    assert [chunk["choices"][0]["finish_reason"] for chunk in stream.chunks] == [
        *[None] * 4,
        "stop",
    ]
    assert [chunk["choices"][0]["delta"].get("role") for chunk in stream.chunks] == [
        "assistant",
        *[None] * 4,
    ]
    assert stream.events[-1] == "[DONE]"
    assert {chunk["id"] for chunk in stream.chunks} == {"chatcmpl-2"}
    assert {chunk["model"] for chunk in stream.chunks} == {plain["model"]} == {"ok@a"}


async def test_the_same_questions_get_the_same_bytes() -> None:
    said = []
    for _ in range(2):
        async with FakeProvider() as provider:
            said.append([await ask(provider, m, stream=True) for m in ("ok", "gzip", "tool-calls")])
    assert said[0] == said[1]


async def test_usage_is_streamed_when_asked_for(provider: FakeProvider) -> None:
    options = {"include_usage": True}
    model = "ok~prompt-tokens=100~completion-tokens=7"
    answer = await ask(provider, model, stream=True, stream_options=options)
    *others, last = answer.chunks
    assert all(chunk["usage"] is None for chunk in others)
    assert last["choices"] == []
    assert (last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == (100, 7)
    unasked = await ask(provider, model, stream=True)
    assert not any("usage" in chunk for chunk in unasked.chunks)


@pytest.mark.parametrize(("every", "counted"), [(0, 1), (1, 5)])
async def test_usage_may_come_unasked(provider: FakeProvider, every: int, counted: int) -> None:
    answer = await ask(provider, f"usage-in-stream~every={every}", stream=True)
    assert sum("usage" in chunk for chunk in answer.chunks) == counted
    assert answer.chunks[-1]["usage"]["completion_tokens"] == 3
    assert answer.chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("count", [1, 2, 3, 50])
async def test_an_answer_has_as_many_deltas_as_asked_for(
    provider: FakeProvider, count: int
) -> None:
    answer = await ask(provider, f"ok~chunks={count}", stream=True)
    assert len(answer.deltas) == count
    assert "".join(answer.deltas).startswith(f"Hello from ok~chunks={count}")


@pytest.mark.parametrize("model", ["ok~delay=0.2", "slow-first-token~delay=0.2"])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_first_token_waits(provider: FakeProvider, model: str, stream: bool) -> None:
    reader, writer = await connect(provider)
    writer.write(written(model, stream=stream))
    start = asyncio.get_running_loop().time()
    await reader.readuntil(b"\r\n\r\n")
    head = asyncio.get_running_loop().time() - start
    await reader.readuntil(b"Hello")
    content = asyncio.get_running_loop().time() - start
    assert (head >= 0.19) is model.startswith("ok")
    assert content >= 0.19
    writer.close()


async def test_a_steady_answer_arrives_piece_by_piece(provider: FakeProvider) -> None:
    start = asyncio.get_running_loop().time()
    answer = await ask(provider, "steady~chunks=10~gap=0.01", stream=True)
    assert len(answer.deltas) == 10
    assert asyncio.get_running_loop().time() - start > 0.1


@pytest.mark.parametrize("model", VARIANTS)
async def test_a_variant_says_what_it_should(provider: FakeProvider, model: str) -> None:
    stream = await ask(provider, model, stream=True)
    plain = await ask(provider, model)
    assert "".join(stream.deltas).startswith(f"Hello from {model}")
    assert plain.json["choices"][0]["message"]["content"] == "".join(stream.deltas)
    assert (stream.events[-1] == "[DONE]") is (model != "no-done")
    assert stream.whole
    assert plain.whole


@pytest.mark.parametrize(
    ("model", "has", "lacks"),
    [
        ("crlf", b"}\r\n\r\n", b"}\n"),
        ("cr", b"}\r\r", b"\n"),
        ("no-space", b"data:{", b"data: "),
        ("bom", b"\xef\xbb\xbfdata", b"\r"),
        ("multi-line-data", b"\ndata:  ", b'data: {"'),
        ("no-final-blank-line", b"[DONE]\n", b"[DONE]\n\n"),
        ("no-done", b'"finish_reason":"stop"', b"[DONE]"),
        ("unknown-fields", b"x_nobody_knows", b"\r"),
        ("reasoning-only-then-content", b'{"reasoning_content":"Let"}', b"\r"),
    ],
)
async def test_a_variant_is_written_in_its_own_way(
    provider: FakeProvider, model: str, has: bytes, lacks: bytes
) -> None:
    body = (await ask(provider, model, stream=True)).body
    assert has in body
    assert lacks not in body


async def test_characters_are_split_between_writes(provider: FakeProvider) -> None:
    reader, writer = await connect(provider)
    writer.write(written("split-utf8", stream=True))
    await reader.readuntil(b"\r\n\r\n")
    letters = []
    while (size := await reader.readuntil(b"\r\n")) != b"0\r\n":
        assert size == b"1\r\n"
        letters.append((await reader.readexactly(3))[:1])
    assert "\N{WAVING HAND SIGN}" in b"".join(letters).decode()
    writer.close()


async def test_a_line_is_as_long_as_asked_for(provider: FakeProvider) -> None:
    body = (await ask(provider, "huge-line~bytes=1000000", stream=True)).body
    assert 1_000_000 <= max(map(len, body.split(b"\n"))) < 1_000_500


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("name", "layers"), [("gzip", 1), ("gzip-gzip", 2)])
async def test_a_compressed_answer_says_what_it_is(
    provider: FakeProvider, name: str, layers: int, stream: bool
) -> None:
    answer = await ask(provider, name, stream=stream)
    assert answer.headers["content-encoding"] == ", ".join(["gzip"] * layers)
    body = answer.body
    for _ in range(layers):
        body = zlib.decompress(body, wbits=31)
    assert body.endswith(b"data: [DONE]\n\n" if stream else b"}")


async def test_a_compressed_stream_can_be_read_event_by_event(provider: FakeProvider) -> None:
    reader, writer = await connect(provider)
    writer.write(written("gzip", stream=True))
    await reader.readuntil(b"\r\n\r\n")
    unpacker = zlib.decompressobj(wbits=31)
    for _ in range(5):
        part = await reader.readexactly(int(await reader.readuntil(b"\r\n"), 16))
        assert await reader.readexactly(2) == b"\r\n"
        assert re.fullmatch(rb"data: {.*}\n\n", unpacker.decompress(part))
    writer.close()


async def test_tools_are_called_in_fragments(provider: FakeProvider) -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
    plain = await ask(provider, "tool-calls~calls=2", tools=tools)
    stream = await ask(provider, "tool-calls~calls=2", tools=tools, stream=True)
    calls = plain.json["choices"][0]["message"]["tool_calls"]
    assert [call["function"] for call in calls] == [
        {"name": "look_up", "arguments": '{"city":"Paris"}'}
    ] * 2
    assert plain.json["choices"][0]["finish_reason"] == "tool_calls"
    assert len({call["id"] for call in calls}) == 2
    arguments = ["", ""]
    for chunk in stream.chunks[1:-1]:
        [delta] = chunk["choices"][0]["delta"]["tool_calls"]
        arguments[delta["index"]] += delta["function"]["arguments"]
    assert arguments == ['{"city":"Paris"}'] * 2
    assert stream.chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_an_echo_is_what_was_sent(provider: FakeProvider) -> None:
    answer = await ask(provider, "echo", messages=[{"role": "user", "content": "  é "}])
    content = answer.json["choices"][0]["message"]["content"]
    assert content.encode() == provider.received[0].body


@pytest.mark.parametrize(
    ("model", "leads"),
    [
        ("error-first-event", 0),
        ("error-after-comment", 0),
        ("error-after-role", 1),
        ("error-mid~after=3", 4),
    ],
)
async def test_an_error_comes_inside_a_good_stream(
    provider: FakeProvider, model: str, leads: int
) -> None:
    stream = await ask(provider, f"{model}~code=overloaded~type=server_error", stream=True)
    *before, last = stream.chunks
    assert stream.status == 200
    assert len(before) == leads
    assert last["error"]["code"] == "overloaded"
    assert last["error"]["type"] == "server_error"
    assert stream.body.startswith(b": ") is (model == "error-after-comment")
    plain = await ask(provider, f"{model}~code=429")
    assert (plain.status, plain.json["error"]["code"]) == (200, 429)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("null-body", b"null"),
        ("empty-string-body", b'""'),
        ("list-body", b"[]"),
        ("empty-stream", b""),
        ("done-only", b"data: [DONE]\n\n"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_of_nothing_is_a_good_status(
    provider: FakeProvider, model: str, body: bytes, stream: bool
) -> None:
    answer = await ask(provider, model, stream=stream)
    assert (answer.status, answer.body, answer.whole) == (200, body, True)


async def test_no_choices_and_no_content_differ(provider: FakeProvider) -> None:
    assert (await ask(provider, "empty-choices")).json["choices"] == []
    silent = await ask(provider, "empty-content")
    assert silent.json["choices"][0]["message"]["content"] == ""
    stream = await ask(provider, "empty-content", stream=True)
    assert stream.deltas == []
    assert stream.chunks[-1]["choices"][0]["finish_reason"] == "stop"


async def test_a_web_page_and_an_error_come_with_a_good_status(provider: FakeProvider) -> None:
    page = await ask(provider, "html-200")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    failed = await ask(provider, "error-200")
    assert (failed.status, failed.json["error"]["code"]) == (200, "rate_limit_exceeded")


async def test_a_status_comes_with_the_headers_and_words_asked_for(provider: FakeProvider) -> None:
    model = (
        "status~code=429~retry-after=Wed, 21 Oct 2026 07:28:00 GMT~retry-after-ms=250"
        "~should-retry=false~error-code=insufficient_quota~type=insufficient_quota~message=No."
    )
    answer = await ask(provider, model)
    assert answer.status == 429
    assert answer.headers["retry-after"] == "wed, 21 oct 2026 07:28:00 gmt"  # `ask` lowers it
    assert answer.headers["retry-after-ms"] == "250"
    assert answer.headers["x-should-retry"] == "false"
    assert answer.json["error"] == {
        "message": "No.",
        "type": "insufficient_quota",
        "param": None,
        "code": "insufficient_quota",
    }


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 503, 529])
async def test_a_status_alone_is_an_error_without_advice(provider: FakeProvider, code: int) -> None:
    answer = await ask(provider, f"status~code={code}", stream=True)
    assert answer.status == code
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["error"]["type"]
    assert not {"retry-after", "retry-after-ms", "x-should-retry"} & set(answer.headers)


async def test_a_redirect_points_elsewhere(provider: FakeProvider) -> None:
    answer = await ask(provider, "redirect~to=http://127.0.0.1:1/v1")
    assert (answer.status, answer.headers["location"]) == (307, "http://127.0.0.1:1/v1")


async def test_a_field_is_refused_only_where_it_is_sent(provider: FakeProvider) -> None:
    assert (await ask(provider, "refuse-field~field=seed")).status == 200
    refused = await ask(provider, "refuse-field~field=seed", seed=1)
    assert (refused.status, refused.json["error"]["param"]) == (400, "seed")


async def test_each_third_request_fails(provider: FakeProvider) -> None:
    statuses = [(await ask(provider, "flaky~every=3")).status for _ in range(6)]
    assert statuses == [200, 200, 500, 200, 200, 500]


async def test_requests_beyond_the_limit_are_refused_until_the_window_has_passed(
    provider: FakeProvider,
) -> None:
    model = "limited~requests=2~window=0.2"
    answers = [await ask(provider, model) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    remaining = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert remaining == ["1", "0", "0"]
    assert answers[2].headers["retry-after"] == "1"
    assert answers[2].headers["x-ratelimit-limit-requests"] == "2"
    wait = int(answers[2].headers["x-ratelimit-reset-requests"].removesuffix("ms"))
    assert 0 < wait <= 200
    assert (await ask(provider, f"{model}@other")).status == 200
    await asyncio.sleep(wait / 1000)
    assert (await ask(provider, model)).status == 200


async def test_a_key_selects_the_fault_in_the_models_place(provider: FakeProvider) -> None:
    refused = await ask(provider, "ok", key="fault:status~code=401")
    assert refused.status == 401
    answered = await ask(provider, "any-name", key="fault:ok")
    assert answered.json["choices"][0]["message"]["content"] == "Hello from any-name"
    assert [request.model for request in provider.received] == ["ok", "any-name"]


async def test_each_key_has_its_own_count(provider: FakeProvider) -> None:
    keys = ["fault:flaky~every=2@a", "fault:flaky~every=2@b", "fault:flaky~every=2@a"]
    assert [(await ask(provider, "m", key=key)).status for key in keys] == [200, 200, 500]


async def test_a_model_may_have_a_behaviour_of_the_tests_own() -> None:
    async def teapot(exchange: Exchange) -> None:
        await exchange.answer(418, b"{}", {"x-model": exchange.request.model or ""})

    async with FakeProvider(faults={"pot": teapot}) as provider:
        answers = [await ask(provider, "pot", path=f"/v1/{p}") for p in ("chat", "embeddings")]
        assert [(a.status, a.headers["x-model"]) for a in answers] == [(418, "pot")] * 2
        form = aiohttp.FormData({"file": io.BytesIO(b"\x00--"), "model": "pot"})
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{provider.url}/audio/transcriptions", data=form) as response,
        ):
            assert response.status == 418
        assert len(provider.requests_for("pot")) == 3


@pytest.mark.parametrize(("method", "kind"), [("generate", "json"), ("streamGenerate", "event")])
async def test_a_model_may_be_named_in_the_path(method: str, kind: str) -> None:
    async def said(exchange: Exchange) -> None:
        await exchange.deliver([b"{}"])

    async with FakeProvider(faults={"gemini": said}) as provider:
        url = f"{provider.url}/models/gemini:{method}Content"
        async with aiohttp.ClientSession() as session, session.post(url, json={}) as answer:
            assert kind in answer.headers["content-type"]
        assert len(provider.requests_for("gemini")) == 1


async def test_a_mistake_in_a_behaviour_is_reported(crashes: list[Mapping[str, Any]]) -> None:
    async def broken(_: Exchange) -> None:
        raise ZeroDivisionError

    async with FakeProvider(faults={"broken": broken}) as provider:
        with pytest.raises(asyncio.IncompleteReadError):
            await ask(provider, "broken")
    assert [type(crash["exception"]) for crash in crashes] == [ZeroDivisionError]


@pytest.mark.parametrize(
    ("model", "status", "words"),
    [
        ("gpt-unheard-of", 404, "`gpt-unheard-of` does not exist"),
        ("stall-mid~aftr=3", 400, "stall-mid takes no 'aftr', only: after"),
        ("null-body~after=3", 400, "null-body takes no 'after', only: nothing"),
        ("stall-mid~after=x", 400, "stall-mid~after: 'x' is not a number"),
    ],
)
async def test_a_misspelt_fault_is_refused_in_openais_shape(
    provider: FakeProvider, model: str, status: int, words: str
) -> None:
    answer = await ask(provider, model)
    assert answer.status == status
    assert words in answer.json["error"]["message"]
    assert set(answer.json["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/elsewhere", b"", 404),
        ("GET", "/v1/chat/completions", b"", 404),
        ("POST", "/v1/chat/completions", b"{", 400),
        ("POST", "/v1/chat/completions", b"[]", 400),
        ("POST", "/v1/chat/completions", b'{"model":1}', 400),
        ("POST", "/v1/moderations", b'{"model":"ok"}', 404),
        ("POST", "/v1/audio/speech", b'{"model":"ok","response_format":"mp4"}', 400),
    ],
)
async def test_what_it_does_not_serve_is_refused_in_openais_shape(
    provider: FakeProvider, method: str, path: str, body: bytes, status: int
) -> None:
    url = provider.url.removesuffix("/v1") + path
    async with aiohttp.ClientSession() as session, session.request(method, url, data=body) as r:
        assert r.status == status
        assert (await r.json())["error"]["type"] == "invalid_request_error"


async def test_models_are_listed_and_answer_well() -> None:
    async with FakeProvider(models=["small", "large"]) as provider:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{provider.url}/models?limit=5") as response,
        ):
            listed = await response.json()
        assert [model["id"] for model in listed["data"]] == ["small", "large"]
        assert (await ask(provider, "large")).status == 200
        assert (await ask(provider, "medium")).status == 404


async def test_a_connection_serves_one_request_after_the_other(provider: FakeProvider) -> None:
    reader, writer = await connect(provider)
    for stream in (True, False, True):
        writer.write(written("ok", stream=stream))
        assert (await read_answer(reader)).whole
    writer.write(written("ok") + written("ok", headers="Connection: close\r\n"))
    assert (await read_answer(reader)).headers["connection"] == "keep-alive"
    assert (await read_answer(reader)).whole
    assert await reader.read() == b""
    writer.close()
    assert [request.connection for request in provider.received] == [1] * 5
    assert provider.connections == 1


@pytest.mark.parametrize("model", ["close-after-idle~idle=0.05", "close-after-answer"])
async def test_a_kept_connection_is_closed_without_being_used(
    provider: FakeProvider, model: str
) -> None:
    reader, writer = await connect(provider)
    writer.write(written(model))
    answer = await read_answer(reader)
    assert (answer.headers["connection"], answer.whole) == ("keep-alive", True)
    assert await asyncio.wait_for(reader.read(), 1) == b""
    assert not provider.open_connections
    writer.close()


async def test_an_idle_connection_is_open_until_its_time(provider: FakeProvider) -> None:
    reader, writer = await connect(provider)
    for _ in range(2):
        writer.write(written("close-after-idle~idle=10"))
        assert (await read_answer(reader)).whole
    assert provider.open_connections == 1
    writer.close()


async def test_a_deaf_connection_ends_instead_of_answering(provider: FakeProvider) -> None:
    reader, writer = await connect(provider)
    writer.write(written("close-on-reuse"))
    assert (await read_answer(reader)).whole
    writer.write(written("ok"))
    assert await asyncio.wait_for(reader.read(), 1) == b""
    writer.close()
    assert [request.finished for request in provider.received] == [True, False]
    assert (await ask(provider, "ok")).status == 200


async def test_a_pooling_client_meets_the_deaf_connection(provider: FakeProvider) -> None:
    url = f"{provider.url}/chat/completions"
    async with aiohttp.ClientSession() as session:
        async with session.post(url, json={"model": "close-on-reuse"}) as response:
            await response.read()
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(url, json={"model": "ok"})
    assert provider.connections == 1


async def test_what_arrived_is_recorded(provider: FakeProvider) -> None:
    before = asyncio.get_running_loop().time()
    await ask(provider, "ok", headers="X-Two: a\r\nx-two: b\r\n", key="secret-key")
    await ask(provider, "status")
    first, second = provider.received
    assert (first.method, first.path, first.model) == ("POST", "/v1/chat/completions", "ok")
    assert first.headers["x-two"] == "b"
    assert [pair for pair in first.raw_headers if pair[0].lower() == "x-two"] == [
        ("X-Two", "a"),
        ("x-two", "b"),
    ]
    assert first.json == {"model": "ok", "stream": False} == json.loads(first.body)
    assert len(first.sha256) == 64
    assert first.sha256 != second.sha256
    assert before <= first.arrived <= second.arrived
    assert (first.connection, second.connection) == (1, 2)
    assert provider.requests_for("status") == [second]
    assert "secret-key" not in repr(first)


async def test_a_reset_forgets_requests_and_counts(provider: FakeProvider) -> None:
    await ask(provider, "flaky~every=2")
    provider.reset()
    assert provider.received == []
    assert (await ask(provider, "flaky~every=2")).status == 200


async def test_bodies_arrive_chunked_and_after_a_go_ahead(provider: FakeProvider) -> None:
    reader, writer = await connect(provider)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: fake\r\nTransfer-Encoding: chunked\r\n"
    writer.write(head + b"Expect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b'8;x=y\r\n{"model"\r\n6\r\n:"ok"}\r\n0\r\nX-Sum: 1\r\n\r\n')
    assert (await read_answer(reader)).status == 200
    assert provider.received[0].body == b'{"model":"ok"}'
    writer.close()


@pytest.mark.parametrize(
    "words",
    [b"nonsense\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"],
)
async def test_what_is_not_http_is_refused(provider: FakeProvider, words: bytes) -> None:
    reader, writer = await connect(provider)
    writer.write(words)
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_stopping_ends_connections_and_starting_again_keeps_the_port(
    provider: FakeProvider,
) -> None:
    reader, writer = await connect(provider)
    writer.write(written("never-headers"))
    await until(lambda: provider.received)
    url = provider.url
    await provider.stop()
    await provider.stop()
    assert await asyncio.wait_for(reader.read(), 1) == b""
    writer.close()
    assert provider.open_connections == 0
    with pytest.raises(ConnectionRefusedError):
        await connect(provider)
    await provider.start()
    assert provider.url == url
    assert (await ask(provider, "ok")).status == 200


# Turns of the loop since the client connected; in the very first ones asyncio itself loses it.
@pytest.mark.parametrize("turns", [3, 4, 5, 6])
async def test_stopping_ends_even_the_newest_connection(turns: int) -> None:
    provider = FakeProvider()
    await provider.start()
    with socket.create_connection((provider.host, provider.port)) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.wait_for(provider.stop(), 1)
        client.setblocking(False)
        with suppress(ConnectionResetError):
            ending = asyncio.get_running_loop().sock_recv(client, 1)
            assert await asyncio.wait_for(ending, 1) == b""


@given(
    body=st.binary(max_size=200),
    cuts=st.lists(st.integers(1, 399), max_size=20),
    sizes=st.lists(st.integers(1, 60), min_size=1),
    chunked=st.booleans(),
)
def test_a_request_reads_the_same_however_it_is_cut(
    body: bytes, cuts: list[int], sizes: list[int], chunked: bool
) -> None:
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    wire = f"POST /p HTTP/1.1\r\nA:  b \r\n{framing}\r\n\r\n".encode()
    if chunked:
        rest = body
        while rest:
            size = sizes[len(rest) % len(sizes)]
            wire += b"%x\r\n%b\r\n" % (len(rest[:size]), rest[:size])
            rest = rest[size:]
        wire += b"0\r\n\r\n"
    else:
        wire += body

    async def read() -> None:
        reader = asyncio.StreamReader()
        writer: Any = None  # only a client that expects a go-ahead is written to
        reading = asyncio.create_task(read_request(reader, writer, 1))
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(wire)], strict=True):
            if wire[start:end]:
                reader.feed_data(wire[start:end])
                await asyncio.sleep(0)
        request = await reading
        assert request.body == body
        assert request.headers["a"] == "b"

    asyncio.run(read())


def test_a_name_may_carry_its_label_before_or_after_its_settings() -> None:
    for name in ("stall-mid~after=3@x", "stall-mid@x~after=3"):
        fault: Any = select(name)
        assert (fault.func, fault.keywords) == (CATALOGUE["stall-mid"], {"after": 3})
