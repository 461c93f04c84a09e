"""Cohere's own API, version 2. https://docs.cohere.com/reference/chat.

Its address, headers and list of models are found as those of every vendor. What it says and is
told is translated in the files beside this one: `request` with `messages` and `parameters`, then
`answer` and `stream`.

What it has and OpenAI lacks stands beside what OpenAI has: thinking in `reasoning_content`, and in
fields of Cohere's names the `tool_plan` a model makes before it calls tools, the `citations`, and
the `billed_units`. A client that sends an assistant's message back as it came brings the first two
along, and the model reads them again.

Errors: https://docs.cohere.com/reference/errors.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve

from modelmesh.catalogue import find
from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._learned import MINUTE, Quota
from modelmesh.connectors.providers._parameters import Reasoning
from modelmesh.connectors.providers._vendor import Draft
from modelmesh.connectors.providers.cohere.answer import answer_of, sound
from modelmesh.connectors.providers.cohere.embeddings import EMBEDDINGS
from modelmesh.connectors.providers.cohere.parameters import ACCEPTED, refused
from modelmesh.connectors.providers.cohere.request import written
from modelmesh.connectors.providers.cohere.stream import Decoder
from modelmesh.errors import ErrorKind
from modelmesh.json_text import dumps
from modelmesh.types import Answer, HttpReply, HttpRequest, Request, Secret

_NEVER_CHOOSES: Final = "command-r-"
"""How the names of models begin which are too old for a `tool_choice`."""


class Provider(openai_compatible.Provider):
    connector = "cohere.api.v1"
    name = "Cohere"
    # https://docs.cohere.com/docs/rate-limits: keys for trying it tell of a minute's calls
    quotas = (
        Quota(
            unit="requests",
            seconds=MINUTE,
            left="x-trial-endpoint-call-remaining",
            amount="x-trial-endpoint-call-limit",
        ),
    )
    per_model = True
    base_url = "https://api.cohere.com"
    key_names = ("CO_API_KEY", "COHERE_API_KEY")
    url_names = ("CO_API_URL",)
    models = ("command-a-03-2025", "command-r7b-12-2024", "command-a-plus-05-2026", "embed-v4.0")
    translators = MappingProxyType({"embeddings": EMBEDDINGS})
    chat_path = "/v2/chat"
    models_path = "/v1/models?page_size=1000"
    accepts = ACCEPTED
    implied = frozenset({"stream_options"})
    reasoning = Reasoning(prefixes=("command-a-reasoning", "command-a-plus"))
    signs = (
        Sign(ErrorKind.BAD_KEY, {498}),
        Sign(ErrorKind.QUOTA_EXHAUSTED, {429}, text=r"(/|per) ?month|monthly"),
        Sign(ErrorKind.INVALID_REQUEST, {400}, text=r"max tokens must be"),
        Sign(ErrorKind.MODEL_NOT_FOUND, {400}, text=r"\bmodel \S+ is not supported by"),
        # The model wrote a tool call which the server cannot read; another may do better.
        Sign(ErrorKind.BAD_ANSWER, words={"invalid_tool_generation"}),
        Sign(ErrorKind.TIMEOUT, words={"timeout"}),
        Sign(ErrorKind.CONTEXT_TOO_LONG, words={"error_limit"}),
    )

    def completed(self, base_url: str) -> str:
        """Leave the version out of an address: chats and lists of models have different ones."""
        return base_url.rstrip("/").removesuffix("/v1").removesuffix("/v2")

    def clashes(self, body: Mapping[str, Any]) -> frozenset[str]:
        return refused(body)

    def chat_lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return those parameters of a request which this model does not take."""
        body, lacking = request.body, super().chat_lacks(request, model)
        if body.get("reasoning_effort") not in (None, "none") and not self._thinks(model):
            lacking |= {"reasoning_effort"}
        if body.get("tool_choice") not in (None, "auto") and model.startswith(_NEVER_CHOOSES):
            lacking |= {"tool_choice"}
        return lacking

    def chat_request(
        self, request: Request, *, model: str, key: Secret | None, drop: frozenset[str]
    ) -> HttpRequest:
        """Translate a request. Raises RequestError where it is malformed."""
        body = dumps(written(request.body, model, thinks=self._thinks(model), drop=drop))
        draft = Draft(path=self.chat_path, body=body)
        return self._sent(draft, request, model=model, key=key)

    def chat_answer(self, reply: HttpReply, *, request: Request, model: str, wall: float) -> Answer:
        body = sound(reply)
        if body is None:
            raise self.error(reply, wall=wall)
        return answer_of(body, request=evolve(request, model=model), wall=wall, signs=self.signs)

    def chat_decoder(self, *, request: Request, model: str, wall: float) -> Decoder:
        return Decoder(evolve(request, model=model), wall, self.signs)

    def _thinks(self, model: str) -> bool:
        return self._reasons(find(self.connector, model), model)
