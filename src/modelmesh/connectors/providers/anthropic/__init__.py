"""Anthropic's Messages API. https://platform.claude.com/docs/en/api/messages.

Its address, headers and list of models are found as those of every vendor. What it says and is
told is translated in the files beside this one: `request` with `messages`, `parameters` and
`schema`, then `answer` and `stream`. `model` knows how its models differ.

Errors: https://platform.claude.com/docs/en/api/errors.
"""

from types import MappingProxyType
from urllib.parse import urlsplit

from attrs import evolve

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._error_body import tells_of_failure
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._learned import MINUTE, Quota
from modelmesh.connectors.providers._parameters import asks_something
from modelmesh.connectors.providers._vendor import Draft, body_of
from modelmesh.connectors.providers.anthropic.answer import answer_of
from modelmesh.connectors.providers.anthropic.model import CONNECTOR, model_of
from modelmesh.connectors.providers.anthropic.parameters import refused
from modelmesh.connectors.providers.anthropic.request import written
from modelmesh.connectors.providers.anthropic.stream import Decoder
from modelmesh.errors import ErrorKind, RequestError
from modelmesh.json_text import dumps
from modelmesh.types import Answer, HttpReply, HttpRequest, Request, Secret


class Provider(openai_compatible.Provider):
    connector = CONNECTOR
    name = "Anthropic"
    # https://platform.claude.com/docs/en/api/rate-limits#response-headers
    quotas = tuple(
        Quota(
            unit="requests" if what == "requests" else "tokens",
            seconds=MINUTE,
            left=f"anthropic-ratelimit-{what}-remaining",
            amount=f"anthropic-ratelimit-{what}-limit",
            reset=f"anthropic-ratelimit-{what}-reset",
        )
        for what in ("requests", "input-tokens", "output-tokens", "tokens")
    )
    # Of some older models together, such as all of Opus 4; each is refused once then.
    per_model = True
    names_model = r"\bmodel: \S+"
    base_url = "https://api.anthropic.com/v1"
    key_names = ("ANTHROPIC_API_KEY",)
    url_names = ("ANTHROPIC_BASE_URL",)
    models = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")
    translators = MappingProxyType({})
    chat_path = "/messages"
    models_path = "/models?limit=1000"
    auth = ("x-api-key", "{key}")
    required_headers = MappingProxyType({"anthropic-version": "2023-06-01"})
    signs = (
        # A file of the client's may be what is not found, which is no fault of the model.
        Sign(ErrorKind.INVALID_REQUEST, {404}, text=r"^file\b|\bfile_id\b"),
        Sign(ErrorKind.CONTEXT_TOO_LONG, {400}, text=r"exceed context limit"),
        # Whose keys Anthropic serves no longer: https://github.com/anthropics/claude-code/issues/8327
        Sign(ErrorKind.BAD_KEY, {400, 403}, text=r"organization has been disabled"),
    )

    def completed(self, base_url: str) -> str:
        """Return an address with its version, which Anthropic's own variable leaves out."""
        return base_url if urlsplit(base_url).path.strip("/") else f"{base_url.rstrip('/')}/v1"

    def chat_lacks(self, request: Request, model: str) -> frozenset[str]:
        body = request.body
        names = refused(body, model_of(model))
        return frozenset(name for name in names if asks_something(name, body[name]))

    def chat_request(
        self, request: Request, *, model: str, key: Secret | None, drop: frozenset[str]
    ) -> HttpRequest:
        """Translate a request. Raises RequestError where it is malformed."""
        try:
            body = dumps(written(request.body, model, model_of(model), drop))
        except RecursionError:
            raise RequestError("the request is nested too deeply") from None
        draft = Draft(path=self.chat_path, body=body)
        return self._sent(draft, request, model=model, key=key)

    def chat_answer(self, reply: HttpReply, *, request: Request, model: str, wall: float) -> Answer:
        if reply.status not in range(200, 300):
            raise self.error(reply, wall=wall)
        body = body_of(reply)
        if tells_of_failure(body):
            raise self.error(reply, wall=wall)
        return answer_of(body, request=evolve(request, model=model), wall=wall)

    def chat_decoder(self, *, request: Request, model: str, wall: float) -> Decoder:
        return Decoder(evolve(request, model=model), wall, self.signs)
