"""The rules which speech keeps, and the requests for it, whichever vendor speaks.

Each function returns complaints, as those in `judge` do. The measure is what OpenAI itself sends
(https://platform.openai.com/docs/api-reference/audio/createSpeech) and what vendors' pages name.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import trial
from attrs import frozen
from recordings import Exchange
from request_rules_openai import words

from modelmesh.errors import ProviderError
from modelmesh.stream import splitter
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.conformance.hearing import crumbs
from modelmesh.testing.transport import Reply, ScriptedReply, ScriptedTransport
from modelmesh.types import Chunk, HttpRequest, Request

Body = Mapping[str, Any]

TEXT: Final = "A lighthouse <by> the sea & its keeper."
FORMATS: Final = ("mp3", "opus", "aac", "flac", "wav", "pcm")

_OPENAI: Final = words("model input voice response_format speed instructions stream_format")
_JSON: Final[Mapping[str, frozenset[str]]] = {
    "deepgram.stt.v1": words("text"),
    "elevenlabs.tts.v1": words(
        "text model_id voice_settings language_code seed previous_text next_text"
    ),
    "google.gemini.v1": words("contents generationConfig"),
    "groq.api.v1": words("model input voice response_format speed sample_rate"),
    "mistral.api.v1": words("model input voice_id response_format ref_audio stream"),
    "openrouter.api.v1": words("model input voice response_format speed instructions provider"),
    "together.api.v1": words("model input voice response_format response_encoding sample_rate"),
    "xai.api.v1": words("text language voice_id output_format speed"),
}
_PATHS: Final[Mapping[str, str]] = {
    "azure.speech.v1": r"/cognitiveservices/v1",
    "deepgram.stt.v1": r"/v1/speak",
    "elevenlabs.tts.v1": r"/v1/text-to-speech/[A-Za-z0-9]{20}/stream",
    "google.gemini.v1": r".*:streamGenerateContent",
    "xai.api.v1": r".*/tts",
}
_SPOKEN: Final[Mapping[str, str]] = {
    "deepgram.stt.v1": "text",
    "elevenlabs.tts.v1": "text",
    "xai.api.v1": "text",
}
_OPENAIS: Final = frozenset(
    words("alloy ash ballad coral echo fable nova onyx sage shimmer verse marin cedar")
)
_SPEAKS_AS_OPENAI: Final = ("openai.llm.v1", "azure.openai.v1", "openai-compatible")


@frozen(kw_only=True)
class Heard:
    """What a client gets of a vendor's reply, and what its end was taken for."""

    payloads: Sequence[bytes]
    content: bool
    finished: bool
    content_type: str


def complaints(exchange: Exchange) -> list[str]:
    """Judge what recorded sound is passed on as, and what is sent for its request."""
    body, found = exchange.body, []
    for pieces in ([body], crumbs(body, 1000), crumbs(body[:500], 1)):
        found += [*_bytes_complaints(exchange, pieces), *_events_complaints(exchange, pieces)]
    for events in (False, True):
        with suppress(ProviderError):
            hear(exchange, [], asked(exchange, events=events))
            found.append("no sound is taken for some")
    return [*dict.fromkeys(found), *sent_complaints(exchange)]


def _bytes_complaints(exchange: Exchange, pieces: Sequence[bytes]) -> Iterator[str]:
    heard = hear(exchange, pieces, asked(exchange))
    if b"".join(heard.payloads) != b"".join(pieces):
        yield "the bytes are not the vendor's"
    if heard.content_type.partition(";")[0] != exchange.headers["content-type"].partition(";")[0]:
        yield f"its content-type is {heard.content_type!r}"
    yield from _end_complaints(exchange, pieces, heard, events=False)


def _events_complaints(exchange: Exchange, pieces: Sequence[bytes]) -> Iterator[str]:
    heard = hear(exchange, pieces, asked(exchange, events=True))
    sound, kinds = read_events(heard.payloads)
    if sound != b"".join(pieces):
        yield "the sound in the events is not the vendor's"
    if kinds[-1:] != ["speech.audio.done"] or set(kinds[:-1]) != {"speech.audio.delta"}:
        yield "the events are not OpenAI's"
    yield from _end_complaints(exchange, pieces, heard, events=True)


def _end_complaints(
    exchange: Exchange, pieces: Sequence[bytes], heard: Heard, *, events: bool
) -> Iterator[str]:
    if not (heard.content and heard.finished):
        yield "sound is not taken for some, or not for whole"
    if hear(exchange, pieces, asked(exchange, events=events), whole=False).finished:
        yield "sound that is cut is taken for whole"


def hear(
    exchange: Exchange, pieces: Sequence[bytes], request: Request, *, whole: bool = True
) -> Heard:
    """Return what a client gets of a reply in these pieces; it is cut unless it is `whole`."""
    return hear_from(trial.provider(exchange), exchange.headers, pieces, request, whole=whole)


def hear_from(
    provider: Any,
    headers: Body,
    pieces: Sequence[bytes],
    request: Request,
    *,
    whole: bool = True,
) -> Heard:
    clock = FakeClock()
    reply = Reply(headers=dict(headers))
    split = splitter(request, ScriptedReply(reply, clock, ScriptedTransport([], clock)))
    assert split is not None
    decoder = provider.decoder(request=request, model=request.model, wall=0.0)
    events = [event for piece in pieces for event in split.feed(piece)]
    events += split.end() if whole else []
    chunks: list[Chunk] = [chunk for event in events for chunk in decoder.feed(event)]
    told = [chunk.content_type for chunk in chunks if chunk.content_type]
    return Heard(
        payloads=[chunk.payload for chunk in chunks if chunk.payload],
        content=any(chunk.content for chunk in chunks),
        finished=any(chunk.finished for chunk in chunks),
        content_type=told[0] if told else headers.get("content-type", ""),
    )


def read_events(payloads: Sequence[bytes]) -> tuple[bytes, list[str]]:
    """Return the sound in OpenAI's events, and their types."""
    told = [json.loads(payload) for payload in payloads]
    sound = b"".join(base64.b64decode(one.get("audio", ""), validate=True) for one in told)
    return sound, [one["type"] for one in told]


def asked(exchange: Exchange, *, events: bool = False) -> Request:
    """Return a request in OpenAI's shape which the exchange may answer."""
    body = {**(exchange.asked or {})}
    body.pop("model", None)
    body["input"] = body.pop("text", None) or body.get("input") or TEXT
    if "voice_id" in body:
        body["voice"] = body.pop("voice_id")
    return asking(exchange.model, **body, **({"stream_format": "sse"} if events else {}))


def asking(model: str, **body: Any) -> Request:
    """Return a client's request."""
    told = {**body, "model": model}
    raw = json.dumps(told).encode()
    return Request(id="r", model=model, body=told, raw=raw, endpoint="speech")


def sent_complaints(exchange: Exchange) -> list[str]:
    """Judge what is sent for the request of an exchange."""
    connector = trial.connector_of(exchange)
    made = sent(connector, asked(exchange))
    return ["the model cannot take it"] if made is None else request_complaints(connector, made)


def sent(
    connector: str, request: Request, options: Body = MappingProxyType({})
) -> HttpRequest | None:
    """Return what the library sends; None where the vendor cannot take the request."""
    return trial.sent_by(speaker(connector, options), request)


def speaker(connector: str, options: Body = MappingProxyType({})) -> Any:
    """Return a connector with options of its own."""
    vendor: Any = type(trial.translator(connector))
    address = trial.ADDRESS if vendor.base_url.endswith("/v1") else "http://vendor.test"
    return vendor("v", base_url=address, options=vendor.Options(**options))


def request_complaints(connector: str, made: HttpRequest) -> list[str]:
    """Judge what is sent to the vendor of a connector."""
    path = urlsplit(made.url).path
    if not re.fullmatch(_PATHS.get(connector, r".*/audio/speech"), path):
        return [f"{made.url} speaks nothing"]
    if connector == "azure.speech.v1":
        return list(_ssml_complaints(made))
    body = json.loads(made.body)
    found = [f"{name} is unknown" for name in body.keys() - _JSON.get(connector, _OPENAI)]
    if connector in _SPOKEN or connector in _JSON:
        found += list(_voice_complaints(connector, made, body))
    return found


def voice_in(made: HttpRequest) -> str:
    """Return the voice that a vendor is asked for, wherever the request has it."""
    url = urlsplit(made.url)
    if "/text-to-speech/" in url.path:
        return url.path.split("/")[-2]
    if url.path.endswith("/speak"):
        return parse_qs(url.query)["model"][0]
    if made.headers["content-type"].endswith("xml"):
        return next(iter(ET.fromstring(made.body))).attrib["name"]
    body = json.loads(made.body)
    if "generationConfig" in body:
        told = body["generationConfig"]["speechConfig"]["voiceConfig"]
        return str(told["prebuiltVoiceConfig"]["voiceName"])
    return str(body.get("voice_id", body.get("voice")))


def _voice_complaints(connector: str, made: HttpRequest, body: Body) -> Iterator[str]:
    if voice_in(made) in _OPENAIS and not connector.startswith("openrouter"):
        yield f"{voice_in(made)} is none of the vendor's voices"
    if connector != "google.gemini.v1" and not body.get(_SPOKEN.get(connector, "input")):
        yield "it is told no text"


def _ssml_complaints(made: HttpRequest) -> Iterator[str]:
    if made.headers["content-type"] != "application/ssml+xml":
        yield "it is no SSML"
    if not re.fullmatch(r"[a-z]+-\d+khz-[\w-]+", made.headers["x-microsoft-outputformat"]):
        yield "its format is none of Azure's"
    document = ET.fromstring(made.body)
    if document.tag != "{http://www.w3.org/2001/10/synthesis}speak":
        yield "its document is not SSML"
    if not re.fullmatch(r"[a-z]{2}-[A-Z]{2}-\w+Neural", voice_in(made)):
        yield f"{voice_in(made)} is none of Azure's voices"
