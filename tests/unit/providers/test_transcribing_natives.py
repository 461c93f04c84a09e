"""What Deepgram, ElevenLabs, AssemblyAI and Gemini are sent, and what is made of their answers."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from transcribing_wire import AUDIO, Body, answered, asking, fields, heard, sent, told, vendor

from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.shape import DECISIVE, SO_LARGE
from modelmesh.types import Answer, Further, Upload


def test_deepgram_gets_the_bytes_and_is_told_the_rest_in_the_address() -> None:
    made = sent(
        "deepgram.stt.v1", "nova-3", keywords=["Grüße", "a&b"], response_format="diarized_json"
    )
    url = urlsplit(made.url)
    assert url.path.endswith("/v1/listen")
    assert parse_qs(url.query) == {
        "model": ["nova-3"],
        "smart_format": ["true"],
        "utterances": ["true"],
        "diarize": ["true"],
        "detect_language": ["true"],
        "keyterm": ["Grüße", "a&b"],
    }
    assert made.body == AUDIO.content
    assert made.headers["content-type"] == "audio/wav"
    assert made.headers["authorization"] == "Token key"
    assert "detect_language" not in sent("deepgram.stt.v1", "nova-3", language="de").url


def test_what_a_client_calls_its_file_is_no_header() -> None:
    odd = Upload(name='a"\r\nx: y', content_type="audio/wav\r\nx: y", content=b"1")
    made = vendor("deepgram.stt.v1").request(
        asking(odd), model="nova-3", key=None, drop=frozenset()
    )
    assert made.headers["content-type"] == "application/octet-stream"
    written = vendor("groq.api.v1").request(asking(odd), model="w", key=None, drop=frozenset())
    assert b"\r\nx: y" not in written.body


def test_elevenlabs_writes_down_speech_and_no_laughter() -> None:
    asked = {"language": "en", "response_format": "diarized_json", "temperature": 0.5}
    assert fields("elevenlabs.tts.v1", "scribe_v2", **asked) == {
        "model_id": "scribe_v2",
        "language_code": "en",
        "temperature": "0.5",
        "timestamps_granularity": "word",
        "tag_audio_events": "false",
        "diarize": "true",
    }


ORDERED = {"audio_url": "https://cdn.test/1", "speech_models": ["universal-3-pro"]}


def test_assemblyai_is_sent_the_file_then_an_order_then_asked_until_it_is_done() -> None:
    made = sent("assemblyai.stt.v1", "universal-3-pro")
    assert urlsplit(made.url).path.endswith("/v2/upload")
    assert (made.body, made.headers["content-type"]) == (AUDIO.content, "application/octet-stream")
    assert made.headers["authorization"] == "key"
    order = answered(
        "assemblyai.stt.v1", {"upload_url": "https://cdn.test/1"}, model="universal-3-pro"
    )
    assert isinstance(order, Further)
    assert order.request.url.endswith("/v2/transcript")
    assert json.loads(order.request.body) == {**ORDERED, "language_detection": True}
    assert order.pause == 0
    for status in ("queued", "processing"):
        poll = answered("assemblyai.stt.v1", {"id": "a-1", "status": status, "text": None})
        assert isinstance(poll, Further)
        assert (poll.request.method, poll.pause) == ("GET", 1.0)
        assert poll.request.url.endswith("/v2/transcript/a-1")
    done = {"id": "a-1", "status": "completed", "text": "Hi.", "error": None}
    assert told("assemblyai.stt.v1", {**done, "audio_duration": 2}) == {
        "text": "Hi.",
        "usage": {"type": "duration", "seconds": 2},
    }


@pytest.mark.parametrize(
    ("model", "body", "ordered"),
    [
        ("best", {}, {"speech_model": "best", "language_detection": True}),
        ("universal-2", {"language": "de"}, {"language_code": "de"}),
        ("universal-2", {"keywords": ["k"], "language": "de"}, {"keyterms_prompt": ["k"]}),
        ("universal-2", {"response_format": "diarized_json"}, {"speaker_labels": True}),
    ],
)
def test_assemblyai_is_told_with_the_order_what_is_wanted(
    model: str, body: Body, ordered: Body
) -> None:
    order = answered("assemblyai.stt.v1", {"upload_url": "u"}, model=model, **body)
    assert isinstance(order, Further)
    told = json.loads(order.request.body)
    assert told | ordered == told
    assert ("language_detection" in told) == ("language" not in body)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("Transcoding failed. File does not appear to contain audio.", ErrorKind.INVALID_REQUEST),
        ("Internal server error, please retry.", ErrorKind.SERVER_ERROR),
        ("Something new.", ErrorKind.BAD_ANSWER),
    ],
)
def test_a_transcript_that_assemblyai_could_not_make_is_a_failure(
    error: str, kind: ErrorKind
) -> None:
    with pytest.raises(ProviderError, match=error.partition(".")[0]) as raised:
        answered("assemblyai.stt.v1", {"id": "a", "status": "error", "error": error})
    assert raised.value.kind is kind


def test_an_id_that_is_none_is_asked_for_nowhere() -> None:
    with pytest.raises(ProviderError):
        answered("assemblyai.stt.v1", {"id": "../key", "status": "queued"})


def test_assemblyais_times_are_in_milliseconds() -> None:
    part = {"start": 250, "end": 1650, "confidence": 0.9, "speaker": "A"}
    done = {
        "status": "completed",
        "text": "Hi.",
        "language_code": "en_us",
        "audio_duration": 2,
        "words": [{"text": "Hi.", **part}],
        "utterances": [{"text": "Hi.", **part}],
    }
    body = told(
        "assemblyai.stt.v1",
        done,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert body["words"] == [{"word": "Hi.", "start": 0.25, "end": 1.65}]
    assert (body["segments"][0]["start"], body["segments"][0]["end"]) == (0.25, 1.65)
    assert (body["language"], body["duration"]) == ("english", 2)


def test_assemblyai_does_not_stream() -> None:
    assert vendor("assemblyai.stt.v1").lacks(asking(stream=True), "m") == {"stream"}


def gemini(*parts: Body, reason: str | None = "STOP", counted: bool = True) -> Body:
    candidate: Body = {"content": {"parts": list(parts), "role": "model"}}
    if reason:
        candidate["finishReason"] = reason
    usage = {"promptTokenCount": 90, "candidatesTokenCount": 3, "totalTokenCount": 93}
    return {"candidates": [candidate], **({"usageMetadata": usage} if counted else {})}


def test_gemini_is_given_the_recording_and_told_what_to_do() -> None:
    made = sent(
        "google.gemini.v1",
        "gemini-3.5-transcribe",
        language="de",
        prompt="Dr. Čapek",
        temperature=0.0,
    )
    assert made.url.endswith("/models/gemini-3.5-transcribe:generateContent")
    body = json.loads(made.body)
    instruction, sound = body["contents"][0]["parts"]
    assert "word for word" in instruction["text"]
    assert "Dr. Čapek" in instruction["text"]
    assert sound["inlineData"]["mimeType"] == "audio/wav"
    assert base64.b64decode(sound["inlineData"]["data"]) == AUDIO.content
    assert body["generationConfig"] == {"temperature": 0.0}
    streamed = sent("google.gemini.v1", "gemini-3.5-transcribe", stream=True)
    assert streamed.url.endswith(":streamGenerateContent?alt=sse")


@pytest.mark.parametrize(
    ("name", "content_type", "kind"),
    [
        ("a.mp3", "application/octet-stream", "audio/mp3"),
        ("a.M4A", "", "audio/mp4"),
        ("blob", "audio/webm;codecs=opus", "audio/webm"),
        ("blob", "audio/x-new", "audio/x-new"),
        ("blob", "application/octet-stream", "audio/mp3"),
    ],
)
def test_gemini_is_told_what_the_recording_is(name: str, content_type: str, kind: str) -> None:
    upload = Upload(name=name, content_type=content_type, content=b"1")
    made = vendor("google.gemini.v1").request(asking(upload), model="g", key=None, drop=frozenset())
    parts = json.loads(made.body)["contents"][0]["parts"]
    assert parts[1]["inlineData"]["mimeType"] == kind


def test_gemini_gets_no_file_that_is_too_large_for_it() -> None:
    large = Upload(name="a.wav", content=bytes((14 << 20) + 1))
    lacks = vendor("google.gemini.v1").lacks(asking(large), "g")
    assert lacks == {SO_LARGE}
    assert lacks & DECISIVE == lacks


def test_what_gemini_heard_is_the_text() -> None:
    reply = gemini(
        {"text": "Let me listen.", "thought": True}, {"text": "Hello "}, {"text": "you.\n"}
    )
    answer = answered("google.gemini.v1", reply)
    assert isinstance(answer, Answer)
    assert json.loads(answer.body)["text"] == "Hello you."
    assert json.loads(answer.body)["usage"]["input_tokens"] == 90
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.usage.completion) == (90, 3)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (gemini({"text": "Hel"}, reason="MAX_TOKENS"), ErrorKind.BAD_ANSWER),
        (gemini({"text": "Hel"}, reason="SAFETY"), ErrorKind.CONTENT_FILTERED),
        (gemini({"text": "Hel"}, reason=None), ErrorKind.BAD_ANSWER),
        ({"candidates": []}, ErrorKind.BAD_ANSWER),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, ErrorKind.CONTENT_FILTERED),
        ({"error": {"code": 503, "message": "overloaded"}}, ErrorKind.OVERLOADED),
    ],
)
def test_a_transcript_that_gemini_did_not_finish_is_none(reply: Body, kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as raised:
        answered("google.gemini.v1", reply)
    assert raised.value.kind is kind


def test_geminis_stream_is_one_of_openais() -> None:
    decoder = vendor("google.gemini.v1").decoder(request=asking(stream=True), model="g", wall=0)
    events = heard(
        decoder,
        gemini({"text": "Hello "}, reason=None, counted=False),
        gemini({"text": "you."}),
    )
    assert [event.get("delta") for event in events] == ["Hello ", "you.", None]
    assert events[-1]["text"] == "Hello you."
    assert events[-1]["usage"]["output_tokens"] == 3
