"""The rules which answers that come whole keep, whichever vendor gave them.

Each function gives complaints, as those in `shape` do. The measure is what OpenAI itself sends at
each endpoint: https://platform.openai.com/docs/api-reference.
"""

import base64
import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any, Final

from modelmesh.testing.conformance import kinds, shape
from modelmesh.types import Answer, Request
from modelmesh.usage import Usage

_CUE: Final = re.compile(r"\d\d:\d\d:\d\d[,.]\d{3} --> \d\d:\d\d:\d\d[,.]\d{3}$")
_COUNTS: Final = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
"""What clients are told of the tokens that were read and written, by either of its names."""
_IMAGE_COUNTS: Final = ("input_tokens", "output_tokens", "total_tokens")


def complaints(answer: Answer, request: Request) -> list[str]:
    """Judge an answer by what was asked for."""
    return list(_JUDGES[request.endpoint](answer, request))


def usage_complaints(counted: Usage | None, told: Any) -> list[str]:
    """Compare what the library counts with what the client is told."""
    counts = told if isinstance(told, dict) else {}
    named = [next((counts[name] for name in names if name in counts), None) for names in _COUNTS]
    if named == [None, None]:
        return []
    prompt, completion = (tokens or 0 for tokens in named)
    ours = (counted.prompt, counted.completion) if counted else (0, 0)
    # Mistral counts sound in the total, and not in what it calls the prompt.
    whole = (counts.get("total_tokens") or 0) - completion
    if ours in ((prompt, completion), (whole, completion)):
        return []
    return [f"the client is told of {prompt} and {completion} tokens, the library of {ours}"]


def embeddings(answer: Answer, request: Request) -> list[bytes]:
    """Return the embeddings in an answer, each as base64 holds it."""
    made = [_numbers(one.get("embedding"), request) for one in _objects(read(answer), "data")]
    return [struct.pack(f"<{len(numbers)}f", *numbers) for numbers in made]


def read(answer: Answer) -> dict[str, Any]:
    """Return the JSON object which an answer is; an empty one where it is something else."""
    return _object(answer.body)


def text(answer: Answer) -> Any:
    """Return what an answer says: a chat's first choice, a transcript, or what is no JSON."""
    told = read(answer)
    if not told:
        return answer.body.decode(errors="replace").rstrip("\n")
    return told["choices"][0]["message"].get("content") if "choices" in told else told.get("text")


def _chat(answer: Answer, request: Request) -> Iterator[str]:  # noqa: ARG001 - as all judges have it
    yield from kinds.complaints(answer.body, "chat.completion", "message")
    yield from shape.answer_complaints(answer.body)


def _embeddings(answer: Answer, request: Request) -> Iterator[str]:
    told, inputs = read(answer), request.body["input"]
    made = _objects(told, "data")
    count = 1 if isinstance(inputs, str) else len(inputs)
    if told.get("object") != "list":
        yield f"object is {told.get('object')!r}, not 'list'"
    if not isinstance(told.get("model"), str):
        yield "model is missing"
    if [one.get("index") for one in made] != list(range(count)):
        yield f"there are not {count} embeddings, numbered from 0"
    if any(one.get("object") != "embedding" for one in made):
        yield "an embedding's object is not 'embedding'"
    numbers = [_numbers(one.get("embedding"), request) for one in made]
    if not all(numbers):
        yield "an embedding is not in the form that was asked for"
    if len({len(each) for each in numbers}) > 1:
        yield "the embeddings differ in length"
    yield from _counts(told.get("usage"), ("prompt_tokens", "total_tokens"))


def _numbers(came: Any, request: Request) -> tuple[float, ...]:
    """Return an embedding's numbers; none where they are not as they were asked for."""
    if request.body.get("encoding_format") == "base64":
        content = _decoded(came)
        came = struct.unpack(f"<{len(content) // 4}f", content) if len(content) % 4 == 0 else ()
    elif not isinstance(came, list):
        return ()
    sound = all(type(number) in (int, float) and isfinite(number) for number in came)
    return tuple(came) if sound else ()


def _images(answer: Answer, request: Request) -> Iterator[str]:  # noqa: ARG001 - as all judges have it
    told = read(answer)
    if type(told.get("created")) is not int:
        yield f"created is {told.get('created')!r}"
    made = _objects(told, "data")
    if not made:
        yield "there are no images"
    for image in made:
        url = image.get("url")
        if not (_decoded(image.get("b64_json")) or (isinstance(url, str) and ":" in url)):
            yield "an image has neither a url nor b64_json"
    if told.get("usage") is not None:
        yield from _counts(told["usage"], _IMAGE_COUNTS)


def _speech(answer: Answer, request: Request) -> Iterator[str]:
    if request.stream:
        yield from _speech_events([_object(line) for line in answer.body.split(b"\n")])
        return
    if not answer.body:
        yield "there is no sound"
    if not answer.content_type.startswith(("audio/", "application/octet-stream")):
        yield f"it is {answer.content_type!r}"


def _speech_events(events: list[dict[str, Any]]) -> Iterator[str]:
    *deltas, last = [event.get("type") for event in events]
    if set(deltas) != {"speech.audio.delta"} or last != "speech.audio.done":
        yield f"it is no sound in events: {deltas[:3]}, and {last} in the end"
    elif not any(_decoded(event.get("audio")) for event in events):
        yield "there is no sound"


def _transcript(answer: Answer, request: Request) -> Iterator[str]:
    form = request.body.get("response_format", "json")
    if form in ("text", "srt", "vtt"):
        if not answer.content_type.startswith("text/plain"):
            yield f"it is {answer.content_type!r}"
        yield from _TEXTS[form](answer.body.decode(errors="replace")) if form in _TEXTS else ()
        return
    told = read(answer)
    if not isinstance(told.get("text"), str):
        yield f"text is {told.get('text')!r}"
    if form == "verbose_json":
        yield from _verbose(told)


def _verbose(told: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(told.get("language"), str):
        yield f"language is {told.get('language')!r}"
    if not isinstance(told.get("duration"), int | float):
        yield f"duration is {told.get('duration')!r}"
    lines = _objects(told, "segments")
    if told.get("text") and not (lines or _objects(told, "words")):
        yield "there are neither segments nor words"
    for line in lines:
        times = [line.get("start"), line.get("end")]
        if not all(isinstance(each, int | float) for each in times):
            yield f"a segment is from {times[0]!r} to {times[1]!r}"
        if not isinstance(line.get("text"), str):
            yield f"a segment's text is {line.get('text')!r}"


def _srt(told: str) -> Iterator[str]:
    for number, block in enumerate(filter(None, told.strip().split("\n\n")), 1):
        lines = block.strip().splitlines()
        if lines[0] != str(number) or not _CUE.match("".join(lines[1:2])):
            yield f"subtitle {number} begins with {lines[:2]}"


def _vtt(told: str) -> Iterator[str]:
    head, *blocks = told.strip().split("\n\n")
    if not head.startswith("WEBVTT"):
        yield f"it begins with {head!r}"
    for block in blocks:
        if not any(map(_CUE.match, block.splitlines())):
            yield f"there is no time in {block!r}"


def _object(text: bytes) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _objects(told: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects in a list; one without anything for whatever else is there."""
    found = told.get(name)
    return (
        [one if isinstance(one, dict) else {} for one in found] if isinstance(found, list) else []
    )


def _counts(told: Any, names: tuple[str, ...]) -> Iterator[str]:
    counts = told if isinstance(told, dict) else {}
    for name in names:
        if type(counts.get(name)) is not int:
            yield f"usage.{name} is {counts.get(name)!r}"


def _decoded(came: Any) -> bytes:
    """Return what base64 holds; nothing where it is none."""
    try:
        return base64.b64decode(came, validate=True) if isinstance(came, str) else b""
    except ValueError:
        return b""


_TEXTS: Final[Mapping[str, Callable[[str], Iterator[str]]]] = {"srt": _srt, "vtt": _vtt}
_JUDGES: Final[Mapping[str, Callable[[Answer, Request], Iterator[str]]]] = {
    "chat": _chat,
    "embeddings": _embeddings,
    "images": _images,
    "speech": _speech,
    "transcriptions": _transcript,
}
