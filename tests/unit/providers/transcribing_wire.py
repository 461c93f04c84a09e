"""Asking vendors for transcripts in tests: what they are sent, and what comes of what they say."""

import json
from collections.abc import Mapping
from typing import Any

from modelmesh.connectors import registry
from modelmesh.proxy import forms
from modelmesh.types import (
    Answer,
    Event,
    Further,
    HttpReply,
    HttpRequest,
    Provider,
    Request,
    Secret,
    Upload,
)

Body = dict[str, Any]

AUDIO = Upload(name="a.wav", content_type="audio/wav", content=b"\x00\r\n--RIFF")


def vendor(connector: str) -> Provider:
    made: Provider = registry.find("providers", connector)("v", base_url="http://v.test/v1")
    return made


def asking(upload: Upload = AUDIO, **body: Any) -> Request:
    return Request(
        id="r", model="m", body={"model": "m", **body}, endpoint="transcriptions", upload=upload
    )


def sent(connector: str, model: str, **body: Any) -> HttpRequest:
    made, request = vendor(connector), asking(**body)
    drop = made.lacks(request, model)
    return made.request(request, model=model, key=Secret("key"), drop=drop)


def fields(connector: str, model: str, **body: Any) -> Mapping[str, Any]:
    made = sent(connector, model, **body)
    return forms.parse(made.body, made.headers["content-type"]).fields


def answered(
    connector: str,
    reply: Any,
    *,
    model: str = "m",
    headers: Mapping[str, str] | None = None,
    **body: Any,
) -> Answer | Further:
    said = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
    whole = HttpReply(status=200, headers=headers or {}, body=said)
    return vendor(connector).answer(whole, request=asking(**body), model=model, wall=0.0)


def told(connector: str, reply: Any, **body: Any) -> Any:
    answer = answered(connector, reply, **body)
    assert isinstance(answer, Answer)
    return json.loads(answer.body)


def heard(decoder: Any, *events: Any) -> list[Body]:
    """Return what a decoder makes of events, all of which but the last are no end."""
    chunks = [
        chunk
        for event in events
        for chunk in decoder.feed(
            event if isinstance(event, Event) else Event("", json.dumps(event).encode())
        )
    ]
    assert [chunk.finished for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    return [json.loads(chunk.payload) for chunk in chunks]
