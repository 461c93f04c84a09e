"""The proxy inside an aiohttp application, under a path of its own.

export OPENAI_API_KEY=sk-...       # or whatever vendor's key you have
python examples/in_aiohttp.py      # PORT=9000 for another port
curl http://127.0.0.1:8000/
curl http://127.0.0.1:8000/ai/v1/models
"""

import os

from aiohttp import web

from modelmesh import ProxyServer


async def greet(_: web.Request) -> web.Response:
    return web.Response(text="The application's own page. OpenAI's API is at /ai/v1.\n")


app = web.Application()
app.router.add_get("/", greet)
app.add_subapp("/ai", ProxyServer().app)

if __name__ == "__main__":
    # With handler_cancellation a client that leaves ends its request at the vendor, too.
    port = int(os.environ.get("PORT", "8000"))
    web.run_app(app, host="127.0.0.1", port=port, handler_cancellation=True)
