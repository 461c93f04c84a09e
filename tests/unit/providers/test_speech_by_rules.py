"""All recorded sound there is, through its vendor's translator, judged by rules."""

from typing import Any

import judge_speech
import pytest
import trial
from judge_speech import FORMATS, TEXT, asking, request_complaints, sent, voice_in
from recordings import Exchange, each, judged

SPEAKING = sorted(
    id_ for id_ in trial.BY_MODULE.values() if "speech" in trial.translator(id_).endpoints
)
MODELS = {
    "deepgram.stt.v1": "aura-2",
    "elevenlabs.tts.v1": "eleven_flash_v2_5",
    "groq.api.v1": "canopylabs/orpheus-v1-english",
    "together.api.v1": "hexgrad/Kokoro-82M",
}
VOICES = ("alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer")
NEW_VOICES = ("verse", "marin", "cedar")
ASKED: dict[str, dict[str, Any]] = {
    **{voice: {"voice": voice} for voice in VOICES + NEW_VOICES},
    **{format_: {"voice": "alloy", "response_format": format_} for format_ in FORMATS},
    "events": {"voice": "alloy", "stream_format": "sse"},
    "a pace": {"voice": "alloy", "speed": 1.1},
    "a fast pace": {"voice": "alloy", "speed": 4},
    "instructions": {"voice": "alloy", "instructions": "Whisper."},
    "nulls": {"voice": "alloy", "response_format": None, "speed": None, "instructions": None},
}
RECORDED = judged("speech")


@each(RECORDED)
def test_speech_keeps_the_rules(exchange: Exchange) -> None:
    assert judge_speech.complaints(exchange) == []


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("connector", SPEAKING)
def test_speech_is_asked_for_by_the_rules(connector: str, asked: str) -> None:
    request = asking(MODELS.get(connector, "a-speaker"), input=TEXT, **ASKED[asked])
    made = sent(connector, request)
    if made is None:
        assert "response_format" in request.body  # nothing else keeps a vendor from speaking
    else:
        assert request_complaints(connector, made) == []


@pytest.mark.parametrize("connector", SPEAKING)
def test_a_voice_of_the_configuration_goes_before_the_usual_one(connector: str) -> None:
    request = asking(MODELS.get(connector, "a-speaker"), input=TEXT, voice="alloy")
    made = sent(connector, request, {"voices": {"alloy": "somebody"}})
    assert made is not None
    assert "somebody" in voice_in(made)
