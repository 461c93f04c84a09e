"""Keys, and the words of clients and vendors, planted everywhere and looked for in what is told.

Keys are found nowhere, at no level. Words are found where content was asked for, and only there.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from attrs import asdict
from scene import DONE, ROLE, STOP, answer, bad, server, text

from modelmesh.config.load import load
from modelmesh.errors import MeshError
from modelmesh.events import Event
from modelmesh.mesh import ModelMesh
from modelmesh.proxy.server import ProxyServer
from modelmesh.rules import ErrorKind
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import ScriptedTransport, cut, fail, reply, stream
from modelmesh.types import Request, Upload

KEYS = ("canary-key-of-vendor-a-1", "canary-key-of-vendor-b-2", "canary-token-of-the-proxy-3")
PROMPT = "canary-prompt"
ANSWER = "canary-answer"
NAME = "canary-name"
OTHERS = "canary-error"
LEVELS = ("metadata", "summary", "full")

ECHO = f"{OTHERS}: {PROMPT} by {KEYS[0]} Bearer {KEYS[1]}"
BODY: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": PROMPT},
        {"role": "user", "content": [{"type": "text", "text": f"{PROMPT} my key is {KEYS[0]}"}]},
    ],
    "tools": [{"type": "function", "function": {"name": "canary-tool", "parameters": {}}}],
    "stop": ["canary-stop"],
    "user": "canary-user",
    "metadata": {"canary-meta": KEYS[2]},
    "temperature": 0.5,
}
SAID = f"{ANSWER} {KEYS[0]} {KEYS[1]} {KEYS[2]}"
HEADERS = {"x-client-request-id": "canary-header", "openai-beta": KEYS[2]}

SCRIPTS: dict[str, Callable[[], list[Any]]] = {
    "answered": lambda: [reply(body=answer(SAID))],
    "streamed": lambda: [stream([ROLE, *map(text, SAID.split(" ")), STOP, DONE])],
    "cut": lambda: [stream([ROLE, text(SAID), cut()])],
    "refused": lambda: [bad(400, ECHO, code="canary-error-code", param=PROMPT, type=OTHERS)] * 2,
    "bad keys": lambda: [bad(401, ECHO, code=KEYS[0]), bad(403, ECHO)],
    "limited": lambda: [bad(429, ECHO, headers={"retry-after": "9"})] * 2,
    "broken": lambda: [bad(500, ECHO), fail(ErrorKind.UNREACHABLE, ECHO)],
    "no answer": lambda: [reply(body=ECHO.encode()), reply(body={"choices": ECHO})],
    "error in a stream": lambda: [stream([ROLE, text(ANSWER), _error()])],
}


def _error() -> bytes:
    return b"data: " + json.dumps({"error": {"message": ECHO, "code": ECHO}}).encode() + b"\n\n"


class Collector:
    """An observer that keeps what it is told, as any that somebody writes may."""

    connector: ClassVar = "test.collector.v1"
    everything: ClassVar = True
    heard: ClassVar[list[Event]] = []

    def __init__(self, settings: Any) -> None:
        """Take no settings."""

    def __call__(self, event: Event) -> None:
        self.heard.append(event)


def take(event: Event) -> None:
    """Keep what a function of the user's is told."""
    Collector.heard.append(event)


def sinks(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        "console": {"connector": "console"},
        "local-file": {"connector": "local-file", "path": str(folder / "events.jsonl")},
        "callback": {"connector": "callback", "function": "test_canaries:take"},
        "collector": {"connector": "test.collector.v1"},
    }


async def told(
    sink: str,
    level: str,
    content: dict[str, Any] | None,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """Return all that a sink is told of requests which end in every way."""
    Collector.heard.clear()
    for name, script in SCRIPTS.items():
        section = {**sinks(folder)[sink], "level": level, "content": content}
        mesh = _mesh(script(), section)
        await _ask(mesh, stream=name in ("streamed", "cut", "error in a stream"))
        await _ask(mesh, model=f"{NAME} {KEYS[0]}")
        await mesh.close()
    file = folder / "events.jsonl"
    heard = json.dumps([asdict(event) for event in Collector.heard], default=str)
    captured = capsys.readouterr()
    return heard + captured.out + captured.err + (file.read_text() if file.exists() else "")


def _mesh(script: list[Any], section: dict[str, Any]) -> ModelMesh:
    clock = FakeClock(now=1000.0)
    config = load(
        {
            "connectors": {"test.collector.v1": "test_canaries:Collector"},
            "providers": {
                name: server(name, api_key=key) for name, key in zip("ab", KEYS, strict=False)
            },
            "models": {
                model: {"provider": name, "capabilities": ["chat-completion"]}
                for model, name in (("x", "a"), ("y", "b"))
            },
            "pools": {"chat": {"models": ["x", "y"], "max_wait": 0, "retry": {"max_attempts": 2}}},
            "proxy": {"token": KEYS[2]},
            "observability": dict.fromkeys(("routing", "logging", "statistics"), section),
        },
        environ={},
    )
    transport = ScriptedTransport(script, clock)
    return ModelMesh(config, clock=clock, rng=Random(1), transport=transport)


async def _ask(mesh: ModelMesh, model: str = "chat", *, stream: bool = False) -> None:
    upload = Upload(name="canary-file", content=PROMPT.encode())
    body = {**BODY, "model": model, **({"stream": True} if stream else {})}
    request = Request(
        id="r1", model=model, body=body, headers=HEADERS, session="canary-session", upload=upload
    )
    try:
        came = await mesh.send(request)
        try:
            if came.stream:
                assert [piece async for piece in came.stream]
        finally:
            await came.close()
    except MeshError:
        pass


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("sink", ["console", "local-file", "callback", "collector"])
async def test_without_content_no_word_is_told_to_a_sink(
    sink: str,
    level: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    everything = await told(sink, level, None, tmp_path, capsys)
    assert "chat" in everything
    assert "request r1" in caplog.text
    found = sorted(word for word in _canaries(everything) if not _is_a_name(word, level, sink))
    assert found == []
    assert _canaries(caplog.text) == []


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("sink", ["console", "local-file", "callback", "collector"])
async def test_with_content_words_are_told_and_keys_are_not(
    sink: str,
    level: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    everything = await told(sink, level, {}, tmp_path, capsys)
    assert PROMPT in everything
    assert ANSWER in everything
    assert [key for key in KEYS if key in everything] == []
    assert "canary-header" not in everything
    assert "canary-session" not in everything
    assert "canary-file" not in everything
    assert _canaries(caplog.text) == []


async def test_of_what_is_said_no_more_is_told_than_is_configured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = await told("local-file", "metadata", {"max_chars": 8}, tmp_path, capsys)
    assert "canary-a…" in everything
    assert ANSWER not in everything
    assert PROMPT not in everything


async def test_who_is_not_in_the_sample_is_told_no_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = await told("local-file", "metadata", {"sample": 0.0000001}, tmp_path, capsys)
    assert _canaries(everything) == []


def _canaries(told: str) -> list[str]:
    return [told[at : at + 40] for at in range(len(told)) if told.startswith("canary-", at)]


def _is_a_name(word: str, level: str, sink: str) -> bool:
    """Whether it is a model that does not exist, or a vendor's code, which metadata has not."""
    of_an_event = sink in ("callback", "collector")
    shown = word.startswith((NAME, "canary-error-code"))
    return shown and (level != "metadata" or of_an_event)


async def test_a_token_that_a_server_is_given_is_not_told_either(tmp_path: Path) -> None:
    token = "canary-token-of-an-argument"
    section = {**sinks(tmp_path)["local-file"], "content": {}}
    mesh = _mesh([reply(body=answer(f"{ANSWER} {token}"))], section)
    ProxyServer(mesh, token=token)
    await _ask(mesh)
    await mesh.close()
    everything = (tmp_path / "events.jsonl").read_text()
    assert ANSWER in everything
    assert token not in everything
