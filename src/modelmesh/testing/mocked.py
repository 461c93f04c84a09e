"""A configuration without its vendors: routing as it says, and nobody there to be asked."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from modelmesh.capabilities import PREDEFINED_POOLS, meant_by_pool
from modelmesh.config import schema
from modelmesh.config.document import plain
from modelmesh.config.later import is_later
from modelmesh.config.load import Source, examine_document, load, told
from modelmesh.connectors import registry
from modelmesh.connectors.providers.openai import Provider as OpenAI
from modelmesh.types import Secret

MODELS: Final = ("first", "second", "third")
"""The models there are where no configuration says another thing, in the order they are tried."""

_VENDOR: Final = {"connector": "openai-compatible", "base_url": "http://mock.test/v1"}
_POOLS: Final = ("chat-completion", *PREDEFINED_POOLS)
_ONCE: Final = {"max_attempts": 1}
_EVERYTHING: Final = [meant_by_pool(id_) for id_ in _POOLS]


def mocked(source: Source | None, secrets: Mapping[str, str]) -> schema.MeshConfig:
    """Return a configuration with vendors that answer in OpenAI's shape, and nothing around it.

    Secrets which are not given are made up. Raises ConfigError as `load` does.
    """
    config = _read(_usual() if source is None else source, secrets)
    return evolve(
        config,
        connectors={**config.connectors, **_replaced(config)},
        storage=schema.Storage(connector="modelmesh.memory.v1"),
        observability=schema.Observability(),
        discovery=schema.Discovery(),
        proxy=evolve(config.proxy, workers=1),
    )


class AnySecret:
    """A secret store that has every secret."""

    connector = "modelmesh.testing.any-secret.v1"
    described = "what the test says"

    def __init__(self, _: schema.Secrets, environ: Mapping[str, str]) -> None:
        self._known = environ

    def get(self, name: str) -> Secret:
        return Secret(self._known.get(name, "mocked-secret"))


def _usual() -> dict[str, Any]:
    model = {"provider": "mock", "capabilities": _EVERYTHING}
    return {
        "providers": {"mock": _VENDOR},
        "models": dict.fromkeys(MODELS, model),
        "pools": {id_: {"capability": meant_by_pool(id_), "retry": _ONCE} for id_ in _POOLS},
    }


def _read(source: Source, secrets: Mapping[str, str]) -> schema.MeshConfig:
    """Read a configuration. Its own secret store is not asked, not even made."""
    if isinstance(source, schema.MeshConfig):
        return load(source, environ={})
    if isinstance(source, Mapping):
        document, name = plain(source), "configuration"
    else:
        from modelmesh.config import yaml_text  # noqa: PLC0415 - only files need YAML

        document = yaml_text.parse(Path(source).read_text(encoding="utf-8-sig"))
        name = os.fspath(source)
    if isinstance(document.tree, dict):
        store = f"{AnySecret.__module__}:{AnySecret.__name__}"
        document = evolve(document, tree={**document.tree, "secrets": {"store": store}})
    return told(examine_document(document, name, secrets, None))


def _replaced(config: schema.MeshConfig) -> dict[str, str]:
    """Return, for each connector of a provider, the path of what stands in for it."""
    own = config.connectors
    ids = {entry.connector or id_ for id_, entry in config.providers.items()}
    return {
        id_: _stand_in(registry.find("providers", id_, own))
        for id_ in sorted(ids)
        if not is_later("providers", id_, own)
    }


def _stand_in(vendor: type[Any]) -> str:
    """Make a vendor which is itself for requests and OpenAI for answers; return its path."""
    spoken = OpenAI("mock")
    name = f"{vendor.__module__}_{vendor.__qualname__}".replace(".", "_")
    answering = {word: getattr(spoken, word) for word in ("answer", "decoder", "error")}
    setattr(sys.modules[__name__], name, type(name, (vendor,), answering))
    return f"{__name__}:{name}"
