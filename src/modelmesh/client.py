"""The client inside an application: OpenAI's shape, synchronous and asynchronous, no server.

`create` and `create_async` make one of a few words. There the process's environment comes in.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from attrs import frozen

from modelmesh import arguments
from modelmesh.clock import request_id
from modelmesh.completions import AsyncCompletions, Completions
from modelmesh.config.detect import detect
from modelmesh.config.load import Source, load
from modelmesh.config.schema import MeshConfig
from modelmesh.mesh import ModelMesh
from modelmesh.portal import Portal
from modelmesh.results import ModelList
from modelmesh.types import Request

if TYPE_CHECKING:
    from openai.types import Model

C = TypeVar("C")
T = TypeVar("T")


def create(
    *capabilities: str,
    pool: str | None = None,
    providers: Iterable[str] | None = None,
    models: Iterable[str] | None = None,
    strategy: str | None = None,
    api_keys: Mapping[str, str] | None = None,
    config: Source | None = None,
) -> "MeshClient":
    """Return a client for a capability, such as `create("chat-completion")`.

    Args:
        capabilities: what is wanted, as paths or aliases. The first is asked for where a call names
            no model.
        pool: the pool asked for where a call names no model, instead.
        providers: only these, such as `openai`; else all whose keys are in the environment.
        models: only these, by name or as `provider/model`.
        strategy: how pools put their targets in order.
        api_keys: keys by provider, which go before those in the environment.
        config: a configuration instead of the last four: a file, a mapping or a MeshConfig.

    Raises:
        ConfigError: the configuration has mistakes, or no provider was found.
        RequestError: there is no such pool.

    """
    settings, model = _settings(
        capabilities,
        pool,
        config,
        providers=providers,
        models=models,
        strategy=strategy,
        api_keys=api_keys,
    )
    client = MeshClient(lambda: ModelMesh(settings), model=model)
    if model:
        client.mesh.pool(model)
    return client


def create_async(
    *capabilities: str,
    pool: str | None = None,
    providers: Iterable[str] | None = None,
    models: Iterable[str] | None = None,
    strategy: str | None = None,
    api_keys: Mapping[str, str] | None = None,
    config: Source | None = None,
) -> "AsyncMeshClient":
    """Return an asynchronous client. Everything else is as in `create`."""
    settings, model = _settings(
        capabilities,
        pool,
        config,
        providers=providers,
        models=models,
        strategy=strategy,
        api_keys=api_keys,
    )
    client = AsyncMeshClient(ModelMesh(settings), model=model)
    if model:
        client.mesh.pool(model)
    return client


class MeshClient:
    """OpenAI's client with pools behind it. Any number of threads may share one.

    `make` makes the mesh, and again in a forked child, where the parent's cannot be used. `model`
    is asked for where a call names none.
    """

    def __init__(self, make: Callable[[], ModelMesh], *, model: str | None = None) -> None:
        self._portal = Portal(make)
        self._ask = partial(_ask, self._portal.resident.config, model)
        self.chat = Chat(Completions(self._portal, self._ask))
        self.models = Models(self._portal)

    @property
    def mesh(self) -> ModelMesh:
        return self._portal.resident

    def pool_status(self) -> dict[str, Any]:
        """Return, by pool, the strategy, the target in front and how each target fares."""
        return _tell(self._portal, ModelMesh.pool_status)

    def active_providers(self) -> list[str]:
        """Return the providers of which some target may be asked now."""
        return _tell(self._portal, ModelMesh.active_providers)

    def describe(self) -> str:
        """Return the pools with their targets, for people to read."""
        return _tell(self._portal, ModelMesh.describe)

    def rotate(self, pool: str) -> str:
        """Put a pool's next target in front; return its id."""
        return _tell(self._portal, ModelMesh.rotate, pool)

    def explain(self, **parameters: Any) -> list[dict[str, Any]]:
        """Return the targets such a request would be tried at, and why not, asking none."""
        request = self._ask(**parameters)
        return _tell(self._portal, ModelMesh.explain, request.model, request.body)

    def close(self) -> None:
        """Cancel what is under way and end every connection."""
        self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncMeshClient:
    """OpenAI's asynchronous client with pools behind it. It belongs to one event loop."""

    def __init__(self, mesh: ModelMesh, *, model: str | None = None) -> None:
        self.mesh = mesh
        self._ask = partial(_ask, mesh.config, model)
        self._closed = False
        self.chat = Chat(AsyncCompletions(self._open, self._ask))
        self.models = AsyncModels(self._open)

    async def pool_status(self) -> dict[str, Any]:
        """Return, by pool, the strategy, the target in front and how each target fares."""
        return await _told(self._open(), ModelMesh.pool_status)

    async def active_providers(self) -> list[str]:
        """Return the providers of which some target may be asked now."""
        return await _told(self._open(), ModelMesh.active_providers)

    async def describe(self) -> str:
        """Return the pools with their targets, for people to read."""
        return await _told(self._open(), ModelMesh.describe)

    async def rotate(self, pool: str) -> str:
        """Put a pool's next target in front; return its id."""
        return await _told(self._open(), ModelMesh.rotate, pool)

    async def explain(self, **parameters: Any) -> list[dict[str, Any]]:
        """Return the targets such a request would be tried at, and why not, asking none."""
        request = self._ask(**parameters)
        return await _told(self._open(), ModelMesh.explain, request.model, request.body)

    async def close(self) -> None:
        """End every connection. Streams that are still open break off."""
        self._closed = True
        await self.mesh.close()

    aclose = close  # what contextlib.aclosing calls

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _open(self) -> ModelMesh:
        if self._closed:
            raise RuntimeError("the client is closed")
        return self.mesh


@frozen(eq=False)
class Chat(Generic[C]):
    """`client.chat`."""

    completions: C


@frozen(eq=False)
class Models:
    """`client.models`."""

    _portal: Portal[ModelMesh]

    def list(self) -> ModelList:
        """Return the pools, and the models where they are exposed."""
        return ModelList.of(_tell(self._portal, ModelMesh.models))

    def retrieve(self, model: str) -> "Model":
        """Return one of them. Raises RequestError where there is none of that name."""
        return ModelList.of(_tell(self._portal, ModelMesh.models)).find(model)


@frozen(eq=False)
class AsyncModels:
    """`client.models`."""

    _open: Callable[[], ModelMesh]

    async def list(self) -> ModelList:
        """Return the pools, and the models where they are exposed."""
        return ModelList.of(await _told(self._open(), ModelMesh.models))

    async def retrieve(self, model: str) -> "Model":
        """Return one of them. Raises RequestError where there is none of that name."""
        return ModelList.of(await _told(self._open(), ModelMesh.models)).find(model)


def _settings(
    capabilities: Sequence[str], pool: str | None, config: Source | None, **choices: Any
) -> tuple[MeshConfig, str | None]:
    """Return the configuration, and the model asked for where a call names none."""
    for name in ("providers", "models"):
        if isinstance(choices[name], str):
            raise TypeError(f"{name} is a list of names, such as [{choices[name]!r}]")
    if config is None:
        settings = detect(os.environ, capabilities=capabilities, **choices)
    elif told := [name for name, choice in choices.items() if choice is not None]:
        raise TypeError(f"the configuration says {', '.join(told)} itself")
    else:
        settings = load(config, environ=os.environ)
    return settings, pool or next(iter(capabilities), None) or _usual_pool(settings)


def _usual_pool(settings: MeshConfig) -> str | None:
    pools = list(settings.pools) or ["chat-completion"]
    return (
        pools[0] if len(pools) == 1 else "chat-completion" if "chat-completion" in pools else None
    )


def _ask(config: MeshConfig, default_model: str | None, **parameters: Any) -> Request:
    return arguments.build(
        parameters,
        id_=request_id(),
        default_model=default_model,
        forwarded=config.proxy.forward_headers,
    )


def _tell(portal: Portal[ModelMesh], function: Callable[..., T], *args: Any) -> T:
    return portal.run(_told(portal.resident, function, *args))


async def _told(mesh: ModelMesh, function: Callable[..., T], *args: Any) -> T:
    """Return what a mesh says of itself once it knows its models."""
    await mesh.start()
    return function(mesh, *args)
