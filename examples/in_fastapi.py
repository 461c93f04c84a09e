"""A FastAPI application that asks a mesh in process, and serves it as a proxy at a port beside.

pip install fastapi uvicorn
export OPENAI_API_KEY=sk-...       # or whatever vendor's key you have
uvicorn --app-dir examples in_fastapi:app
curl "http://127.0.0.1:8000/ask?question=Hello"
curl http://127.0.0.1:8080/v1/models      # PROXY_PORT=9000 for another port
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import modelmesh


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Have one mesh, with its limits and cooldowns, for the application and the proxy."""
    port = int(os.environ.get("PROXY_PORT", "8080"))
    client = modelmesh.create_async("chat-completion")
    async with modelmesh.ProxyServer(client.mesh, host="127.0.0.1", port=port) as proxy:
        print(f"OpenAI's API is at {proxy.url}/v1", flush=True)
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/ask")
async def ask(question: str) -> dict[str, str | None]:
    messages = [{"role": "user", "content": question}]
    answer = await app.state.client.chat.completions.create(messages=messages)
    return {"answer": answer.choices[0].message.content, "model": answer.model}
