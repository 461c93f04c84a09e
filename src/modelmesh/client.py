"""The client inside an application: OpenAI's shape, synchronous and asynchronous, no server.

`create` and `create_async` make one of a few words. There the process's environment comes in.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar

from attrs import frozen

from modelmesh.config.detect import detect
from modelmesh.config.load import Source
from modelmesh.config.origin import Origin
from modelmesh.config.schema import MeshConfig
from modelmesh.events import Reloaded
from modelmesh.mesh import ModelMesh
from modelmesh.portal import Portal
from modelmesh.resources.asking import Asking, AsyncAsking, Terms
from modelmesh.resources.completions import AsyncCompletions, Completions
from modelmesh.resources.embeddings import AsyncEmbeddings, Embeddings
from modelmesh.resources.images import AsyncImages, Images
from modelmesh.resources.models import AsyncModels, Models
from modelmesh.resources.speech import AsyncSpeech, Speech
from modelmesh.resources.transcriptions import AsyncTranscriptions, Transcriptions
from modelmesh.types import Endpoint

Completing = TypeVar("Completing")
Speaking = TypeVar("Speaking")
Transcribing = TypeVar("Transcribing")


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
    origin, model = _settings(
        capabilities,
        pool,
        config,
        providers=providers,
        models=models,
        strategy=strategy,
        api_keys=api_keys,
    )
    client = MeshClient(lambda: ModelMesh(origin), model=model)
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
    origin, model = _settings(
        capabilities,
        pool,
        config,
        providers=providers,
        models=models,
        strategy=strategy,
        api_keys=api_keys,
    )
    client = AsyncMeshClient(ModelMesh(origin), model=model)
    if model:
        client.mesh.pool(model)
    return client


class MeshClient:
    """OpenAI's client with pools behind it. Any number of threads may share one.

    `make` makes the mesh, and again in a forked child, where the parent's cannot be used. `model`
    is asked for where a call names none.

    Attributes:
        chat, embeddings, audio, images, models: what can be asked for, as in OpenAI's library.

    """

    def __init__(self, make: Callable[[], ModelMesh], *, model: str | None = None) -> None:
        self._portal = Portal(make)
        self._asking = asking = Asking(self._portal, Terms.of(self.mesh, model))
        self.chat = Chat(Completions(asking))
        self.embeddings = Embeddings(asking)
        self.audio = Audio(Speech(asking), Transcriptions(asking))
        self.images = Images(asking)
        self.models = Models(asking)

    @property
    def mesh(self) -> ModelMesh:
        """What is behind it; ask it nothing that is awaited."""
        return self._portal.resident

    def pool_status(self) -> dict[str, Any]:
        """Return, by pool, the strategy, the target in front and the state of each target."""
        return self._asking.tell(ModelMesh.pool_status)

    def stats(self) -> dict[str, Any]:
        """Return totals of all requests so far, by pool, by provider and by target."""
        return self._asking.tell(ModelMesh.stats)

    def active_providers(self) -> list[str]:
        """Return the providers that have a target which may be asked now."""
        return self._asking.tell(ModelMesh.active_providers)

    def describe(self) -> str:
        """Return the pools with their targets, for people to read."""
        return self._asking.tell(ModelMesh.describe)

    def rotate(self, pool: str) -> str:
        """Put a pool's next target in front; return its id."""
        return self._asking.tell(ModelMesh.rotate, pool)

    def explain(self, endpoint: Endpoint | None = None, **parameters: Any) -> dict[str, Any]:
        """Return the targets such a request would try, and why, without asking a vendor.

        Without an `endpoint`, such as "embeddings", it is the one that the pool is for.
        """
        outline = self._asking.terms.outline(parameters, endpoint)
        return self._asking.tell(ModelMesh.explain, *outline)

    def reload(self, config: Source | None = None) -> Reloaded:
        """Read the configuration again, or another one, and serve by it from now on.

        Raises:
            ConfigError: it has mistakes, or cannot be read. Nothing has changed then.

        """
        return self._portal.run(self.mesh.reload(config))

    def close(self) -> None:
        """Cancel what is under way and end every connection."""
        self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncMeshClient:
    """OpenAI's asynchronous client with pools behind it. It belongs to one event loop.

    Attributes:
        chat, embeddings, audio, images, models: what can be asked for, as in OpenAI's library.
        mesh: what is behind it.

    """

    def __init__(self, mesh: ModelMesh, *, model: str | None = None) -> None:
        self.mesh = mesh
        self._asking = asking = AsyncAsking(mesh, Terms.of(mesh, model))
        self.chat = Chat(AsyncCompletions(asking))
        self.embeddings = AsyncEmbeddings(asking)
        self.audio = Audio(AsyncSpeech(asking), AsyncTranscriptions(asking))
        self.images = AsyncImages(asking)
        self.models = AsyncModels(asking)

    async def pool_status(self) -> dict[str, Any]:
        """Return, by pool, the strategy, the target in front and the state of each target."""
        return await self._asking.tell(ModelMesh.pool_status)

    async def stats(self) -> dict[str, Any]:
        """Return totals of all requests so far, by pool, by provider and by target."""
        return await self._asking.tell(ModelMesh.stats)

    async def active_providers(self) -> list[str]:
        """Return the providers that have a target which may be asked now."""
        return await self._asking.tell(ModelMesh.active_providers)

    async def describe(self) -> str:
        """Return the pools with their targets, for people to read."""
        return await self._asking.tell(ModelMesh.describe)

    async def rotate(self, pool: str) -> str:
        """Put a pool's next target in front; return its id."""
        return await self._asking.tell(ModelMesh.rotate, pool)

    async def explain(self, endpoint: Endpoint | None = None, **parameters: Any) -> dict[str, Any]:
        """Return the targets such a request would try: see `MeshClient.explain`."""
        outline = self._asking.terms.outline(parameters, endpoint)
        return await self._asking.tell(ModelMesh.explain, *outline)

    async def reload(self, config: Source | None = None) -> Reloaded:
        """Read the configuration again, or another one, and serve by it from now on.

        Raises:
            ConfigError: it has mistakes, or cannot be read. Nothing has changed then.

        """
        return await self.mesh.reload(config)

    async def close(self) -> None:
        """End every connection. Streams that are still open break off."""
        self._asking.closed = True
        await self.mesh.close()

    aclose = close  # what contextlib.aclosing calls

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@frozen(eq=False)
class Chat(Generic[Completing]):
    """`client.chat`."""

    completions: Completing


@frozen(eq=False)
class Audio(Generic[Speaking, Transcribing]):
    """`client.audio`."""

    speech: Speaking
    transcriptions: Transcribing


def _settings(
    capabilities: Sequence[str], pool: str | None, config: Source | None, **choices: Any
) -> tuple[Origin, str | None]:
    """Return what was configured, and the model asked for where a call names none."""
    for name in ("providers", "models"):
        if isinstance(choices[name], str):
            raise TypeError(f"{name} is a list of names, such as [{choices[name]!r}]")
    if config is None:
        origin = Origin.made(detect(os.environ, capabilities=capabilities, **choices))
    elif told := [name for name, choice in choices.items() if choice is not None]:
        raise TypeError(f"the configuration says {', '.join(told)} itself")
    else:
        origin = Origin.of(config, environ=os.environ)
    return origin, pool or next(iter(capabilities), None) or usual_pool(origin.config)


def usual_pool(settings: MeshConfig) -> str | None:
    """Return the pool that is asked where a call names no model; None: a call has to."""
    pools = list(settings.pools) or ["chat-completion"]
    return (
        pools[0] if len(pools) == 1 else "chat-completion" if "chat-completion" in pools else None
    )
