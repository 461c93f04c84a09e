"""Speech by Gemini. https://ai.google.dev/gemini-api/docs/speech-generation.

It is asked as in a chat, and sends samples: 16 bits, little endian, mono. As a wav file they get
a head which does not say how many there are, since nobody knows yet; OpenAI's has none either.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._speech import TYPES, Sound, Speaker, decoded
from modelmesh.connectors.providers._vendor import Draft
from modelmesh.connectors.providers._voices import cast
from modelmesh.connectors.providers.gemini.reply import (
    ENDINGS,
    FILTERED,
    candidates_of,
    is_blocked,
    told_in,
    usage_of,
)
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.json_text import dumps
from modelmesh.types import Chunk, Event, Request, StreamDecoder

_RATE: Final = re.compile(r"\brate=(\d{4,6})\b")
_USUAL_RATE: Final = 24_000
_UNKNOWN: Final = 0xFFFFFFFF
"""For a length in the head of a file, as who writes one before its end does."""


@frozen(kw_only=True)
class GeminiSpeech(Speaker):
    """OpenAI's parameters in Gemini's words."""

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        voice = self.voice_of(request.body, model) or self.voices[""]["alloy"]
        told = {
            "contents": [{"role": "user", "parts": [{"text": request.body["input"]}]}],
            "generationConfig": {
                "responseModalities": ["AUDIO"],
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}},
            },
        }
        return Draft(path=self.path, body=dumps(told))

    def decoder(
        self, *, request: Request, model: str, wall: float, signs: Sequence[Sign]
    ) -> StreamDecoder:
        return Decoder(events=request.stream, form=self.format_of(request.body), signs=signs)


class Decoder(Sound):
    """Decodes one stream."""

    def __init__(self, *, events: bool, form: str, signs: Sequence[Sign]) -> None:
        super().__init__(events=events, kind=TYPES[form])
        self._form = form
        self._signs = signs
        self._ended = False

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunks an event stands for; raise ProviderError for a failure."""
        body = told_in(event, self._signs)
        if body is None or self._ended:
            return ()
        if is_blocked(body):
            raise ProviderError(ErrorKind.CONTENT_FILTERED, "the text was refused")
        return list(self._chunks(body))

    def _chunks(self, body: Mapping[str, Any]) -> Iterator[Chunk]:
        usage = usage_of(body)
        for candidate in candidates_of(body):
            for part in candidate.parts:
                yield from self._part(part)
            reason = candidate.reason
            if reason not in (None, "STOP"):
                raise _stopped(str(reason))
            # Older servers end every piece with STOP, and count only in the last.
            if reason and usage and not self._ended:
                self._ended = True
                yield self.end(usage)

    def _part(self, part: Mapping[str, Any]) -> Iterator[Chunk]:
        inline = part.get("inlineData")
        if not isinstance(inline, dict) or not inline.get("data"):
            return
        samples = decoded(inline["data"])
        if self._form == "wav" and not self._heard:
            samples = wav_head(_rate_in(inline.get("mimeType"))) + samples
        yield self.sound(samples, self._kind)


def _stopped(reason: str) -> ProviderError:
    policy = ENDINGS.get(reason) == FILTERED.reason and reason != "OTHER"
    kind = ErrorKind.CONTENT_FILTERED if policy else ErrorKind.STREAM_INCOMPLETE
    return ProviderError(kind, f"the vendor stopped: {reason}")


def wav_head(rate: int) -> bytes:
    """Return the head of a wav file of 16-bit mono samples, `rate` of them a second.

    http://soundfile.sapp.org/doc/WaveFormat/
    """
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    size = struct.pack("<I", _UNKNOWN)
    return b"".join((b"RIFF", size, b"WAVE", b"fmt ", form, b"data", size))


def _rate_in(media_type: Any) -> int:
    named = _RATE.search(media_type) if isinstance(media_type, str) else None
    return int(named[1]) if named else _USUAL_RATE


SPEECH: Final = GeminiSpeech(
    path="streamGenerateContent?alt=sse",
    refuses=frozenset({"instructions", "speed"}),
    formats=("wav", "pcm"),
    voices=MappingProxyType(
        {
            "": cast(
                women=("Kore", "Zephyr", "Aoede", "Leda", "Callirrhoe", "Autonoe"),
                men=("Puck", "Charon", "Fenrir", "Orus", "Enceladus", "Iapetus", "Algieba"),
            )
        }
    ),
)
"""What Gemini takes."""
