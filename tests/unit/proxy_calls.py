"""What the tests of the endpoints share: a mesh whose vendor is scripted, and a way to ask."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from attrs import define, field

from modelmesh.clock import SystemClock
from modelmesh.config.schema import MeshConfig, Model, Pool, Provider, Proxy
from modelmesh.connectors.observability import record
from modelmesh.mesh import ModelMesh
from modelmesh.proxy.calls import Incoming, Outgoing
from modelmesh.proxy.endpoints import Endpoints
from modelmesh.proxy.feed import Feed
from modelmesh.proxy.gate import Gate
from modelmesh.transport.protocol import TransportReply
from modelmesh.types import HttpRequest, Secret

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
BODY: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": "Hello!"}]}
ANSWER = b"""{"id":"x","object":"chat.completion","created":1,"model":"real","choices":[{"index":0,
"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"""
CHUNK = b'{"id":"x","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}'
LAST = b'{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'


@define
class ScriptedReply:
    status: int
    headers: Mapping[str, str]
    pieces: tuple[bytes, ...]

    async def read(self) -> bytes:
        return b"".join(self.pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece

    async def close(self, *, drain: bool = False) -> None:
        pass


@define
class ScriptedVendor:
    """A transport that answers every request alike, and keeps the requests."""

    reply: ScriptedReply = field(factory=lambda: ScriptedReply(200, JSON, (ANSWER,)))
    requests: list[HttpRequest] = field(factory=list)

    async def send(self, request: HttpRequest, *, connect: float) -> TransportReply:
        assert connect > 0
        self.requests.append(request)
        return self.reply

    async def close(self) -> None:
        pass


def streaming(*payloads: bytes) -> ScriptedVendor:
    pieces = tuple(b"data: %b\n\n" % payload for payload in payloads)
    return ScriptedVendor(ScriptedReply(200, {"content-type": "text/event-stream"}, pieces))


def running() -> Mapping[str, Any]:
    return {"running": True, "uptime_seconds": 1.5}


def endpoints(
    vendor: ScriptedVendor | None = None,
    gate: Gate | None = None,
    status: Callable[[], Mapping[str, Any]] = running,
    **settings: Any,
) -> Endpoints:
    proxy = Proxy(**settings)
    config = MeshConfig(
        providers={
            "fake": Provider(
                connector="openai.llm.v1", base_url="http://fake/v1", api_key=Secret("key")
            )
        },
        models={"org/real": Model(provider="fake", capabilities=("chat-completion",))},
        pools={"chat": Pool(models=("org/real",), max_wait=0.0)},
        proxy=Proxy(expose_models=True),
    )
    mesh = ModelMesh(config, transport=vendor or ScriptedVendor())
    gate = gate or Gate()
    feed = Feed(mesh.audience, record=record, ids=lambda: "run")
    gate.at_drain.append(feed.close)
    return Endpoints(
        mesh,
        proxy,
        gate=gate,
        clock=SystemClock(),
        ids=lambda: "req_fresh",
        feed=feed,
        reload=mesh.reload,
        status=status,
        worker=lambda: {"number": 1, "of": 1},
    )


async def ask(
    served: Endpoints,
    method: str = "POST",
    path: str = CHAT,
    body: Any = BODY,
    headers: Mapping[str, str] | None = None,
    *,
    peer: str = "127.0.0.1",
) -> Outgoing:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = JSON if headers is None else headers

    async def pieces() -> AsyncIterator[bytes]:
        for place in range(0, len(raw), 1000):
            yield raw[place : place + 1000]

    call = Incoming(
        id=served.request_id(sent),
        method=method,
        path=path,
        headers=sent,
        body=pieces(),
        peer=lambda: peer,
    )
    return await served.handle(call)


def error(outgoing: Outgoing) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(outgoing.body)["error"]
    assert outgoing.headers["content-type"] == "application/json"
    assert described.keys() >= {"message", "type", "param", "code"}
    return described


async def text(outgoing: Outgoing) -> str:
    assert outgoing.stream is not None
    pieces = [piece async for piece in outgoing.stream]
    await outgoing.close()
    return b"".join(pieces).decode()
