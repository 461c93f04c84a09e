"""Everything that is raised here. What follows from a vendor's failure is in `rules`.

MeshError
  ConfigError          the configuration is wrong: every mistake, with line and path
  RequestError         the client's request is wrong
  TransportError       no sound reply came over the wire
  ProviderError        a vendor failed in a way that has a kind
  RoutingError         no target of the pool answered
"""

import logging
from collections.abc import Sequence
from typing import Any, Final, Literal

from attrs import field, frozen

from modelmesh.redaction import HIDDEN
from modelmesh.report import report
from modelmesh.rules import RULES, ErrorKind, Rule
from modelmesh.values import value

__all__ = [
    "RULES",
    "Attempt",
    "ConfigError",
    "ErrorKind",
    "MeshError",
    "Problem",
    "ProviderError",
    "Remainder",
    "RequestError",
    "RoutingError",
    "Rule",
    "TransportError",
    "as_failure",
]

log: Final = logging.getLogger("modelmesh")


class MeshError(Exception):
    """The root of what this library raises.

    `status` is the HTTP status a proxy answers with, `body()` the error in OpenAI's shape.
    """

    status = 500  # the HTTP status a proxy answers with
    type = "server_error"  # what sort of error it is, in the words of OpenAI's API
    code: str | None = None  # which one it is, where it has a name
    param: str | None = None  # the parameter that is to blame
    retry_after: float | None = None  # seconds until it is worth it to ask again

    def body(self) -> dict[str, Any]:
        """Return the error as OpenAI words one."""
        return {
            "error": {
                "message": str(self),
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


@frozen
class Problem:
    """One mistake in a configuration: where it is, what is wrong, what to write instead."""

    path: str  # where it is, such as `pools.chat.strategy`
    message: str  # what is wrong, and what to write instead
    line: int | None = None  # of the file, where there is one

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"


class ConfigError(MeshError):
    """The configuration cannot be used.

    Attributes:
        problems: every mistake.
        source: what was read: the file, or what else it is called.

    """

    def __init__(self, problems: Sequence[Problem], source: str = "configuration") -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n  ".join([f"{source}: {count}", *map(str, problems)]))
        self.problems = list(problems)
        self.source = source


class NothingFoundError(ConfigError):
    """There is no configuration, and nothing in the environment that one could be made of."""


class RequestError(MeshError):
    """The client asked for something that cannot be done, and nothing was sent to any vendor."""

    status = 400
    type = "invalid_request_error"

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


class TransportError(MeshError):
    """No sound reply came over the wire; `kind` says in which way."""

    status = 502
    type = "upstream_error"

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ProviderError(MeshError):
    """One attempt failed.

    Attributes:
        kind: what the failure means; `RULES` has what follows.
        vendor_status: the vendor's HTTP status, where there was a reply.
        retry_after: seconds the vendor asked to be left alone, where it said so.
        retryable: what the vendor itself said of trying again (`x-should-retry`); None: nothing.
        per_model: whether the limit that is reached is the model's alone; None: it did not say.

    """

    per_model: bool | None = None

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        vendor_status: int | None = None,
        vendor_type: str | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        rule = RULES[kind]
        self.kind = kind
        self.vendor_status = vendor_status
        self.status = rule.status or vendor_status or 400
        self.type = vendor_type or rule.type if rule.status is None else rule.type
        self.code = code or rule.code if rule.status is None else rule.code
        self.param = param
        self.retry_after = retry_after
        self.retryable = retryable

    @property
    def rule(self) -> Rule:
        """What follows from it."""
        return RULES[self.kind]

    def add(self, words: str) -> None:
        """Add words of ours to the vendor's."""
        self.args = (f"{self}{words}",)

    def hide(self, secret: str) -> None:
        """Blot out a secret which the vendor quotes."""
        self.args = (str(self).replace(secret, HIDDEN),)
        for name in ("type", "code", "param"):
            if text := getattr(self, name):
                setattr(self, name, text.replace(secret, HIDDEN))


def bad_answer(what: str) -> ProviderError:
    """Return the failure of a vendor which answered with something else than was asked for."""
    return ProviderError(ErrorKind.BAD_ANSWER, f"the vendor answered with {what}")


def as_failure(error: Exception) -> ProviderError:
    """Return what a failed attempt means, whatever was raised in it."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, TransportError):
        error.__context__ = None  # a library's own error, which may show the headers it sent
        return ProviderError(error.kind, str(error))
    if isinstance(error, TimeoutError):
        return ProviderError(ErrorKind.TIMEOUT, "the vendor did not answer in time")
    # A connector, which may be anybody's, broke on what it got. Its words may hold anything.
    report(log, "a connector", error)
    return ProviderError(ErrorKind.BAD_ANSWER, f"it was not understood: {type(error).__name__}")


@value(kw_only=True)
class Attempt:
    """One try of one target, as it ended: `error` is None where it answered."""

    target: str  # its id
    provider: str  # its provider's id
    model: str  # the model's id in the configuration
    seconds: float  # how long it took
    error: ProviderError | None = field(default=None, repr=False)  # why it failed

    def describe(self) -> dict[str, Any]:
        """Return what a client may know of it."""
        failed = self.error
        return {
            "target": self.target,
            "cause": str(failed.kind) if failed else None,
            "status": failed.vendor_status if failed else None,
            "message": str(failed) if failed else None,
            "milliseconds": round(self.seconds * 1000, 1),
        }


@value(kw_only=True)
class Remainder:
    """What is left of a limit, or was when a request was refused.

    Attributes:
        name: what people are told, such as "groq: 30 requests a minute".
        source: who says that there is such a limit.
        unit: requests, tokens, dollars, or "at once" for requests under way.
        amount: all of it, of dollars in US dollars; None where its vendor did not say.
        taken: of it, requests under way included; None where its vendor told only what is left.
        left: what is not taken of it.
        renewed_in: seconds until all of it is there again if nobody takes more; None for what is
            never renewed, or is free when a request ends.

    """

    name: str
    source: Literal["configured", "free tier", "vendor"]
    unit: str
    amount: float | None
    taken: float | None
    left: float
    renewed_in: float | None


class RoutingError(MeshError):
    """No target of the pool answered. The most hopeful cause decides what the client gets.

    Attributes:
        kind: that cause.
        attempts: the trail.
        retry_after: seconds until it is worth it to ask again, where it is.
        limits: where a limit refused: what is left of it, then of others at the same target.

    """

    def __init__(
        self,
        message: str,
        *,
        cause: ProviderError,
        attempts: Sequence[Attempt] = (),
        retry_after: float | None = None,
        limits: Sequence[Remainder] = (),
    ) -> None:
        super().__init__(message)
        self.kind = cause.kind
        self.status = cause.status
        self.type = cause.type
        self.code = cause.code
        self.param = cause.param
        self.attempts = list(attempts)
        self.retry_after = retry_after
        self.limits = list(limits)

    @property
    def limit(self) -> Remainder | None:
        """The limit that refused; None where none did, or its store is away."""
        return self.limits[0] if self.limits else None

    def body(self) -> dict[str, Any]:
        """Return the error as OpenAI words one, with what became of each attempt."""
        body = super().body()
        body["error"]["attempts"] = [attempt.describe() for attempt in self.attempts]
        return body
