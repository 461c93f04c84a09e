"""Ours as users run it: the real server, a token, a pool, accounting, its usual ways."""

import json
from importlib.util import find_spec
from typing import Any

from benchmarks import answers
from benchmarks.doors import TOKEN, Door
from benchmarks.programs import Program
from benchmarks.pythons import module
from modelmesh import __version__


def available() -> str:
    """Return the version, and which of the faster parts it finds."""
    faster = [name for name in ("httptools", "uvloop", "orjson") if find_spec(name)]
    return f"{__version__} with {', '.join(faster) or 'the base install alone'}"


def start(port: int, vendor_url: str, **settings: Any) -> tuple[Door, Program]:
    """Start the proxy. The settings are those of `configuration`."""
    config = json.dumps(configuration(vendor_url, **settings))  # JSON is YAML
    flags = ("--config", "config.yaml", "--host", "127.0.0.1", "--port", port)
    program = module(
        "modelmesh.proxy", *flags, "--log-level", "WARNING", files={"config.yaml": config}
    )
    return Door(port=port), program


def configuration(
    vendor_url: str, *, targets: int = 3, first_fails: bool = False, base_install: bool = False
) -> dict[str, Any]:
    """Return a configuration with one pool for each of the vendor's models.

    The pool for plain answers has so many targets, all alike unless the first always fails.
    With `base_install` it goes without the faster parts that are found otherwise.
    """
    models: dict[str, Any] = {}
    pools: dict[str, Any] = {}
    for name in answers.MODELS:
        members = [f"{name}-{number}" for number in range(targets if name == answers.PLAIN else 3)]
        models |= {member: _model(name) for member in members}
        if first_fails:
            models[members[0]] = _model(answers.FAILING)
        pools[name] = {"models": members}
    provider = {"connector": "openai-compatible", "base_url": f"{vendor_url}/v1", "api_key": "key"}
    way = "aiohttp" if base_install else "auto"
    return {
        "providers": {"vendor": provider},
        "models": models,
        "pools": pools,
        "transport": way,
        "proxy": {"token": TOKEN, "front": way},
    }


def _model(name: str) -> dict[str, Any]:
    pricing = {"input": 0.15, "output": 0.6}
    return {
        "provider": "vendor",
        "model": name,
        "capabilities": ["chat-completion"],
        "pricing": pricing,
    }
