"""The bare pass-through that one writes first: aiohttp.web in front, aiohttp's client behind.

python -m benchmarks.gateways.aiohttp PORT VENDOR_URL [json] [uvloop]
"""

import asyncio
import importlib
import json
import sys
from importlib.metadata import version

from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector, web

from benchmarks.doors import Door
from benchmarks.programs import Program
from benchmarks.pythons import module


def available() -> str:
    return version("aiohttp")


def start(port: int, vendor_url: str) -> tuple[Door, Program]:
    return Door(port=port), module(__name__, port, vendor_url)


class Server:
    """Passes requests on, as they are or read and written again."""

    def __init__(self, session: ClientSession, vendor_url: str, *, reads: bool) -> None:
        self._session = session
        self._vendor_url = vendor_url
        self._reads = reads

    async def forward(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self._reads:
            body = json.dumps(json.loads(body)).encode()
        headers = {"content-type": "application/json", "authorization": "Bearer key"}
        url = self._vendor_url + request.path
        async with self._session.post(url, data=body, headers=headers) as reply:
            kind = {"content-type": reply.headers["content-type"]}
            if "content-length" not in reply.headers:
                return await _stream(request, reply, kind)
            answer = await reply.read()
            if self._reads:
                answer = json.dumps(json.loads(answer)).encode()
            return web.Response(status=reply.status, body=answer, headers=kind)


async def _stream(
    request: web.Request, reply: ClientResponse, headers: dict[str, str]
) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=headers)
    await response.prepare(request)
    async for piece in reply.content.iter_any():
        await response.write(piece)
    await response.write_eof()
    return response


async def serve(port: int, vendor_url: str, *, reads: bool) -> None:
    connector = TCPConnector(limit=0)
    async with ClientSession(connector=connector, timeout=ClientTimeout(None)) as session:
        app = web.Application(client_max_size=64 << 20)
        server = Server(session, vendor_url, reads=reads)
        app.router.add_post("/v1/chat/completions", server.forward)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    _, listens, vendor, *ways = sys.argv
    run = importlib.import_module("uvloop").run if "uvloop" in ways else asyncio.run
    run(serve(int(listens), vendor, reads="json" in ways))
