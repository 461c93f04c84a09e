"""The bare pass-through that one writes first: aiohttp.web in front, aiohttp's client behind.

python -m benchmarks.gateways.aiohttp PORT VENDOR_URL
"""

import asyncio
import sys
from importlib.metadata import version

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

from benchmarks.doors import Door
from benchmarks.gateways._python import module
from benchmarks.programs import Program


def available() -> str:
    return version("aiohttp")


def start(port: int, vendor_url: str) -> tuple[Door, Program]:
    return Door(port=port), module(__name__, port, vendor_url)


async def serve(port: int, vendor_url: str) -> None:
    connector = TCPConnector(limit=0)
    async with ClientSession(connector=connector, timeout=ClientTimeout(None)) as session:

        async def forward(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            headers = {"content-type": "application/json", "authorization": "Bearer key"}
            url = vendor_url + request.path
            async with session.post(url, data=body, headers=headers) as reply:
                kind = {"content-type": reply.headers["content-type"]}
                if "content-length" in reply.headers:
                    whole = await reply.read()
                    return web.Response(status=reply.status, body=whole, headers=kind)
                response = web.StreamResponse(status=reply.status, headers=kind)
                await response.prepare(request)
                async for piece in reply.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
                return response

        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", forward)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
