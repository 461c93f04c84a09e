"""Any server that speaks OpenAI's wire, and what the files of such vendors build on.

https://platform.openai.com/docs/api-reference/chat is what a vendor's file says it differs from.
"""

from collections import deque
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from attrs import evolve, frozen

from modelmesh.catalogue import ModelFacts, find
from modelmesh.connectors.providers._counting import (
    COUNTED,
    OPTIONS,
    counted,
    refuses_to_count,
)
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._error_body import tells_of_failure
from modelmesh.connectors.providers._glance import is_plain, usual_usage
from modelmesh.connectors.providers._images import Images
from modelmesh.connectors.providers._learned import OPENAI
from modelmesh.connectors.providers._mending import FINISHES, MendingDecoder, mended_answer
from modelmesh.connectors.providers._messages import Messages
from modelmesh.connectors.providers._parameters import (
    SAMPLING,
    Reasoning,
    adapted,
    asks_something,
)
from modelmesh.connectors.providers._speech import Speech
from modelmesh.connectors.providers._splice import spliced
from modelmesh.connectors.providers._stream import (
    Decoder,
    choices_of,
    has_content,
    raise_if_broken,
)
from modelmesh.connectors.providers._transcriptions import Transcriptions
from modelmesh.connectors.providers._usage import usage_of, wants_usage
from modelmesh.connectors.providers._vendor import NONE, Translator, Vendor
from modelmesh.errors import bad_answer
from modelmesh.json_text import dumps, loads
from modelmesh.types import (
    Answer,
    Endpoint,
    Further,
    HttpReply,
    HttpRequest,
    Request,
    Secret,
    StreamDecoder,
)

_NOTHING: frozenset[str] = frozenset()


class Provider(Vendor):
    """A vendor whose wire is OpenAI's; by itself one that is known by its `base_url` alone."""

    connector: ClassVar[str] = "openai-compatible"
    name: ClassVar[str] = "OpenAI-compatible server"
    quotas = OPENAI
    models_path: ClassVar[str | None] = "/models"
    chat_path: ClassVar[str] = "/chat/completions"  # where chats are asked for
    refuses: ClassVar[frozenset[str]] = frozenset()
    """Parameters which it refuses."""
    accepts: ClassVar[frozenset[str] | None] = None
    """The only parameters which it takes, where it refuses all that it does not know."""
    implied: ClassVar[frozenset[str]] = frozenset()
    """Parameters which it refuses because it does what they ask for anyway."""
    renamed: ClassVar[Mapping[str, str]] = NONE
    """Parameters which it knows by another name."""
    words: ClassVar[Mapping[str, Mapping[str, str]]] = MappingProxyType({})
    """Parameters which it has other words for, and these."""
    reasoning: ClassVar[Reasoning] = Reasoning()  # what its reasoning models take otherwise
    messages: ClassVar[Messages] = Messages()  # what messages may be like
    functions_refuse: ClassVar[frozenset[str]] = frozenset()
    """Fields which a tool's function may not have."""
    mended: ClassVar[bool] = True
    """Its answers may depart from OpenAI's, and are mended where they do."""
    finishes: ClassVar[Mapping[str, str]] = NONE
    """Reasons to finish which it has words of its own for, in OpenAI's words."""
    translators: ClassVar[Mapping[Endpoint, Translator]] = MappingProxyType(
        {
            "embeddings": Embeddings(),
            "images": Images(),
            "speech": Speech(),
            "transcriptions": Transcriptions(),
        }
    )
    """Any server may have these; a vendor's file says which it has."""

    def __init__(
        self,
        id: str,  # noqa: A002 - as it is called everywhere
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] = NONE,
        options: Any = None,
    ) -> None:
        super().__init__(id, base_url=base_url, headers=headers, options=options)
        self._finishes = {**FINISHES, **self.finishes}
        # One for each model that is configured.
        self._wires: dict[str, _Wire] = {}
        # The requests that were asked again because the server cannot count.
        self._uncounted: deque[str] = deque(maxlen=1000)
        self._endpoints = frozenset[Endpoint]({"chat", *self.translators})
        # What is told of a model here never touches messages, tools or the words of a parameter.
        self._touches = bool(
            self.implied or self.words or self.functions_refuse or self.messages != Messages()
        )

    @property
    def endpoints(self) -> Collection[Endpoint]:
        return self._endpoints

    def clashes(self, body: Mapping[str, Any]) -> frozenset[str]:
        """Return the parameters which it does not take beside others, or with these values."""
        return frozenset()

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        if request.endpoint in self.translators:
            return super().lacks(request, model)
        return self.chat_lacks(request, model)

    def request(
        self, request: Request, *, model: str, key: Secret | None, drop: frozenset[str]
    ) -> HttpRequest:
        if request.endpoint in self.translators:
            return super().request(request, model=model, key=key, drop=drop)
        return self.chat_request(request, model=model, key=key, drop=drop)

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | Further:
        if request.endpoint in self.translators:
            return super().answer(reply, request=request, model=model, wall=wall)
        return self.chat_answer(reply, request=request, model=model, wall=wall)

    def decoder(self, *, request: Request, model: str, wall: float) -> StreamDecoder:
        if request.endpoint in self.translators:
            return super().decoder(request=request, model=model, wall=wall)
        return self.chat_decoder(request=request, model=model, wall=wall)

    def chat_lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return those parameters of a request which this model's vendor does not take."""
        body = request.body
        refused = self._refused(body, self._wire_of(model))
        return frozenset(name for name in refused if asks_something(name, body[name]))

    def chat_request(
        self, request: Request, *, model: str, key: Secret | None, drop: frozenset[str]
    ) -> HttpRequest:
        """Translate a request: only the model's name is replaced where that is all it takes.

        A stream's tokens are counted where the vendor can, whether or not the client wants to know.
        """
        body, wire, headers = request.body, self._wire_of(model), self._headers_with(key)
        refused, new = self._refused(body, wire), body
        if self._touches or refused or drop or not wire.renamed.keys().isdisjoint(body):
            idle = {name for name in refused if not asks_something(name, body[name])}
            new = adapted(
                body,
                without=drop | idle | self.implied,
                renamed=wire.renamed,
                messages=self.messages,
                functions=self.functions_refuse,
                words=self.words,
            )
        first = b""
        if request.stream and wire.counts:
            new, first = counted(new)
        sent = spliced(request.raw, model, first=first) if new is body else None
        if sent is None:
            sent = dumps({**(COUNTED if first else NONE), **new, "model": model})
        return HttpRequest(
            url=self._at(self.chat_path, model),
            headers={**request.headers, **headers} if request.headers else headers,
            body=sent,
            stream=request.stream,
        )

    def chat_answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | Further:
        """Return the reply's bytes, if they hold an answer; mended where the vendor needs it.

        A server that cannot count a stream's tokens is asked again without, and never to again.
        """
        if reply.status not in range(200, 300):
            if request.id in self._uncounted or not refuses_to_count(reply, request):
                raise self.error(reply, wall=wall)
            self._uncounted.append(request.id)
            self._wires[model] = evolve(self._wire_of(model), counts=False)
            drop = self.chat_lacks(request, model)
            return Further(request=self.chat_request(request, model=model, key=None, drop=drop))
        try:
            body = loads(reply.body)
        except (ValueError, RecursionError):
            raise bad_answer("something that is no JSON") from None
        if not isinstance(body, dict):
            raise bad_answer("JSON that is no object")
        answer = reply.body
        if is_plain(body) and (usage := usual_usage(body.get("usage"))):
            return Answer(body=answer, usage=usage)
        if tells_of_failure(body):
            raise self.error(reply, wall=wall)
        raise_if_broken(body, self.signs)
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices:
            raise bad_answer("no choices")
        if not any(map(_says_something, choices_of(body))):
            raise bad_answer("a choice that says nothing, nor why it ends")
        if self.mended:
            new = mended_answer(
                body, finishes=self._finishes, request=evolve(request, model=model), wall=wall
            )
            answer = answer.lstrip() if new == body else dumps(new)
        return Answer(body=answer, usage=usage_of(body))

    def chat_decoder(self, *, request: Request, model: str, wall: float) -> StreamDecoder:
        """Return the decoder for one stream."""
        wanted = request.body.get("n")
        choices = wanted if isinstance(wanted, int) else 1
        if not self.mended:
            return Decoder(self.signs, choices=choices, shows_usage=wants_usage(request.body))
        return MendingDecoder(
            self.signs,
            choices=choices,
            finishes=self._finishes,
            request=evolve(request, model=model),
            wall=wall,
        )

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
            counts=OPTIONS not in self.refuses | self.implied
            and (self.accepts is None or OPTIONS in self.accepts),
            refuses=self.refuses | (self.reasoning.refuses if reasons else _NOTHING),
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

    It `counts` a stream's tokens if `stream_options` say so. `refuses_thinking` holds unless a
    request's `reasoning_effort`, or else the model's own `effort`, is "none".
    """

    counts: bool
    refuses: frozenset[str]
    refuses_thinking: frozenset[str]
    renamed: Mapping[str, str]
    effort: str | None


def _says_something(choice: Mapping[str, Any]) -> bool:
    """Whether a choice is an answer: Ollama sends a hollow one where its model was unloaded."""
    return bool(choice.get("finish_reason")) or has_content({"delta": choice.get("message")})
