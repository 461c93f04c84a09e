"""What travels: requests, HTTP, pieces of streams. Values and protocols: nothing here acts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol

from attrs import field

from modelmesh.redaction import HIDDEN
from modelmesh.sizes import Size, size_of
from modelmesh.usage import Usage
from modelmesh.values import value

if TYPE_CHECKING:
    from modelmesh.catalogue import Price, Retirement
    from modelmesh.errors import ProviderError
    from modelmesh.events import AttemptEnded

Endpoint = Literal["chat", "embeddings", "speech", "transcriptions", "images"]

FORWARDED_HEADERS: Final = frozenset(
    {"x-client-request-id", "idempotency-key", "traceparent", "tracestate"}
    | {"openai-beta", "anthropic-beta"}
)
"""The headers of a client which may go to vendors, besides `proxy.forward_headers`."""

SESSION_HEADER: Final = "x-session-id"
"""The header by which a client names the conversation that a request belongs to."""


class Secret:
    """A value which shows itself to nobody who does not ask for it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a secret is not to be written down")


@value(kw_only=True)
class Upload:
    """A file that a client sent along."""

    name: str  # what the client calls it
    content_type: str = "application/octet-stream"  # what kind it is
    content: bytes = field(repr=False)  # its bytes


@value(kw_only=True)
class Request:
    """What a client asked for.

    Attributes:
        id: names the request in logs, headers and errors.
        model: the name the client sent: a pool id, a capability, or a model where exposed.
        body: the parsed JSON object, in OpenAI's shape; of a form, its fields.
        raw: the body's bytes as they came, from which vendors' bodies are spliced; empty where the
            request was made in process.
        headers: those of the client's headers which may go to a vendor; names in lower case.
        session: what the client calls the conversation, empty if nothing; no vendor is told it.
        upload: the file of a form.
        timeout: seconds the client gives all attempts together; None: the pool's own limit.
        trail: what became of its attempts, where somebody is told of it; else None.
        stream: the answer is to come as events.

    """

    id: str
    model: str
    body: Mapping[str, Any] = field(repr=False)
    raw: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    session: str = field(default="", repr=False)
    endpoint: Endpoint = "chat"  # what it asks for
    upload: Upload | None = None
    timeout: float | None = None
    trail: "list[AttemptEnded] | None" = field(default=None, repr=False, eq=False)
    stream: bool = field(init=False)

    @stream.default
    def _streams(self) -> bool:
        if self.endpoint == "speech":
            return bool(self.body.get("stream_format") == "sse")
        return self.body.get("stream") is True

    @property
    def raw_stream(self) -> bool:
        """Whether the answer is passed on as it arrives, and is no events: speech is."""
        return self.endpoint == "speech" and not self.stream

    @cached_property
    def size(self) -> Size:
        """How much it brings, measured once, when somebody asks for the first time."""
        return size_of(self.body, self.upload.content if self.upload else b"")


@value(kw_only=True)
class HttpRequest:
    """A request to a vendor, ready to be sent. Its headers hold the key: never show them."""

    url: str  # the whole address
    headers: Mapping[str, str] = field(repr=False)  # the key is among them
    body: bytes = field(default=b"", repr=False)  # as it is sent
    method: str = "POST"  # `POST`, or for a list `GET`
    stream: bool = False  # the reply is to be read as it arrives


@value(kw_only=True)
class HttpReply:
    """A vendor's whole reply. Header names are in lower case; the body is decompressed."""

    status: int  # the HTTP status
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: bytes = field(repr=False)  # all of it


@value(kw_only=True)
class Answer:
    """A whole answer, in OpenAI's shape: JSON, unless its content type says something else."""

    body: bytes = field(repr=False)  # as clients get it
    content_type: str = "application/json"  # what it is
    usage: Usage | None = None  # what it took, if the vendor told


@value(kw_only=True)
class Further:
    """What has to be asked next, after a pause in seconds, before there is an answer.

    Its headers go over those of the request before, which hold the key.
    """

    request: HttpRequest  # what has to be asked
    pause: float = 0.0  # seconds to wait before


@value(kw_only=True)
class Chunk:
    """One piece of a streamed answer.

    Attributes:
        payload: the JSON of one chunk in OpenAI's shape, without line breaks, or a piece of what
            is no events; empty for a sign which clients are not shown, as the vendor's end marker.
        content: it brings something of the answer: text, a tool call, reasoning, a refusal.
        finished: with it the answer is known to be complete.
        content_type: what the payloads are, where it is not what the vendor calls its answer.

    """

    payload: bytes = field(default=b"", repr=False)
    content: bool = False
    finished: bool = False
    usage: Usage | None = None  # what the answer took by now, if the vendor told
    content_type: str = ""


@value
class Event:
    """A server-sent event: its name, empty for the usual one, and its data."""

    name: str  # its name, empty for the usual one
    data: bytes = field(repr=False)  # its data, lines joined


class StreamDecoder(Protocol):
    """Turns the events of one vendor's stream into chunks. Lives as long as that stream."""

    def feed(self, event: Event) -> Iterable[Chunk]:
        """Return the chunks an event stands for; raise ProviderError if it tells of a failure."""
        ...


class Provider(Protocol):
    """A vendor's translator: pure functions between OpenAI's shape and the vendor's HTTP.

    It opens no socket, awaits nothing and reads no environment.
    """

    connector: ClassVar[str]  # the id by which configurations name it
    models: ClassVar[tuple[str, ...]]
    """Models used where the configuration names none."""
    id: str
    """The name under `providers` in the configuration."""

    def __init__(
        self,
        id: str,  # noqa: A002 - as it is called everywhere
        *,
        base_url: str | None,
        headers: Mapping[str, str],
        options: Any,
    ) -> None:
        """Take what the configuration says. Raises ValueError where more is needed.

        A provider with settings of its own has an attrs class `Options`, and gets one.
        """
        ...

    @property
    def endpoints(self) -> Collection[Endpoint]:
        """What it translates."""
        ...

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return those parameters of a request which this model's vendor does not take."""
        ...

    def request(
        self, request: Request, *, model: str, key: Secret | None, drop: frozenset[str]
    ) -> HttpRequest:
        """Translate a request for the vendor's `model`, leaving out the parameters in `drop`."""
        ...

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | Further:
        """Translate a whole reply, or say what to ask next where it is only a step on the way.

        `request` is what the client asked for, `model` the vendor's model that was asked, `wall`
        the time of day in seconds since 1970. Raises ProviderError for anything else.
        """
        ...

    def decoder(self, *, request: Request, model: str, wall: float) -> StreamDecoder:
        """Return the decoder for one stream; the arguments are those of `answer`."""
        ...

    def error(self, reply: HttpReply, *, wall: float) -> "ProviderError":
        """Say what a reply with an error status, or an error for a body, means."""
        ...

    def models_request(self, key: Secret | None) -> HttpRequest | None:
        """Return an unbilled request for the vendor's list of models; None where there is none."""
        ...


@value(kw_only=True)
class ModelCard:
    """What is known about one model a target leads to; None means unknown, which is allowed."""

    context: int | None = None  # tokens of its window
    max_output: int | None = None  # tokens of its longest answer
    features: Mapping[str, bool] = field(factory=dict)  # what it can, such as `vision`
    capabilities: frozenset[str] = frozenset()  # the paths of what it is for
    streaming: bool | None = None  # it can answer with a stream
    whole: bool | None = None  # it can answer without one
    price: "Price | None" = None  # what it costs
    retirement: "Retirement | None" = None  # when it ends


@value(kw_only=True, eq=False)
class Target:
    """One place a request can go: a model at a provider by one key.

    Attributes:
        id: unique in the mesh, `provider/model`, and `#n` behind it for further keys.
        model: the model's id in the configuration.
        upstream: the model's name at the vendor.
        provider: the provider's translator.
        space: names what its embeddings can be compared with.
        key_subject: names whose quota a request counts against: the key's, or its group's.
        per_model: its vendor limits each model by itself, and no `quota_group` is configured.
        connect, first_token, idle, total: seconds to wait, see `timers`; None: the default.

    """

    id: str
    model: str
    upstream: str
    provider: Provider = field(repr=False)
    key: Secret | None = field(default=None, repr=False)  # what it is asked by
    key_subject: str = ""
    per_model: bool = False
    space: str = field(default="", repr=False)
    card: ModelCard = field(factory=ModelCard, repr=False)  # what is known about the model
    weight: float = 1.0  # its share among equals, for the strategies that heed it
    connect: float | None = field(default=None, repr=False)
    first_token: float | None = field(default=None, repr=False)
    idle: float | None = field(default=None, repr=False)
    total: float | None = field(default=None, repr=False)


Targets = Sequence[Target]
