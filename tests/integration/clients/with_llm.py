"""llm, which finds the proxy's pools in a file of its own."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import llm
import yaml
from deeds import HELLO, QUESTION, Report, do, weather


def model(url: str, pool: str) -> Any:
    described = {
        "model_id": "pool",
        "model_name": pool,
        "api_base": url,
        "supports_tools": True,
        "supports_schema": True,
    }
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LLM_USER_PATH"] = folder
        (Path(folder) / "extra-openai-models.yaml").write_text(yaml.safe_dump([described]))
        return llm.get_model("pool")


def chat(url: str, pool: str) -> str:
    return str(model(url, pool).prompt(HELLO, stream=False).text())


def stream(url: str, pool: str) -> list[str]:
    return [piece for piece in model(url, pool).prompt(HELLO) if piece]


def tools(url: str, pool: str) -> str:
    return str(model(url, pool).chain(QUESTION, tools=[weather]).text())


def structured(url: str, pool: str) -> Any:
    return json.loads(model(url, pool).prompt(QUESTION, schema=Report).text())


if __name__ == "__main__":
    do({"chat": chat, "stream": stream, "tools": tools, "structured": structured})
