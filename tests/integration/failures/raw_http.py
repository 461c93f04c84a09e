"""A client that sends exactly these bytes, and sees exactly those that come back."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from attrs import frozen
from proxy_process import MESSAGES, ProxyProcess

PATIENCE = 20.0


def chat(model: str, *lines: str, **body: Any) -> bytes:
    """Write a chat request with further header lines; the server closes after its answer."""
    sent = json.dumps({"model": model, "messages": MESSAGES, **body}).encode()
    own = {line.partition(":")[0].lower() for line in lines}
    usual = {
        "Host": "proxy",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(sent)),
    }
    head = [f"{name}: {text}" for name, text in usual.items() if name.lower() not in own]
    return "\r\n".join(["POST /v1/chat/completions HTTP/1.1", *head, *lines, "", ""]).encode(
        "latin-1"
    ) + (sent)


@frozen(kw_only=True)
class RawReply:
    """A reply as it came off the wire. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    # As it was framed: chunks with their lengths, where there are chunks.
    body: bytes

    @property
    def chunks(self) -> list[bytes]:
        """The chunks of a chunked body, without the empty one at its end."""
        chunks, rest = [], self.body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            chunks.append(rest[:length])
            rest = rest[length:].removeprefix(b"\r\n")
        assert chunks.pop() == b"", "the body was cut"
        return chunks

    @property
    def text(self) -> str:
        chunked = self.headers.get("transfer-encoding") == "chunked"
        return (b"".join(self.chunks) if chunked else self.body).decode()


@asynccontextmanager
async def connected(
    proxy: ProxyProcess,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection of its own."""
    port = int(proxy.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        async with asyncio.timeout(PATIENCE):
            yield reader, writer
    finally:
        writer.close()


async def ask(proxy: ProxyProcess, request: bytes) -> RawReply:
    """Send bytes; return what comes back until the server closes the connection."""
    async with connected(proxy) as (reader, writer):
        writer.write(request)
        return parse(await reader.read())


def parse(reply: bytes) -> RawReply:
    head, _, body = reply.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    headers = {name.lower(): text.strip() for name, _, text in pairs}
    return RawReply(status=int(first.split(" ")[1]), headers=headers, body=body)
