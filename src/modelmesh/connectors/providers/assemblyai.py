"""AssemblyAI. https://www.assemblyai.com/docs/api-reference/transcripts/submit.

A file is uploaded, a transcript of it ordered, and asked for until it is done. What came decides
what is next: the upload's address, or how far the transcript is.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._fields import number_in, objects_in, text_in
from modelmesh.connectors.providers._transcript import Segment, Transcript, Word
from modelmesh.connectors.providers._transcriptions import Transcriptions, any_form, upload_of
from modelmesh.connectors.providers._vendor import NONE, Draft, Next, Vendor
from modelmesh.errors import ErrorKind, ProviderError, bad_answer
from modelmesh.json_text import dumps, read_object
from modelmesh.types import Answer, HttpReply, Request

_PATH: Final = "/v2/transcript"
_PENDING: Final = frozenset({"queued", "processing"})
_ID: Final = re.compile(r"[\w-]+")
_PAUSE: Final = 1.0
"""Seconds between two questions. A minute of speech takes some seconds."""
_OLD: Final = frozenset({"best", "nano"})
"""Models which are asked for one by one; others are a list of which the first fit is taken."""


@frozen(kw_only=True)
class AssemblyAITranscriptions(Transcriptions):
    """Transcripts which are ordered and fetched."""

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Return the upload of the file."""
        content = upload_of(request).content
        return Draft(path="/v2/upload", body=content, content_type="application/octet-stream")

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | Next | None:
        """Return what comes next, or in the end the transcript."""
        body = read_object(reply.body) or {}
        if "upload_url" in body:
            order = {"audio_url": body["upload_url"], **self.ordered(request, model)}
            return Next(draft=Draft(path=_PATH, body=dumps(order)))
        if body.get("status") in _PENDING:
            id_ = text_in(body.get("id"))
            if not _ID.fullmatch(id_):
                raise ProviderError(ErrorKind.BAD_ANSWER, "the vendor named no transcript")
            return Next(draft=Draft(path=f"{_PATH}/{id_}", method="GET"), pause=_PAUSE)
        return super().answer(reply, request=request, model=model, wall=wall)

    def ordered(self, request: Request, model: str) -> Mapping[str, Any]:
        """Return what the vendor is told with the order; of no language it finds out which."""
        named = {"speech_model": model} if model in _OLD else {"speech_models": [model]}
        fields = self.told(request, frozenset())
        language = {} if "language_code" in fields else {"language_detection": True}
        return {**named, **language, **fields}

    def transcript(self, body: Mapping[str, Any]) -> Transcript:
        """Read a transcript. Times are in milliseconds, its length in seconds."""
        if body.get("status") != "completed":
            raise bad_answer("no transcript")
        return Transcript(
            text=text_in(body.get("text")),
            language=text_in(body.get("language_code")),
            duration=number_in(body, "audio_duration") or 0.0,
            words=tuple(Word(**_part(word)) for word in objects_in(body.get("words"))),
            segments=tuple(Segment(**_part(line)) for line in objects_in(body.get("utterances"))),
        )


def _part(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "text": text_in(told.get("text")),
        "start": (number_in(told, "start") or 0.0) / 1000,
        "end": (number_in(told, "end") or 0.0) / 1000,
        "confidence": number_in(told, "confidence"),
        "speaker": text_in(told.get("speaker")) or None,
    }


class Provider(Vendor):
    connector = "assemblyai.stt.v1"
    name = "AssemblyAI"
    base_url = "https://api.assemblyai.com"
    key_names = ("ASSEMBLYAI_API_KEY",)
    models = ("universal-3-pro",)
    auth = ("authorization", "{key}")
    signs = (
        Sign(
            ErrorKind.INVALID_REQUEST,
            text=r"transcoding failed|does not appear to contain audio|no spoken audio"
            r"|audio duration is too short|file is (empty|too small)",
        ),
        Sign(ErrorKind.QUOTA_EXHAUSTED, text=r"account balance is"),
        Sign(ErrorKind.SERVER_ERROR, text=r"(internal )?server error|download error|please retry"),
    )
    translators = MappingProxyType(
        {
            "transcriptions": AssemblyAITranscriptions(
                accepts=frozenset({"language", "keywords"}),
                refuses=frozenset({"stream"}),
                renamed=MappingProxyType(
                    {"language": "language_code", "keywords": "keyterms_prompt"}
                ),
                asking=any_form(NONE, {"speaker_labels": True}),
                implied=frozenset({"timestamp_granularities"}),
                own_json=True,
            )
        }
    )
