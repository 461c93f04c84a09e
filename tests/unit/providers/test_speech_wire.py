"""What vendors that speak are sent, and what is made of what they say."""

import base64
import io
import json
import wave
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
import trial
from hypothesis import given
from hypothesis import strategies as st
from judge_speech import asking, hear_from, read_events, sent, speaker, voice_in

from modelmesh.connectors.providers.azure_speech import ssml
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.shape import SO_LONG
from modelmesh.types import HttpReply, HttpRequest

OPENAI, GROQ, HERE = "openai.llm.v1", "groq.api.v1", "openai-compatible"
ELEVENLABS, DEEPGRAM, AZURE = "elevenlabs.tts.v1", "deepgram.stt.v1", "azure.speech.v1"
GEMINI = "google.gemini.v1"
XAI, MISTRAL, TOGETHER = "xai.api.v1", "mistral.api.v1", "together.api.v1"
ORPHEUS = "canopylabs/orpheus-v1-english"
EVENTS = {"content-type": "text/event-stream; charset=utf-8"}
MP3 = {"content-type": "audio/mpeg"}


def made(connector: str, model: str = "m", **body: Any) -> HttpRequest:
    request = sent(connector, asking(model, **{"input": "Hello.", "voice": "alloy", **body}))
    assert request is not None
    return request


def told(connector: str, model: str = "m", **body: Any) -> Any:
    return json.loads(made(connector, model, **body).body)


def query(request: HttpRequest) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}


def lacks(connector: str, model: str = "m", **body: Any) -> frozenset[str]:
    request = asking(model, **{"input": "Hello.", "voice": "alloy", **body})
    found: frozenset[str] = trial.translator(connector).lacks(request, model)
    return found


def event(**payload: Any) -> bytes:
    return f"data: {json.dumps(payload)}\n\n".encode()


def delta(sound: bytes, name: str = "audio") -> bytes:
    return event(type="speech.audio.delta", **{name: base64.b64encode(sound).decode()})


DONE = event(type="speech.audio.done", usage={"input_tokens": 1, "output_tokens": 2})


# What comes


@given(st.lists(st.binary(min_size=1), min_size=1), st.booleans())
def test_bytes_become_what_was_asked_for_in_whichever_pieces_they_come(
    pieces: list[bytes], events: bool
) -> None:
    more = {"stream_format": "sse"} if events else {}
    heard = hear_from(speaker(HERE), MP3, pieces, asking("m", input="Hi", **more))
    sound = read_events(heard.payloads)[0] if events else b"".join(heard.payloads)
    assert (sound, heard.content, heard.finished) == (b"".join(pieces), True, True)


@given(st.lists(st.binary(min_size=1), min_size=1), st.booleans(), st.integers(1, 20))
def test_events_become_what_was_asked_for_in_whichever_pieces_they_come(
    pieces: list[bytes], events: bool, size: int
) -> None:
    body = b"".join(map(delta, pieces)) + DONE
    cut = [body[at : at + size] for at in range(0, len(body), size)]
    more = {"stream_format": "sse"} if events else {}
    heard = hear_from(speaker(HERE), EVENTS, cut, asking("m", input="Hi", **more))
    sound = read_events(heard.payloads)[0] if events else b"".join(heard.payloads)
    assert (sound, heard.content, heard.finished) == (b"".join(pieces), True, True)


def test_sound_out_of_events_is_called_what_was_asked_for() -> None:
    heard = hear_from(
        speaker(HERE), EVENTS, [delta(b"x"), DONE], asking("m", input="Hi", response_format="opus")
    )
    assert heard.content_type == "audio/opus"


def test_sound_in_bytes_is_called_what_its_vendor_calls_it() -> None:
    kind = {"content-type": "audio/pcm;rate=24000;channels=1"}
    asked = asking("m", input="Hi", response_format="pcm")
    assert hear_from(speaker(HERE), kind, [b"x"], asked).content_type == kind["content-type"]
    odd = {"content-type": "application/octet-stream"}
    assert hear_from(speaker(DEEPGRAM), odd, [b"x"], asked).content_type == "audio/pcm"


def test_mistrals_events_become_openais() -> None:
    pieces = [delta(b"one", "audio_data"), delta(b"two", "audio_data"), DONE]
    asked = asking("m", input="Hi", stream_format="sse")
    heard = hear_from(speaker(MISTRAL), EVENTS, pieces, asked)
    kinds = ["speech.audio.delta", "speech.audio.delta", "speech.audio.done"]
    assert read_events(heard.payloads) == (b"onetwo", kinds)


@pytest.mark.parametrize(
    "payload",
    [b'data: {"error": {"message": "It broke."}}\n\n', b"data: no json\n\n", delta(b"")[:-6]],
)
def test_an_event_that_is_none_of_speech_is_a_failure(payload: bytes) -> None:
    with pytest.raises(ProviderError):
        hear_from(speaker(HERE), EVENTS, [delta(b"x"), payload, DONE], asking("m", input="Hi"))


def test_events_that_are_known_by_their_names_alone_become_openais() -> None:
    said = [
        b"event: speech.audio.delta\n" + event(audio_data="aGk="),
        b"event: speech.audio.delta\n" + event(audio="aGk="),
        b"event: speech.audio.done\n" + event(usage={"prompt_tokens": 3, "completion_tokens": 4}),
    ]
    asked = asking("m", input="Hi", stream_format="sse")
    heard = hear_from(speaker(MISTRAL), EVENTS, said, asked)
    kinds = ["speech.audio.delta", "speech.audio.delta", "speech.audio.done"]
    assert read_events(heard.payloads) == (b"hihi", kinds)
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert json.loads(heard.payloads[-1])["usage"] == usage


def test_the_end_of_openais_passes_as_it_came() -> None:
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "x_new": 1}
    end = event(type="speech.audio.done", usage=usage)
    asked = asking("m", input="Hi", stream_format="sse")
    heard = hear_from(speaker(HERE), EVENTS, [delta(b"x"), end], asked)
    assert heard.payloads[-1] == end[6:-2]


@pytest.mark.parametrize("more", [{}, {"stream_format": "sse"}], ids=["bytes", "events"])
@pytest.mark.parametrize("said", [[DONE], [delta(b""), DONE]], ids=["an end", "an empty piece"])
def test_events_without_sound_are_no_answer(said: list[bytes], more: dict[str, str]) -> None:
    with pytest.raises(ProviderError) as failed:
        hear_from(speaker(HERE), EVENTS, said, asking("m", input="Hi", **more))
    assert failed.value.kind is ErrorKind.BAD_ANSWER


def test_sound_that_is_no_base64_is_a_failure() -> None:
    wrong = event(type="speech.audio.delta", audio="!")
    with pytest.raises(ProviderError) as failed:
        hear_from(speaker(HERE), EVENTS, [wrong], asking("m", input="Hi"))
    assert failed.value.kind is ErrorKind.BAD_ANSWER


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error": {"code": "rate_limit_exceeded", "message": "Slow down."}}', "rate_limit"),
        (b'{"audio": "AAAA"}', "bad_answer"),
        (b"<html>Welcome</html>", "bad_answer"),
        (b"", "bad_answer"),
    ],
)
def test_what_is_read_whole_is_no_sound(body: bytes, kind: str) -> None:
    reply = HttpReply(status=200, headers={"content-type": "application/json"}, body=body)
    with pytest.raises(ProviderError) as failed:
        trial.translator(OPENAI).answer(reply, request=asking("m", input="Hi"), model="m", wall=0)
    assert failed.value.kind == kind


# OpenAI's wire


def test_openai_is_sent_the_very_bytes_but_for_the_model() -> None:
    request = asking("pool", input="Hi", voice="alloy", speed=1.25, instructions="Low.", x_new=[1])
    provider = trial.translator(OPENAI)
    body = provider.request(request, model="gpt-4o-mini-tts", key=None, drop=frozenset()).body
    assert body == request.raw.replace(b'"pool"', b'"gpt-4o-mini-tts"')


def test_nulls_are_told_to_nobody() -> None:
    body = told(OPENAI, speed=None, instructions=None, response_format=None)
    assert body == {"model": "m", "input": "Hello.", "voice": "alloy"}


def test_a_model_that_sends_no_events_is_asked_for_bytes() -> None:
    assert "stream_format" not in told(OPENAI, "tts-1-hd", stream_format="sse")
    assert told(OPENAI, "gpt-4o-mini-tts", stream_format="sse")["stream_format"] == "sse"


def test_a_voice_of_ones_own_passes_to_openai_as_it_is() -> None:
    assert told(OPENAI, voice={"id": "voice_1"})["voice"] == {"id": "voice_1"}


def test_who_asks_for_no_format_gets_the_one_there_is_and_others_are_passed_by() -> None:
    body = told(GROQ, ORPHEUS, speed=1, instructions="Low.")
    assert body == {
        "model": ORPHEUS,
        "input": "Hello.",
        "voice": "hannah",
        "response_format": "wav",
        "speed": 1,
    }
    assert "response_format" in lacks(GROQ, ORPHEUS, response_format="mp3")
    assert lacks(GROQ, ORPHEUS, response_format="wav") == frozenset()


def test_a_lenient_pool_gets_the_format_there_is() -> None:
    request = asking(ORPHEUS, input="Hi", voice="troy", response_format="mp3")
    drop = frozenset({"response_format"})
    sent_ = trial.translator(GROQ).request(request, model=ORPHEUS, key=None, drop=drop)
    assert json.loads(sent_.body)["response_format"] == "wav"


def test_a_text_that_is_too_long_is_not_sent() -> None:
    assert SO_LONG in lacks(GROQ, ORPHEUS, input="x" * 201)
    assert SO_LONG not in lacks(GROQ, ORPHEUS, input="x" * 200)


def test_together_is_told_the_format_it_would_not_choose() -> None:
    assert told(TOGETHER)["response_format"] == "mp3"
    raw = told(TOGETHER, response_format="pcm")
    assert (raw["response_format"], raw["response_encoding"]) == ("raw", "pcm_s16le")


def test_mistral_is_asked_for_events_whatever_the_client_wants() -> None:
    assert told(MISTRAL, voice="en_paul_neutral", user="u") == {
        "model": "m",
        "input": "Hello.",
        "response_format": "mp3",
        "voice_id": "en_paul_neutral",
        "stream": True,
    }


def test_xai_is_told_no_model_but_a_language() -> None:
    body = told(XAI, voice="Rex", speed=1.2, response_format="wav")
    assert body == {
        "text": "Hello.",
        "language": "auto",
        "voice_id": "Rex",
        "output_format": {"codec": "wav"},
        "speed": 1.2,
    }
    assert lacks(XAI, speed=3) == {"speed"}


# ElevenLabs


def test_elevenlabs_has_voice_and_format_in_the_address() -> None:
    request = made(ELEVENLABS, "eleven_v3", voice="George", response_format="opus", speed=1.1)
    path = "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream"
    assert urlsplit(request.url).path == path
    assert query(request) == {"output_format": "opus_48000_128"}
    assert request.headers["xi-api-key"] == "key"
    assert json.loads(request.body) == {
        "text": "Hello.",
        "model_id": "eleven_v3",
        "voice_settings": {"speed": 1.1},
    }


@pytest.mark.parametrize("voice", ["../../v1/user", "a b", "a?x=1", "a/b", "..", "\u00fc", "a%2fb"])
def test_no_voice_leads_to_another_address(voice: str) -> None:
    assert "voice" in lacks(ELEVENLABS, voice=voice)
    assert voice_in(made(ELEVENLABS, voice=voice)) == voice_in(made(ELEVENLABS, voice="Sarah"))


def test_a_voice_may_be_named_by_its_id() -> None:
    assert voice_in(made(ELEVENLABS, voice="abcdefghij0123456789")) == "abcdefghij0123456789"
    assert voice_in(made(ELEVENLABS, voice={"id": "Rachel"})) == "21m00Tcm4TlvDq8ikWAM"


def test_a_configured_voice_may_have_any_name() -> None:
    voices = {"our narrator": "abcdefghij0123456789"}
    request = asking("m", input="Hi", voice="our narrator")
    assert speaker(ELEVENLABS, {"voices": voices}).lacks(request, "m") == frozenset()
    chosen = sent(ELEVENLABS, request, {"voices": voices})
    assert chosen is not None
    assert voice_in(chosen) == "abcdefghij0123456789"


def test_a_configured_voice_may_be_one_of_the_vendors_names() -> None:
    request = asking("m", input="Hi", voice="alloy")
    chosen = sent(ELEVENLABS, request, {"voices": {"alloy": "Rachel"}})
    assert chosen is not None
    assert voice_in(chosen) == "21m00Tcm4TlvDq8ikWAM"


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (401, "quota_exceeded", ErrorKind.QUOTA_EXHAUSTED),
        (401, "invalid_api_key", ErrorKind.BAD_KEY),
        (401, "missing_permissions", ErrorKind.NO_PERMISSION),
        (429, "too_many_concurrent_requests", ErrorKind.RATE_LIMIT),
        (429, "system_busy", ErrorKind.OVERLOADED),
        (404, "voice_not_found", ErrorKind.INVALID_REQUEST),
        (400, "max_character_limit_exceeded", ErrorKind.INVALID_REQUEST),
    ],
)
def test_elevenlabs_tells_by_a_word_what_is_wrong(status: int, word: str, kind: ErrorKind) -> None:
    body = json.dumps({"detail": {"status": word, "message": "Something."}}).encode()
    failed = speaker(ELEVENLABS).error(HttpReply(status=status, headers={}, body=body), wall=0)
    assert (failed.kind, str(failed)) == (kind, "Something.")


# Deepgram


def test_deepgram_has_all_but_the_text_in_the_address() -> None:
    request = made(DEEPGRAM, "aura-2", response_format="pcm", speed=1.2)
    assert urlsplit(request.url).path == "/v1/speak"
    assert query(request) == {
        "model": "aura-2-thalia-en",
        "encoding": "linear16",
        "container": "none",
        "sample_rate": "24000",
        "speed": "1.2",
    }
    assert request.headers["authorization"] == "Token key"
    assert json.loads(request.body) == {"text": "Hello."}


@pytest.mark.parametrize(
    ("model", "voice", "name"),
    [
        ("aura-2", "orion", "aura-2-orion-en"),
        ("aura-2", "aura-2-celeste-es", "aura-2-celeste-es"),
        ("aura", "alloy", "aura-asteria-en"),
        ("aura-2-zeus-en", "alloy", "aura-2-zeus-en"),
        ("aura-2", None, "aura-2-thalia-en"),
    ],
)
def test_deepgrams_voices_are_models(model: str, voice: str | None, name: str) -> None:
    assert query(made(DEEPGRAM, model, voice=voice))["model"] == name


def test_a_model_that_is_one_voice_takes_no_other() -> None:
    assert lacks(DEEPGRAM, "aura-2-zeus-en", voice="alloy") == {"voice"}
    assert lacks(AZURE, "de-DE-KatjaNeural", voice="alloy") == {"voice"}
    assert voice_in(made(AZURE, "de-DE-KatjaNeural")) == "de-DE-KatjaNeural"


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (401, "INVALID_AUTH", ErrorKind.BAD_KEY),
        (402, "ASR_PAYMENT_REQUIRED", ErrorKind.QUOTA_EXHAUSTED),
        (403, "INSUFFICIENT_PERMISSIONS", ErrorKind.NO_PERMISSION),
        (429, "TOO_MANY_REQUESTS", ErrorKind.RATE_LIMIT),
    ],
)
def test_deepgrams_errors_are_understood(status: int, word: str, kind: ErrorKind) -> None:
    body = json.dumps({"err_code": word, "err_msg": "Something.", "request_id": "r"}).encode()
    failed = speaker(DEEPGRAM).error(HttpReply(status=status, headers={}, body=body), wall=0)
    assert (failed.kind, str(failed)) == (kind, "Something.")


# Azure Speech


def test_azure_is_told_the_format_in_a_header_and_the_rest_in_ssml() -> None:
    request = made(AZURE, "neural", response_format="wav", speed=1.25)
    assert urlsplit(request.url).path == "/cognitiveservices/v1"
    assert request.headers["x-microsoft-outputformat"] == "riff-24khz-16bit-mono-pcm"
    assert request.headers["ocp-apim-subscription-key"] == "key"
    document = ET.fromstring(request.body)
    assert document.attrib["{http://www.w3.org/XML/1998/namespace}lang"] == "en-US"
    assert next(iter(document[0])).attrib == {"rate": "+25%"}


@given(st.text(), st.text(min_size=1))
def test_ssml_holds_nothing_but_what_was_to_be_said(text: str, voice: str) -> None:
    document = ET.fromstring(ssml(text, voice, 0.5))
    (named,) = document
    (said,) = named
    spoken = said.text or ""
    assert len(list(document.iter())) == 3
    assert len(spoken) <= len(text)
    for character in set(text) & set("<>&\"' abc\u00fc\U0001f600"):
        assert spoken.count(character) >= text.count(character)


def test_azure_is_where_its_region_is() -> None:
    vendor: Any = type(trial.translator(AZURE))
    made_ = vendor("v", options=vendor.Options(region="westeurope"))
    request = made_.request(
        asking("neural", input="Hi"), model="neural", key=None, drop=frozenset()
    )
    assert request.url == "https://westeurope.tts.speech.microsoft.com/cognitiveservices/v1"
    with pytest.raises(ValueError, match="AZURE_SPEECH_REGION"):
        vendor("v")
    with pytest.raises(ValueError, match="region"):
        vendor.Options(region="evil.example/")


# Gemini


def piece(sound: bytes = b"", reason: str | None = None, *, counts: bool = True) -> bytes:
    inline = {
        "mimeType": "audio/L16;codec=pcm;rate=16000",
        "data": base64.b64encode(sound).decode(),
    }
    candidate = {
        "content": {"role": "model", "parts": [{"inlineData": inline}] if sound else []},
        **({"finishReason": reason} if reason else {}),
    }
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 9, "totalTokenCount": 12}
    return event(candidates=[candidate], **({"usageMetadata": usage} if counts else {}))


def test_gemini_is_asked_for_sound_in_a_chat() -> None:
    request = made(GEMINI, "gemini-3.8-flash-tts", voice="Puck")
    assert request.url.endswith("/models/gemini-3.8-flash-tts:streamGenerateContent?alt=sse")
    assert json.loads(request.body)["contents"] == [{"role": "user", "parts": [{"text": "Hello."}]}]
    assert voice_in(request) == "Puck"
    assert "response_format" in lacks(GEMINI, response_format="mp3")
    assert lacks(GEMINI, instructions="Low.", speed=1.5) == {"instructions", "speed"}


def test_geminis_samples_are_a_wav_file_or_pass_as_they_are() -> None:
    pieces = [piece(b"\x01\x02"), piece(b"\x03\x04"), piece(reason="STOP")]
    plain = hear_from(speaker(GEMINI), EVENTS, pieces, asking("m", input="Hi"))
    assert plain.content_type == "audio/wav"
    with wave.open(io.BytesIO(b"".join(plain.payloads))) as read:
        assert (read.getframerate(), read.getsampwidth(), read.getnchannels()) == (16000, 2, 1)
    assert b"".join(plain.payloads)[44:] == b"\x01\x02\x03\x04"
    raw = hear_from(speaker(GEMINI), EVENTS, pieces, asking("m", input="Hi", response_format="pcm"))
    assert (raw.payloads, raw.content_type) == ([b"\x01\x02", b"\x03\x04"], "audio/pcm")


def test_geminis_samples_become_openais_events() -> None:
    asked = asking("m", input="Hi", response_format="pcm", stream_format="sse")
    heard = hear_from(speaker(GEMINI), EVENTS, [piece(b"\x01\x02"), piece(reason="STOP")], asked)
    sound, kinds = read_events(heard.payloads)
    assert (sound, kinds) == (b"\x01\x02", ["speech.audio.delta", "speech.audio.done"])
    usage = {"input_tokens": 3, "output_tokens": 9, "total_tokens": 12}
    assert json.loads(heard.payloads[-1])["usage"] == usage


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ([piece(reason="STOP")], ErrorKind.BAD_ANSWER),
        ([piece(b"x"), piece(reason="SAFETY")], ErrorKind.CONTENT_FILTERED),
        ([piece(b"x"), piece(reason="OTHER")], ErrorKind.STREAM_INCOMPLETE),
        ([piece(b"x"), piece(reason="MAX_TOKENS")], ErrorKind.STREAM_INCOMPLETE),
        ([event(promptFeedback={"blockReason": "SAFETY"})], ErrorKind.CONTENT_FILTERED),
        ([event(error={"code": 429, "message": "Slow.", "status": "X"})], ErrorKind.RATE_LIMIT),
    ],
)
def test_what_keeps_gemini_from_speaking_is_told(said: list[bytes], kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as failed:
        hear_from(speaker(GEMINI), EVENTS, said, asking("m", input="Hi"))
    assert failed.value.kind is kind


def test_sound_of_geminis_that_is_cut_is_not_whole() -> None:
    said = [piece(b"x", "STOP", counts=False)]
    assert not hear_from(speaker(GEMINI), EVENTS, said, asking("m", input="Hi")).finished
