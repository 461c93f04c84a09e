"""What the clients have beside chat, told of both, on a real mesh whose sockets are scripted."""

import base64
import io
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene import target
from stories import Awaiting, Blocking, Story

from modelmesh import MeshError, RequestError, RoutingError
from modelmesh.clock import SystemClock
from modelmesh.reply import Reply
from modelmesh.resources.arriving import Arriving
from modelmesh.resources.audio import AudioBytes, Cutter
from modelmesh.testing import transport as script
from modelmesh.testing.transport import Scripted, ScriptedTransport
from modelmesh.types import Answer, HttpRequest

VECTORS = [[0.5, -1.0], [0.25, 2.0]]
PIECES = [b"ID3 first", b"second", b"third"]
SRT = "1\n00:00:00,000 --> 00:00:01,000\nHello!\n"
HEARD: dict[str, Any] = {
    "json": {"text": "Hello!", "usage": {"type": "duration", "seconds": 1}},
    "verbose_json": {"text": "Hello!", "language": "english", "duration": 1.0, "words": []},
    "diarized_json": {"text": "Hello!", "task": "transcribe", "duration": 1.0, "segments": []},
    "text": b"Hello!\n",
    "srt": SRT.encode(),
    "vtt": b"WEBVTT\n\n",
}
SPOKEN_EVENTS = [
    {"type": "transcript.text.delta", "delta": "Hel"},
    {"type": "transcript.text.delta", "delta": "lo!"},
    {"type": "transcript.text.done", "text": "Hello!"},
]
DRAWN_EVENTS = [
    {"type": "image_generation.partial_image", "b64_json": "AA==", "partial_image_index": 0},
    {"type": "image_generation.completed", "b64_json": "AQ=="},
]
ABLE = ["text-embeddings", "text-to-speech", "speech-to-text", "text-to-image"]
CONFIG: dict[str, Any] = {
    "providers": {
        "a": {"connector": "openai-compatible", "base_url": "http://127.0.0.1:1/v1"},
        "b": {"connector": "openai-compatible", "base_url": "http://127.0.0.1:2/v1"},
    },
    "models": {
        "down": {"provider": "a", "capabilities": ABLE, "embedding_space": "one"},
        "up": {"provider": "b", "capabilities": ABLE, "embedding_space": "one"},
        "stalled": {"provider": "b", "capabilities": ABLE},
        "broken": {"provider": "b", "capabilities": ABLE},
        "embedder": {"provider": "b", "capabilities": ["text-embeddings"]},
        "talker": {"provider": "b", "capabilities": ["chat-completion"]},
    },
    "pools": {
        "all": {"models": ["up"]},
        "two": {"models": ["down", "up"]},
        "dead": {"models": ["down"], "retry": {"max_attempts": 1}},
        "stalled": {"models": ["stalled"]},
        "broken": {"models": ["broken"]},
        "embeddings": {"models": ["embedder", "talker"], "capability": "embeddings"},
    },
    "proxy": {"forward_headers": ["x-team"]},
}


def _answer(request: HttpRequest) -> Scripted:
    """Answer as the path and the model's name say."""
    if _field(request, "model") == "down":
        return script.reply(503, {"error": {"message": "We are down."}})
    return _ANSWERS[request.url.partition("/v1")[2]](request)


def _embeddings(request: HttpRequest) -> Scripted:
    asked = json.loads(request.body)
    packed = [base64.b64encode(struct.pack("<2f", *vector)).decode() for vector in VECTORS]
    vectors = VECTORS if asked.get("encoding_format") == "float" else packed
    rows = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(vectors)]
    rows = rows if isinstance(asked["input"], list) else rows[:1]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    told = {"object": "list", "data": rows, "model": asked["model"], "usage": usage}
    return script.reply(body=told)


def _speech(request: HttpRequest) -> Scripted:
    rest: dict[str, list[script.Step]] = {
        "up": [*PIECES[1:]],
        "stalled": [script.silence()],
        "broken": [script.cut()],
    }
    steps = [PIECES[0], *rest[json.loads(request.body)["model"]]]
    return script.stream(steps, headers={"content-type": "audio/mpeg"})


def _transcriptions(request: HttpRequest) -> Scripted:
    if _field(request, "stream") == "true":
        return _events(SPOKEN_EVENTS)
    asked = _field(request, "response_format") or "json"
    kind = "application/json" if asked.endswith("json") else "text/plain"
    return script.reply(body=HEARD[asked], headers={"content-type": kind})


def _images(request: HttpRequest) -> Scripted:
    if json.loads(request.body).get("stream"):
        return _events(DRAWN_EVENTS)
    return script.reply(body={"created": 1, "data": [{"b64_json": "AQ=="}]})


def _events(events: Sequence[object]) -> Scripted:
    return script.stream([b"data: " + json.dumps(event).encode() + b"\n\n" for event in events])


_ANSWERS: dict[str, Callable[[HttpRequest], Scripted]] = {
    "/embeddings": _embeddings,
    "/audio/speech": _speech,
    "/audio/transcriptions": _transcriptions,
    "/images/generations": _images,
}


def _field(request: HttpRequest, name: str) -> Any:
    """Return a field of JSON or of a form."""
    if request.headers["content-type"] == "application/json":
        return json.loads(request.body).get(name)
    _, found, rest = request.body.partition(f'name="{name}"\r\n\r\n'.encode())
    return rest.partition(b"\r\n--")[0].decode() if found else None


@pytest.fixture
def vendor() -> ScriptedTransport:
    return ScriptedTransport(_answer, SystemClock())


@pytest.fixture(params=[Blocking, Awaiting], ids=["sync", "async"])
def story(request: pytest.FixtureRequest, vendor: ScriptedTransport) -> Iterator[Story]:
    telling: Story = request.param(CONFIG, vendor, "all")
    yield telling
    telling.end()


Ask = Callable[..., Callable[[Any], Any]]


def _embed(**parameters: Any) -> Callable[[Any], Any]:
    return lambda client: client.embeddings.create(**{"input": ["a", "b"], **parameters})


def _speak(**parameters: Any) -> Callable[[Any], Any]:
    asked = {"input": "Hello!", "voice": "alloy", **parameters}
    return lambda client: client.audio.speech.create(**asked)


def _speaking(**parameters: Any) -> Callable[[Any], Any]:
    asked = {"input": "Hello!", "voice": "alloy", **parameters}
    return lambda client: client.audio.speech.with_streaming_response.create(**asked)


def _hear(**parameters: Any) -> Callable[[Any], Any]:
    return lambda client: client.audio.transcriptions.create(**{"file": b"RIFF", **parameters})


def _draw(**parameters: Any) -> Callable[[Any], Any]:
    return lambda client: client.images.generate(**{"prompt": "a cat", **parameters})


EVERY = pytest.mark.parametrize(
    "ask", [_embed, _speak, _hear, _draw], ids=["embeddings", "speech", "transcriptions", "images"]
)


@EVERY
def test_the_next_target_answers_where_the_first_is_down(
    story: Story, vendor: ScriptedTransport, ask: Ask
) -> None:
    story.do(ask(model="two"))

    assert [_field(request, "model") for request in vendor.requests] == ["down", "up"]
    assert vendor.open == 0


@EVERY
def test_where_nobody_answers_the_error_names_each_attempt(story: Story, ask: Ask) -> None:
    with pytest.raises(RoutingError) as failed:
        story.do(ask(model="dead"))

    assert [attempt.target for attempt in failed.value.attempts] == ["a/down"]
    assert failed.value.status == 503


@EVERY
def test_extra_arguments_are_as_for_a_chat(
    story: Story, vendor: ScriptedTransport, ask: Ask
) -> None:
    story.do(ask(extra_headers={"X-Team": "search"}, extra_body={"vendors_own": "x"}))

    assert vendor.requests[0].headers["x-team"] == "search"
    assert _field(vendor.requests[0], "vendors_own") == "x"
    assert _field(vendor.requests[0], "model") == "up"
    with pytest.raises(RequestError, match="timeout must be a number of seconds"):
        story.do(ask(timeout=-1))


@EVERY
def test_a_model_that_does_not_exist_is_an_error(story: Story, ask: Ask) -> None:
    with pytest.raises(RequestError, match="'alll' does not exist; did you mean 'all'"):
        story.do(ask(model="alll"))


@EVERY
def test_a_closed_client_says_so(story: Story, ask: Ask) -> None:
    story.do(lambda client: client.close())

    with pytest.raises(RuntimeError, match="the client is closed"):
        story.do(ask())


@pytest.mark.parametrize(
    ("call", "param"),
    [
        (_embed(input=7), "input"),
        (_embed(input=[]), "input"),
        (_speak(input=""), "input"),
        (_draw(prompt=None), "prompt"),
    ],
    ids=["embed-number", "embed-nothing", "speak-nothing", "draw-nothing"],
)
def test_what_makes_no_sense_is_sent_to_nobody(
    story: Story, vendor: ScriptedTransport, call: Callable[[Any], Any], param: str
) -> None:
    with pytest.raises(RequestError) as refused:
        story.do(call)

    assert refused.value.param == param
    assert vendor.requests == []


def test_embeddings_are_floats_in_the_order_of_the_texts(story: Story) -> None:
    answer = story.do(_embed())

    assert [row.embedding for row in answer.data] == VECTORS
    assert [row.index for row in answer.data] == [0, 1]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 3
    assert answer.model == "up"


def test_embeddings_asked_for_in_base64_stay_so(story: Story) -> None:
    answer = story.do(_embed(input="a", encoding_format="base64"))

    assert struct.unpack("<2f", base64.b64decode(answer.data[0].embedding)) == tuple(VECTORS[0])


def test_tokens_are_embedded_as_well(story: Story, vendor: ScriptedTransport) -> None:
    story.do(_embed(input=iter([range(1, 3), (3,)]), dimensions=2))

    asked = {"input": [[1, 2], [3]], "dimensions": 2, "model": "up"}
    assert json.loads(vendor.requests[0].body) == asked


def test_speech_is_there_whole_with_its_kind(story: Story, vendor: ScriptedTransport) -> None:
    audio = story.do(_speak(response_format="mp3", speed=1.5))

    assert audio.content == audio.read() == b"".join(PIECES)
    assert audio.content_type == "audio/mpeg"
    assert list(audio.iter_bytes()) == [audio.content]
    assert vendor.open == 0
    assert json.loads(vendor.requests[0].body) == {
        "input": "Hello!",
        "voice": "alloy",
        "model": "up",
        "response_format": "mp3",
        "speed": 1.5,
    }


async def test_speech_is_written_and_given_in_pieces(tmp_path: Path) -> None:
    audio = AudioBytes(b"0123456789", "audio/mpeg")
    audio.write_to_file(tmp_path / "written")
    audio.stream_to_file(str(tmp_path / "streamed"), chunk_size=4)
    await audio.astream_to_file(tmp_path / "awaited")

    for name in ("written", "streamed", "awaited"):
        assert (tmp_path / name).read_bytes() == audio.content
    assert list(audio.iter_bytes(4)) == [b"0123", b"4567", b"89"]
    assert [piece async for piece in await audio.aiter_bytes(4)] == [b"0123", b"4567", b"89"]
    assert await audio.aread() == audio.content
    audio.close()
    await audio.aclose()
    assert repr(audio) == "AudioBytes(content=10 bytes, content_type='audio/mpeg')"


def test_speech_arrives_in_pieces(story: Story, vendor: ScriptedTransport) -> None:
    assert vendor.requests == []
    assert story.within(story.do(_speaking()), lambda audio: audio.iter_bytes()) == PIECES
    assert story.within(story.do(_speaking()), lambda audio: audio.read()) == b"".join(PIECES)
    assert story.within(story.do(_speaking()), lambda audio: audio.content_type) == "audio/mpeg"
    cut = story.within(story.do(_speaking()), lambda audio: audio.iter_bytes(8))
    assert cut == [b"ID3 firs", b"tsecondt", b"hird"]
    assert vendor.open == 0


async def test_speech_that_a_vendor_gave_whole_is_one_piece() -> None:
    whole = Answer(body=b"RIFF", content_type="audio/wav")
    arriving = Arriving(Reply(target=target("a/m"), attempts=(), answer=whole))

    assert arriving.content_type == "audio/wav"
    assert [piece async for piece in arriving] == [b"RIFF"]
    await arriving.close()


def test_speech_is_written_as_it_arrives(story: Story, tmp_path: Path) -> None:
    file = tmp_path / "hello.mp3"

    story.within(story.do(_speaking()), lambda audio: audio.stream_to_file(file))

    assert file.read_bytes() == b"".join(PIECES)


def test_the_first_piece_of_speech_is_there_before_the_last(
    story: Story, vendor: ScriptedTransport
) -> None:
    def first(audio: Any) -> Any:
        pieces = audio.iter_bytes()
        return next(pieces) if isinstance(pieces, Iterator) else anext(pieces)

    assert story.within(story.do(_speaking(model="stalled")), first) == PIECES[0]
    assert vendor.open == 0


def test_closing_speech_ends_it(story: Story, vendor: ScriptedTransport) -> None:
    def close(audio: Any) -> Any:
        return audio.close()

    story.within(story.do(_speaking(model="stalled")), close)

    assert vendor.open == 0


def test_speech_that_breaks_off_raises(story: Story, vendor: ScriptedTransport) -> None:
    with pytest.raises(MeshError) as broken:
        story.within(story.do(_speaking(model="broken")), lambda audio: audio.iter_bytes())
    assert broken.value.code == "stream_incomplete"
    with pytest.raises(MeshError):
        story.do(_speak(model="broken"))
    assert vendor.open == 0


def test_speech_asked_for_as_events_is_their_bytes(story: Story) -> None:
    audio = story.do(_speak(stream_format="sse"))

    events = [json.loads(event[6:]) for event in audio.content.split(b"\n\n")[:-1]]
    said = [base64.b64decode(event["audio"]) for event in events[:-1]]
    assert b"".join(said) == b"".join(PIECES)
    assert events[-1]["type"] == "speech.audio.done"


@given(st.lists(st.binary()), st.none() | st.integers(1, 9))
def test_cut_into_pieces_no_byte_is_lost(arriving: list[bytes], size: int | None) -> None:
    cutter = Cutter(size)
    pieces = [cut for piece in arriving for cut in cutter.feed(piece)]
    pieces += cutter.end()

    assert b"".join(pieces) == b"".join(arriving)
    assert all(pieces)
    if size is not None:
        assert {len(piece) for piece in pieces[:-1]} <= {size}
        assert all(len(piece) <= size for piece in pieces[-1:])


@pytest.mark.parametrize("asked", ["json", "verbose_json", "diarized_json"])
def test_a_transcript_is_read_by_attributes(story: Story, asked: str) -> None:
    heard = story.do(_hear(response_format=asked))

    assert heard.text == "Hello!"
    assert HEARD[asked].items() <= heard.to_dict().items()
    assert heard.usage is None or heard.usage.seconds == 1


@pytest.mark.parametrize("asked", ["text", "srt", "vtt"])
def test_a_transcript_that_is_a_text_is_a_str(story: Story, asked: str) -> None:
    assert story.do(_hear(response_format=asked)) == HEARD[asked].decode()


def test_a_transcript_arrives_as_events(story: Story, vendor: ScriptedTransport) -> None:
    events = story.read(story.do(_hear(stream=True)))

    assert [event.type for event in events] == [event["type"] for event in SPOKEN_EVENTS]
    assert "".join(event.delta or "" for event in events) == "Hello!"
    assert events[-1].text == "Hello!"
    assert vendor.open == 0


def test_what_is_said_of_a_file_goes_into_the_form(story: Story, vendor: ScriptedTransport) -> None:
    story.do(
        _hear(
            language="en",
            temperature=0,
            timestamp_granularities=["word", "segment"],
            chunking_strategy={"type": "server_vad", "threshold": 0.5},
            prompt=None,
        )
    )

    (request,) = vendor.requests
    assert _field(request, "language") == "en"
    assert _field(request, "temperature") == "0"
    assert _field(request, "prompt") is None
    assert _field(request, "chunking_strategy[type]") == "server_vad"
    assert request.body.count(b'name="timestamp_granularities[]"') == 2


CONTENT = bytes(range(256))


def _opened(folder: Path) -> Any:
    return (folder / "hello.wav").open("rb")


def _read_to_its_end(_: Path) -> Any:
    file = io.BytesIO()
    file.write(CONTENT)
    return file


FILES: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "open-file": (_opened, "hello.wav", "audio/x-wav"),
    "path": (lambda folder: folder / "hello.wav", "hello.wav", "audio/x-wav"),
    "bytes": (lambda _: CONTENT, "upload", "application/octet-stream"),
    "bytearray": (lambda _: bytearray(CONTENT), "upload", "application/octet-stream"),
    "written-to": (_read_to_its_end, "upload", "application/octet-stream"),
    "name": (lambda _: ("a.mp3", CONTENT), "a.mp3", "audio/mpeg"),
    "no-name": (lambda _: (None, CONTENT), "upload", "application/octet-stream"),
    "no-type": (lambda _: ("a.mp3", CONTENT, None), "a.mp3", "audio/mpeg"),
    "type": (lambda _: ("a", CONTENT, "audio/ogg"), "a", "audio/ogg"),
    "path-in-tuple": (lambda folder: ("a", folder / "hello.wav", "audio/ogg"), "a", "audio/ogg"),
    "file-in-tuple": (lambda folder: ("a.mp3", _opened(folder)), "a.mp3", "audio/mpeg"),
}


@pytest.mark.parametrize("way", FILES)
def test_a_file_is_taken_as_openais_library_takes_it(
    story: Story, vendor: ScriptedTransport, tmp_path: Path, way: str
) -> None:
    (tmp_path / "hello.wav").write_bytes(CONTENT)
    make, name, kind = FILES[way]
    file = make(tmp_path)

    story.do(_hear(file=file))

    head = f'filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'.encode()
    assert head + CONTENT + b"\r\n--" in vendor.requests[0].body
    for opened in file if isinstance(file, tuple) else (file,):
        if hasattr(opened, "close"):
            assert not opened.closed
            opened.close()


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("hello.wav", "not str"),
        (None, "not NoneType"),
        (("hello.wav",), "not tuple"),
        (("hello.wav", "text"), "not str"),
        (io.StringIO("text"), "must be opened in binary mode"),
    ],
    ids=["str", "none", "short-tuple", "str-in-tuple", "text-file"],
)
def test_what_is_no_file_is_told_so(
    story: Story, vendor: ScriptedTransport, file: Any, told: str
) -> None:
    with pytest.raises(RequestError, match=told) as refused:
        story.do(_hear(file=file))

    assert refused.value.param == "file"
    assert vendor.requests == []


def test_a_file_that_is_not_there_is_an_error_of_the_system(story: Story, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        story.do(_hear(file=tmp_path / "missing.wav"))


def test_images_are_read_by_attributes(story: Story, vendor: ScriptedTransport) -> None:
    made = story.do(_draw(size="1024x1024", n=1))

    assert made.data[0].b64_json == "AQ=="
    assert made.data[0].url is None
    assert json.loads(vendor.requests[0].body) == {
        "prompt": "a cat",
        "size": "1024x1024",
        "n": 1,
        "model": "up",
    }


def test_images_arrive_after_their_sketches(story: Story, vendor: ScriptedTransport) -> None:
    events = story.read(story.do(_draw(stream=True, partial_images=1)))

    assert [event.b64_json for event in events] == ["AA==", "AQ=="]
    assert events[-1].type == "image_generation.completed"
    assert vendor.open == 0


def test_a_request_is_explained_for_the_endpoint_its_pool_is_for(
    story: Story, vendor: ScriptedTransport
) -> None:
    def reasons(*endpoint: str, **parameters: Any) -> list[str | None]:
        told = story.do(lambda client: client.explain(*endpoint, **parameters))
        return [row["reason"] for row in told["targets"]]

    served, misfit, *_ = reasons(model="embeddings", input="a")
    assert served is None
    assert misfit == "it cannot embed; it is for chat-completion"
    served, misfit, *_ = reasons("chat", model="embeddings")
    assert served == "it cannot chat; it is for text-embeddings"
    assert misfit is None
    for endpoint in ("embeddings", "speech", "transcriptions", "images"):
        assert reasons(endpoint, model="all") == [None]
    assert vendor.requests == []
