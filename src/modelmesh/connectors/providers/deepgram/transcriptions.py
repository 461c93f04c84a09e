"""Transcripts by Deepgram. https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded.

The file's bytes are the body, and all else is in the address.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from attrs import frozen

from modelmesh.connectors.providers._fields import number_in, object_in, objects_in, text_in
from modelmesh.connectors.providers._form import kind_of
from modelmesh.connectors.providers._transcript import Segment, Transcript, Word
from modelmesh.connectors.providers._transcriptions import Transcriptions, any_form, upload_of
from modelmesh.connectors.providers._vendor import NONE, Draft
from modelmesh.errors import bad_answer
from modelmesh.types import Request

_ALWAYS: Final = {"smart_format": True, "utterances": True}


@frozen(kw_only=True)
class DeepgramTranscriptions(Transcriptions):
    """OpenAI's parameters in Deepgram's words."""

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Return what is sent; where no language is named, it is found out."""
        upload = upload_of(request)
        told = {"model": model, **_ALWAYS, **self.told(request, drop)}
        if "language" not in told:
            told["detect_language"] = True
        query = {name: _worded(value) for name, value in told.items()}
        return Draft(
            path=f"/v1/listen?{urlencode(query, doseq=True)}",
            body=upload.content,
            content_type=kind_of(upload),
        )

    def transcript(self, body: Mapping[str, Any]) -> Transcript:
        """Read a transcript: the first channel's best guess."""
        results = object_in(body.get("results"))
        channel = next(iter(objects_in(results.get("channels"))), {})
        best = next(iter(objects_in(channel.get("alternatives"))), {})
        if not isinstance(best.get("transcript"), str):
            raise bad_answer("no transcript")
        return Transcript(
            text=best["transcript"],
            language=text_in(channel.get("detected_language")),
            duration=number_in(object_in(body.get("metadata")), "duration") or 0.0,
            words=tuple(
                Word(**_part(word, word.get("punctuated_word", word.get("word"))))
                for word in objects_in(best.get("words"))
            ),
            segments=tuple(
                Segment(**_part(line, line.get("transcript")))
                for line in objects_in(results.get("utterances"))
            ),
        )


def _part(told: Mapping[str, Any], text: Any) -> dict[str, Any]:
    speaker = number_in(told, "speaker")
    return {
        "text": text_in(text),
        "start": number_in(told, "start") or 0.0,
        "end": number_in(told, "end") or 0.0,
        "confidence": number_in(told, "confidence"),
        "speaker": None if speaker is None else str(int(speaker)),
    }


def _worded(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


TRANSCRIPTIONS: Final = DeepgramTranscriptions(
    accepts=frozenset({"language", "keywords"}),
    renamed=MappingProxyType({"keywords": "keyterm"}),
    asking=any_form(NONE, {"diarize": True}),
    implied=frozenset({"timestamp_granularities"}),
    streams=False,
    own_json=True,
)
"""What Deepgram takes."""
