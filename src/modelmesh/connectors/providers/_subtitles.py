"""A transcript, and every form in which a client may want it. Pure.

The forms are OpenAI's: https://platform.openai.com/docs/api-reference/audio. Those with times are
written here for vendors who give words or segments but no subtitles.
"""

import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from modelmesh.connectors.providers._languages import language_named
from modelmesh.connectors.providers._usage import tokens_of
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.json_text import dumps
from modelmesh.types import Answer

PLAIN: Final = "text/plain; charset=utf-8"
TEXTS: Final = frozenset({"text", "srt", "vtt"})
"""The forms which are no JSON."""
TIMED: Final = frozenset({"srt", "vtt", "verbose_json", "diarized_json"})
"""The forms which say when something was said."""

# A line of subtitles ends with a sentence, at a silence, or before it is too long to be read.
_PAUSE: Final = 1.0
_SECONDS: Final = 7.0
_CHARACTERS: Final = 84
_COUNTED: Final = re.compile(r"(speaker[_ ]?)?\d+", re.IGNORECASE)
_SENTENCE_ENDS: Final = (".", "!", "?", "…", "。", "！", "？", "؟", "।")  # noqa: RUF001 - they are meant


@frozen(kw_only=True)
class Timed:
    """Something that was said, and when, in seconds."""

    text: str
    start: float
    end: float
    confidence: float | None = None
    speaker: str | None = None


@frozen(kw_only=True)
class Word(Timed):
    """A word."""


@frozen(kw_only=True)
class Segment(Timed):
    """A line of a transcript."""

    own: Mapping[str, Any] = field(factory=dict, repr=False)
    """What the vendor itself says of it."""


@frozen(kw_only=True)
class Transcript:
    """What was said. `counts` is the usage as a client is told it."""

    text: str
    language: str = ""
    duration: float = 0.0
    words: Sequence[Word] = ()
    segments: Sequence[Segment] = ()
    counts: Mapping[str, Any] = field(factory=dict)

    @property
    def lines(self) -> Sequence[Segment]:
        """The segments; where the vendor gave none, made of the words, or all of it as one."""
        if self.segments or not self.text.strip():
            return self.segments
        if not self.words and self.seconds:
            return (Segment(text=self.text, start=0.0, end=self.seconds),)
        return tuple(segments_of(self.text, self.words))

    @property
    def seconds(self) -> float:
        """How long it is, or at least was spoken; vendors round it."""
        ends = [line.end for line in self.segments] + [word.end for word in self.words]
        return max([self.duration, *ends])


def written(said: Transcript, form: str, granularities: Sequence[str] = ()) -> Answer:
    """Return a transcript in a form. `granularities` are those asked of `verbose_json`.

    Raises ProviderError where the form has times and the transcript has none.
    """
    if form in TIMED and said.text.strip() and not said.lines:
        raise ProviderError(ErrorKind.BAD_ANSWER, "the vendor's transcript has no times")
    if form in TEXTS:
        return Answer(body=_TEXTS_BY_FORM[form](said).encode(), content_type=PLAIN)
    body = in_json(said, form, granularities)
    return Answer(body=dumps(body), usage=tokens_of(body))


def in_json(said: Transcript, form: str, granularities: Sequence[str] = ()) -> dict[str, Any]:
    """Return the JSON object of a transcript in one of the forms which are JSON."""
    counts = said.counts or _by_duration(said)
    if form == "diarized_json":
        return {
            "task": "transcribe",
            "duration": said.seconds,
            "text": said.text,
            "segments": list(_diarized(said.lines)),
            **_used(counts),
        }
    if form != "verbose_json":
        return {"text": said.text, **_used(counts)}
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": language_named(said.language),
        "duration": said.seconds,
        "text": said.text,
    }
    if "segment" in granularities or not granularities:
        body["segments"] = [_segment(n, line) for n, line in enumerate(said.lines)]
    if "word" in granularities:
        body["words"] = [{"word": w.text, "start": w.start, "end": w.end} for w in said.words]
    return {**body, **_used({**counts, "type": "", **_by_duration(said)})}


def events_of(said: Transcript, form: str) -> Iterator[dict[str, Any]]:
    """Give the events of a stream that brings a whole transcript in one go."""
    if form == "diarized_json":
        yield from _diarized(said.lines)
    elif said.text:
        yield {"type": "transcript.text.delta", "delta": said.text}
    counts = said.counts if said.counts.get("type") == "tokens" else {}
    yield {"type": "transcript.text.done", "text": said.text, **_used(counts)}


def segments_of(text: str, words: Sequence[Word]) -> Iterator[Segment]:
    """Give lines made of words; what stands between words comes from the text."""
    line: list[tuple[Word, int]] = []
    for word, start in zip(words, _places(text, words), strict=True):
        if line and _breaks([w for w, _ in line], word):
            yield _joined(text, line, start)
            line = []
        line.append((word, start))
    if line:
        yield _joined(text, line, len(text))


def _places(text: str, words: Sequence[Word]) -> Iterator[int]:
    """Give where in the text each word begins; -1 for one that is not in it."""
    place = 0
    for word in words:
        found = text.find(word.text, place)
        yield found
        place = found + len(word.text) if found >= 0 else place


def _joined(text: str, line: Sequence[tuple[Word, int]], end: int) -> Segment:
    words = [word for word, _ in line]
    sure = [w.confidence for w in words if w.confidence is not None]
    found = min((place for _, place in line), default=-1) >= 0 <= end
    return Segment(
        text=(text[line[0][1] : end] if found else " ".join(w.text for w in words)).strip(),
        start=words[0].start,
        end=words[-1].end,
        confidence=sum(sure) / len(sure) if sure else None,
        speaker=words[0].speaker,
    )


def _breaks(line: Sequence[Word], word: Word) -> bool:
    """Whether a word begins a new line."""
    first, last = line[0], line[-1]
    return (
        word.speaker != last.speaker
        or word.start - last.end > _PAUSE
        or last.text.endswith(_SENTENCE_ENDS)
        or word.end - first.start > _SECONDS
        or sum(len(each.text) + 1 for each in line) + len(word.text) > _CHARACTERS
    )


def _segment(number: int, line: Segment) -> dict[str, Any]:
    """Return a segment as OpenAI has it. What only Whisper knows is worked out, or nothing."""
    text = line.text.encode(errors="replace")
    sure = line.confidence
    known = {
        "id": number,
        "seek": 0,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": math.log(sure) if sure and 0 < sure <= 1 else 0.0,
        "compression_ratio": len(text) / len(zlib.compress(text)) if text else 0.0,
        "no_speech_prob": 0.0,
    }
    own = {name: value for name, value in line.own.items() if value is not None}
    return {**known, **own, "start": line.start, "end": line.end, "text": line.text}


def _diarized(lines: Sequence[Segment]) -> Iterator[dict[str, Any]]:
    """Give lines with who says them: OpenAI numbers speakers with letters, as they come in."""
    names: dict[str, str] = {}
    for number, line in enumerate(lines):
        told = line.speaker or "0"
        name = names.setdefault(told, _letters(len(names))) if _COUNTED.fullmatch(told) else told
        yield {
            "type": "transcript.text.segment",
            "id": f"seg_{number}",
            "speaker": name,
            "start": line.start,
            "end": line.end,
            "text": line.text,
        }


def _letters(number: int) -> str:
    """Return A to Z, then AA, AB and so on."""
    rest, letter = divmod(number, 26)
    return (_letters(rest - 1) if rest else "") + chr(ord("A") + letter)


def _by_duration(said: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(said.seconds)} if said.seconds else {}


def _used(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {"usage": dict(counts)} if counts.get("type") else {}


def _srt(said: Transcript) -> str:
    return "".join(
        f"{number}\n{_time(line.start, ',')} --> {_time(line.end, ',')}\n{_plain(line)}\n\n"
        for number, line in enumerate(said.lines, 1)
    )


def _vtt(said: Transcript) -> str:
    return "WEBVTT\n\n" + "".join(
        f"{_time(line.start, '.')} --> {_time(line.end, '.')}\n{_plain(line)}\n\n"
        for line in said.lines
    )


def _plain(line: Segment) -> str:
    """Return a line's text, which must not look like a time or the end of its block."""
    return " ".join(line.text.split()).replace("-->", "->")


def _time(seconds: float, point: str) -> str:
    thousandths = round(max(0.0, seconds) * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"


_TEXTS_BY_FORM: Final = {"text": lambda said: f"{said.text}\n", "srt": _srt, "vtt": _vtt}
