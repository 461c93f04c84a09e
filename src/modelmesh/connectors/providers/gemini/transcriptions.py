"""Transcripts by Gemini, which is asked in words to write down what it hears.

https://ai.google.dev/gemini-api/docs/audio. It gives no times that could be relied on, so only the
text can be had. A request with its file in it may have 20 MB.
"""

import base64
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve, frozen

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._transcript import Transcript
from modelmesh.connectors.providers._transcript_forms import events_of, written
from modelmesh.connectors.providers._transcriptions import Transcriptions, upload_of
from modelmesh.connectors.providers._usage import token_counts
from modelmesh.connectors.providers._vendor import Draft
from modelmesh.connectors.providers.gemini.reply import (
    Candidate,
    Json,
    body_in,
    candidates_of,
    is_blocked,
    told_in,
    usage_of,
)
from modelmesh.errors import ErrorKind, ProviderError, bad_answer
from modelmesh.json_text import dumps
from modelmesh.shape import SO_LARGE
from modelmesh.types import Answer, Chunk, Event, HttpReply, Request, StreamDecoder
from modelmesh.usage import Usage

MOST: Final = 14 << 20
"""Bytes of a file. In base64 they are a third more."""
_INSTRUCTION: Final = (
    "Write down word for word what is said in this recording, in the language it is said in."
    " Answer with nothing but that text. If nothing is said, answer with nothing."
)
# What Google calls kinds of sound: https://ai.google.dev/gemini-api/docs/audio.
_KINDS: Final = {
    "aac": "audio/aac",
    "aif": "audio/aiff",
    "aiff": "audio/aiff",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp3": "audio/mp3",
    "mp4": "audio/mp4",
    "mpeg": "audio/mp3",
    "mpga": "audio/mp3",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "webm": "audio/webm",
}


@frozen(kw_only=True)
class GeminiTranscriptions(Transcriptions):
    """OpenAI's parameters in words that a model is told."""

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return what Gemini does not take."""
        lacking = super().lacks(request, model)
        return lacking | {SO_LARGE} if len(upload_of(request).content) > MOST else lacking

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Return a chat of one turn: what to do, and the recording."""
        upload = upload_of(request)
        told = {n: v for n, v in request.body.items() if n not in drop and v not in (None, "")}
        sound = base64.b64encode(upload.content).decode()
        parts = [
            {"text": _asked(told)},
            {"inlineData": {"mimeType": _kind(upload.name, upload.content_type), "data": sound}},
        ]
        body: dict[str, Any] = {"contents": [{"role": "user", "parts": parts}]}
        if "temperature" in told:
            body["generationConfig"] = {"temperature": told["temperature"]}
        path = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
        return Draft(path=path, body=dumps(body))

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | None:
        """Return what was heard. Raises ProviderError where Gemini did not hear it to its end."""
        body = body_in(reply.body)
        if body is None:
            return None
        candidate = _candidate(body)
        if candidate is None or candidate.reason is None:
            raise bad_answer("no candidates")
        _raise_if_cut(candidate.reason)
        usage = usage_of(body)
        said = Transcript(text=_text(candidate).strip(), counts=_counts(usage))
        return evolve(written(said, self.wanted(request)), usage=usage)

    def decoder(
        self, *, request: Request, model: str, wall: float, signs: Sequence[Sign]
    ) -> StreamDecoder:
        """Return the decoder for one stream."""
        return Decoder(signs)


class Decoder:
    """Decodes one stream. It is whole with the piece that says why it ends."""

    def __init__(self, signs: Sequence[Sign]) -> None:
        self._signs = signs
        self._said: list[str] = []

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunks an event stands for; raise ProviderError for a failure."""
        body = told_in(event, self._signs)
        if body is None:
            return ()
        candidate = _candidate(body)
        if candidate is None:
            return ()
        chunks = []
        if text := _text(candidate):
            self._said.append(text)
            new = dumps({"type": "transcript.text.delta", "delta": text})
            chunks.append(Chunk(payload=new, content=True))
        usage = usage_of(body)
        if candidate.reason and usage:  # older servers say in every piece that it ends
            _raise_if_cut(candidate.reason)
            said = Transcript(text="".join(self._said).strip(), counts=_counts(usage))
            *_, done = events_of(said, "json")
            chunks.append(Chunk(payload=dumps(done), finished=True, usage=usage))
        return chunks


def _asked(told: Json) -> str:
    """Return what Gemini is asked to do, in words."""
    asked = [_INSTRUCTION]
    if language := told.get("language"):
        asked.append(f"The language is {language}.")
    if prompt := told.get("prompt"):
        asked.append(f"This text was before it, or has names in it as they are spelled: {prompt}")
    return "\n".join(asked)


def _kind(name: str, content_type: str) -> str:
    """Return Google's name for what a file holds, by its ending or what the client says."""
    told = content_type.partition(";")[0].strip().lower()
    known = _KINDS.get(name.rpartition(".")[2].lower()) or _KINDS.get(told.rpartition("/")[2])
    return known or (told if told.startswith(("audio/", "video/")) else "audio/mp3")


def _candidate(body: Json) -> Candidate | None:
    """Return the one candidate. Raises ProviderError where the recording was refused."""
    if is_blocked(body):
        raise ProviderError(ErrorKind.CONTENT_FILTERED, "the vendor refused the recording")
    return next(iter(candidates_of(body)), None)


def _raise_if_cut(reason: str) -> None:
    """Raise ProviderError where a transcript has an end too early."""
    if reason == "MAX_TOKENS":
        raise ProviderError(ErrorKind.BAD_ANSWER, "the transcript is longer than the model can say")
    if reason != "STOP":
        raise ProviderError(ErrorKind.CONTENT_FILTERED, f"the vendor broke it off: {reason}")


def _text(candidate: Candidate) -> str:
    said = [part.get("text") for part in candidate.parts if not part.get("thought")]
    return "".join(text for text in said if isinstance(text, str))


def _counts(usage: Usage | None) -> Json:
    return {"type": "tokens", **token_counts(usage)} if usage else {}


TRANSCRIPTIONS: Final = GeminiTranscriptions(
    accepts=frozenset({"language", "prompt", "temperature"}),
    asking=MappingProxyType({"json": {}, "text": {}}),
)
"""What Gemini takes."""
