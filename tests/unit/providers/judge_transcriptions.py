"""The rules which transcripts keep, and the requests for them, whichever vendor makes them.

Each function returns complaints, as those in `judge` do. The measure is what OpenAI itself sends
(https://platform.openai.com/docs/api-reference/audio) and what vendors' pages name.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import trial
from judge_transcription_forms import AUDIO, FORMS, request_complaints
from openai.types.audio import (
    Transcription,
    TranscriptionDiarized,
    TranscriptionStreamEvent,
    TranscriptionVerbose,
)
from pydantic import TypeAdapter, ValidationError
from recordings import Exchange, boundaries, half_ways

from modelmesh.errors import ProviderError
from modelmesh.shape import DECISIVE
from modelmesh.testing.conformance.hearing import awkward_pieces, crumbs
from modelmesh.testing.transport import cut
from modelmesh.types import Answer, HttpRequest, Request
from modelmesh.usage import Usage

Body = Mapping[str, Any]


_TYPES: Final[Mapping[str, TypeAdapter[Any]]] = {
    "json": TypeAdapter(Transcription),
    "verbose_json": TypeAdapter(TranscriptionVerbose),
    "diarized_json": TypeAdapter(TranscriptionDiarized),
}
_EVENT: Final[TypeAdapter[Any]] = TypeAdapter(TranscriptionStreamEvent)
_CUE: Final = re.compile(r"(\d\d+):(\d\d):(\d\d)[.,](\d{3}) --> (\d\d+):(\d\d):(\d\d)[.,](\d{3})$")


async def complaints(exchange: Exchange) -> list[str]:
    """Judge what a recorded exchange is translated to, and what is sent for its request."""
    if exchange.endpoint == "transcription_stream":
        found = [*await stream_complaints(exchange), *await half_way_complaints(exchange)]
    else:
        found = [f"{form}: {text}" for form in FORMS for text in form_complaints(exchange, form)]
    return found + sent_complaints(exchange)


def form_complaints(exchange: Exchange, form: str) -> list[str]:
    """Judge what a plain answer is in a form, if that can be had of its vendor."""
    said = json.loads(exchange.body)
    if form_lacks(exchange, form):
        return []
    try:
        answer = answer_of(exchange, form)
    except ProviderError as failed:
        timeless = form not in ("json", "text") and not _has_times(said)
        return [] if timeless and failed.rule.next_target else [f"it fails: {failed}"]
    except Exception as raised:  # noqa: BLE001 - whatever a translator raises is told
        return [f"it raises {raised!r}"]
    if form in ("text", "srt", "vtt"):
        return list(_text_complaints(answer, form, _text(said)))
    return list(_json_complaints(answer, form, said))


def form_lacks(exchange: Exchange, form: str) -> bool:
    """Whether a form cannot be had of the vendor's model."""
    request = asked(exchange, form)
    return bool(trial.provider(exchange).lacks(request, exchange.model) & DECISIVE)


def answer_of(exchange: Exchange, form: str) -> Answer:
    """Return what an answer is translated to, for a client that wants a form."""
    answer = trial.provider(exchange).answer(
        trial.reply_of(exchange),
        request=asked(exchange, form),
        model=exchange.model,
        wall=trial.wall(exchange),
    )
    assert isinstance(answer, Answer)
    return answer


def asked(exchange: Exchange, form: str = "json", **more: Any) -> Request:
    """Return a request for a transcript in a form."""
    body = {"model": exchange.model, "response_format": form, **more}
    if exchange.endpoint == "transcription_stream":
        body["stream"] = True
    return _request(body)


async def stream_complaints(exchange: Exchange) -> list[str]:
    """Judge what a stream is translated to, in whichever pieces it comes."""
    request = asked(exchange, wanted_in(exchange))
    whole = await trial.hear(exchange, [exchange.body], request)
    if whole.raised:
        return [f"it fails: {whole.raised}"]
    found = list(_event_complaints([json.loads(payload) for payload in whole.payloads]))
    said = [said for _, said in exchange.events]
    usage = _usage(said[-1])
    if whole.usage != usage:
        found.append(f"the library counts {whole.usage}, the vendor {usage}")
    if json.loads(whole.payloads[-1])["text"] != said[-1]["text"]:
        found.append("the text is not the vendor's")
    ways = {"awkward pieces": awkward_pieces(exchange.body), "bytes": crumbs(exchange.body, 1)}
    for name, pieces in ways.items():
        heard = await trial.hear(exchange, pieces, request)
        if (heard.payloads, heard.usage, heard.raised) != (whole.payloads, whole.usage, None):
            found.append(f"in {name} it reads otherwise: {heard.raised or 'other events'}")
    return found


async def half_way_complaints(exchange: Exchange) -> list[str]:
    """Judge that a stream that breaks off, or tells of an error, is never taken for whole."""
    request, found = asked(exchange, wanted_in(exchange)), []
    end = exchange.events[-1][0]
    for place in [place for place in half_ways(exchange) if place < end]:
        for after in ([], [cut()], [b"data: [DONE]\n\n"]):
            heard = await trial.hear(exchange, [exchange.body[:place], *after], request)
            if not isinstance(heard.raised, ProviderError) or heard.succeeded:
                found.append(f"cut after {place} bytes it is taken for whole")
    error = b'data: {"error": {"message": "m", "type": "server_error"}}\n\n'
    for place in [place for place in boundaries(exchange) if place < end]:
        heard = await trial.hear(exchange, [exchange.body[:place] + error], request)
        if not isinstance(heard.raised, ProviderError) or heard.succeeded:
            found.append(f"an error after {place} bytes is not told")
    return found


def wanted_in(exchange: Exchange) -> str:
    """Return the form which the recorded request asked for."""
    return str(fields_of(exchange).get("response_format", "json"))


def fields_of(exchange: Exchange) -> dict[str, Any]:
    """Return the fields of a recorded form, as OpenAI's JSON would have them."""
    fields: dict[str, Any] = {}
    for part in (exchange.content["request"]["body"] or {}).get("multipart", []):
        name = part["name"]
        if name.endswith("[]"):
            fields.setdefault(name.removesuffix("[]"), []).append(part["value"])
        elif "value" in part:
            fields[name] = part["value"]
    return fields


def sent_complaints(exchange: Exchange) -> list[str]:
    """Judge what is sent for the request of an exchange, and in each form there is."""
    connector, fields = trial.connector_of(exchange), fields_of(exchange)
    stream = fields.pop("stream", None) == "true"
    bodies = [{**fields, "stream": stream}, *({"response_format": form} for form in FORMS)]
    made = [sent(connector, body, exchange.model) for body in bodies]
    return [text for one in made if one for text in request_complaints(connector, one)]


def sent(connector: str, body: Body, model: str) -> HttpRequest | None:
    """Return what the library sends; None where the model cannot take the request."""
    return trial.sent_by(trial.translator(connector), _request({**body, "model": model}))


def _json_complaints(answer: Answer, form: str, said: Body) -> Iterator[str]:
    told = json.loads(answer.body)
    try:
        _TYPES[form].validate_json(answer.body, strict=True)
    except ValidationError as error:
        yield from (f"{fault['loc']}: {fault['msg']}" for fault in error.errors()[:3])
    if told["text"] != _text(said):
        yield "the text is not the vendor's"
    usage = _usage(said)
    if answer.usage != usage:
        yield f"the library counts {answer.usage}, the vendor {usage}"
    heard = _squeezed("".join(line["text"] for line in told.get("segments") or ()))
    if form != "json" and heard and heard not in _squeezed(_text(said)):
        yield "the segments do not say what the text says"


def _text_complaints(answer: Answer, form: str, text: str) -> Iterator[str]:
    told = answer.body.decode()
    if not answer.content_type.startswith("text/plain"):
        yield f"it is {answer.content_type}"
    if form == "text":
        if told.rstrip("\n") != text.rstrip("\n"):
            yield "the text is not the vendor's"
        return
    blocks = told.removeprefix("WEBVTT\n\n").rstrip("\n").split("\n\n")
    last = 0.0
    said = ""
    for number, block in enumerate(blocks, 1):
        lines = block.split("\n")
        if form == "srt" and lines.pop(0) != str(number):
            yield f"line {number} has another number"
        cue = _CUE.match(lines.pop(0))
        parts = cue.groups() if cue else ("-1",) * 8
        start, end = _seconds(parts[:4]), _seconds(parts[4:])
        if not last <= start <= end:
            yield f"line {number} is from {start} to {end}, after {last}"
        last, said = start, said + "".join(lines)
    if _squeezed(said) not in _squeezed(text):
        yield "the subtitles do not say what the text says"


def _event_complaints(events: Sequence[Body]) -> Iterator[str]:
    for event in events:
        try:
            _EVENT.validate_python(event, strict=True)
        except ValidationError as error:
            yield f"{event.get('type')}: {error.errors()[0]['msg']}"
    kinds = [event["type"] for event in events]
    if kinds.count("transcript.text.done") != 1 or kinds[-1] != "transcript.text.done":
        yield "it has not one end"
    deltas = "".join(event["delta"] for event in events if "delta" in event)
    if deltas not in ("", events[-1]["text"]):
        yield "the pieces are not the whole"


def _text(said: Body) -> str:
    """Return a vendor's own transcript."""
    if "results" in said:
        return str(said["results"]["channels"][0]["alternatives"][0]["transcript"])
    return str(said["text"])


def _has_times(said: Body) -> bool:
    counted = said.get("usage") or {}
    long = said.get("duration") or counted.get("seconds") or counted.get("prompt_audio_seconds")
    return bool(said.get("segments") or said.get("words") or said.get("results") or long)


def _usage(said: Body) -> Usage | None:
    """Return a vendor's own figures; None where it counts nothing."""
    counts = said.get("usage") or {}
    output = counts.get("output_tokens", counts.get("completion_tokens"))
    seconds = [
        counts.get("seconds"),
        counts.get("prompt_audio_seconds"),
        said.get("duration"),
        said.get("audio_duration"),
        said.get("audio_duration_secs"),
        (said.get("metadata") or {}).get("duration"),
    ]
    told = next((each for each in seconds if each), 0)
    if output is None:
        return Usage(seconds=told) if told else None
    parts = counts.get("input_token_details") or counts.get("prompt_tokens_details") or {}
    heard = parts.get("audio_tokens") or 0
    prompt = counts["total_tokens"] - output
    return Usage(prompt=prompt, completion=output, heard=heard, seconds=told)


def _request(body: Body) -> Request:
    named = {name: told for name, told in body.items() if told is not None}
    return Request(
        id="r", model=str(body["model"]), body=named, endpoint="transcriptions", upload=AUDIO
    )


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _seconds(parts: Sequence[str]) -> float:
    hours, minutes, seconds, thousandths = map(int, parts)
    return hours * 3600 + minutes * 60 + seconds + thousandths / 1000
