"""A vendor on a loopback socket that goes wrong on request: its server, and who gets which fault.

The faults themselves are in `fake_faults` and `fake_variants`, the wire is in `fake_wire`.
"""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any, Final, Self

from modelmesh.portal import Portal
from modelmesh.testing import (
    fake_embeddings,
    fake_faults,
    fake_images,
    fake_speech,
    fake_transcriptions,
    fake_variants,
)
from modelmesh.testing.fake_answers import encode, error, model_list
from modelmesh.testing.fake_wire import HEAD_LIMIT, Exchange, Fault, Received, read_request

__all__ = ["CATALOGUE", "Exchange", "FakeProvider", "Fault", "Received", "select"]

Catalogue = Mapping[str, Callable[..., Awaitable[None]]]


def named(*modules: ModuleType) -> Catalogue:
    """Return the faults which these modules have, by their names."""
    return {
        name.replace("_", "-"): function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }


CATALOGUE: Final = named(fake_variants, fake_faults)
"""Every fault by its name."""

SPEECH: Final = {**named(fake_faults), **named(fake_speech)}
"""Those which a vendor that speaks has; the ones that answer without a word are the same."""

IMAGES: Final = {**named(fake_faults), **named(fake_images)}
"""Those which a vendor that makes images has."""

EMBEDDINGS: Final = {**named(fake_faults), **named(fake_embeddings)}
"""Those which a vendor that embeds has."""

TRANSCRIPTIONS: Final = {**named(fake_faults), **named(fake_transcriptions)}
"""Those which a vendor that transcribes has."""

_BY_KEY = "fault:"
_SERVED: Final[Mapping[str, Catalogue]] = {
    "POST /v1/chat/completions": CATALOGUE,
    "POST /v1/audio/speech": SPEECH,
    "POST /v1/audio/transcriptions": TRANSCRIPTIONS,
    "POST /v1/embeddings": EMBEDDINGS,
    "POST /v1/images/generations": IMAGES,
}


def select(name: str, catalogue: Catalogue = CATALOGUE) -> Fault:
    """Find the fault which a name like ``stall-mid~after=3@label`` stands for.

    Raises LookupError for a fault nobody knows and ValueError for a setting it does not take.
    """
    kind, *settings = re.sub("@[^~]*", "", name).split("~")
    if kind not in catalogue:
        raise LookupError(f"The model `{name}` does not exist: it names no fault.")
    known = {
        key.rstrip("_").replace("_", "-"): parameter
        for key, parameter in inspect.signature(catalogue[kind]).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    options: dict[str, Any] = {}
    for setting in settings:
        key, _, text = setting.partition("=")
        if key not in known:
            raise ValueError(f"{kind} takes no {key!r}, only: {', '.join(known) or 'nothing'}.")
        try:
            options[known[key].name] = known[key].annotation(text)
        except ValueError:
            raise ValueError(f"{kind}~{key}: {text!r} is not a number.") from None
    return partial(catalogue[kind], **options)


class FakeProvider:
    """A vendor on a loopback socket whose model name selects what goes wrong.

    The model ``stall-mid~after=3@a`` is the fault ``stall-mid`` with ``after=3``; the label after
    ``@`` only tells models apart. A bearer key ``fault:NAME`` selects in the model's place.

    `faults` gives models a behaviour of the caller's own, on any path they are posted to. `models`
    are what GET /v1/models lists, until a test changes them; those which name no fault answer well.

    It runs within `async with`, or on a thread of its own within `with`.
    """

    def __init__(
        self,
        *,
        faults: Mapping[str, Fault] | None = None,
        models: Sequence[str] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.host = host
        self.port = port
        self.received: list[Received] = []  # the requests, in order
        self.connections = 0  # how many there were so far
        self._faults = dict(faults or {})
        # What it lists; tests may change it.
        self.models = sorted(CATALOGUE) if models is None else list(models)
        self._requests = 0
        self._memories: dict[str, list[float]] = {}
        self._open: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self._home: Portal[FakeProvider]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self._home = Portal(lambda: self)
        self._home.run(self.start())
        return self

    def __exit__(self, *_: object) -> None:
        self._home.close()

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(
            self._connected, self.host, self.port, start_serving=False
        )
        self.port = self._server.sockets[0].getsockname()[1]
        await self._server.start_serving()

    async def stop(self) -> None:
        """Stop listening and end every connection; the port is kept for another start."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        while self._open:
            for task in self._open:
                task.cancel()
            await asyncio.wait(self._open)
        await server.wait_closed()

    close = stop  # what a portal ends its resident by

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return f"http://{self.host}:{self.port}/v1"

    @property
    def open_connections(self) -> int:
        """How many there are now."""
        return len(self._open)

    def requests_for(self, model: str) -> list[Received]:
        """Return what was received for a model."""
        return [request for request in self.received if request.model == model]

    def reset(self) -> None:
        """Forget what was received and what faults remember."""
        self.received.clear()
        self._memories.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # accepted just before stop()
            writer.transport.abort()
            return
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        inbox = asyncio.StreamReader(limit=HEAD_LIMIT)
        incoming = asyncio.create_task(_pump(reader, inbox))
        try:
            await self._converse(self.connections, inbox, incoming, writer)
        except asyncio.CancelledError:
            # Only stop() cancels; before Python 3.12 asyncio would report it as a crash.
            writer.transport.abort()
        finally:
            incoming.cancel()
            writer.close()
            self._open.discard(task)

    async def _converse(
        self,
        connection: int,
        inbox: asyncio.StreamReader,
        incoming: asyncio.Task[None],
        writer: asyncio.StreamWriter,
    ) -> None:
        """Answer the requests of one connection, one after the other."""
        idle: float | None = None
        deaf = False
        while True:
            try:
                async with asyncio.timeout(idle):
                    request = await read_request(inbox, writer, connection)
            except (EOFError, TimeoutError):
                return
            except (ValueError, asyncio.LimitOverrunError):
                writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                return
            self._requests += 1
            self.received.append(request)
            if deaf:
                return
            memory = self._memories.setdefault(_selector(request), [])
            exchange = Exchange(request, self._requests, memory, writer)
            await _until_client_leaves(self._fault_for(request), exchange, incoming)
            if not exchange.reusable:
                return
            idle, deaf = exchange.idle, exchange.deaf

    def _fault_for(self, request: Received) -> Fault:
        asked = f"{request.method} {request.path.partition('?')[0]}"
        if asked == "GET /v1/models":
            return self._list_models
        own = self._faults.get(request.model or "")
        if own is not None and asked.startswith("POST ") and not request.key.startswith(_BY_KEY):
            return own
        catalogue = _SERVED.get(asked)
        if catalogue is None:
            return _refusal(404, f"Invalid URL ({asked})")
        if request.model is None:
            return _refusal(400, "The body must be a JSON object or a form with a model.")
        return self._named(_selector(request).removeprefix(_BY_KEY), catalogue)

    def _named(self, name: str, catalogue: Catalogue) -> Fault:
        try:
            return select(name, catalogue)
        except LookupError as unknown:
            if name in self.models:
                return catalogue["ok"]
            return _refusal(404, str(unknown), "model_not_found")
        except ValueError as mistaken:
            return _refusal(400, str(mistaken))

    async def _list_models(self, exchange: Exchange) -> None:
        await exchange.answer(200, encode(model_list(self.models)))


def _selector(request: Received) -> str:
    """Tell what selects the fault: the key if it names one, else the model."""
    return request.key if request.key.startswith(_BY_KEY) else request.model or ""


def _refusal(status: int, message: str, code: str = "") -> Fault:
    body = encode(error(400, message=message, code=code))

    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(status, body)

    return refuse


async def _pump(reader: asyncio.StreamReader, inbox: asyncio.StreamReader) -> None:
    """Move what arrives into the inbox, so that the client's leaving shows while nobody reads."""
    with suppress(OSError):
        while arrived := await reader.read(1 << 16):
            inbox.feed_data(arrived)
    inbox.feed_eof()


async def _until_client_leaves(
    fault: Fault, exchange: Exchange, incoming: asyncio.Task[None]
) -> None:
    """Run the fault; if the client leaves first, note when and stop."""
    answering = asyncio.ensure_future(fault(exchange))
    try:
        await asyncio.wait({answering, incoming}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        answering.cancel()
    gone = exchange.now()
    try:
        await answering
    except (asyncio.CancelledError, ConnectionError):
        if not (exchange.request.finished or exchange.closed):
            exchange.request.client_gone = gone
