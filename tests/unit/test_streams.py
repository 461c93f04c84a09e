import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import define, field
from scene import DONE, ROLE, STOP, chunk, clock, provider, text, words_of

from modelmesh.errors import ErrorKind, ProviderError, TransportError
from modelmesh.stream import EventSplitter, Stream, read_whole
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import (
    ScriptedReply,
    ScriptedTransport,
    Step,
    cut,
    fail,
    pause,
    silence,
    stream,
    until,
)
from modelmesh.timers import Timers
from modelmesh.types import HttpRequest, Request
from modelmesh.usage import Usage

K = ErrorKind
START = 1000.0
ASKED = Request(id="r", model="m", body={"model": "m", "messages": []})


@define
class Noted:
    """Keeps how a stream said that it ended; only the first word counts."""

    words: list[str] = field(factory=list)
    usages: list[Usage | None] = field(factory=list)

    @property
    def word(self) -> str | None:
        return self.words[0] if self.words else None

    def succeed(self, now: float, usage: Usage | None) -> None:  # noqa: ARG002 - the protocol's
        self.words.append("answered")
        self.usages.append(usage)

    def fail(self, now: float, error: ProviderError, usage: Usage | None) -> None:  # noqa: ARG002 - the protocol's
        self.words.append(error.kind)
        self.usages.append(usage)

    def cancel(self, usage: Usage | None) -> None:
        self.words.append("cancelled")
        self.usages.append(usage)


@define(eq=False)
class Scene:
    """A stream from a script, with everything around it."""

    stream: Stream
    reply: ScriptedReply
    noted: Noted
    clock: FakeClock

    async def all(self) -> list[str]:
        """Begin, and read to the end; a heartbeat is given as a dot."""
        await self.stream.begin()
        return [words_of(payload) if payload else "." async for payload in self.stream]

    def seconds(self) -> float:
        return self.clock.now() - START


async def scene(steps: Sequence[Step], split: EventSplitter | None = None, **timers: Any) -> Scene:
    time, noted = clock(), Noted()
    transport = ScriptedTransport([stream(steps)], time)
    reply = await transport.send(HttpRequest(url="http://a.test/v1", headers={}), connect=5)
    within = {"first": START + 30, "deadline": START + 600, "idle": 20.0, **timers}
    return Scene(
        Stream(
            reply,
            split or EventSplitter(),
            provider("a").decoder(request=ASKED, model="real", wall=0.0),
            time,
            Timers(**within),
            time.timer(),
            noted,
        ),
        reply,
        noted,
        time,
    )


ERROR = b'data: {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}\n\n'
PING = b": ping\n\n"


def every(seconds: float, piece: bytes, times: int) -> list[Step]:
    return [pause(seconds), piece] * times


async def test_a_whole_stream_gives_its_payloads_and_is_an_answer() -> None:
    told = await scene([ROLE, text("Hel"), text("lo"), STOP, DONE])
    assert await told.all() == ["", "Hel", "lo", ""]
    assert told.noted.word == "answered"
    await told.stream.close()
    assert told.reply.closed


async def test_payloads_are_the_vendors_bytes_without_line_breaks() -> None:
    told = await scene([b'data: {"choices": [{"delta":\r\ndata: {"content": "x"}}]}\r\n\r\n', STOP])
    await told.stream.begin()
    payload = await anext(told.stream)
    assert b"\n" not in payload
    assert b"\r" not in payload
    assert words_of(payload) == "x"


async def test_it_begins_when_the_first_content_is_there_and_no_sooner() -> None:
    told = await scene([PING, ROLE, pause(3), PING, chunk({}), pause(4), text("x"), pause(9), STOP])
    await told.stream.begin()
    assert told.seconds() == 7


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"tool_calls": [{"index": 0, "id": "t"}]},
        {"reasoning": "x"},
        {"reasoning_content": "x"},
        {"refusal": "x"},
        {"audio": {"id": "a"}},
    ],
)
async def test_every_part_of_an_answer_is_content(delta: dict[str, Any]) -> None:
    told = await scene([ROLE, pause(2), chunk(delta), pause(9), STOP])
    await told.stream.begin()
    assert told.seconds() == 2


@pytest.mark.parametrize(
    "before", [[], [ROLE], [PING], [ROLE, chunk({}), PING], [ROLE, pause(5)], [b"event: ping\n\n"]]
)
async def test_an_error_before_content_is_the_attempts_failure(before: list[Step]) -> None:
    told = await scene([*before, ERROR, text("never"), DONE])
    with pytest.raises(ProviderError) as raised:
        await told.stream.begin()
    assert raised.value.kind is K.RATE_LIMIT
    assert told.noted.words == []


async def test_an_error_in_the_same_piece_as_content_still_comes_before_the_client_saw_any() -> (
    None
):
    told = await scene([text("x") + ERROR])
    with pytest.raises(ProviderError, match="slow down"):
        await told.stream.begin()


@pytest.mark.parametrize(
    "steps",
    [[], [PING, PING], [DONE], [ROLE], [ROLE, DONE], [PING, DONE], [ROLE, PING, b"data: \n\n"]],
)
async def test_a_stream_that_says_nothing_is_no_answer(steps: list[Step]) -> None:
    told = await scene(steps)
    with pytest.raises(ProviderError) as raised:
        await told.stream.begin()
    assert raised.value.kind is K.BAD_ANSWER


@pytest.mark.parametrize("end", [[STOP, DONE], [STOP]])
async def test_an_answer_without_words_is_legal_if_it_says_why_it_ends(end: list[Step]) -> None:
    told = await scene([ROLE, *end])
    assert set(await told.all()) == {""}
    assert told.noted.word == "answered"


@pytest.mark.parametrize("end", [[STOP], [DONE], [STOP, cut()], [DONE, cut()], [STOP + DONE]])
async def test_a_finish_or_an_end_marker_makes_an_answer_whole(end: list[Step]) -> None:
    told = await scene([text("x"), *end])
    assert (await told.all())[0] == "x"
    assert told.noted.word == "answered"


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ([], "the vendor's answer ended before it was complete"),
        ([cut()], "the vendor's reply broke off"),
        ([fail(K.UNREACHABLE, "the connection to the vendor failed")], "the connection"),
        ([b'data: {"choices": [{"del'], "the vendor's answer ended before it was complete"),
        ([silence()], "the vendor fell silent in the middle of its answer"),
    ],
)
async def test_a_cut_stream_is_never_passed_off_as_whole(end: list[Step], message: str) -> None:
    told = await scene([text("Hel"), text("lo"), *end])
    await told.stream.begin()
    assert [words_of(await anext(told.stream)) for _ in range(2)] == ["Hel", "lo"]
    for _ in range(2):
        with pytest.raises(ProviderError, match=message) as raised:
            await anext(told.stream)
        assert (raised.value.kind, raised.value.code) == (K.STREAM_INCOMPLETE, "stream_incomplete")
    assert told.noted.word == K.STREAM_INCOMPLETE
    await told.stream.close()
    assert told.noted.word == K.STREAM_INCOMPLETE


async def test_one_cut_within_its_only_event_fails_before_the_client_saw_any() -> None:
    told = await scene([text("Hel").rstrip()])
    with pytest.raises(ProviderError) as raised:
        await told.stream.begin()
    assert raised.value.kind is K.STREAM_INCOMPLETE


async def test_the_last_event_needs_no_blank_line() -> None:
    told = await scene([text("x"), STOP.rstrip()])
    assert await told.all() == ["x", ""]
    assert told.noted.word == "answered"
    marked = await scene([text("x"), b"data: [DONE]"])
    assert await marked.all() == ["x"]


async def test_an_error_in_the_middle_is_told_after_what_came_before_it_and_nothing_later() -> None:
    told = await scene([text("Hel") + text("lo"), text("!") + ERROR + text("never") + DONE])
    await told.stream.begin()
    assert [words_of(await anext(told.stream)) for _ in range(3)] == ["Hel", "lo", "!"]
    with pytest.raises(ProviderError, match="slow down"):
        await anext(told.stream)
    assert told.noted.word == K.RATE_LIMIT


async def test_an_error_that_stands_bare_in_a_stream_is_told() -> None:
    told = await scene([text("x"), b'{\n"error": {"message": "slow", "status": 429}\n}\n'])
    await told.stream.begin()
    await anext(told.stream)
    with pytest.raises(ProviderError, match="slow"):
        await anext(told.stream)


async def test_nothing_behind_the_end_marker_is_given_or_waited_for() -> None:
    told = await scene([text("x"), STOP + DONE + text("never"), silence()])
    assert await told.all() == ["x", ""]
    assert told.seconds() == 0


async def test_an_event_that_is_too_large_breaks_the_stream_off() -> None:
    told = await scene([text("x"), b"data: " + b"x" * 3000], EventSplitter(max_event=1000))
    await told.stream.begin()
    await anext(told.stream)
    with pytest.raises(ProviderError, match="larger than 1000 bytes") as raised:
        await anext(told.stream)
    assert raised.value.kind is K.BAD_ANSWER


@pytest.mark.parametrize(
    "odd",
    [b"null", b"[]", b"7", b'"x"', b"{", b'{"choices": {}}x', b"[" * 100_000],
    ids=lambda odd: odd[:9].decode(),
)
async def test_what_is_no_chunk_is_a_bad_answer(odd: bytes) -> None:
    told = await scene([b"data: " + odd + b"\n\n", text("x"), STOP])
    with pytest.raises(ProviderError) as raised:
        await told.stream.begin()
    assert raised.value.kind is K.BAD_ANSWER


class Broken:
    """A connector's decoder which breaks on what it gets."""

    def feed(self, event: Any) -> list[Any]:
        raise AttributeError(event.data.decode())


async def test_a_connector_that_breaks_is_a_bad_answer_and_tells_nothing_of_the_content() -> None:
    told = await scene([text("secret words")])
    told.stream.decoder = Broken()
    with pytest.raises(ProviderError) as raised:
        await told.stream.begin()
    assert raised.value.kind is K.BAD_ANSWER
    assert str(raised.value) == "it was not understood: AttributeError"


async def test_usage_is_kept_wherever_in_the_stream_it_comes() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    told = await scene([text("x"), chunk(finish="stop", usage=usage), DONE])
    await told.all()
    assert told.stream.usage == Usage(prompt=3, completion=5)
    last = b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"
    behind = await scene([text("x"), STOP, last, DONE])
    await behind.stream.begin()
    # Nobody asked to see it.
    assert len([payload async for payload in behind.stream]) == 2
    assert behind.stream.usage == Usage(prompt=3, completion=5)


@pytest.mark.parametrize(
    ("steps", "raised", "after"),
    [
        ([silence()], TimeoutError, 30),
        ([ROLE, silence()], TimeoutError, 30),
        (every(10, PING, 9), TimeoutError, 30),
        ([pause(29.9), text("x")], None, 29.9),
        ([pause(30.1), text("x")], TimeoutError, 30),
    ],
)
async def test_the_first_content_must_be_there_in_time(
    steps: list[Step], raised: type[Exception] | None, after: float
) -> None:
    told = await scene(steps)
    if raised:
        with pytest.raises(raised):
            await told.stream.begin()
    else:
        await told.stream.begin()
    assert told.seconds() == pytest.approx(after)


async def test_a_slow_and_steady_stream_is_left_in_peace() -> None:
    told = await scene([text("x"), *every(19, text("y"), 20), STOP, DONE])
    assert (await told.all()).count("y") == 20
    assert told.seconds() == 380


@pytest.mark.parametrize(
    ("steps", "after"),
    [
        ([silence()], 20),
        ([pause(15), PING, pause(15), PING], 20),
        ([pause(15), text("y"), silence()], 35),
        ([pause(15), chunk({}), silence()], 35),
    ],
)
async def test_silence_between_two_pieces_ends_it_and_comments_are_silence(
    steps: list[Step], after: float
) -> None:
    told = await scene([text("x"), *steps])
    with pytest.raises(ProviderError, match="fell silent"):
        await told.all()
    assert told.seconds() == after


async def test_a_reader_that_takes_its_time_is_no_silence_of_the_vendor() -> None:
    told = await scene([text("x"), text("y"), pause(5), text("z"), STOP, DONE])
    await told.stream.begin()
    got = []
    async for payload in told.stream:
        got.append(words_of(payload))
        told.clock.advance(100)
    assert got == ["x", "y", "z", ""]
    assert told.noted.word == "answered"


@pytest.mark.parametrize(("deadline", "after"), [(50, 50), (12, 12)])
async def test_everything_must_be_there_by_the_deadline(deadline: float, after: float) -> None:
    told = await scene([text("x"), *every(7, text("y"), 20)], deadline=START + deadline)
    with pytest.raises(ProviderError, match="the time for the request ran out") as raised:
        await told.all()
    assert raised.value.kind is K.STREAM_INCOMPLETE
    assert told.seconds() == after


@pytest.mark.parametrize(
    ("gap", "beats"), [([pause(14)], 2), (every(3, PING, 4), 2), ([pause(4)], 0)]
)
async def test_a_silent_stream_beats_for_its_reader_whatever_comments_come(
    gap: list[Step], beats: int
) -> None:
    told = await scene([text("x"), *gap, text("y"), STOP], heartbeat=5.0)
    assert await told.all() == ["x", *["."] * beats, "y", ""]


async def test_heartbeats_do_not_keep_a_silent_vendor() -> None:
    told = await scene([text("x"), silence()], heartbeat=3.0)
    with pytest.raises(ProviderError, match="fell silent"):
        await told.all()
    assert told.seconds() == 20


async def test_a_reader_that_leaves_is_recorded_once_and_the_vendor_let_go() -> None:
    told = await scene([text("x"), text("y"), STOP])
    await told.stream.begin()
    await anext(told.stream)
    await told.stream.close()
    await told.stream.close()
    assert told.noted.word == "cancelled"
    assert told.reply.closed


@pytest.mark.parametrize("seen", [0, 1])
async def test_a_reader_that_leaves_before_the_end_left_whatever_it_has_seen(seen: int) -> None:
    told = await scene([text("x"), STOP, DONE])
    await told.stream.begin()
    for _ in range(seen):
        await anext(told.stream)
    await told.stream.close()
    assert told.noted.word == "cancelled"


async def test_a_reader_that_stops_at_the_finish_has_had_a_whole_answer() -> None:
    told = await scene([text("x"), STOP, silence()])
    await told.stream.begin()
    await anext(told.stream)
    await anext(told.stream)
    await told.stream.close()
    assert told.noted.word == "answered"


async def test_a_reader_that_is_cancelled_while_it_waits_can_still_close() -> None:
    told = await scene([text("x"), until(asyncio.Event())])
    await told.stream.begin()
    await anext(told.stream)
    waiting = asyncio.ensure_future(anext(told.stream))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert told.noted.words == []
    await told.stream.close()
    assert told.noted.word == "cancelled"
    assert told.reply.closed


async def read(told: Scene) -> bytes:
    timer = told.clock.timer()
    with timer.until(told.stream._timers.first):
        return await read_whole(told.reply, told.clock, told.stream._timers, timer)


async def whole(steps: Sequence[Step], **timers: Any) -> tuple[bytes, float]:
    told = await scene(steps, **timers)
    return await read(told), told.seconds()


async def test_a_plain_reply_is_read_to_its_end() -> None:
    assert await whole([b'{"a"', pause(19), b": 1", pause(19), b"}"]) == (b'{"a": 1}', 38)
    assert await whole([]) == (b"", 0)


@pytest.mark.parametrize(
    ("steps", "after"),
    [
        ([silence()], 30),
        ([pause(9), b" ", pause(9), b"\n", pause(9), b" ", silence()], 30),
        ([b"{", silence()], 20),
        ([pause(9), b"{", silence()], 29),
        ([b"{", *every(19, b" ", 90)], 600),
    ],
)
async def test_a_plain_reply_has_the_same_timers_and_white_space_is_no_answer(
    steps: list[Step], after: float
) -> None:
    told = await scene(steps)
    with pytest.raises(TimeoutError):
        await read(told)
    assert told.seconds() == after


async def test_a_plain_reply_that_is_cut_or_too_large_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TransportError, match="broke off"):
        await whole([b"{", cut()])
    monkeypatch.setattr("modelmesh.stream.MAX_WHOLE", 10)
    assert await whole([b"x" * 10]) == (b"x" * 10, 0)
    with pytest.raises(TransportError, match="too large"):
        await whole([b"x" * 6, b"x" * 5])
