"""A transcript: what was said and when, in words and in lines. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

# A line of subtitles ends with a sentence, at a silence, or before it is too long to be read.
_PAUSE: Final = 1.0
_SECONDS: Final = 7.0
_CHARACTERS: Final = 84
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
