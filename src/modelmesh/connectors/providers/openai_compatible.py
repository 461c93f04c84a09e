"""Any server that speaks OpenAI's wire, and what the files of such vendors build on.

A vendor's file states how it differs. Its class variables say what, and are all there is to most
of them; https://platform.openai.com/docs/api-reference/chat is what they differ from.
"""

import json
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from attrs import frozen

from modelmesh.catalogue import ModelFacts, find
from modelmesh.connectors.providers._errors import Sign, failure
from modelmesh.connectors.providers._mending import WORDS, MendingDecoder, mended_answer
from modelmesh.connectors.providers._messages import Messages
from modelmesh.connectors.providers._parameters import (
    SAMPLING,
    Reasoning,
    adapted,
    asks_something,
)
from modelmesh.connectors.providers._said import tells_of_failure
from modelmesh.connectors.providers._splice import spliced
from modelmesh.connectors.providers._stream import Decoder, raise_if_broken
from modelmesh.connectors.providers._usage import usage_of
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.json_text import dumps, loads
from modelmesh.types import (
    Answer,
    Endpoint,
    HttpReply,
    HttpRequest,
    Request,
    Secret,
    StreamDecoder,
)

_NONE: Mapping[str, str] = MappingProxyType({})
_NOTHING: frozenset[str] = frozenset()


class Provider:
    """A vendor whose wire is OpenAI's; by itself one that is known by its `base_url` alone."""

    connector: ClassVar[str] = "openai-compatible"
    name: ClassVar[str] = "OpenAI-compatible server"
    base_url: ClassVar[str] = ""
    """Where the vendor is, version path included; empty where the configuration has to say."""
    key_names: ClassVar[tuple[str, ...]] = ()
    """Environment variables which may hold the key, best first."""
    url_names: ClassVar[tuple[str, ...]] = ()
    """Environment variables which may hold the address, best first."""
    option_names: ClassVar[Mapping[str, str]] = _NONE
    """Environment variables which may hold an option, by the option's name."""
    models: ClassVar[tuple[str, ...]] = ()
    """Models used where the configuration names none: chat, best value first, then others."""
    local: ClassVar[bool] = False
    """It runs on one's own machines and asks for no key."""
    paths: ClassVar[Mapping[Endpoint, str]] = MappingProxyType({"chat": "/chat/completions"})
    models_path: ClassVar[str | None] = "/models"
    auth: ClassVar[tuple[str, str]] = ("authorization", "Bearer {key}")
    """The header which holds the key, and how."""
    required_headers: ClassVar[Mapping[str, str]] = _NONE
    unsupported: ClassVar[frozenset[str]] = frozenset()
    """Parameters which it refuses."""
    accepts: ClassVar[frozenset[str] | None] = None
    """The only parameters which it takes, where it refuses all that it does not know."""
    implied: ClassVar[frozenset[str]] = frozenset()
    """Parameters which it refuses because it does what they ask for anyway."""
    renamed: ClassVar[Mapping[str, str]] = _NONE
    """Parameters which it knows by another name."""
    words: ClassVar[Mapping[str, Mapping[str, str]]] = MappingProxyType({})
    """Parameters which it has other words for, and these."""
    reasoning: ClassVar[Reasoning] = Reasoning()
    messages: ClassVar[Messages] = Messages()
    functions_refuse: ClassVar[frozenset[str]] = frozenset()
    """Fields which a tool's function may not have."""
    signs: ClassVar[tuple[Sign, ...]] = ()
    """What failures look like here and nowhere else."""
    mended: ClassVar[bool] = False
    """Its answers depart from OpenAI's, and are mended where they do."""
    finishes: ClassVar[Mapping[str, str]] = _NONE
    """Reasons to finish which it has words of its own for, in OpenAI's words."""

    @frozen(kw_only=True)
    class Options:
        """Settings of the vendor's own."""

    def __init__(
        self,
        id: str,  # noqa: A002 - as it is called everywhere
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] = _NONE,
        options: Any = None,
    ) -> None:
        """Raise ValueError where there is no address, or none can be made from the options."""
        self.id = id
        self.options: Any = options or self.Options()
        self._finishes = {**WORDS, **self.finishes}
        self._url = self.completed(base_url or self.address()).rstrip("/")
        own = {**self.required_headers, **self.option_headers(), **headers}
        self._headers = {name.lower(): text for name, text in own.items()}
        # One for each model that is configured, and one for each key.
        self._wires: dict[str, _Wire] = {}
        self._by_key: dict[Secret | None, Mapping[str, str]] = {}

    @property
    def endpoints(self) -> Collection[Endpoint]:
        """What it translates."""
        return self.paths.keys()

    def address(self) -> str:
        """Return where the vendor is if the configuration does not say."""
        if not self.base_url:
            raise ValueError(f"{self.connector} needs a base_url")
        return self.base_url

    def completed(self, base_url: str) -> str:
        """Return an address with what is left out of it where the vendor's own variable has it."""
        return base_url

    def clashes(self, body: Mapping[str, Any]) -> frozenset[str]:  # noqa: ARG002 - most have none
        """Return the parameters which it does not take beside others, or with these values."""
        return frozenset()

    def option_headers(self) -> Mapping[str, str]:
        """Return the headers which the vendor's own settings call for."""
        return {}

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return those parameters of a request which this model's vendor does not take."""
        body = request.body
        refused = self._refused(body, self._wire_of(model))
        return frozenset(name for name in refused if asks_something(name, body[name]))

    def request(
        self, request: Request, *, model: str, key: Secret | None, drop: frozenset[str]
    ) -> HttpRequest:
        """Translate a request: only the model's name is replaced where that is all it takes."""
        body, wire, headers = request.body, self._wire_of(model), self._headers_with(key)
        refused = self._refused(body, wire)
        idle = {name for name in refused if not asks_something(name, body[name])}
        new = adapted(
            body,
            without=drop | idle | self.implied,
            renamed=wire.renamed,
            messages=self.messages,
            functions=self.functions_refuse,
            words=self.words,
        )
        sent = spliced(request.raw, model) if new is body else None
        return HttpRequest(
            url=self._at(self.paths[request.endpoint], model),
            headers={**request.headers, **headers} if request.headers else headers,
            body=sent if sent is not None else _encoded({**new, "model": model}),
            stream=request.stream,
        )

    def answer(self, reply: HttpReply, *, request: Request, wall: float) -> Answer:
        """Return the reply's bytes, if they hold an answer; mended where the vendor needs it."""
        if reply.status not in range(200, 300):
            raise self.error(reply, wall=wall)
        try:
            body = loads(reply.body)
        except (ValueError, RecursionError):
            raise _bad_answer("something that is no JSON") from None
        if not isinstance(body, dict):
            raise _bad_answer("JSON that is no object")
        if tells_of_failure(body):
            raise self.error(reply, wall=wall)
        raise_if_broken(body, self.signs)
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices:
            raise _bad_answer("no choices")
        answer = reply.body
        if self.mended:
            new = mended_answer(body, words=self._finishes, request=request, wall=wall)
            answer = answer.lstrip() if new == body else dumps(new)
        return Answer(body=answer, usage=usage_of(body))

    def decoder(self, *, request: Request, wall: float) -> StreamDecoder:
        """Return the decoder for one stream."""
        wanted = request.body.get("n")
        choices = wanted if isinstance(wanted, int) else 1
        if not self.mended:
            return Decoder(self.signs, choices=choices)
        return MendingDecoder(
            self.signs, choices=choices, words=self._finishes, request=request, wall=wall
        )

    def error(self, reply: HttpReply, *, wall: float) -> ProviderError:
        """Say what a reply with an error status, or an error for a body, means."""
        return failure(reply, wall=wall, own=self.signs)

    def models_request(self, key: Secret | None) -> HttpRequest | None:
        """Return a request for the list of models, which no vendor bills."""
        if self.models_path is None:
            return None
        headers = dict(self._headers_with(key))
        del headers["content-type"]
        return HttpRequest(url=self._at(self.models_path), headers=headers, method="GET")

    def _at(self, path: str, model: str = "") -> str:  # noqa: ARG002 - Azure's has it
        """Return the URL of a path. Nothing that a client sent is ever part of it."""
        return f"{self._url}{path}"

    def _headers_with(self, key: Secret | None) -> Mapping[str, str]:
        """Return the headers of every request with this key and a body."""
        headers = self._by_key.get(key)
        if headers is None:
            name, form = self.auth
            own = {name: form.format(key=key.reveal())} if key else {}
            headers = {"content-type": "application/json", **self._headers, **own}
            self._by_key[key] = headers
        return headers

    def _refused(self, body: Mapping[str, Any], wire: "_Wire") -> frozenset[str]:
        """Return the parameters in the body which are refused, whatever their values."""
        refused = wire.refuses
        if wire.refuses_thinking and (body.get("reasoning_effort") or wire.effort) != "none":
            refused |= wire.refuses_thinking
        clashes = self.clashes(body)
        if self.accepts is None and not clashes and refused.isdisjoint(body):
            return _NOTHING
        refused = (refused | clashes) & body.keys()
        if self.accepts is not None:
            refused |= body.keys() - self.accepts - self.renamed.keys()
        return frozenset(refused) - self.implied - {"model", "messages", "stream"}

    def _wire_of(self, model: str) -> "_Wire":
        wire = self._wires.get(model)
        if wire is None:
            wire = self._wires[model] = self._find_wire(model)
        return wire

    def _find_wire(self, model: str) -> "_Wire":
        known = find(self.connector, model)
        quirks: Mapping[str, Any] = known.quirks if known else {}
        reasons = self._reasons(known, model)
        fixed = SAMPLING if quirks.get("supports_sampling_params") is False else _NOTHING
        return _Wire(
            refuses=self.unsupported | (self.reasoning.refuses if reasons else _NOTHING),
            refuses_thinking=fixed | (self.reasoning.refuses_thinking if reasons else _NOTHING),
            renamed={**self.renamed, **(self.reasoning.renamed if reasons else {})},
            effort=quirks.get("default_reasoning_effort"),
        )

    def _reasons(self, known: ModelFacts | None, model: str) -> bool:
        """Whether a model is one of those which reason, by the catalogue or by its name."""
        if known is not None:
            return known.supports("reasoning") is True
        return bool(self.reasoning.prefixes) and model.lower().startswith(self.reasoning.prefixes)


@frozen(kw_only=True)
class _Wire:
    """How one model's wire differs, found once for each.

    `refuses_thinking` holds unless a request's `reasoning_effort`, or else the model's own
    `effort`, is "none".
    """

    refuses: frozenset[str]
    refuses_thinking: frozenset[str]
    renamed: Mapping[str, str]
    effort: str | None


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can write
        return json.dumps(body, separators=(",", ":")).encode()


def _bad_answer(what: str) -> ProviderError:
    return ProviderError(ErrorKind.BAD_ANSWER, f"the vendor answered with {what}")
