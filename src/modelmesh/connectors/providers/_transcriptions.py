"""Transcriptions on OpenAI's wire: a form goes out, JSON or text comes back.

https://platform.openai.com/docs/api-reference/audio/createTranscription. An answer passes as it
came where it is what the client asked for; else it is read, and written in the form asked for.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve, frozen

from modelmesh.connectors.providers._error_body import tells_of_failure
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._form import form
from modelmesh.connectors.providers._transcript import Transcript
from modelmesh.connectors.providers._transcript_forms import PLAIN, TEXTS, TIMED, written
from modelmesh.connectors.providers._transcript_reading import Decoder, read, sound
from modelmesh.connectors.providers._usage import usage_of_sound
from modelmesh.connectors.providers._vendor import NONE, Draft, Next
from modelmesh.errors import RequestError, bad_answer
from modelmesh.json_text import read_object
from modelmesh.types import Answer, HttpReply, Request, StreamDecoder, Upload

Asking = Mapping[str, Mapping[str, Any]]
"""What a vendor is asked for, in fields of its own, by the form that the client wants."""

_UNASKED: Final[Sequence[Any]] = (None, False, "", [])
"""Values which ask for nothing. A temperature of 0, which is the usual one, equals False."""

_ALWAYS: Final = frozenset({"model", "response_format", "stream"})
"""Parameters which are told in a way of their own, whatever a vendor takes."""

WHISPER: Final[Asking] = MappingProxyType(
    {name: {"response_format": name} for name in ("json", "text", "srt", "verbose_json", "vtt")}
)
TIMELESS: Final[Asking] = MappingProxyType(
    dict.fromkeys(("json", "text"), MappingProxyType({"response_format": "json"}))
)
"""Of who gives no times there is only text."""
VERBOSE: Final[Asking] = MappingProxyType(
    {
        **TIMELESS,
        **dict.fromkeys(
            ("srt", "vtt", "verbose_json"), MappingProxyType({"response_format": "verbose_json"})
        ),
    }
)
"""Of who writes no subtitles they are made of the segments."""


def any_form(always: Mapping[str, Any], diarized: Mapping[str, Any]) -> Asking:
    """Return what to ask of a vendor whose answer always has times: `diarized` for who speaks."""
    return MappingProxyType(
        {**dict.fromkeys(WHISPER, always), "diarized_json": {**always, **diarized}}
    )


def form_of(request: Request) -> str:
    """Return the form in which the client wants the transcript."""
    return str(request.body.get("response_format") or "json")


def granularities_of(request: Request) -> Sequence[str]:
    """Return what the client wants to know the times of: words, segments, both."""
    wanted = request.body.get("timestamp_granularities")
    return [wanted] if isinstance(wanted, str) else wanted if isinstance(wanted, list) else []


def upload_of(request: Request) -> Upload:
    """Return the file. Raises RequestError where there is none."""
    if request.upload is None:
        raise RequestError("`file` must be the audio to transcribe.", param="file")
    return request.upload


@frozen(kw_only=True)
class Transcriptions:
    """OpenAI's own wire, and how a vendor's differs from it.

    Attributes:
        path: where transcripts are made.
        refuses: parameters which it does not take.
        accepts: the only parameters which it takes, where it refuses what it does not know.
        implied: parameters which it refuses because it does what they ask for anyway.
        timed_without: parameters which it does not take where times are wanted.
        renamed: parameters which it knows by another name.
        asking: the forms which can be had of it; None: it is asked for whatever the client wants.
        streams: it sends events. Else who wants some gets the whole transcript as one.
        own_json: its JSON is all its own, and never what the client wants.
        models: models which differ, by how their names begin.

    """

    path: str = "/audio/transcriptions"
    refuses: frozenset[str] = frozenset()
    accepts: frozenset[str] | None = None
    implied: frozenset[str] = frozenset()
    timed_without: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = NONE
    asking: Asking | None = None
    streams: bool = True
    own_json: bool = False
    models: Mapping[str, "Transcriptions"] = MappingProxyType({})

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return those parameters of a request which this model's vendor does not take."""
        wire, wanted = self._wire_of(model), form_of(request)
        asked = {name for name, told in request.body.items() if told not in _UNASKED}
        lacking = asked & wire.refuses
        if wire.accepts is not None:
            lacking |= asked - wire.accepts - _ALWAYS
        if wanted not in (wire.asking or {wanted}):
            lacking.add("response_format")
        if wanted in TIMED:
            lacking |= wire.timed_without & asked
        if wanted != "verbose_json":  # elsewhere it has no meaning
            lacking.discard("timestamp_granularities")
        return frozenset(lacking - wire.implied)

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Return the form to send: the file's bytes as they came."""
        wire = self._wire_of(model)
        named = {wire.renamed.get("model", "model"): model}
        fields = {**wire.told(request, drop), **named}
        sent = form(fields, upload_of(request), seed=request.id)
        return Draft(path=wire.path, body=sent.body, content_type=sent.content_type)

    def told(self, request: Request, drop: frozenset[str]) -> dict[str, Any]:
        """Return what a vendor is told beside the model and the file."""
        wanted = self.wanted(request)
        left_out = {*drop, *self.refuses, *self.implied, "model", "response_format"}
        if self.accepts is not None:
            left_out |= request.body.keys() - self.accepts - _ALWAYS
            if wanted != "verbose_json":
                left_out.add("timestamp_granularities")
        if not (request.stream and self.streams):
            left_out.add("stream")
        if request.stream and not self.streams:
            wanted = "diarized_json" if wanted == "diarized_json" else "json"
        kept = {name: told for name, told in request.body.items() if name not in left_out}
        renamed = {self.renamed.get(name, name): told for name, told in kept.items()}
        if self.asking is not None:
            return {**self.asking[wanted], **renamed}
        named = "response_format" in request.body
        return {**renamed, "response_format": wanted} if named else renamed

    def wanted(self, request: Request) -> str:
        """Return the form which the client gets: what it wants, if that can be had."""
        wanted = form_of(request)
        return wanted if wanted in (self.asking or {wanted}) else "json"

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | Next | None:
        """Return a transcript in the form the client wants. Raises ProviderError if it is none."""
        wire = self._wire_of(model)
        wanted = wire.wanted(request)
        body = read_object(reply.body)
        if body is None:
            text = wanted in TEXTS and "json" not in reply.headers.get("content-type", "")
            if text and _fits(wanted, reply):
                return Answer(body=reply.body, content_type=PLAIN)
            raise bad_answer("no transcript")
        if tells_of_failure(body):
            return None
        granularities = granularities_of(request)
        if not wire.own_json and sound(body, wanted, granularities):
            return Answer(body=reply.body, usage=usage_of_sound(body))
        said = wire.transcript(body)
        language = said.language or str(request.body.get("language") or "")
        return written(evolve(said, language=language), wanted, granularities)

    def transcript(self, body: Mapping[str, Any]) -> Transcript:
        """Read a vendor's JSON. Raises ProviderError where it holds no transcript."""
        return read(body)

    def decoder(
        self, *, request: Request, model: str, wall: float, signs: Sequence[Sign]
    ) -> StreamDecoder:
        """Return the decoder for one stream."""
        wire = self._wire_of(model)
        return Decoder(wire.transcript, wire.wanted(request), signs)

    def _wire_of(self, model: str) -> "Transcriptions":
        """Return what holds for a model."""
        fitting = (wire for prefix, wire in self.models.items() if model.startswith(prefix))
        return next(fitting, self)


def _fits(wanted: str, reply: HttpReply) -> bool:
    """Whether a text may be what was wanted; an error page never is."""
    text = reply.body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if wanted == "vtt":
        return text.startswith(b"WEBVTT")
    if wanted == "srt":
        return not text or (b"-->" in text and not text.startswith(b"WEBVTT"))
    return "html" not in reply.headers.get("content-type", "") and not text.startswith(b"<!")
