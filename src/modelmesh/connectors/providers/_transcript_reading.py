"""Reading transcripts: JSON like OpenAI's, which many vendors have with an accent, and streams.

Mistral's events are `transcription.text.delta` and so on (https://docs.mistral.ai/api/), vLLM's
are chunks as of a chat, of which an empty one has the end.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._fields import number_in, object_in, objects_in, text_in
from modelmesh.connectors.providers._stream import told_in
from modelmesh.connectors.providers._transcript import Segment, Transcript, Word
from modelmesh.connectors.providers._transcript_forms import events_of, used
from modelmesh.connectors.providers._usage import usage_of_sound
from modelmesh.errors import bad_answer
from modelmesh.json_text import dumps
from modelmesh.types import Chunk, Event
from modelmesh.usage import Usage

_SEGMENT: Final = frozenset(
    {
        "id",
        "seek",
        "start",
        "end",
        "text",
        "tokens",
        "temperature",
        "avg_logprob",
        "compression_ratio",
        "no_speech_prob",
    }
)
_OWN: Final = _SEGMENT - {"start", "end", "text"}
_DIARIZED: Final = frozenset({"type", "id", "speaker", "start", "end", "text"})
_SPEAKERS: Final = ("speaker", "speaker_id")


def sound(body: Mapping[str, Any], form: str, granularities: Sequence[str] = ()) -> bool:
    """Whether an object is a transcript in a form which is JSON, as OpenAI writes it."""
    counts = body.get("usage")
    counted = counts is None or (isinstance(counts, dict) and "type" in counts)
    if not isinstance(body.get("text"), str) or not counted:
        return False
    segments = objects_in(body.get("segments"))
    match form:
        case "json":
            return True
        case "diarized_json":
            named = all(segment.keys() >= _DIARIZED for segment in segments)
            return "segments" in body and number_in(body, "duration") is not None and named
        case "verbose_json":
            named = all(segment.keys() >= _SEGMENT for segment in segments)
            words = all("word" in word for word in objects_in(body.get("words")))
            there = {"segments", "words"} & body.keys() or not granularities
            known = (
                isinstance(body.get("language"), str) and number_in(body, "duration") is not None
            )
            return bool(named and words and there and known)
    return False


def read(body: Mapping[str, Any]) -> Transcript:
    """Read a transcript like OpenAI's. Raises ProviderError where it is none."""
    text = body.get("text")
    if not isinstance(text, str):
        raise bad_answer("no transcript")
    counts = object_in(body.get("usage"))
    seconds = number_in(body, "duration") or number_in(counts, "prompt_audio_seconds") or 0.0
    return Transcript(
        text=text,
        language=text_in(body.get("language")),
        duration=seconds or number_in(counts, "seconds") or 0.0,
        words=tuple(_words(body.get("words"))),
        segments=tuple(_segments(body.get("segments"))),
        counts=counted(counts),
    )


def counted(counts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a vendor's counts as OpenAI has them: tokens, or seconds. Whatever else stays.

    Mistral counts the tokens of sound beside those of the prompt; the total tells.
    """
    if counts.get("type") or not counts:
        return counts
    told = number_in(counts, "output_tokens")
    output = number_in(counts, "completion_tokens") if told is None else told
    if output is None:
        known = number_in(counts, "seconds") is not None
        return {**counts, "type": "duration"} if known else counts
    given = number_in(counts, "input_tokens") or number_in(counts, "prompt_tokens") or 0
    total = max(int(number_in(counts, "total_tokens") or 0), int(given + output))
    return {
        **counts,
        "type": "tokens",
        "input_tokens": total - int(output),
        "output_tokens": int(output),
        "total_tokens": total,
    }


class Decoder:
    """Decodes one stream into OpenAI's events, which pass through as they are.

    A whole transcript, which is what some answer with, becomes the events of one; `transcript`
    reads it.
    """

    def __init__(
        self,
        transcript: Callable[[Mapping[str, Any]], Transcript] = read,
        form: str = "json",
        signs: Sequence[Sign] = (),
    ) -> None:
        self._transcript = transcript
        self._form = form
        self._signs = signs
        # What was said in another's events, and the names of those who speak.
        self._said: list[str] = []
        self._segments: list[Segment] = []
        # What a transcript took that came whole.
        self._used: Usage | None = None

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunks an event stands for; raise ProviderError for a failure."""
        payload = event.data.replace(b"\r", b"").replace(b"\n", b" ").strip()
        if not payload or payload == b"[DONE]":
            return ()
        body = told_in(event.name, payload, self._signs)
        kind = str(body.get("type") or event.name)
        if kind.startswith("transcript."):
            return (_chunk(payload, body, usage_of_sound(body)),)
        return [_chunk(dumps(new), new, self._used) for new in self._translated(kind, body)]

    def _translated(self, kind: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if "choices" in body:
            yield from self._of_choices(body)
        elif kind == "transcription.text.delta":
            yield from self._delta(body.get("text"))
        elif kind == "transcription.segment":
            self._segments += _segments([body])
            if self._form == "diarized_json":
                *_, newest, _ = events_of(Transcript(text="", segments=self._segments), self._form)
                yield newest
        elif kind == "transcription.done":
            *_, done = self._whole(read(body), "json")
            yield done
        elif not kind:
            yield from self._whole(self._transcript(body), self._form)

    def _whole(self, said: Transcript, form: str) -> Iterator[dict[str, Any]]:
        self._used = used(said)
        return events_of(said, form)

    def _of_choices(self, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for choice in objects_in(body["choices"]):
            yield from self._delta(object_in(choice.get("delta")).get("content"))
            if choice.get("finish_reason"):
                yield {"type": "transcript.text.done", "text": "".join(self._said)}

    def _delta(self, text: Any) -> Iterator[dict[str, Any]]:
        if isinstance(text, str) and text:
            self._said.append(text)
            yield {"type": "transcript.text.delta", "delta": text}


def _chunk(payload: bytes, body: Mapping[str, Any], used: Usage | None) -> Chunk:
    kind = body.get("type")
    finished = kind == "transcript.text.done"
    return Chunk(
        payload=payload,
        content=kind in ("transcript.text.delta", "transcript.text.segment"),
        finished=finished,
        usage=used if finished else None,
    )


def _words(words: Any) -> Iterator[Word]:
    for word in objects_in(words):
        yield Word(
            text=text_in(word.get("word", word.get("text"))).strip(),
            start=number_in(word, "start") or 0.0,
            end=number_in(word, "end") or 0.0,
            speaker=_speaker(word),
        )


def _segments(segments: Any) -> Iterator[Segment]:
    for line in objects_in(segments):
        yield Segment(
            text=text_in(line.get("text")),
            start=number_in(line, "start") or 0.0,
            end=number_in(line, "end") or 0.0,
            speaker=_speaker(line),
            own={name: line[name] for name in _OWN & line.keys()},
        )


def _speaker(part: Mapping[str, Any]) -> str | None:
    names = (part[name] for name in _SPEAKERS if part.get(name) is not None)
    return next(map(str, names), None)
