"""Speech on OpenAI's wire. https://platform.openai.com/docs/api-reference/audio/createSpeech.

Audio comes as bytes or, with `stream_format: sse`, as events which hold it in base64. Clients get
whichever they asked for, whichever a vendor sends. Mistral calls the sound `audio_data`.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._parameters import asks_something
from modelmesh.connectors.providers._splice import spliced
from modelmesh.connectors.providers._stream import told_in
from modelmesh.connectors.providers._usage import token_counts, tokens_of, usage_of
from modelmesh.connectors.providers._vendor import NONE, Draft
from modelmesh.errors import bad_answer
from modelmesh.json_text import dumps
from modelmesh.shape import SO_LONG
from modelmesh.stream import Piece
from modelmesh.types import Chunk, Event, HttpReply, Request, StreamDecoder
from modelmesh.usage import Usage

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
_COUNTED: Final = "input_tokens"
_END: Final = b"[DONE]"


@frozen(kw_only=True)
class Speaker:
    """A vendor's way to speak, but for the words it is asked in.

    Attributes:
        path: where it is asked.
        refuses: parameters which it does not take.
        formats: those it makes, best first; empty: all of OpenAI's, and maybe others.
        voices: what it calls OpenAI's voices, and its own where it is asked for them otherwise, by
            how the names of models begin. Other voices go to it as they are.
        speeds: the slowest and the fastest it speaks.
        longest: characters of a text.

    """

    path: str = "/audio/speech"
    refuses: frozenset[str] = frozenset()
    formats: tuple[str, ...] = ()
    voices: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    speeds: tuple[float, float] = (0.0, inf)
    longest: int | None = None

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return the parameters which it does not take.

        Who asks for no format takes what there is, and is told which that is.
        """
        body = request.body
        lacks = {name for name in self.refuses if asks_something(name, body.get(name))}
        if body.get("response_format") and self.format_of(body) != body["response_format"]:
            lacks.add("response_format")
        if self.speed_of(body) is None and asks_something("speed", body.get("speed")):
            lacks.add("speed")
        if self.longest is not None and len(str(body.get("input"))) > self.longest:
            lacks.add(SO_LONG)
        return frozenset(lacks)

    def answer(self, reply: HttpReply, *, request: Request, model: str, wall: float) -> None:
        """Return None: what is read whole is no sound."""

    def decoder(
        self, *, request: Request, model: str, wall: float, signs: Sequence[Sign]
    ) -> StreamDecoder:
        """Return the decoder of sound that comes as bytes."""
        return Sound(events=request.stream, kind=self.kind_of(request.body))

    def format_of(self, body: Mapping[str, Any]) -> str:
        """Return the format it is asked for: the client's, or the best it has."""
        asked = str(body.get("response_format") or USUAL)
        return asked if not self.formats or asked in self.formats else self.formats[0]

    def kind_of(self, body: Mapping[str, Any]) -> str:
        """Return the `content-type` of what it is asked for."""
        return TYPES.get(self.format_of(body), UNKNOWN)

    def voice_of(self, body: Mapping[str, Any], model: str) -> str | None:
        """Return what it calls the voice that is asked for; OpenAI's own may be `{"id": name}`."""
        voice = body.get("voice")
        name = voice.get("id") if isinstance(voice, Mapping) else voice
        if not isinstance(name, str) or not name:
            return None
        tables = (voices for start, voices in self.voices.items() if model.startswith(start))
        return next(tables, NONE).get(name, name)

    def speed_of(self, body: Mapping[str, Any]) -> float | None:
        """Return how fast it is to speak; None for its usual pace, or one it does not have."""
        speed = body.get("speed")
        slowest, fastest = self.speeds
        if isinstance(speed, bool) or not isinstance(speed, int | float):
            return None
        return speed if slowest <= speed <= fastest else None


@frozen(kw_only=True)
class Speech(Speaker):
    """OpenAI's own wire, and how a vendor's differs from it.

    Attributes:
        usual: the format it makes where none is named.
        asking: what it is told for a format where that is more than its name.
        eventless: how the names of models begin which send no events.

    """

    usual: str = USUAL
    asking: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    eventless: tuple[str, ...] = ()

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Return the request's own bytes where nothing has to change."""
        body, changed = request.body, self._changed(request.body, model)
        without = drop | self.refuses | {name for name in body if body[name] is None}
        if model.startswith(self.eventless):
            without |= {"stream_format"}
        raw = None if changed or not without.isdisjoint(body) else spliced(request.raw, model)
        if raw is None:
            kept = {name: value for name, value in body.items() if name not in without}
            raw = dumps({**kept, **changed, "model": model})
        return Draft(path=self.path, body=raw)

    def decoder(
        self, *, request: Request, model: str, wall: float, signs: Sequence[Sign]
    ) -> StreamDecoder:
        """Return the decoder of sound that comes as bytes or in events."""
        return Decoder(events=request.stream, kind=self.kind_of(request.body), signs=signs)

    def _changed(self, body: Mapping[str, Any], model: str) -> dict[str, Any]:
        """Return the parameters which have to say something else."""
        changed = {}
        voice, made = self.voice_of(body, model), self.format_of(body)
        if isinstance(body.get("voice"), str) and voice != body["voice"]:
            changed["voice"] = voice
        if made in self.asking:
            changed.update(self.asking[made])
        elif made != (body.get("response_format") or self.usual):
            changed["response_format"] = made
        return changed


class Sound:
    """Decodes sound which arrives as bytes. Without any it is no answer."""

    def __init__(self, *, events: bool, kind: str = "") -> None:
        """`events` are what the client wants it as, `kind` is its `content-type`, if known."""
        self._events = events
        self._kind = kind
        self._heard = False

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunk for a piece of sound, or for the end."""
        return [self.sound(event.data, self._kind) if event.data else self.end()]

    def sound(self, content: bytes, kind: str) -> Chunk:
        """Return the chunk for some sound, as the client wants it."""
        self._heard = self._heard or bool(content)
        if self._events:
            told = {"type": _DELTA, "audio": base64.b64encode(content).decode()}
            return Chunk(payload=dumps(told), content=bool(content))
        return Chunk(payload=content, content=bool(content), content_type=kind)

    def end(self, usage: Usage | None = None, payload: bytes = b"") -> Chunk:
        """Return the chunk for the end, which `payload` tells of where that is an event."""
        if not self._heard:
            raise bad_answer("no sound")
        if not self._events:
            return Chunk(finished=True, usage=usage)
        return Chunk(payload=payload or dumps(_done(usage)), finished=True, usage=usage)


def _done(usage: Usage | None) -> Mapping[str, Any]:
    """Return the event of the end. Who does not know what it took does not say."""
    if usage is None:
        return {"type": _DONE}
    return {"type": _DONE, "usage": token_counts(usage)}


def _is_openais(done: Mapping[str, Any]) -> bool:
    """Whether an event of the end is as OpenAI sends it."""
    usage = done.get("usage")
    return "type" in done and (usage is None or (isinstance(usage, dict) and _COUNTED in usage))


class Decoder(Sound):
    """Decodes one stream of OpenAI's wire: bytes, whose kind the vendor tells, or events."""

    def __init__(self, *, events: bool, kind: str, signs: Iterable[Sign] = ()) -> None:
        super().__init__(events=events)
        self._kind_in_events = kind
        self._signs = signs

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunks an event stands for; raise ProviderError for a failure."""
        if isinstance(event, Piece):
            return super().feed(event)
        payload = event.data.replace(b"\n", b" ").strip()
        if not payload:
            return ()
        if payload == _END:
            return (Chunk(finished=self._heard),)
        body = told_in(event.name, payload, self._signs)
        kind = body.get("type") or event.name
        if kind == _DELTA:
            return (self._delta(payload, body),)
        if kind == _DONE:
            usage = tokens_of(body) or usage_of(body)
            return (self.end(usage, payload if _is_openais(body) else b""),)
        return (Chunk(payload=payload),) if self._events else ()

    def _delta(self, payload: bytes, body: Mapping[str, Any]) -> Chunk:
        sound = body.get("audio") or body.get("audio_data")
        if self._events and "type" in body and "audio" in body:
            self._heard = self._heard or bool(sound)
            return Chunk(payload=payload, content=bool(sound))
        return self.sound(decoded(sound or ""), self._kind_in_events)


def decoded(text: Any) -> bytes:
    """Return the sound in base64. Raises ProviderError where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise bad_answer("sound that is no base64") from None
