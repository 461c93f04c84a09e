"""A client of the real library whose vendors say what a test wants them to say."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from random import Random
from typing import Any, Final, TypeAlias

from attrs import define, evolve, field

from modelmesh.client import AsyncMeshClient, MeshClient, usual_pool
from modelmesh.config.load import Source
from modelmesh.config.schema import MeshConfig
from modelmesh.errors import ErrorKind, MeshError, ProviderError
from modelmesh.events import AttemptEnded
from modelmesh.mesh import ModelMesh
from modelmesh.reply import Reply
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.fake_answers import model_list
from modelmesh.testing.mocked import mocked
from modelmesh.testing.said import Response, check, scripted
from modelmesh.testing.transport import Scripted, ScriptedTransport, reply
from modelmesh.types import Endpoint, HttpRequest, Request

Responses: TypeAlias = "Sequence[Response] | Callable[[Call], Response]"


@define(eq=False)
class Call:
    """One call of a client.

    Attributes:
        sent: what its vendors were sent, in their own shape, in that order.

    """

    _request: Request = field(repr=False)
    sent: list[HttpRequest] = field(factory=list, repr=False)

    @property
    def endpoint(self) -> Endpoint:
        """What was asked for, such as `chat`."""
        return self._request.endpoint

    @property
    def model(self) -> str:
        """The name that was asked for."""
        return self._request.model

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of a chat."""
        return list(self._request.body.get("messages") or [])

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything else that was asked, as the client said it."""
        beside = ("model", "messages")
        return {name: said for name, said in self._request.body.items() if name not in beside}

    @property
    def headers(self) -> Mapping[str, str]:
        """Those of the client's headers which may go to a vendor."""
        return self._request.headers

    @property
    def attempts(self) -> Sequence[AttemptEnded]:
        """What came of each target that was asked. Of a stream it is told when it has ended."""
        return tuple(self._request.trail or ())

    @property
    def tried(self) -> list[tuple[str, str | None]]:
        """The targets that were asked, in order, each with why it failed; None: it answered."""
        return [(one.target, str(one.cause) if one.cause else None) for one in self.attempts]

    @property
    def target(self) -> str | None:
        """The target that answered."""
        return next((one.target for one in self.attempts if one.end == "answered"), None)


_CALL: Final[ContextVar[Call]] = ContextVar("call")


class MockMesh(ModelMesh):
    """The real mesh, with scripted vendors and a clock that waits for nobody."""

    def __init__(self, config: MeshConfig, responses: Responses) -> None:
        self.calls: list[Call] = []
        self.clock = FakeClock(now=1000.0)
        self._responses = responses
        self._used = 0
        self._mistake: Exception | None = None
        transport = ScriptedTransport(self._answer, self.clock)
        chance = Random(1)  # noqa: S311 - every run of a test is to be the same
        super().__init__(config, clock=self.clock, rng=chance, transport=transport)

    @property
    def unused(self) -> list[Response]:
        """The responses nobody has asked for yet."""
        return [] if callable(self._responses) else list(self._responses[self._used :])

    async def send(self, request: Request, *, heartbeat: float | None = None) -> Reply:
        """Route a request, and record it. A mistake of the test's own is raised as it is."""
        call = Call(evolve(request, trail=[]))
        self.calls.append(call)
        before = _CALL.set(call)
        try:
            return await super().send(call._request, heartbeat=heartbeat)  # noqa: SLF001 - it is its own
        except MeshError:
            if self._mistake:
                raise self._mistake from None
            raise
        finally:
            _CALL.reset(before)

    def _answer(self, sent: HttpRequest) -> Scripted:
        if sent.method == "GET":
            return reply(body=model_list(["model"]))
        call = _CALL.get()
        call.sent.append(sent)
        try:
            response = self._next(call)
            check(response, call.endpoint)
        except Exception as mistake:
            # No vendor fails so: no other one is asked, and it is raised in the end.
            self._mistake = mistake
            raise ProviderError(ErrorKind.INVALID_REQUEST, "the test has a mistake") from mistake
        return scripted(response, call._request, _model_of(sent))  # noqa: SLF001 - as above

    def _next(self, call: Call) -> Response:
        if callable(self._responses):
            return self._responses(call)
        if self._used == len(self._responses):
            number, given = len(self.calls), len(self._responses)
            failed = ", ".join(f"{target} ({why})" for target, why in call.tried)
            raise AssertionError(
                f"no response is left for call {number}, to {call.model!r}"
                f"{failed and f', after {failed} failed'}: "
                f"{given} were given, one for each time a vendor is asked"
            )
        self._used += 1
        return self._responses[self._used - 1]


class MockClient(MeshClient):
    """A client whose vendors are scripted."""

    mesh: MockMesh

    @property
    def calls(self) -> list[Call]:
        """What was asked through this client, in order."""
        return self.mesh.calls

    @property
    def clock(self) -> FakeClock:
        """The clock by which cooldowns end and limits are renewed; tests move it."""
        return self.mesh.clock

    @property
    def unused(self) -> list[Response]:
        """The responses nobody has asked for yet."""
        return self.mesh.unused


class AsyncMockClient(AsyncMeshClient):
    """An asynchronous client whose vendors are scripted."""

    mesh: MockMesh

    @property
    def calls(self) -> list[Call]:
        """What was asked through this client, in order."""
        return self.mesh.calls

    @property
    def clock(self) -> FakeClock:
        """The clock by which cooldowns end and limits are renewed; tests move it."""
        return self.mesh.clock

    @property
    def unused(self) -> list[Response]:
        """The responses nobody has asked for yet."""
        return self.mesh.unused


def mock_client(
    responses: Responses = (),
    *,
    config: Source | None = None,
    model: str | None = None,
    secrets: Mapping[str, str] | None = None,
) -> MockClient:
    """Return a client of the real library which needs no network and no keys, and never waits.

    Args:
        responses: what vendors say, one for each time one is asked; or a function of the call.
        config: a configuration of yours, whose routing it then has; else one of three models.
        model: the model asked for where a call names none.
        secrets: those which the configuration needs to be something in particular.

    Raises:
        ConfigError: the configuration has mistakes.

    """
    settings = mocked(config, secrets or {})
    asked = model or usual_pool(settings)
    return MockClient(lambda: MockMesh(settings, responses), model=asked)


def mock_async_client(
    responses: Responses = (),
    *,
    config: Source | None = None,
    model: str | None = None,
    secrets: Mapping[str, str] | None = None,
) -> AsyncMockClient:
    """Return an asynchronous client. Everything else is as in `mock_client`."""
    settings = mocked(config, secrets or {})
    asked = model or usual_pool(settings)
    return AsyncMockClient(MockMesh(settings, responses), model=asked)


def _model_of(sent: HttpRequest) -> str:
    """Return the name of the model that is asked, where the request is JSON which names it."""
    try:
        body = json.loads(sent.body)
    except ValueError:
        body = None
    return str(body.get("model", "mocked")) if isinstance(body, dict) else "mocked"
