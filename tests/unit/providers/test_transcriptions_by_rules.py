"""Every recorded transcript there is, through its vendor's translator, judged by rules."""

from typing import Any

import judge_transcription_forms
import judge_transcriptions
import pytest
import trial
from recordings import Exchange, each, judged

from modelmesh.proxy import forms

WHOLE = judged("transcription")
STREAMED = judged("transcription_stream")
ASKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "everything": {
        "language": "en",
        "prompt": "ZyntriQix",
        "temperature": 0.2,
        "keywords": ["ZyntriQix"],
        "chunking_strategy": "auto",
        "known_speaker_names": ["agent"],
    },
    "words": {
        "response_format": "verbose_json",
        "timestamp_granularities": ["word", "segment"],
        "language": "en",
    },
    "subtitles": {"response_format": "srt", "language": "en"},
    "streamed": {"stream": True, "language": "en"},
}
MODELS = {
    "openai.llm.v1": "whisper-1",
    "azure.openai.v1": "gpt-4o-transcribe",
    "groq.api.v1": "whisper-large-v3-turbo",
    "mistral.api.v1": "voxtral-mini-latest",
    "openrouter.api.v1": "openai/whisper-1",
    "together.api.v1": "openai/whisper-large-v3",
    "xai.api.v1": "grok-voice-transcribe-2.0",
    "elevenlabs.tts.v1": "scribe_v2",
    "deepgram.stt.v1": "nova-3",
}


@each([*WHOLE, *STREAMED])
async def test_a_transcript_keeps_the_rules(exchange: Exchange) -> None:
    assert await judge_transcriptions.complaints(exchange) == []


@each([one for one in WHOLE if one.vendor == "openai"])
def test_a_transcript_of_openai_passes_as_it_came(exchange: Exchange) -> None:
    form = judge_transcriptions.wanted_in(exchange)
    assert judge_transcriptions.answer_of(exchange, form).body == exchange.body


@each(STREAMED)
async def test_a_stream_of_openai_passes_as_it_came(exchange: Exchange) -> None:
    request = judge_transcriptions.asked(exchange, judge_transcriptions.wanted_in(exchange))
    heard = await trial.hear(exchange, [exchange.body], request)
    lines = [line.removeprefix(b"data: ") for line in exchange.body.splitlines() if line]
    assert [*heard.payloads, b"[DONE]"] == lines


@each([one for one in WHOLE if judge_transcriptions.fields_of(one)])
def test_what_a_vendor_accepted_keeps_the_rules_of_forms(exchange: Exchange) -> None:
    connector = trial.connector_of(exchange)
    fields = judge_transcriptions.fields_of(exchange)
    assert list(judge_transcription_forms.field_complaints(connector, fields)) == []


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("connector", MODELS)
def test_transcripts_are_asked_for_by_the_rules(connector: str, asked: str) -> None:
    made = judge_transcriptions.sent(connector, ASKED[asked], MODELS[connector])
    if made is None:
        assert (connector, asked) in {
            ("azure.openai.v1", "words"),
            ("azure.openai.v1", "subtitles"),
        }
    else:
        assert judge_transcription_forms.request_complaints(connector, made) == []


def test_the_rules_see_what_is_wrong() -> None:
    made = judge_transcriptions.sent("groq.api.v1", {}, "whisper-large-v3")
    assert made is not None
    assert judge_transcription_forms.request_complaints("elevenlabs.tts.v1", made) != []
    assert "model" in forms.parse(made.body, made.headers["content-type"]).fields
