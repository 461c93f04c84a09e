"""What happens, as records, for those who are told of it. None of them holds a key.

What was asked and answered is in them for whoever may show it; nobody does who is not told to.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from attrs import field

from modelmesh.rules import ErrorKind
from modelmesh.usage import Usage
from modelmesh.values import value

End = Literal["answered", "failed", "cancelled"]
"""How a request or an attempt ends; `cancelled`: its client left before."""


@value(kw_only=True)
class Event:
    """Something that happened at a time in seconds since 1970."""

    name: ClassVar[str]  # what it is called, such as `request.ended`
    at: float  # when it happened


@value(kw_only=True)
class RequestBegan(Event):
    """A client asks for something.

    Attributes:
        request: its id.
        model: what the client asked for, by the name it used.
        pool: the pool that is; empty if there is none.
        body: the request, in OpenAI's shape.
        headers: those of the client's which may go to a vendor.

    """

    name = "request.began"
    request: str
    model: str
    pool: str
    endpoint: str  # what is asked for, such as `chat`
    stream: bool  # the answer is to come as events
    body: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)


@value(kw_only=True)
class AttemptEnded(Event):
    """What came of asking one target.

    Attributes:
        connector: what sort of provider that is.
        server: its host and port, as far as that is known.
        cause: why it failed.
        status: the HTTP status of a vendor that failed, if it gave one.
        seconds: how long it took, to the end of the answer.
        first_token: seconds to the first content of an answer.
        usage: what it took; None where nothing was answered.
        cost: US dollars; None where nobody knows.
        estimated: some of the cost is our own estimate.

    """

    name = "attempt.ended"
    request: str  # the request's id
    pool: str  # the pool's id
    target: str  # the target's id
    provider: str  # the provider's id
    model: str  # the model's id in the configuration
    end: End  # how it ended
    seconds: float
    connector: str = ""
    server: str = ""
    cause: ErrorKind | None = None
    status: int | None = None
    first_token: float | None = None
    usage: Usage | None = None
    cost: float | None = None
    estimated: bool = False


@value(kw_only=True)
class RequestEnded(Event):
    """What a client got, when the last of it was out.

    Attributes:
        status: the HTTP status a client is told, 499 where it left before.
        code: the code of an error.
        seconds: how long it took, to the end of the answer.
        attempts: who was asked, in that order; the last one may have answered.
        answer: the text of the answer, as far as it is kept for somebody.

    """

    name = "request.ended"
    request: str  # the request's id
    model: str  # what the client asked for, by the name it used
    pool: str  # the pool that is; empty if there is none
    endpoint: str  # what is asked for, such as `chat`
    stream: bool  # the answer was to come as events
    end: End  # how it ended
    status: int
    seconds: float
    code: str | None = None
    attempts: Sequence[AttemptEnded] = ()
    answer: str = field(default="", repr=False)

    @property
    def cost(self) -> float:
        """All of what is known of its cost, in US dollars."""
        return sum(attempt.cost or 0.0 for attempt in self.attempts)


@value(kw_only=True)
class Rotated(Event):
    """A pool put another target in front."""

    name = "pool.rotated"
    pool: str  # the pool's id
    before: str  # the target that was in front
    after: str  # the one that is now


@value(kw_only=True)
class CooldownBegan(Event):
    """A target, a model at a key, a key or a provider is left alone for so many seconds.

    Attributes:
        of: what it is: `target`, `model`, `key` or `provider`.
        id: which one.

    """

    name = "cooldown.began"
    of: str
    id: str
    cause: ErrorKind  # the failure it is for
    seconds: float  # how long it is left alone


@value(kw_only=True)
class Recovered(Event):
    """What was left alone answers again."""

    name = "cooldown.ended"
    of: str  # what it is: `target`, `model`, `key` or `provider`
    id: str  # which one


@value(kw_only=True)
class ModelsFound(Event):
    """A vendor lists models that it did not list before, or some of its joined pools.

    Attributes:
        models: the vendor's names for them.
        registered: those of them that pools have now, and had not.

    """

    name = "models.found"
    provider: str  # the provider's id
    models: Sequence[str]
    registered: Sequence[str] = ()


@value(kw_only=True)
class ModelsGone(Event):
    """A vendor does not list models that it listed before, or that are configured.

    Attributes:
        models: the vendor's names for them.
        kept: those of them that are served all the same, for lists are not always complete.

    """

    name = "models.gone"
    provider: str  # the provider's id
    models: Sequence[str]
    kept: Sequence[str] = ()


@value(kw_only=True)
class LimitNear(Event):
    """Such a share of a limit is taken that people want to know."""

    name = "limit.near"
    limit: str  # what people call it, such as "groq: 30 requests a minute"
    share: float  # of it that is taken, from 0 to 1


@value(kw_only=True)
class LimitReached(Event):
    """A limit refuses what a target would have been asked.

    Attributes:
        seconds: until there is some of it again; None where that is never, or when others end.

    """

    name = "limit.reached"
    limit: str  # what people call it
    pool: str  # the pool's id
    target: str  # the target's id
    seconds: float | None


@value(kw_only=True)
class StoreLost(Event):
    """The store of state does not answer."""

    name = "store.lost"
    store: str  # what it is, and where
    reason: str  # why it does not answer


@value(kw_only=True)
class StoreBack(Event):
    """The store of state answers again."""

    name = "store.back"
    store: str  # what it is, and where


@value(kw_only=True)
class StatisticsTaken(Event):
    """Sums over everything since the mesh began, by pool, provider and target: `mesh.stats()`."""

    name = "statistics.taken"
    stats: Mapping[str, Any]  # what `ModelMesh.stats` returns


@value(kw_only=True)
class Reloaded(Event):
    """A mesh serves by a configuration that was read again.

    Attributes:
        version: names what it says.
        changed: the paths of all that is not as it was.
        pending: the paths of what only a restart brings.

    """

    name = "configuration.changed"
    version: str
    changed: Sequence[str] = ()
    pending: Sequence[str] = ()


@value(kw_only=True)
class ReloadRefused(Event):
    """A configuration that was read again has so many mistakes; the one before stays."""

    name = "configuration.refused"
    problems: int  # how many mistakes it has
