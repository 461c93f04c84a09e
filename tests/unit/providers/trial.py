"""Puts one recorded exchange through its vendor's translator, and lets the rules judge.

Each function here returns complaints, as those in `judge` do. `scripts/conformance` counts them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final

import judge
from errors_expected import kinds_of
from recordings import CONNECTORS, Exchange, boundaries, half_ways

from modelmesh.connectors import registry
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.shape import DECISIVE
from modelmesh.testing.conformance import hearing
from modelmesh.testing.conformance.hearing import Heard, ways
from modelmesh.testing.transport import Step, cut
from modelmesh.types import Answer, Endpoint, HttpReply, HttpRequest, Provider, Request, Secret

BY_MODULE: Final = {
    vendor.__module__.rpartition(".")[2]: id_
    for id_, vendor in registry.available("providers").items()
}
"""Connectors by the names of their files, as the folders of our own replies are called."""
ADDRESS: Final = "http://vendor.test/v1"
_BYTEWISE: Final = 3000
"""Streams up to this many bytes are read byte by byte as well."""


async def complaints(exchange: Exchange) -> list[str]:
    """Judge an exchange in every way that its endpoint has."""
    match exchange.endpoint:
        case "chat":
            return answer_complaints(exchange)
        case "chat_stream":
            return [
                *await stream_complaints(exchange),
                *await half_way_complaints(exchange),
                *await broken_complaints(exchange),
            ]
        case "error":
            return error_complaints(exchange)
    raise LookupError(f"there are no rules for {exchange.endpoint}")


def answer_complaints(exchange: Exchange) -> list[str]:
    """Judge what a plain answer is translated to."""
    try:
        answer = answer_of(exchange)
    except Exception as raised:  # noqa: BLE001 - whatever a translator raises is told
        return failure_complaints(exchange, raised)
    if exchange.spoken.fails:
        return ["a failure was taken for an answer"]
    complaints = judge.answer_complaints(answer.body, exchange.spoken)
    return complaints + judge.usage_complaints(answer.usage, exchange.spoken)


async def stream_complaints(exchange: Exchange) -> list[str]:
    """Judge what a stream is translated to, in whichever pieces it comes."""
    whole = await hear(exchange, [exchange.body])
    if whole.raised:
        return failure_complaints(exchange, whole.raised)
    if exchange.spoken.fails:
        return ["a failure was taken for an answer"]
    complaints = judge.stream_complaints(whole.payloads, exchange.spoken)
    complaints += judge.usage_complaints(whole.usage, exchange.spoken)
    for name, pieces in ways(exchange.body, bytewise=_BYTEWISE).items():
        heard = await hear(exchange, pieces)
        if (heard.payloads, heard.usage, heard.raised) != (whole.payloads, whole.usage, None):
            complaints.append(f"in a {name} it reads otherwise: {heard.raised or 'other chunks'}")
    return complaints


async def half_way_complaints(exchange: Exchange) -> list[str]:
    """Judge what becomes of a stream that breaks off, wherever it does.

    It is not taken for whole, no reason to end is made up, and what came is not held back.
    """
    complaints = []
    reasons = [end for end, said in exchange.events if exchange.reader.gives_reason(said)]
    for place in half_ways(exchange):
        for end in ([], [cut()]):
            heard = await hear(exchange, [exchange.body[:place], *end])
            if not isinstance(heard.raised, ProviderError) or heard.succeeded:
                complaints.append(f"cut after {place} bytes it is taken for whole")
            elif heard.gives_reason and place < min(reasons, default=place + 1):
                complaints.append(f"cut after {place} bytes it ends with a reason nobody gave")
            elif judge.texts_heard(heard.payloads) != texts_said(exchange, place):
                complaints.append(f"cut after {place} bytes it was not passed on as it came")
    return complaints


def texts_said(exchange: Exchange, place: int) -> list[tuple[str, str]]:
    """Return what a stream has said up to a place: of each choice its text, and its thoughts.

    What comes in one piece with an error is not passed on: another target may still be asked.
    """
    spoken = exchange.reader.spoken([said for end, said in exchange.events if end <= place])
    if spoken.fails and exchange.spoken.fails:
        return []
    return [(v.text, v.thoughts) for v in spoken.voices if v.text or v.thoughts]


async def broken_complaints(exchange: Exchange) -> list[str]:
    """Judge what becomes of a stream within which the vendor tells of an error."""
    complaints = []
    error, kind = exchange.reader.error
    places = boundaries(exchange)
    for place in sorted({places[0], places[len(places) // 2], places[-1]}) if places else ():
        heard = await hear(exchange, [exchange.body[:place] + error])
        if not isinstance(heard.raised, ProviderError) or heard.succeeded:
            complaints.append(f"an error after {place} bytes is not told")
        elif kind and heard.raised.kind is not kind and not exchange.spoken.fails:
            complaints.append(f"an error after {place} bytes is {kind}, not {heard.raised.kind}")
    return complaints


def error_complaints(exchange: Exchange) -> list[str]:
    """Judge what an error reply is taken for."""
    kinds = kinds_of(exchange)
    reply = reply_of(exchange)
    try:
        error = provider(exchange).error(reply, wall=wall(exchange))
    except Exception as raised:  # noqa: BLE001 - as above
        return [f"it raises {raised!r}"]
    kind = error.kind if error.kind in kinds else kinds[0]
    return judge.error_complaints(error, kind, named_pause(exchange))


def sent(connector: str, body: Mapping[str, Any], model: str) -> HttpRequest | None:
    """Return what the library sends for a request in OpenAI's shape, as its router has it sent.

    None where the model cannot take the request, so that it goes to no such target.
    """
    return sent_by(translator(connector), request_of(body, model))


def request_of(body: Mapping[str, Any], model: str, endpoint: Endpoint = "chat") -> Request:
    """Return a request as the proxy reads it."""
    named = {**body, "model": model}
    raw = json.dumps(named).encode()
    return Request(id="r", model=model, body=named, raw=raw, endpoint=endpoint)


def sent_by(made: Provider, request: Request) -> HttpRequest | None:
    """Return what a translator sends for a request; None where its model cannot take that."""
    drop = made.lacks(request, request.model)
    if drop & DECISIVE:
        return None
    return made.request(request, model=request.model, key=Secret("key"), drop=drop)


def sent_complaints(exchange: Exchange) -> list[str]:
    """Judge what is sent for the conversation of an exchange that was in OpenAI's shape."""
    connector = connector_of(exchange)
    try:
        made = sent(connector, exchange.asked, exchange.model)
    except Exception as raised:  # noqa: BLE001 - whatever a translator raises is told
        return [f"it raises {raised!r}"]
    return judge.request_complaints(connector, made) if made else []


def failure_complaints(exchange: Exchange, raised: Exception) -> list[str]:
    """Judge that something was raised: it has to be for a failure which another target may mend.

    That a vendor refused before it said a word may be told as an answer or as an error.
    """
    if not isinstance(raised, ProviderError):
        return [f"it raises {raised!r}"]
    refused = [v.finish for v in exchange.spoken.voices if not (v.text or v.calls)]
    if raised.kind is ErrorKind.CONTENT_FILTERED and "content_filter" in refused:
        return []
    if not exchange.spoken.fails:
        return [f"it fails: {raised.kind}: {raised}"]
    return [] if raised.rule.next_target else [f"{raised.kind} leads to no other target"]


def answer_of(exchange: Exchange) -> Answer:
    """Return what a plain answer is translated to."""
    made = provider(exchange)
    answer = made.answer(
        reply_of(exchange), request=asked(exchange), model=exchange.model, wall=wall(exchange)
    )
    assert isinstance(answer, Answer)
    return answer


def reply_of(exchange: Exchange) -> HttpReply:
    """Return the vendor's reply as the transport gives it."""
    return HttpReply(status=exchange.status, headers=exchange.headers, body=exchange.body)


def provider(exchange: Exchange) -> Provider:
    """Return the translator of an exchange's vendor. Raises LookupError where there is none."""
    return translator(connector_of(exchange))


@cache
def translator(connector: str) -> Provider:
    """Make a translator; it keeps nothing of what it translates."""
    made: Provider = registry.find("providers", connector)("vendor", base_url=ADDRESS)
    return made


def connector_of(exchange: Exchange) -> str:
    """Return the id of an exchange's connector."""
    return CONNECTORS.get(exchange.vendor) or BY_MODULE[exchange.vendor]


def asked(exchange: Exchange) -> Request:
    """Return a request in OpenAI's shape which the exchange may answer, usage asked for."""
    voices = exchange.spoken.voices if exchange.endpoint != "error" else ()
    names = sorted({call.name for voice in voices for call in voice.calls})
    body: dict[str, Any] = {
        "model": exchange.model,
        "messages": [{"role": "user", "content": "..."}],
        "tools": [{"type": "function", "function": {"name": name}} for name in names],
        "n": max(1, len(voices)),
    }
    if exchange.endpoint == "chat_stream":
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return Request(id="r", model=exchange.model, body=body)


def named_pause(exchange: Exchange) -> float | None:
    """Return the seconds which a vendor asks for: in headers, or in Google's details."""
    headers = exchange.headers
    if "retry_after" in exchange.content:
        pause: float | None = exchange.content["retry_after"]
        return pause
    if headers.get("retry-after", "").isdigit():
        milliseconds = float(headers.get("retry-after-ms", 0)) / 1000
        return milliseconds or float(headers["retry-after"])
    if exchange.vendor == "openrouter" and headers.get("x-ratelimit-remaining") == "0":
        return float(headers["x-ratelimit-reset"]) / 1000 - wall(exchange)
    delay = re.search(rb'"retryDelay": ?"([0-9.]+)s"', exchange.body)
    return float(delay[1]) if delay else None


def wall(exchange: Exchange) -> float:
    """Return the time of day at which an exchange took place, or the one our replies are for."""
    date = exchange.headers.get("date")
    return parsedate_to_datetime(date).timestamp() if date else 1_790_000_000.0


async def hear(exchange: Exchange, steps: Sequence[Step], request: Request | None = None) -> Heard:
    """Play a stream to the library, and return what comes of it; asked for by a chat, or so."""
    return await hearing.hear(
        provider(exchange),
        steps,
        request=request or asked(exchange),
        model=exchange.model,
        wall=wall(exchange),
    )
