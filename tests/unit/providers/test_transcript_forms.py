"""Transcripts in every form a client may want, written of what vendors say."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio import TranscriptionDiarized, TranscriptionVerbose

from modelmesh.connectors.providers._transcript import Segment, Transcript, Word, segments_of
from modelmesh.connectors.providers._transcript_forms import events_of, written
from modelmesh.errors import ErrorKind, ProviderError

SAID = Transcript(
    text="Hello there. How are you?",
    language="en",
    duration=2.5,
    segments=(
        Segment(text="Hello there.", start=0.0, end=1.0, speaker="speaker_7", confidence=0.5),
        Segment(text=" How are you?", start=1.0, end=2.4, speaker="speaker_2"),
    ),
)


def words(*told: tuple[str, float, float], speaker: str | None = None) -> list[Word]:
    return [Word(text=t, start=start, end=end, speaker=speaker) for t, start, end in told]


def lines(text: str, said: list[Word]) -> list[str]:
    return [line.text for line in segments_of(text, said)]


def in_json(said: Transcript, form: str, *granularities: str) -> Any:
    return json.loads(written(said, form, granularities).body)


def test_subrip_has_numbers_and_times_with_a_comma() -> None:
    assert written(SAID, "srt").body.decode() == (
        "1\n00:00:00,000 --> 00:00:01,000\nHello there.\n\n"
        "2\n00:00:01,000 --> 00:00:02,400\nHow are you?\n\n"
    )


def test_webvtt_has_a_head_and_times_with_a_point() -> None:
    assert written(SAID, "vtt").body.decode() == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nHello there.\n\n"
        "00:00:01.000 --> 00:00:02.400\nHow are you?\n\n"
    )


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_texts_are_plain_texts(form: str) -> None:
    assert written(SAID, form).content_type == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "00:00:00,000"),
        (0.9996, "00:00:01,000"),
        (59.9999, "00:01:00,000"),
        (3599.9999, "01:00:00,000"),
        (360000.25, "100:00:00,250"),
        (-1.0, "00:00:00,000"),
    ],
)
def test_times_are_rounded_as_a_whole(seconds: float, told: str) -> None:
    said = Transcript(text="x", segments=(Segment(text="x", start=seconds, end=seconds),))
    assert f"{told} --> {told}" in written(said, "srt").body.decode()


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_what_is_said_never_breaks_a_subtitle(texts: list[str]) -> None:
    segments = tuple(Segment(text=text, start=i, end=i + 1) for i, text in enumerate(texts))
    subtitles = written(Transcript(text="x", segments=segments), "srt").body.decode()
    assert subtitles.count(" --> ") == len(texts)
    heads = re.findall(r"(?m)^(\d+)\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}$", subtitles)
    assert len(heads) >= len(texts)


def test_a_verbose_transcript_is_what_openai_types_say() -> None:
    body = written(SAID, "verbose_json").body
    told = TranscriptionVerbose.model_validate_json(body, strict=True)
    assert told.duration == 2.5
    assert told.usage is not None
    assert told.usage.seconds == 3
    assert told.segments is not None
    first, second = told.segments
    assert (first.id, first.start, first.end, first.text) == (0, 0.0, 1.0, "Hello there.")
    assert first.avg_logprob == pytest.approx(-0.693, abs=0.001)
    assert second.avg_logprob == 0.0
    assert 0 < first.compression_ratio < 1


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("en", "english"),
        ("eng", "english"),
        ("en_us", "english"),
        ("pt-BR", "portuguese"),
        ("English", "english"),
        ("ht", "haitian creole"),
        ("zho", "chinese"),
        ("tlh", "tlh"),
        ("", ""),
    ],
)
def test_a_language_has_openais_name_whichever_code_the_vendor_has(told: str, name: str) -> None:
    said = Transcript(text="x", language=told, duration=1)
    assert in_json(said, "verbose_json")["language"] == name


def test_words_and_segments_are_told_as_they_were_asked_for() -> None:
    said = Transcript(text="Hi.", duration=1, words=words(("Hi.", 0, 1)))
    assert "words" not in in_json(said, "verbose_json")
    assert in_json(said, "verbose_json", "word")["words"] == [{"word": "Hi.", "start": 0, "end": 1}]
    assert "segments" not in in_json(said, "verbose_json", "word")
    assert {"words", "segments"} <= in_json(said, "verbose_json", "word", "segment").keys()


def test_speakers_are_called_by_letters_in_the_order_they_come_in() -> None:
    body = written(SAID, "diarized_json").body
    told = TranscriptionDiarized.model_validate_json(body, strict=True)
    assert [(line.id, line.speaker) for line in told.segments] == [("seg_0", "A"), ("seg_1", "B")]


def test_a_speaker_with_a_name_keeps_it() -> None:
    segments = (Segment(text="x", start=0, end=1, speaker="agent"),)
    told = in_json(Transcript(text="x", segments=segments), "diarized_json")
    assert told["segments"][0]["speaker"] == "agent"


def test_the_twenty_seventh_speaker_is_aa() -> None:
    segments = tuple(Segment(text="x", start=n, end=n + 1, speaker=str(n)) for n in range(28))
    told = in_json(Transcript(text="x", segments=segments), "diarized_json")["segments"]
    assert [line["speaker"] for line in told][25:] == ["Z", "AA", "AB"]


def test_lines_end_with_a_sentence_a_silence_a_speaker_and_before_they_are_too_long() -> None:
    said = words(("One.", 0, 0.5), ("Two", 0.6, 1), ("three", 2.5, 3))
    assert lines("One. Two three", said) == ["One.", "Two", "three"]
    other = [*words(("Yes", 0, 1), speaker="0"), *words(("no", 1, 2), speaker="1")]
    assert lines("Yes no", other) == ["Yes", "no"]
    long = words(*((f"word{n:03}", n * 0.1, n * 0.1 + 0.1) for n in range(30)))
    text = " ".join(word.text for word in long)
    assert max(map(len, lines(text, long))) <= 84
    assert " ".join(lines(text, long)) == text
    slow = words(*((f"w{n}", n, n + 1) for n in range(10)))
    spans = [line.end - line.start for line in segments_of("", slow)]
    assert max(spans) <= 7


def test_words_without_spaces_between_them_stay_so() -> None:
    said = words(("今日", 0, 0.5), ("は", 0.5, 0.7), ("晴れ", 0.7, 1.2))
    assert lines("今日は晴れ", said) == ["今日は晴れ"]


def test_words_which_the_text_does_not_have_are_joined_by_spaces() -> None:
    assert lines("Ten!", words(("number", 0, 1), ("ten", 1, 2))) == ["number ten"]


@given(
    said=st.lists(
        st.tuples(st.text(min_size=1), st.floats(0, 1e5), st.floats(0, 1e5)), max_size=30
    ),
    text=st.text(),
)
def test_any_words_make_lines_of_all_of_them(
    said: list[tuple[str, float, float]], text: str
) -> None:
    made = list(segments_of(text, words(*said)))
    assert bool(made) == bool(said)
    if said:
        assert (made[0].start, made[-1].end) == (said[0][1], said[-1][2])


@pytest.mark.parametrize("form", ["srt", "vtt", "verbose_json", "diarized_json"])
def test_a_transcript_without_times_is_no_answer_where_they_are_wanted(form: str) -> None:
    with pytest.raises(ProviderError) as raised:
        written(Transcript(text="Hello."), form)
    assert raised.value.kind is ErrorKind.BAD_ANSWER


def test_a_transcript_whose_length_alone_is_known_is_one_line() -> None:
    said = written(Transcript(text="Hello.", duration=2.0), "srt").body.decode()
    assert said == "1\n00:00:00,000 --> 00:00:02,000\nHello.\n\n"


@pytest.mark.parametrize(
    ("form", "body"),
    [("text", b"\n"), ("srt", b""), ("vtt", b"WEBVTT\n\n"), ("json", b'{"text":""}')],
)
def test_silence_is_a_transcript(form: str, body: bytes) -> None:
    assert written(Transcript(text=""), form).body == body


def test_tokens_are_told_to_the_client_and_kept_for_the_library() -> None:
    counts = {"type": "tokens", "input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    answer = written(Transcript(text="x", counts=counts), "json")
    assert json.loads(answer.body)["usage"] == counts
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.usage.completion) == (5, 2)


def test_events_bring_a_whole_transcript_at_once() -> None:
    assert list(events_of(SAID, "json")) == [
        {"type": "transcript.text.delta", "delta": SAID.text},
        {"type": "transcript.text.done", "text": SAID.text},
    ]
    *segments, done = events_of(SAID, "diarized_json")
    assert [segment["text"] for segment in segments] == ["Hello there.", " How are you?"]
    assert done["type"] == "transcript.text.done"
