"""The table of failures: what each kind means for the target, for the next one, for the caller."""

from enum import StrEnum
from typing import Final, Literal

from attrs import frozen


class ErrorKind(StrEnum):
    """Why a vendor did not answer."""

    INVALID_REQUEST = "invalid_request"
    CONTENT_FILTERED = "content_filtered"
    CONTEXT_TOO_LONG = "context_too_long"
    BAD_KEY = "bad_key"
    NO_PERMISSION = "no_permission"
    QUOTA_EXHAUSTED = "quota_exhausted"
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    MODEL_NOT_FOUND = "model_not_found"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BAD_ANSWER = "bad_answer"
    STREAM_INCOMPLETE = "stream_incomplete"


Cools = Literal["nothing", "target", "limited", "key"]

HOUR: Final = 3600.0


@frozen(kw_only=True)
class Rule:
    """What one kind of failure means.

    Attributes:
        next_target: another target may well answer.
        retry: the same target may answer if asked again after a pause.
        cools: what is left alone for a while: the target, all targets of its key, or nothing. What
            is `limited` is a model at a key or the key, as its vendor has it.
        cooldown: seconds, where the vendor says nothing; None: the pool's `recovery.cooldown`.
        status: what the client gets where no target answered and this was the most hopeful cause;
            None: the vendor's own status.
        hope: among several causes the one with most hope decides; see `RoutingError`.

    """

    next_target: bool = True
    retry: bool = False
    cools: Cools = "nothing"
    cooldown: float | None = None
    status: int | None = 502
    type: str = "upstream_error"  # what the client is told as `type`
    code: str | None = None  # what the client is told as `code`
    hope: int = 0


RULES: Final[dict[ErrorKind, Rule]] = {
    ErrorKind.INVALID_REQUEST: Rule(
        next_target=False, status=None, type="invalid_request_error", hope=9
    ),
    ErrorKind.CONTENT_FILTERED: Rule(
        next_target=False,
        status=None,
        type="invalid_request_error",
        code="content_policy_violation",
        hope=9,
    ),
    # The pool sends it on only to targets known to have a larger window.
    ErrorKind.CONTEXT_TOO_LONG: Rule(
        status=None, type="invalid_request_error", code="context_length_exceeded", hope=3
    ),
    ErrorKind.RATE_LIMIT: Rule(
        retry=True,
        cools="limited",
        status=429,
        type="rate_limit_error",
        code="rate_limit_exceeded",
        hope=8,
    ),
    ErrorKind.QUOTA_EXHAUSTED: Rule(
        cools="key",
        cooldown=HOUR,
        status=429,
        type="insufficient_quota",
        code="insufficient_quota",
        hope=7,
    ),
    ErrorKind.OVERLOADED: Rule(
        retry=True, cools="target", status=503, type="overloaded_error", code="overloaded", hope=6
    ),
    ErrorKind.TIMEOUT: Rule(
        retry=True,
        cools="target",
        status=504,
        type="timeout_error",
        code="upstream_timeout",
        hope=5,
    ),
    ErrorKind.SERVER_ERROR: Rule(retry=True, cools="target", code="upstream_failed", hope=4),
    ErrorKind.UNREACHABLE: Rule(retry=True, cools="target", code="upstream_unreachable", hope=4),
    ErrorKind.BAD_ANSWER: Rule(retry=True, cools="target", code="upstream_bad_answer", hope=4),
    ErrorKind.STREAM_INCOMPLETE: Rule(retry=True, cools="target", code="stream_incomplete", hope=4),
    ErrorKind.MODEL_NOT_FOUND: Rule(
        cools="target", cooldown=HOUR, code="upstream_model_not_found", hope=2
    ),
    ErrorKind.BAD_KEY: Rule(cools="key", cooldown=HOUR, code="upstream_auth", hope=1),
    ErrorKind.NO_PERMISSION: Rule(cools="target", cooldown=HOUR, code="upstream_auth", hope=1),
}
"""The table. Every kind has a row."""
