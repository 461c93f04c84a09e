"""What vendors said: recorded exchanges, and for vendors without any, replies we wrote.

The recorded ones lie beside this repository in `../shared/wire` (see README there), ours in
`tests/data/providers`. They are loaded here, cut into pieces, and given to a reader. Nothing here
knows the library's own way of reading them.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field
from readers import ANTHROPIC, COHERE, GEMINI, Objects, Reader
from readers_openai import COMPATIBLE, OPENAI

from modelmesh.testing.conformance.replies import SORTS
from modelmesh.testing.conformance.spoken import Spoken

WIRE: Final = Path(__file__).parents[4] / "shared" / "wire"
OURS: Final = Path(__file__).parents[2] / "data" / "providers"

CONNECTORS: Final = {
    "anthropic": "anthropic.claude.v1",
    "azure": "azure.openai.v1",
    "cerebras": "cerebras.api.v1",
    "cohere": "cohere.api.v1",
    "deepgram": "deepgram.stt.v1",
    "deepseek": "deepseek.api.v1",
    "elevenlabs": "elevenlabs.tts.v1",
    "gemini": "google.gemini.v1",
    "groq": "groq.api.v1",
    "mistral": "mistral.api.v1",
    "openai": "openai.llm.v1",
    "openrouter": "openrouter.api.v1",
    "perplexity": "perplexity.api.v1",
    "together": "together.api.v1",
    "xai": "xai.api.v1",
}
"""The connector of each folder."""

_FILED_ELSEWHERE: Final = {"7b4de278": "azure"}
"""Exchanges whose folder is not their vendor's: Azure's streams begin with its filter's word."""

_READERS: Final = {
    "anthropic": ANTHROPIC,
    "azure": OPENAI,
    "cohere": COHERE,
    "gemini": GEMINI,
    "openai": OPENAI,
}

JUDGED: Final = ("chat", "chat_stream", "error")
"""The endpoints which have rules. An endpoint that gets some is added here and to `trial`."""

ELSEWHERE: Final = {
    "embeddings": ("/embeddings", "/embed", ":batchEmbedContents", ":embedContent"),
    "models": ("/models",),
    "image": ("/images/generations", "/images/edits", ":generateContent"),
    "speech": ("/audio/speech", "/tts"),
    "transcription": ("/audio/transcriptions", "/stt", "/v1/listen", "/v1/speech-to-text"),
    "transcription_stream": ("/audio/transcriptions",),
}
"""The endpoints which have rules in a file of their own, such as `judge_images`, and their paths.

An edit of an image is answered as a new one is, and an embedding in Cohere's older version.
"""

_NO_ENDPOINT: Final = "an endpoint which the library does not have"
_OTHER_FRAMING: Final = "a stream without alt=sse, which the connector always asks for"
_OTHER_API: Final = "an API of the vendor's which its connector does not use"

_BY_PATH: Final = {
    "cohere": ("/v2/chat",),
    "anthropic": ("/v1/messages",),
    "gemini": (":generateContent", ":streamGenerateContent"),
}
_COMPATIBLE_PATHS: Final = ("/chat/completions",)
_BY_CASE: Final = {
    "e3fbd270": "the fixture has lost the empty lines between its events",
}


@define(eq=False)
class Exchange:
    """One exchange. What `content` has is told in the README of the recorded ones.

    Those of ours have besides, for an error, the `kind` it means and the pause it asks for.
    """

    path: Path
    content: Mapping[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        """Names it in reports; its last part is enough to find the file."""
        return f"{self.vendor}-{self.endpoint}-{self.case}"

    @property
    def case(self) -> str:
        return self.path.stem.rpartition(".")[2]

    @property
    def vendor(self) -> str:
        return _FILED_ELSEWHERE.get(self.case, self.path.parent.name)

    @property
    def endpoint(self) -> str:
        return str(self.content["endpoint"])

    @property
    def traits(self) -> Sequence[str]:
        return tuple(self.content["traits"])

    @property
    def reader(self) -> Reader:
        return _READERS.get(self.vendor, COMPATIBLE)

    @property
    def asked(self) -> Any:
        """The body of the request, where it was recorded and is JSON; else None."""
        return self.content["request"]["body"]

    @property
    def asks_as_openai(self) -> bool:
        """Whether it has a request in OpenAI's shape, which the vendor accepted."""
        compatible = self.reader in (OPENAI, COMPATIBLE) and self.endpoint in (
            "chat",
            "chat_stream",
        )
        return compatible and isinstance(self.asked, dict)

    @property
    def model(self) -> str:
        return self.content.get("model") or "some-model"

    @property
    def status(self) -> int:
        return int(self.content["response"]["status"])

    @property
    def headers(self) -> Mapping[str, str]:
        return dict(self.content["response"]["headers"])

    @property
    def body(self) -> bytes:
        """The response's body, as it came."""
        response = self.content["response"]
        if "body_b64" in response:
            return base64.b64decode(response["body_b64"])
        body = response.get("body", response.get("sse"))
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        return ((response.get("body_prefix") or "") + text).encode()

    @cached_property
    def spoken(self) -> Spoken:
        return self.reader.spoken(self.objects)

    @property
    def objects(self) -> Objects:
        """The objects of a stream, or the one object of a plain answer."""
        if self.endpoint == "chat":
            return [json.loads(self.body)]
        return [said for _, said in self.events]

    @cached_property
    def events(self) -> Sequence[tuple[int, Mapping[str, Any]]]:
        """The objects of a stream, each with the place where its event ends, in bytes.

        The last may stand bare in it, as an error does at Google.
        """
        found, at, bare = [], 0, b""
        for line in self.body.splitlines(keepends=True):
            at += len(line)
            written = line.removeprefix(b"data:").strip()
            if line.startswith(b"data:") and written.startswith(b"{"):
                found.append((at, json.loads(written)))
            elif bare or line.startswith(b"{"):
                bare += line
        return [*found, (at, json.loads(bare))] if bare else found

    @property
    def left_out(self) -> str | None:
        """Why it is not judged; None where it is."""
        if WIRE not in self.path.parents:
            return None
        path = self.content["request"]["url_path"].partition("?")[0]
        chats = _BY_PATH.get(self.vendor, _COMPATIBLE_PATHS)
        own = path.endswith(ELSEWHERE.get(self.endpoint, chats))
        reasons = (
            (self.vendor not in CONNECTORS, "no connector serves this endpoint of the vendor yet"),
            (self.case in _BY_CASE, _BY_CASE.get(self.case)),
            (self.endpoint not in {*JUDGED, *ELSEWHERE}, _NO_ENDPOINT),
            (self.endpoint != "error" and not own, _OTHER_API),
            (self.content["response"].get("framing", "sse") != "sse", _OTHER_FRAMING),
        )
        return next((reason for holds, reason in reasons if holds), None)


@cache
def recorded() -> Sequence[Exchange]:
    """Return all recorded exchanges, in order of their names; none where the folder is absent."""
    return tuple(_recorded())


@cache
def ours() -> Sequence[Exchange]:
    """Return the replies we wrote: `chat*.json`, `stream*.sse`, `error*.json` of each vendor."""
    return tuple(_ours())


def _recorded() -> Iterator[Exchange]:
    for path in sorted(WIRE.glob("*/*.json")):
        content = json.loads(path.read_bytes())
        if "endpoint" in content:
            yield Exchange(path, content)


def _ours() -> Iterator[Exchange]:
    patterns = [SORTS[sort] for sort in ("chat", "stream", "error")]
    for path in sorted(path for pattern in patterns for path in OURS.glob(f"*/{pattern}")):
        written = path.read_text()
        error = json.loads(written) if path.name.startswith("error") else {}
        sort = "chat_stream" if path.suffix == ".sse" else "error" if error else "chat"
        reply = {"status": 200, "headers": {}, "body": written, **error}
        request = {"url_path": "/chat/completions", "body": None}
        yield Exchange(path, {"endpoint": sort, "request": request, "response": reply, **error})


def judged(endpoint: str) -> list[Exchange]:
    """Return the exchanges of an endpoint which are judged."""
    every = [*recorded(), *ours()]
    return [one for one in every if one.endpoint == endpoint and one.left_out is None]


def half_ways(exchange: Exchange) -> Iterator[int]:
    """Give the places at which a stream may break off before it is whole.

    They are within each event and after it, up to within the last that makes it whole.
    """
    began = 0
    for end in (*boundaries(exchange), None):
        place = end or next((at for at, _ in exchange.events if at > began), began)
        yield (began + place) // 2
        if end:
            yield end
            began = end


def boundaries(exchange: Exchange) -> list[int]:
    """Return the places between events at which a stream is not yet whole.

    An answer of several choices is not whole when one of them is.
    """
    ended: set[int] = set()
    places = []
    for end, said in exchange.events:
        ended |= exchange.reader.ended(said)
        if ended and len(ended) >= len(exchange.spoken.voices):
            break
        places.append(end + (2 if exchange.body[end : end + 2] == b"\r\n" else 1))
    return places


def each(chosen: Sequence[Exchange]) -> pytest.MarkDecorator:
    """Have a test run for each of these exchanges."""
    return pytest.mark.parametrize("exchange", chosen, ids=[one.id for one in chosen])
