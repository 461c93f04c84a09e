"""Every form in which a client may want a transcript. Pure.

The forms are OpenAI's: https://platform.openai.com/docs/api-reference/audio. Those with times are
written here for vendors who give words or segments but no subtitles.
"""

import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from modelmesh.connectors.providers._languages import language_named
from modelmesh.connectors.providers._transcript import Segment, Transcript
from modelmesh.connectors.providers._usage import usage_of_sound
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.json_text import dumps
from modelmesh.types import Answer
from modelmesh.usage import Usage

PLAIN: Final = "text/plain; charset=utf-8"
TEXTS: Final = frozenset({"text", "srt", "vtt"})
"""The forms which are no JSON."""
TIMED: Final = frozenset({"srt", "vtt", "verbose_json", "diarized_json"})
"""The forms which say when something was said."""

_COUNTED: Final = re.compile(r"(speaker[_ ]?)?\d+", re.IGNORECASE)


def written(said: Transcript, form: str, granularities: Sequence[str] = ()) -> Answer:
    """Return a transcript in a form. `granularities` are those asked of `verbose_json`.

    Raises ProviderError where the form has times and the transcript has none.
    """
    if form in TIMED and said.text.strip() and not said.lines:
        raise ProviderError(ErrorKind.BAD_ANSWER, "the vendor's transcript has no times")
    if form in TEXTS:
        body = _TEXTS_BY_FORM[form](said).encode()
        return Answer(body=body, content_type=PLAIN, usage=used(said))
    return Answer(body=dumps(in_json(said, form, granularities)), usage=used(said))


def used(said: Transcript) -> Usage | None:
    """Return the usage of a transcript; None where its vendor told nothing of it."""
    return usage_of_sound({"usage": said.counts, "duration": said.duration})


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
