"""Transcripts by ElevenLabs. https://elevenlabs.io/docs/api-reference/speech-to-text/convert.

Each word has its times, and so has what is between two; lines are made of them.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors.providers._fields import number_in, objects_in, text_in
from modelmesh.connectors.providers._transcript import Transcript, Word
from modelmesh.connectors.providers._transcriptions import Transcriptions, any_form
from modelmesh.errors import bad_answer

# Sounds such as laughter would else be in the text.
_SPEECH: Final = {"timestamps_granularity": "word", "tag_audio_events": False}


@frozen(kw_only=True)
class ElevenLabsTranscriptions(Transcriptions):
    """OpenAI's parameters in ElevenLabs' words."""

    def transcript(self, body: Mapping[str, Any]) -> Transcript:
        """Read a transcript."""
        if not isinstance(body.get("text"), str):
            raise bad_answer("no transcript")
        return Transcript(
            text=body["text"],
            language=text_in(body.get("language_code")),
            duration=number_in(body, "audio_duration_secs") or 0.0,
            words=tuple(_word(part) for part in objects_in(body.get("words")) if _is_word(part)),
        )


def _is_word(part: Mapping[str, Any]) -> bool:
    return part.get("type") in (None, "word")


def _word(part: Mapping[str, Any]) -> Word:
    likely = number_in(part, "logprob")
    return Word(
        text=text_in(part.get("text")),
        start=number_in(part, "start") or 0.0,
        end=number_in(part, "end") or 0.0,
        confidence=None if likely is None else math.exp(min(0.0, likely)),
        speaker=text_in(part.get("speaker_id")) or None,
    )


TRANSCRIPTIONS: Final = ElevenLabsTranscriptions(
    path="/v1/speech-to-text",
    accepts=frozenset({"language", "temperature", "keywords"}),
    renamed=MappingProxyType(
        {"model": "model_id", "language": "language_code", "keywords": "keyterms"}
    ),
    asking=any_form(_SPEECH, {"diarize": True}),
    implied=frozenset({"timestamp_granularities"}),
    streams=False,
    own_json=True,
)
"""What ElevenLabs takes."""
