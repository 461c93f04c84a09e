"""The suite for providers judges each endpoint, and tells of every fault there."""

import base64
import json
import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from unittest import SkipTest

import pytest
from attrs import evolve, frozen
from recordings import OURS
from suites import failures

from modelmesh.connectors.providers.openai_compatible import Provider
from modelmesh.errors import ProviderError
from modelmesh.testing import ProviderConformance
from modelmesh.testing.conformance import answers, asked, replies
from modelmesh.types import Answer, Chunk, Event, HttpReply, Request

SHAPE: Final = "an_answer_is_in_openais_shape"
WORDS: Final = "an_answer_says_what_the_vendor_said"
PART: Final = "part_of_an_answer_is_a_failure"
ERROR: Final = "an_error_is_never_taken_for_an_answer"
NOTHING: Final = "what_is_no_answer_is_a_failure"
Change = Callable[[Answer, Request], Answer]


class Sound(Provider):
    """A vendor as it should be."""

    connector = "acme.api.v1"
    base_url = "https://api.acme.test/v1"


@frozen(kw_only=True)
class Fault:
    """What is broken at an endpoint, which test tells of it, and in which words."""

    vendor: type[Provider]
    words: str
    test: str = SHAPE


def at(endpoint: str, change: Change) -> type[Provider]:
    """Return a vendor that changes the answers at an endpoint."""

    class Changed(Sound):
        def answer(self, reply: HttpReply, *, request: Request, **more: Any) -> Any:
            made = super().answer(reply, request=request, **more)
            assert isinstance(made, Answer)
            return change(made, request) if request.endpoint == endpoint else made

    return Changed


def told(**changes: Any) -> Change:
    """Change fields of an answer in JSON; None: they are left out."""

    def change(answer: Answer, _: Request) -> Answer:
        body = answers.read(answer)
        new = {name: value for name, value in {**body, **changes}.items() if value is not None}
        return evolve(answer, body=json.dumps(new).encode()) if body else answer

    return change


def within(name: str, change: Callable[[list[Any]], Any]) -> Change:
    """Change a list of an answer in JSON."""

    def changed(answer: Answer, request: Request) -> Answer:
        made = answers.read(answer).get(name)
        return told(**{name: change(made)})(answer, request) if made else answer

    return changed


def plain(content: bytes, form: str) -> Change:
    """Say something else in a form that is no JSON."""
    return lambda answer, request: (
        evolve(answer, body=content) if request.body.get("response_format") == form else answer
    )


def each(**changes: Any) -> Callable[[list[Any]], Any]:
    return lambda made: [{**one, **changes} for one in made]


class Unasked(Sound):
    """It gives what is usual, whatever was asked for."""

    def answer(self, reply: HttpReply, *, request: Request, **more: Any) -> Any:
        form = {"encoding_format", "response_format"}
        body = {name: value for name, value in request.body.items() if name not in form}
        return super().answer(reply, request=evolve(request, body=body), **more)


def backwards(answer: Answer, request: Request) -> Answer:
    """Write numbers in base64 the highest byte first."""
    if request.body.get("encoding_format") != "base64":
        return answer
    turned = base64.b64encode(struct.pack(">3f", 0.5, -0.25, 0.125)).decode()
    return within("data", each(embedding=turned))(answer, request)


class Lenient(Sound):
    """It takes for an answer whatever is there instead of one."""

    def answer(self, reply: HttpReply, *, request: Request, **more: Any) -> Any:
        try:
            return super().answer(reply, request=request, **more)
        except ProviderError:
            if request.endpoint == "chat":
                raise
            return Answer(body=reply.body)


def hearing(change: Callable[[Any, Event], Any]) -> type[Provider]:
    """Return a vendor that hears sound otherwise: by what is sound, and an event."""

    class Decoder:
        def __init__(self, sound: Any) -> None:
            self.sound = sound

        def feed(self, event: Event) -> Any:
            return change(self.sound, event)

    class Changed(Sound):
        def decoder(self, *, request: Request, **more: Any) -> Any:
            return Decoder(super().decoder(request=request, **more))

    return Changed


def hasty(_: Any, event: Event) -> list[Chunk]:
    """Take any piece for the end."""
    return [Chunk(payload=event.data or b"-", content=True, finished=True)]


def mute(sound: Any, event: Event) -> list[Chunk]:
    """Lose the sound."""
    return [evolve(chunk, payload=b"") for chunk in sound.feed(event)]


def misnamed(sound: Any, event: Event) -> list[Chunk]:
    return [evolve(chunk, content_type="text/html") for chunk in sound.feed(event)]


def soundless(sound: Any, event: Event) -> list[Chunk]:
    """Give events which hold nothing."""
    return [
        evolve(chunk, payload=b'{"type": "speech.audio.delta", "audio": ""}')
        if b"delta" in chunk.payload
        else chunk
        for chunk in sound.feed(event)
    ]


class Eventless(Sound):
    """It gives bytes where events are wanted."""

    def decoder(self, *, request: Request, **more: Any) -> Any:
        body = {name: value for name, value in request.body.items() if name != "stream_format"}
        return super().decoder(request=evolve(request, body=body), **more)


def cue(line: str) -> bytes:
    return f"{line}\n00:00:00 to 00:00:02\nA lighthouse stands here.\n".encode()


EMBEDDINGS: Final = {
    "another object": (told(object="embeddings"), "object is 'embeddings'"),
    "no model": (told(model=None), "model is missing"),
    "another order": (within("data", lambda made: made[::-1]), "numbered from 0"),
    "one too few": (within("data", lambda made: made[1:]), "numbered from 0"),
    "no embeddings": (within("data", each(object="vector")), "is not 'embedding'"),
    "text": (within("data", each(embedding="?")), "not in the form"),
    "no numbers": (within("data", each(embedding=[None, True])), "not in the form"),
    "base64 that was cut": (
        within("data", each(embedding=base64.b64encode(b"\0\0\0").decode())),
        "not in the form",
    ),
    "lengths": (
        within("data", lambda made: [*made[1:], {**made[0], "embedding": [1.0]}]),
        "differ in length",
    ),
    "no usage": (told(usage=None), "usage.prompt_tokens is None"),
    "no count": (told(usage={"prompt_tokens": 2}), "usage.total_tokens is None"),
}
IMAGES: Final = {
    "no date": (told(created=None), "created is None"),
    "a date in words": (told(created="today"), "created is 'today'"),
    "none": (told(data=[]), "there are no images"),
    "hollow ones": (within("data", each(url=None, b64_json=None)), "neither a url"),
    "no base64": (within("data", each(b64_json="?!")), "neither a url"),
    "another usage": (told(usage={"prompt_tokens": 5}), "usage.input_tokens is None"),
}
TRANSCRIPTIONS: Final = {
    "no text": (told(text=None), "text is None"),
    "no language": (told(language=None), "language is None"),
    "no length": (told(duration="long"), "duration is 'long'"),
    "no segments": (told(segments=[]), "neither segments nor words"),
    "no times": (within("segments", each(start=None)), "a segment is from None"),
    "segments of nothing": (within("segments", each(text=None)), "a segment's text is None"),
    "JSON for text": (
        lambda answer, _: evolve(answer, content_type="application/json"),
        "it is 'application/json'",
    ),
    "subtitles without times": (plain(cue("1"), "srt"), "subtitle 1 begins with"),
    "subtitles counted from 0": (plain(b"0\n00:00:00,000 --> 00:00:02,500\nA", "srt"), "subtitle"),
    "no heading": (plain(b"1\n\n00:00:00.000 --> 00:00:02.500\nA", "vtt"), "it begins with"),
    "cues without times": (plain(b"WEBVTT\n\nA lighthouse", "vtt"), "there is no time"),
}
COUNTED: Final = {"prompt_tokens": 9, "input_tokens": 9, "total_tokens": 9}
FAULTS: Final[Mapping[str, Fault]] = {
    **{
        f"{endpoint}: {name}": Fault(vendor=at(endpoint, change), words=words)
        for endpoint, faults in (
            ("embeddings", EMBEDDINGS),
            ("images", IMAGES),
            ("transcriptions", TRANSCRIPTIONS),
        )
        for name, (change, words) in faults.items()
    },
    **{
        f"{endpoint}: other counts": Fault(
            vendor=at(endpoint, told(usage=COUNTED)), words="the client is told of 9", test=WORDS
        )
        for endpoint in ("embeddings", "images", "transcriptions")
    },
    "embeddings: other numbers": Fault(
        vendor=at("embeddings", backwards), words="the numbers are others", test=WORDS
    ),
    "embeddings: not as asked": Fault(vendor=Unasked, words="not in the form"),
    "transcriptions: other words": Fault(
        vendor=at("transcriptions", told(text="A pier.")), words="A pier.", test=WORDS
    ),
    "speech: bytes for events": Fault(vendor=Eventless, words="it is no sound in events"),
    "speech: no sound": Fault(vendor=hearing(mute), words="there is no sound"),
    "speech: no sound in events": Fault(vendor=hearing(soundless), words="there is no sound"),
    "speech: a page": Fault(vendor=hearing(misnamed), words="it is 'text/html'"),
    "speech: cut": Fault(vendor=hearing(hasty), words="speech: it is taken", test=PART),
    "any: a part": Fault(vendor=Lenient, words="it is taken for an answer", test=PART),
    "any: an error": Fault(vendor=Lenient, words="embeddings: it is taken", test=ERROR),
    "any: nonsense": Fault(vendor=Lenient, words="embeddings: it is taken", test=NOTHING),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OURS / "openai_compatible", tmp_path / "replies"))


def suite(vendor: type[Provider], folder: Path) -> type[Any]:
    return type("Suite", (ProviderConformance,), {"provider": vendor("acme"), "replies": folder})


def test_a_sound_vendor_has_nothing_to_mend_at_any_endpoint(folder: Path, tmp_path: Path) -> None:
    assert set(Sound("acme").endpoints) == set(asked.FORMS)
    assert failures(suite(Sound, folder), tmp_path) == {}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_an_endpoint_is_told(name: str, folder: Path, tmp_path: Path) -> None:
    fault = FAULTS[name]
    assert fault.words in failures(suite(fault.vendor, folder), tmp_path, fault.test)[fault.test]


def test_an_endpoint_without_replies_is_skipped_and_told(folder: Path) -> None:
    for file in folder.glob("embeddings*"):
        file.unlink()
    with pytest.raises(SkipTest, match=r"has no embeddings\*\.json.*is not judged"):
        suite(Sound, folder)().test_there_is_a_reply_of_every_sort("embeddings")


def test_a_reply_that_is_of_no_known_kind_is_named(folder: Path) -> None:
    (folder / "speech.ram").write_bytes(b".ra")
    with pytest.raises(ValueError, match=r"speech\.ram: nothing ends in '\.ram'"):
        replies.read(folder, "speech")
