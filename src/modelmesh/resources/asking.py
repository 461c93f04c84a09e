"""How a client's resources ask a mesh: from any thread, or within an event loop."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias, TypeVar

from attrs import define, frozen

from modelmesh import arguments
from modelmesh.clock import request_id
from modelmesh.json_text import loads
from modelmesh.mesh import ModelMesh
from modelmesh.portal import Portal
from modelmesh.resources.arriving import Arriving, AsyncEventStream, EventStream
from modelmesh.results import Result
from modelmesh.sanity import check
from modelmesh.schemas import Schema
from modelmesh.types import Answer, Endpoint, Request, Upload

T = TypeVar("T")

Parameters: TypeAlias = Mapping[str, Any]


@frozen(eq=False)
class Terms:
    """What holds for every call of a client: the model asked where it names none, and headers."""

    default_model: str | None
    forwarded: tuple[str, ...]

    @classmethod
    def of(cls, mesh: ModelMesh, default_model: str | None) -> Self:
        return cls(default_model, tuple(mesh.config.proxy.forward_headers))

    def request(
        self, endpoint: Endpoint, parameters: Parameters, upload: Upload | None = None
    ) -> Request:
        """Return the request of a call. Raises RequestError where it cannot be sent."""
        request = self._build(parameters, endpoint, upload)
        check(endpoint, request.body)
        return request

    def outline(
        self, parameters: Parameters, endpoint: Endpoint | None
    ) -> tuple[Parameters, str, Mapping[str, str]]:
        """Return the body, session and headers of a call that is to be explained and not sent."""
        request = self._build(parameters)
        return {**request.body, "endpoint": endpoint}, request.session, request.headers

    def _build(
        self, parameters: Parameters, endpoint: Endpoint = "chat", upload: Upload | None = None
    ) -> Request:
        return arguments.build(
            parameters,
            id_=request_id(),
            default_model=self.default_model,
            forwarded=self.forwarded,
            endpoint=endpoint,
            upload=upload,
        )


@frozen(eq=False)
class Asking:
    """Asks for callers that block."""

    _portal: Portal[ModelMesh]
    terms: Terms

    def answer(self, request: Request, read: Callable[[Answer], T]) -> T:
        """Return a whole answer, read as the caller wants it."""
        return read(self._portal.run(_answered(self._portal.resident, request)))

    def stream(self, request: Request, read: Callable[[bytes], T]) -> EventStream[T]:
        """Return an answer that arrives, once its first content has, and read piece by piece."""
        return EventStream(self._portal.iterate(_opened(self._portal.resident, request)), read)

    def either(
        self, request: Request, whole: Callable[[Answer], Any], event: Callable[[bytes], Any]
    ) -> Any:
        """Return an answer as the request wants it: whole, or as events."""
        return self.stream(request, event) if request.stream else self.answer(request, whole)

    def tell(self, function: Callable[..., T], *args: Any) -> T:
        """Return what a mesh says of itself."""
        return self._portal.run(_told(self._portal.resident, function, *args))


@define(eq=False)
class AsyncAsking:
    """Asks for callers that await, with the same methods."""

    mesh: ModelMesh
    terms: Terms
    closed: bool = False

    async def answer(self, request: Request, read: Callable[[Answer], T]) -> T:
        return read(await _answered(self._open(), request))

    async def stream(self, request: Request, read: Callable[[bytes], T]) -> AsyncEventStream[T]:
        return AsyncEventStream(Arriving(await self._open().send(request)), read)

    async def either(
        self, request: Request, whole: Callable[[Answer], Any], event: Callable[[bytes], Any]
    ) -> Any:
        if request.stream:
            return await self.stream(request, event)
        return await self.answer(request, whole)

    async def tell(self, function: Callable[..., T], *args: Any) -> T:
        return await _told(self._open(), function, *args)

    def _open(self) -> ModelMesh:
        if self.closed:
            raise RuntimeError("the client is closed")
        return self.mesh


def result(schema: Schema) -> Callable[[Answer], Result]:
    """Return what reads an answer as a result with these fields."""
    return lambda answer: Result(loads(answer.body), schema)


def event(schema: Schema) -> Callable[[bytes], Result]:
    """Return what reads an event as a result with these fields."""
    return lambda payload: Result(loads(payload), schema)


async def _answered(mesh: ModelMesh, request: Request) -> Answer:
    reply = await mesh.send(request)
    try:
        assert reply.answer is not None, "a request without `stream` gets a whole answer"
        return reply.answer
    finally:
        await reply.close()


@asynccontextmanager
async def _opened(mesh: ModelMesh, request: Request) -> AsyncIterator[Arriving]:
    arriving = Arriving(await mesh.send(request))
    try:
        yield arriving
    finally:
        await arriving.close()


async def _told(mesh: ModelMesh, function: Callable[..., T], *args: Any) -> T:
    """Return what a mesh says of itself once it knows its models."""
    await mesh.start()
    return function(mesh, *args)
