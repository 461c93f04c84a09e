"""The same story told of both clients: each way to do things stands behind the same words."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

from modelmesh import AsyncMeshClient, MeshClient, ModelMesh
from modelmesh.config.load import Source, load
from modelmesh.testing.transport import ScriptedTransport

Call: TypeAlias = Callable[[Any], Any]


class Blocking:
    """Does things with a MeshClient."""

    def __init__(self, config: Source, vendor: ScriptedTransport, model: str | None) -> None:
        settings = load(config, environ={})
        self.client: Any = MeshClient(lambda: ModelMesh(settings, transport=vendor), model=model)

    def do(self, call: Call) -> Any:
        return call(self.client)

    def read(self, stream: Any) -> list[Any]:
        return list(stream)

    def first(self, stream: Any) -> Any:
        return next(stream)

    def within(self, stream: Any, do: Call = next) -> Any:
        """Enter a context, do something with what it gives, take all of it, leave."""
        with stream as entered:
            came = do(entered)
            return list(came) if isinstance(came, Iterator) else came

    def end(self) -> None:
        self.client.close()


class Awaiting:
    """Does the same things with an AsyncMeshClient."""

    def __init__(self, config: Source, vendor: ScriptedTransport, model: str | None) -> None:
        settings = load(config, environ={})
        self.client: Any = AsyncMeshClient(ModelMesh(settings, transport=vendor), model=model)
        self._runner = asyncio.Runner()

    def do(self, call: Call) -> Any:
        async def doing() -> Any:
            result = call(self.client)
            return await result if inspect.isawaitable(result) else result

        return self._runner.run(doing())

    def read(self, stream: Any) -> list[Any]:
        async def reading() -> list[Any]:
            return [item async for item in stream]

        return self._runner.run(reading())

    def first(self, stream: Any) -> Any:
        return self.do(lambda _: anext(stream))

    def within(self, stream: Any, do: Call = anext) -> Any:
        """Enter a context, do something with what it gives, take all of it, leave."""

        async def entering() -> Any:
            async with stream as entered:
                came = do(entered)
                if isinstance(came, AsyncIterator):
                    return [item async for item in came]
                return await came if inspect.isawaitable(came) else came

        return self._runner.run(entering())

    def end(self) -> None:
        self.do(lambda client: client.close())
        self._runner.close()


Story: TypeAlias = Blocking | Awaiting
