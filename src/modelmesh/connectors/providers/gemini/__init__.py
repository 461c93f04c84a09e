"""Google's Gemini API, by generateContent. https://ai.google.dev/api/generate-content.

What it has and OpenAI lacks stands where Google's own layer for OpenAI's clients has it: signatures
of thoughts in `extra_content` of the message or call they belong to, which a client that sends the
message back as it came brings along. Thoughts are in `reasoning_content`, images that were made in
`images`.

Errors: https://ai.google.dev/gemini-api/docs/troubleshooting. A 429 is a day's quota or a minute's,
which the id of the violated quota tells, and a wrong key is a 400.
"""

import re
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlsplit

from attrs import evolve

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._error_body import said
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._vendor import Draft
from modelmesh.connectors.providers.gemini.answer import answer_of
from modelmesh.connectors.providers.gemini.embeddings import EMBEDDINGS
from modelmesh.connectors.providers.gemini.images import IMAGES
from modelmesh.connectors.providers.gemini.model import CONNECTOR, model_of
from modelmesh.connectors.providers.gemini.parameters import ACCEPTED, refused
from modelmesh.connectors.providers.gemini.reply import body_in
from modelmesh.connectors.providers.gemini.request import written
from modelmesh.connectors.providers.gemini.speech import SPEECH
from modelmesh.connectors.providers.gemini.stream import Decoder
from modelmesh.connectors.providers.gemini.transcriptions import TRANSCRIPTIONS
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.json_text import dumps
from modelmesh.ledger.windows import Calendar
from modelmesh.types import Answer, HttpReply, HttpRequest, Request, Secret

_DAYS_QUOTA: Final = Sign(ErrorKind.QUOTA_EXHAUSTED, {429}, text=r"per_?day")
"""It is renewed at midnight in California, whatever pause is named beside it."""
_QUOTA: Final = re.compile(r"\S*per_?(?:day|minute|second|project)\S*", re.IGNORECASE)
_OF_MODEL: Final = re.compile(r"per_?model", re.IGNORECASE)
"""Found in GenerateRequestsPerDayPerProjectPerModel-FreeTier, and in no quota of all models."""
_DAY: Final = Calendar("day", "America/Los_Angeles")


class Provider(openai_compatible.Provider):
    connector = CONNECTOR
    name = "Google Gemini"
    quotas = ()
    # https://ai.google.dev/gemini-api/docs/rate-limits: of a project, and each model's
    per_model = True
    names_model = r"\blimit: \d+, model: \S+"
    base_url = "https://generativelanguage.googleapis.com/v1beta"
    key_names = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    url_names = ("GOOGLE_GEMINI_BASE_URL",)
    models = ("gemini-3.8-flash", "gemini-3.5-flash-lite", "gemini-4-argon", "gemini-embedding-2")
    models_path = "/models?pageSize=1000"
    auth = ("x-goog-api-key", "{key}")
    accepts = ACCEPTED
    implied = frozenset({"stream_options"})
    signs = (
        _DAYS_QUOTA,
        Sign(ErrorKind.RATE_LIMIT, {429}, text=r"per_?(minute|second)"),
        Sign(
            ErrorKind.BAD_KEY,
            {400, 401, 403},
            words={
                "api_key_invalid",
                "api_key_service_blocked",
                "api_key_http_referrer_blocked",
                "api_key_ip_address_blocked",
                "consumer_suspended",
            },
            text=r"api key (was reported as leaked|expired)",
        ),
        # From where it is called, or without billing; another vendor may answer.
        Sign(ErrorKind.NO_PERMISSION, {400}, words={"failed_precondition"}),
    )
    translators = MappingProxyType(
        {
            "embeddings": EMBEDDINGS,
            "images": IMAGES,
            "speech": SPEECH,
            "transcriptions": TRANSCRIPTIONS,
        }
    )

    def completed(self, base_url: str) -> str:
        """Return an address with its version, which Google's own variable leaves out."""
        return base_url if urlsplit(base_url).path.strip("/") else f"{base_url.rstrip('/')}/v1beta"

    def chat_lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return those parameters of a request which this model does not take.

        `messages` among them stands for files which Gemini cannot get at.
        """
        return super().chat_lacks(request, model) | frozenset(
            refused(request.body, model_of(model))
        )

    def chat_request(
        self, request: Request, *, model: str, key: Secret | None, drop: frozenset[str]
    ) -> HttpRequest:
        """Translate a request. Raises RequestError (400) where it is malformed."""
        body = dumps(written(request.body, model_of(model), drop))
        path = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
        return self._sent(Draft(path=path, body=body), request, model=model, key=key)

    def chat_answer(self, reply: HttpReply, *, request: Request, model: str, wall: float) -> Answer:
        """Translate a whole reply. Raises ProviderError for anything but a sound answer."""
        body = body_in(reply.body) if reply.status in range(200, 300) else None
        if body is None:
            raise self.error(reply, wall=wall)
        return answer_of(body, request=evolve(request, model=model), wall=wall)

    def chat_decoder(self, *, request: Request, model: str, wall: float) -> Decoder:
        """Return the decoder for one stream."""
        return Decoder(evolve(request, model=model), wall, self.signs)

    def error(self, reply: HttpReply, *, wall: float) -> ProviderError:
        """Say what a reply with an error status, or an error for a body, means."""
        error = super().error(reply, wall=wall)
        if error.kind not in (ErrorKind.QUOTA_EXHAUSTED, ErrorKind.RATE_LIMIT):
            return error
        told = said(reply.body, reply.status, reply.headers)
        if error.kind is ErrorKind.QUOTA_EXHAUSTED and _DAYS_QUOTA.fits(told):
            error.retry_after = _DAY.bounds(wall)[1] - wall
        if quotas := _QUOTA.findall(told.more):
            error.per_model = all(map(_OF_MODEL.search, quotas))
        elif re.search(self.names_model, told.message):
            error.per_model = True
        return error

    def _at(self, path: str, model: str = "") -> str:
        """Return the URL of a path, or of what a model can do. Its name is quoted safely."""
        if not model:
            return super()._at(path)
        return f"{self._url}/models/{quote(model.removeprefix('models/'), safe='')}:{path}"
