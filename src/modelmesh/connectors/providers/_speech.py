"""Speech on OpenAI's wire. https://platform.openai.com/docs/api-reference/audio/createSpeech.

Audio comes as bytes or, with `stream_format: sse`, as events which hold it in base64. Clients get
whichever they asked for, whichever a vendor sends.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors.providers._errors import Sign, failure, failure_in_stream
from modelmesh.connectors.providers._parameters import asks_something
from modelmesh.connectors.providers._said import tells_of_failure
from modelmesh.connectors.providers._splice import spliced
from modelmesh.connectors.providers._usage import tokens_of
from modelmesh.connectors.providers._vendor import NONE, Call
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.json_text import dumps, loads
from modelmesh.stream import Piece
from modelmesh.types import Answer, Chunk, Event, HttpReply, Request, StreamDecoder

TYPES: Final[Mapping[str, str]] = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""OpenAI's formats, and what each is called in a `content-type`."""

UNKNOWN: Final = "application/octet-stream"

USUAL: Final = "mp3"
"""The format of who names none."""

_DELTA: Final = "speech.audio.delta"
_DONE: Final = "speech.audio.done"
_END: Final = b"[DONE]"


@frozen(kw_only=True)
class Speech:
    """How a vendor speaks.

    Attributes:
        path: where it is asked.
        refuses: parameters which it does not take.
        formats: those it makes, best first; empty: all of OpenAI's, and maybe others.
        voices: what it calls OpenAI's voices. Other names go to it as they are.
        eventless: how the names of models begin which send no events.
        signs: what failures look like here and nowhere else.

    """

    path: str = "/audio/speech"
    refuses: frozenset[str] = frozenset()
    formats: tuple[str, ...] = ()
    voices: Mapping[str, str] = NONE
    eventless: tuple[str, ...] = ()
    signs: tuple[Sign, ...] = ()

    def lacks(self, request: Request, model: str) -> frozenset[str]:  # noqa: ARG002 - as all have it
        return lacking(request.body, refuses=self.refuses, formats=self.formats)

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Call:
        body, changed = request.body, self._changed(request.body)
        without = drop | self.refuses
        if model.startswith(self.eventless):
            without |= {"stream_format"}
        raw = None if changed or not without.isdisjoint(body) else spliced(request.raw, model)
        if raw is None:
            kept = {name: value for name, value in body.items() if name not in without}
            raw = dumps({**kept, **changed, "model": model})
        return Call(path=self.path, body=raw)

    def answer(
        self,
        reply: HttpReply,
        *,
        request: Request,  # noqa: ARG002 - as all have it
        model: str,  # noqa: ARG002 - as all have it
        wall: float,
    ) -> Answer:
        """Raise ProviderError: what is read whole is no audio."""
        raise failure(reply, wall=wall, own=self.signs)

    def decoder(
        self,
        *,
        request: Request,
        model: str,  # noqa: ARG002 - as all have it
        wall: float,  # noqa: ARG002 - as all have it
    ) -> StreamDecoder:
        kind = TYPES.get(format_of(request.body, self.formats), UNKNOWN)
        return Decoder(events=request.stream, kind=kind, own=self.signs)

    def _changed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters which have to say something else."""
        changed = {}
        voice, made = body.get("voice"), format_of(body, self.formats)
        if isinstance(voice, str) and voice in self.voices:
            changed["voice"] = self.voices[voice]
        if self.formats and made != (body.get("response_format") or USUAL):
            changed["response_format"] = made
        return changed


def format_of(body: Mapping[str, Any], formats: Sequence[str] = ()) -> str:
    """Return the format of the audio that a vendor makes: what is asked for, or what it can."""
    asked = str(body.get("response_format") or USUAL)
    return asked if not formats or asked in formats else formats[0]


def lacking(
    body: Mapping[str, Any], *, refuses: Iterable[str], formats: Sequence[str]
) -> frozenset[str]:
    """Return the parameters which a vendor does not take.

    Who asks for no format takes what there is, and is told which it is.
    """
    lacks = {name for name in refuses if asks_something(name, body.get(name))}
    asked = body.get("response_format")
    if asked and formats and asked not in formats:
        lacks.add("response_format")
    return frozenset(lacks)


class Sound:
    """Decodes audio which arrives as bytes."""

    def __init__(self, *, events: bool, kind: str = "") -> None:
        """`events` are what the client wants it as, `kind` is its `content-type`, if known."""
        self._events = events
        self._kind = kind

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunk for a piece of audio, or for the end."""
        return [self.audio(event.data, self._kind) if event.data else self.end()]

    def audio(self, content: bytes, kind: str) -> Chunk:
        """Return the chunk for some audio, as the client wants it."""
        if self._events:
            told = {"type": _DELTA, "audio": base64.b64encode(content).decode()}
            return Chunk(payload=dumps(told), content=True)
        return Chunk(payload=content, content=True, content_type=kind)

    def end(self) -> Chunk:
        """Return the chunk for the end of what came as bytes. Nobody knows what it took."""
        return Chunk(payload=dumps({"type": _DONE}) if self._events else b"", finished=True)


class Decoder(Sound):
    """Decodes one stream of OpenAI's wire: bytes, whose kind the vendor tells, or events."""

    def __init__(self, *, events: bool, kind: str, own: Iterable[Sign] = ()) -> None:
        super().__init__(events=events)
        self._kind_in_events = kind
        self._own = own

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunks an event stands for; raise ProviderError for a failure."""
        if isinstance(event, Piece):
            return super().feed(event)
        payload = event.data.replace(b"\n", b" ").strip()
        if not payload:
            return ()
        if payload == _END:
            return (Chunk(finished=True),)
        body = self._read(event.name, payload)
        match body.get("type"):
            case "speech.audio.delta":
                return (self._delta(payload, body),)
            case "speech.audio.done":
                shown = payload if self._events else b""
                return (Chunk(payload=shown, finished=True, usage=tokens_of(body)),)
        return (Chunk(payload=payload),) if self._events else ()

    def _delta(self, payload: bytes, body: Mapping[str, Any]) -> Chunk:
        if self._events:
            return Chunk(payload=payload, content=bool(body.get("audio")))
        try:
            content = base64.b64decode(body.get("audio") or "", validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise ProviderError(ErrorKind.BAD_ANSWER, "the audio is no base64") from None
        return self.audio(content, self._kind_in_events)

    def _read(self, name: str, payload: bytes) -> Mapping[str, Any]:
        try:
            body = loads(payload)
        except (ValueError, RecursionError):
            body = None
        if name == "error" or (isinstance(body, dict) and tells_of_failure(body)):
            raise failure_in_stream(payload, own=self._own)
        if not isinstance(body, dict):
            raise ProviderError(ErrorKind.BAD_ANSWER, "the stream holds something that is no JSON")
        return body
