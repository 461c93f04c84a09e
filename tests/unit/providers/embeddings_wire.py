"""Requests for embeddings and their answers in a line each."""

import json
from typing import Any

import trial

from modelmesh.types import Answer, HttpReply, Request, Secret

OPENAI, AZURE, MISTRAL = "openai.llm.v1", "azure.openai.v1", "mistral.api.v1"
COHERE, GEMINI, VOYAGE = "cohere.api.v1", "google.gemini.v1", "voyage.api.v1"
JINA, PERPLEXITY, NVIDIA = "jina.embed.v1", "perplexity.api.v1", "nvidia.nim.v1"
TEXTS = ["one", "two"]


def request(**body: Any) -> Request:
    asked = {"model": "vectors", "input": TEXTS, **body}
    raw = json.dumps(asked).encode()
    return Request(id="r", model="vectors", body=asked, raw=raw, endpoint="embeddings")


def sent(connector: str, model: str = "m", **body: Any) -> Any:
    """Return the body of what is sent, as the router has it sent."""
    asked, provider = request(**body), trial.translator(connector)
    drop = provider.lacks(asked, model)
    made = provider.request(asked, model=model, key=Secret("k"), drop=drop)
    return json.loads(made.body)


def lacks(connector: str, model: str = "m", **body: Any) -> frozenset[str]:
    return trial.translator(connector).lacks(request(**body), model)


def answer(connector: str, said: Any, **body: Any) -> Answer:
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    reply = HttpReply(status=200, headers={}, body=content)
    made = trial.translator(connector).answer(reply, request=request(**body), model="m", wall=0.0)
    assert isinstance(made, Answer)
    return made


def vectors(made: Answer) -> list[Any]:
    return [entry["embedding"] for entry in json.loads(made.body)["data"]]


def said(*embeddings: Any, **more: Any) -> dict[str, Any]:
    """Return an answer in OpenAI's shape."""
    data = [
        {"object": "embedding", "index": index, "embedding": each}
        for index, each in enumerate(embeddings)
    ]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return {"object": "list", "data": data, "model": "real", "usage": usage, **more}


def entries(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    return {"data": [{"index": index, "embedding": each} for index, each in pairs]}
