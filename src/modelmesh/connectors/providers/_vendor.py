"""A vendor: where it is, how it is greeted, what its failures mean, and who translates for it.

A vendor's file states how it differs. Its class variables say what, and are all there is to most.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

from attrs import evolve, frozen

from modelmesh.connectors.providers._errors import Sign, failure
from modelmesh.connectors.providers._learned import Quota, learned
from modelmesh.errors import ErrorKind, ProviderError, bad_answer
from modelmesh.json_text import read_object
from modelmesh.ledger.told import Told
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

NONE: Mapping[str, str] = MappingProxyType({})


@frozen(kw_only=True)
class Draft:
    """What a translator wants sent: everything but the address and what greets the vendor."""

    path: str  # behind the address
    body: bytes = b""  # as it is sent
    content_type: str = "application/json"  # what the body is
    method: str = "POST"  # `POST`, or for a question later on `GET`
    headers: Mapping[str, str] = NONE  # besides those that every request has


@frozen(kw_only=True)
class Next:
    """What has to follow, after a pause in seconds, before there is an answer."""

    draft: Draft  # what has to be asked
    pause: float = 0.0  # seconds to wait before


def body_of(reply: HttpReply) -> Mapping[str, Any]:
    """Return the JSON object a reply holds. Raises ProviderError where it holds none."""
    body = read_object(reply.body)
    if body is None:
        raise bad_answer("something that is not a JSON object")
    return body


class Translator(Protocol):
    """Translates one endpoint for one vendor, as a `Provider` does: see `types`."""

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return those parameters of a request which this model's vendor does not take."""
        ...

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Translate a request, leaving out the parameters in `drop`."""
        ...

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | Next | None:
        """Translate a reply with a status of success; None: it is an error all the same.

        What it means then is the vendor's to say. Raises ProviderError where it is neither an
        answer nor an error.
        """
        ...

    def decoder(
        self, *, request: Request, model: str, wall: float, signs: Sequence[Sign]
    ) -> StreamDecoder:
        """Return the decoder for one stream; `signs` are those of the vendor's failures."""
        ...


class Vendor:
    """What all vendors have. A translator for each endpoint does the rest."""

    connector: ClassVar[str]  # the id by which configurations name it
    name: ClassVar[str]  # what people call it
    base_url: ClassVar[str] = ""
    """Where the vendor is, version path included; empty where the configuration has to say."""
    key_names: ClassVar[tuple[str, ...]] = ()
    """Environment variables which may hold the key, best first."""
    url_names: ClassVar[tuple[str, ...]] = ()
    """Environment variables which may hold the address, best first."""
    option_names: ClassVar[Mapping[str, str]] = NONE
    """Environment variables which may hold an option, by the option's name."""
    models: ClassVar[tuple[str, ...]] = ()
    """Models used where the configuration names none: chat, best value first, then others."""
    local: ClassVar[bool] = False
    """It runs on one's own machines and asks for no key."""
    models_path: ClassVar[str | None] = None  # where its list of models is, if it has one
    auth: ClassVar[tuple[str, str]] = ("authorization", "Bearer {key}")
    """The header which holds the key, and how."""
    required_headers: ClassVar[Mapping[str, str]] = NONE  # what every request has to have
    signs: ClassVar[tuple[Sign, ...]] = ()
    """What failures look like here and nowhere else."""
    quotas: ClassVar[tuple[Quota, ...]] = ()
    """The limits of which its answers' headers tell."""
    per_model: ClassVar[bool | None] = None
    """Whether its limits of rates are each model's own, or shared by all models at a key.

    None where nobody says so, or one is and another is not: then headers are believed of the model
    that was asked, and a refusal is taken for one of the key.
    """
    names_model: ClassVar[str | None] = None
    """How it words a limit that is reached where that is a model's own: a regular expression."""
    translators: ClassVar[Mapping[Endpoint, Translator]] = MappingProxyType({})
    """What it can be asked for, and how."""

    @frozen(kw_only=True)
    class Options:
        """Settings of the vendor's own."""

        # The voices it is asked for, by those that clients ask for.
        voices: Mapping[str, str] = NONE

    def __init__(
        self,
        id: str,  # noqa: A002 - as it is called everywhere
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] = NONE,
        options: Any = None,
    ) -> None:
        """Raise ValueError where there is no address, or none can be made from the options."""
        self.id = id  # the name under `providers` in the configuration
        self.options: Any = options or self.Options()  # settings of its own
        self._url = self.completed(base_url or self.address()).rstrip("/")
        self.server = _server(self._url)  # its host and port
        own = {**self.required_headers, **self.option_headers(), **headers}
        self._headers = {name.lower(): text for name, text in own.items()}
        self._by_key: dict[Secret | None, Mapping[str, str]] = {}

    @property
    def endpoints(self) -> Collection[Endpoint]:
        """What it translates."""
        return self.translators.keys()

    def address(self) -> str:
        """Return where the vendor is if the configuration does not say."""
        if not self.base_url:
            raise ValueError(f"{self.connector} needs a base_url")
        return self.base_url

    def completed(self, base_url: str) -> str:
        """Return an address with what is left out of it where the vendor's own variable has it."""
        return base_url

    def option_headers(self) -> Mapping[str, str]:
        """Return the headers which the vendor's own settings call for."""
        return {}

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return those parameters of a request which this model's vendor does not take."""
        return self.translators[request.endpoint].lacks(self._voiced(request), model)

    def request(
        self, request: Request, *, model: str, key: Secret | None, drop: frozenset[str]
    ) -> HttpRequest:
        """Translate a request. Raises RequestError (400) where it is malformed."""
        request = self._voiced(request)
        draft = self.translators[request.endpoint].request(request, model=model, drop=drop)
        return self._sent(draft, request, model=model, key=key)

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | Further:
        """Translate a whole reply. Raises ProviderError for anything but a sound answer."""
        if reply.status not in range(200, 300):
            raise self.error(reply, wall=wall)
        translator = self.translators[request.endpoint]
        came = translator.answer(reply, request=request, model=model, wall=wall)
        if came is None:
            raise self.error(reply, wall=wall)
        if isinstance(came, Answer):
            return came
        draft = came.draft
        return Further(
            request=HttpRequest(
                url=self._at(draft.path, model),
                method=draft.method,
                headers={"content-type": draft.content_type, **draft.headers},
                body=draft.body,
            ),
            pause=came.pause,
        )

    def decoder(self, *, request: Request, model: str, wall: float) -> StreamDecoder:
        """Return the decoder for one stream."""
        return self.translators[request.endpoint].decoder(
            request=request, model=model, wall=wall, signs=self.signs
        )

    def error(self, reply: HttpReply, *, wall: float) -> ProviderError:
        """Say what a reply with an error status, or an error for a body, means."""
        error = failure(reply, wall=wall, signs=self.signs)
        if (
            error.kind is ErrorKind.RATE_LIMIT
            and self.names_model
            and re.search(self.names_model, str(error))
        ):
            error.per_model = True
        return error

    def limits(self, headers: Mapping[str, str], *, wall: float) -> Sequence[Told]:
        """Return what the headers of any reply tell of the vendor's own limits.

        A provider may do without this method.
        """
        if not self.quotas:
            return ()
        return learned(headers, self.quotas, wall, per_model=self.per_model is not False)

    def models_request(self, key: Secret | None) -> HttpRequest | None:
        """Return a request for the list of models, which no vendor bills."""
        if self.models_path is None:
            return None
        headers = dict(self._headers_with(key))
        del headers["content-type"]
        return HttpRequest(url=self._at(self.models_path), headers=headers, method="GET")

    def _sent(
        self, draft: Draft, request: Request, *, model: str, key: Secret | None
    ) -> HttpRequest:
        """Return a draft with the address, and with what greets the vendor."""
        return HttpRequest(
            url=self._at(draft.path, model),
            method=draft.method,
            headers={
                **request.headers,
                **self._headers_with(key),
                "content-type": draft.content_type,
                **draft.headers,
            },
            body=draft.body,
            stream=request.stream or request.raw_stream,
        )

    def _voiced(self, request: Request) -> Request:
        """Return a request with the voice that the configuration has in place of its own."""
        # A connector of somebody else's may have options without voices.
        voices: Mapping[str, str] = getattr(self.options, "voices", NONE)
        voice = request.body.get("voice") if voices else None
        if not isinstance(voice, str) or voice not in voices:
            return request
        return evolve(request, body={**request.body, "voice": voices[voice]}, raw=b"")

    def _at(self, path: str, model: str = "") -> str:
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


def _server(url: str) -> str:
    """Return the host and port of an address; nothing where it has none."""
    parts = urlsplit(url)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return f"{parts.hostname}:{port}" if parts.hostname else ""
