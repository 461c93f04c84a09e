"""What vendors whose wire is OpenAI's are sent, and what is made of their answers and streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcribing_wire import Body, answered, asking, fields, heard, told, vendor

from modelmesh.connectors.providers._transcript_reading import Decoder, counted, read
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.shape import DECISIVE
from modelmesh.types import Answer, Event


@pytest.mark.parametrize(
    ("connector", "model", "form", "asked"),
    [
        ("openai.llm.v1", "whisper-1", "srt", {"response_format": "srt"}),
        ("openai.llm.v1", "gpt-4o-transcribe", "text", {"response_format": "json"}),
        ("openai.llm.v1", "gpt-transcribe", "json", {"response_format": "json"}),
        ("openai.llm.v1", "gpt-4o-transcribe-diarize", "vtt", {"response_format": "diarized_json"}),
        ("openai-compatible", "any", "srt", {"response_format": "srt"}),
        ("openai-compatible", "any", None, {}),
        ("groq.api.v1", "whisper-large-v3", "srt", {"response_format": "verbose_json"}),
        ("mistral.api.v1", "voxtral", "json", {}),
        ("mistral.api.v1", "voxtral", "srt", {"timestamp_granularities": ["segment"]}),
        (
            "mistral.api.v1",
            "voxtral",
            "diarized_json",
            {"timestamp_granularities": ["segment"], "diarize": "true"},
        ),
        ("xai.api.v1", "grok", "diarized_json", {"diarize": "true"}),
    ],
)
def test_a_vendor_is_asked_for_what_a_form_can_be_made_of(
    connector: str, model: str, form: str | None, asked: Body
) -> None:
    wanted = {"response_format": form} if form else {}
    assert fields(connector, model, **wanted) == {"model": model, **asked}


@pytest.mark.parametrize(
    ("connector", "model", "form"),
    [
        ("openai.llm.v1", "whisper-1", "diarized_json"),
        ("openai.llm.v1", "gpt-4o-transcribe", "srt"),
        ("openai.llm.v1", "gpt-transcribe", "verbose_json"),
        ("openai.llm.v1", "gpt-4o-transcribe-diarize", "verbose_json"),
        ("groq.api.v1", "whisper-large-v3", "diarized_json"),
        ("google.gemini.v1", "gemini-3.5-transcribe", "vtt"),
    ],
)
def test_a_vendor_that_cannot_give_a_form_says_so(connector: str, model: str, form: str) -> None:
    lacks = vendor(connector).lacks(asking(response_format=form), model)
    assert lacks & DECISIVE == {"response_format"}


def test_where_everything_may_be_dropped_the_client_gets_json() -> None:
    said = told("groq.api.v1", {"text": "Hi."}, response_format="diarized_json")
    assert said == {"text": "Hi."}


@pytest.mark.parametrize(
    ("connector", "dropped"),
    [
        ("groq.api.v1", {"chunking_strategy", "keywords"}),
        ("mistral.api.v1", {"prompt", "chunking_strategy", "keywords"}),
        ("deepgram.stt.v1", {"prompt", "chunking_strategy"}),
        ("elevenlabs.tts.v1", {"prompt", "chunking_strategy"}),
        ("assemblyai.stt.v1", {"prompt", "chunking_strategy"}),
    ],
)
def test_hints_which_a_vendor_does_not_take_are_named_and_not_sent(
    connector: str, dropped: set[str]
) -> None:
    request = asking(prompt="x", chunking_strategy="auto", keywords=["k"], language="en")
    lacks = vendor(connector).lacks(request, "m")
    assert lacks == dropped
    assert not lacks & DECISIVE


def test_what_asks_for_nothing_is_lacked_by_nobody() -> None:
    nothing: Body = {
        "stream": False,
        "temperature": 0.0,
        "prompt": "",
        "keywords": [],
        "timestamp_granularities": [],
    }
    assert vendor("deepgram.stt.v1").lacks(asking(**nothing), "nova-3") == frozenset()


def test_granularities_matter_only_where_words_or_segments_are_told() -> None:
    wanted: Body = {"timestamp_granularities": ["word"]}
    gemini = vendor("google.gemini.v1")
    assert "timestamp_granularities" not in gemini.lacks(asking(**wanted), "m")
    verbose = asking(**wanted, response_format="verbose_json")
    assert "timestamp_granularities" in gemini.lacks(verbose, "m")


def test_mistral_takes_times_or_a_language() -> None:
    mistral = vendor("mistral.api.v1")
    assert mistral.lacks(asking(language="en"), "voxtral") == frozenset()
    assert mistral.lacks(asking(language="en", response_format="srt"), "voxtral") == {"language"}


def test_a_stream_is_asked_for_where_the_vendor_has_one() -> None:
    assert fields("openai.llm.v1", "gpt-4o-transcribe", stream=True)["stream"] == "true"
    assert "stream" not in fields("openai.llm.v1", "whisper-1", stream=True)
    assert fields("groq.api.v1", "w", stream=True, response_format="srt") == {
        "model": "w",
        "response_format": "json",
    }


@pytest.mark.parametrize(
    "reply",
    [b"", b"null", b"[]", b'""', b"{}", b'{"text": null}', b'{"text": 5}', b"<!doctype html>"],
)
@pytest.mark.parametrize("form", ["json", "text", "srt", "vtt", "verbose_json"])
def test_what_is_no_transcript_is_a_bad_answer(reply: bytes, form: str) -> None:
    headers = {"content-type": "text/html" if reply.startswith(b"<") else "application/json"}
    with pytest.raises(ProviderError) as raised:
        answered("openai-compatible", reply, response_format=form, headers=headers)
    assert raised.value.kind is ErrorKind.BAD_ANSWER


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_with_a_status_of_success_is_one(form: str) -> None:
    error = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    with pytest.raises(ProviderError) as raised:
        answered("groq.api.v1", error, response_format=form)
    assert raised.value.kind is ErrorKind.RATE_LIMIT


def test_a_text_that_looks_like_nothing_is_a_text() -> None:
    for said in (b"", b"12\n", b" Hello <there>\n"):
        answer = answered("openai-compatible", said, response_format="text")
        assert isinstance(answer, Answer)
        assert answer.body == said


def test_a_language_which_the_client_named_is_the_transcripts() -> None:
    said = {"text": "Hi.", "words": [{"text": "Hi.", "start": 0, "end": 1}], "duration": 1}
    body = told("xai.api.v1", said, response_format="verbose_json", language="en")
    assert body["language"] == "english"


def test_mistrals_events_become_openais() -> None:
    done = {
        "type": "transcription.done",
        "model": "voxtral",
        "text": "Hello you.",
        "language": "en",
        "segments": [],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 20},
    }
    events = heard(
        Decoder(),
        {"type": "transcription.language", "audio_language": "en"},
        {"type": "transcription.text.delta", "text": "Hello "},
        Event("transcription.text.delta", b'{"type": "transcription.text.delta", "text": "you."}'),
        done,
    )
    assert events[:2] == [
        {"type": "transcript.text.delta", "delta": "Hello "},
        {"type": "transcript.text.delta", "delta": "you."},
    ]
    assert events[2]["text"] == "Hello you."
    assert (events[2]["usage"]["input_tokens"], events[2]["usage"]["output_tokens"]) == (16, 4)


def test_mistrals_segments_become_openais_where_speakers_are_wanted() -> None:
    line = {"type": "transcription.segment", "text": "Hi.", "start": 0.0, "end": 1.0}
    events = heard(
        Decoder(form="diarized_json"),
        {**line, "speaker_id": "speaker_2"},
        {**line, "speaker_id": "speaker_1"},
        {"type": "transcription.done", "text": "Hi. Hi."},
    )
    assert [(event.get("id"), event.get("speaker")) for event in events] == [
        ("seg_0", "A"),
        ("seg_1", "B"),
        (None, None),
    ]


def test_vllms_chunks_become_openais_events() -> None:
    def chunk(text: str, reason: str | None = None) -> Body:
        choice = {"delta": {"content": text}, "finish_reason": reason}
        return {"id": "t", "object": "transcription.chunk", "choices": [choice]}

    assert heard(Decoder(), chunk("Hello "), chunk("you."), chunk("", "stop")) == [
        {"type": "transcript.text.delta", "delta": "Hello "},
        {"type": "transcript.text.delta", "delta": "you."},
        {"type": "transcript.text.done", "text": "Hello you."},
    ]


@given(data=st.binary(), name=st.sampled_from(["", "error", "transcription.done"]))
def test_any_event_is_read_or_a_failure(data: bytes, name: str) -> None:
    try:
        chunks = Decoder().feed(Event(name, data))
    except ProviderError as failed:
        chunks = ()
        assert failed.rule.next_target or failed.kind is ErrorKind.INVALID_REQUEST  # noqa: PT017 - or it is none
    assert not any(chunk.finished for chunk in chunks)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    body=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("text", "language", "duration", "segments", "words", "usage", "results"), JSON
        ),
    )
)
@pytest.mark.parametrize("form", ["json", "srt", "verbose_json", "diarized_json"])
def test_any_object_is_a_transcript_or_a_bad_answer(form: str, body: Body) -> None:
    for connector in ("openai-compatible", "deepgram.stt.v1", "elevenlabs.tts.v1"):
        try:
            answer = answered(connector, body, response_format=form)
        except ProviderError as failed:
            assert failed.kind is ErrorKind.BAD_ANSWER  # noqa: PT017 - or it is none
        else:
            assert isinstance(answer, Answer)


def test_counts_are_told_in_openais_words_and_nothing_is_lost() -> None:
    mistral = {"prompt_tokens": 3, "completion_tokens": 11, "total_tokens": 389, "x": 1}
    assert counted(mistral) == {
        **mistral,
        "type": "tokens",
        "input_tokens": 378,
        "output_tokens": 11,
    }
    assert counted({"seconds": 6, "cost": 0.1}) == {"seconds": 6, "cost": 0.1, "type": "duration"}
    assert counted({"cost": 0.1}) == {"cost": 0.1}
    assert read({"text": "x", "usage": None}).counts == {}
