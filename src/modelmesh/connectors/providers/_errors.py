"""What a vendor's failure means: the table from status, codes and wording to an `ErrorKind`.

The first sign that fits decides. Exact codes come before wording, since a message about a rate
limit may well advertise credits, and wording before the bare status, since vendors report an
exhausted quota with 400, 401, 403 and 429 alike. Wording is matched narrowly: what a client wrote
is often quoted, and its fault must not be held against a key or a model. What only one vendor
means is on its class.

Codes and statuses are from the vendors' own pages, which their files name, and from
https://platform.openai.com/docs/guides/error-codes.
"""

import re
from collections.abc import Container, Iterable
from typing import Final

from attrs import field, frozen

from modelmesh.connectors._resets import pause
from modelmesh.connectors.providers._error_body import Said, said
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.types import HttpReply


def _pattern(text: str | None) -> re.Pattern[str] | None:
    return re.compile(text, re.IGNORECASE) if text else None


def _set(words: Iterable[str]) -> frozenset[str]:
    return frozenset(words)


@frozen
class Sign:
    """What a failure of a kind looks like. What is not given is not asked for.

    Attributes:
        kind: what it means.
        status: the statuses it comes with; an error inside a stream may have none and fits too.
        words: any of these is its code or type, in lower case.
        text: this is found in its message.

    """

    kind: ErrorKind
    status: Container[int] | None = None
    words: frozenset[str] = field(default=frozenset(), converter=_set)
    text: re.Pattern[str] | None = field(default=None, converter=_pattern)

    def fits(self, failure: Said) -> bool:
        """Whether a failure looks like this."""
        if self.status is not None and failure.status and failure.status not in self.status:
            return False
        if self.words and not self.words.isdisjoint(failure.words):
            return True
        if self.text:
            return bool(self.text.search(f"{failure.message} {failure.more}"))
        return not self.words and failure.status is not None


_CLIENT: Final = range(400, 500)
_REFUSED: Final = frozenset({400, 401, 403})
_PAID: Final = frozenset({400, 401, 402, 403, 412, 429})
_TOO_LONG: Final = frozenset({400, 403, 413, 422})

_WORDS: Final = (
    Sign(
        ErrorKind.QUOTA_EXHAUSTED,
        words=(
            "insufficient_quota",
            "insufficient_credits",
            "insufficient_balance",
            "credit_balance_exhausted",
            "billing_error",
            "billing_not_active",
            "billing_hard_limit_reached",
            "payment_required",
            "weight_exceeds_budget",
            "quota_exceeded",
            "usage_limit_reached",
            "usage_limit_exceeded",
            "spend_limit_reached",
            "enforced_spend_limit_reached",
            "contract_spend_limit_reached",
        ),
    ),
    Sign(
        ErrorKind.CONTEXT_TOO_LONG,
        words=(
            "context_length_exceeded",
            "exceed_context_size_error",
            "too_many_prompt_tokens",
            "too_many_tokens",
            "request_too_large",
        ),
    ),
    Sign(
        ErrorKind.CONTENT_FILTERED,
        words=(
            "content_filter",
            "content_filtered",
            "content_policy_violation",
            "cyber_policy",
            "responsibleaipolicyviolation",
            "moderation_blocked",
        ),
    ),
    Sign(
        ErrorKind.MODEL_NOT_FOUND,
        words=(
            "model_not_found",
            "model_decommissioned",
            "model_not_available",
            "deploymentnotfound",
            "not_found_error",
            "invalid_model",
        ),
    ),
    Sign(
        ErrorKind.OVERLOADED,
        words=(
            "overloaded",
            "overloaded_error",
            "server_is_overloaded",
            "service_unavailable_error",
            "provider_overloaded",
            "queue_exceeded",
            "unavailable_error",
        ),
    ),
    Sign(
        ErrorKind.RATE_LIMIT,
        words=(
            "rate_limit_exceeded",
            "rate_limit_error",
            "ratelimitreached",
            "too_many_requests",
            "slow_down",
            "request_quota_exceeded",
            "token_quota_exceeded",
            "in_flight_budget_exhausted",
        ),
    ),
    Sign(
        ErrorKind.BAD_KEY,
        words=("invalid_api_key", "wrong_api_key", "authentication_error", "api_key_invalid"),
    ),
    Sign(ErrorKind.TIMEOUT, words=("timeout_error", "deadline_exceeded")),
)
"""Signs by code or type."""

_WORDING: Final = (
    Sign(
        ErrorKind.BAD_KEY,
        _REFUSED,
        text=r"(incorrect|invalid|wrong) api[ -]?key|api[ -]?key (is )?(not valid|invalid)",
    ),
    Sign(
        ErrorKind.OVERLOADED,
        _CLIENT,
        text=r"\boverloaded\b|\b(at|out of|over) capacity|capacity exceeded|\bdegraded function"
        r"|experiencing high demand",
    ),
    Sign(
        ErrorKind.RATE_LIMIT,
        frozenset({429}),
        text=r"rate[ -]?limit|too many requests|per (second|minute|min)\b|\b[rt]p[ms]\b",
    ),
    Sign(
        ErrorKind.QUOTA_EXHAUSTED,
        _PAID,
        text=r"insufficient (balance|credits?|funds|quota)"
        r"|(credit|account) balance is (too low|exhausted|insufficient)"
        r"|(out of|no|all available|used up (your|all)( \w+)?|not enough|more) credits"
        r"|n.t have any credits"
        r"|credits? (limit|(have|has|is|are) (been )?(exhausted|depleted|used))"
        r"|quota (has been |was )?exceeded|exceed\w* (your |the )?(\w+ )?quota"
        r"|\b(usage|spend|spending|billing|monthly|budget) limits?\b"
        r"|plan and billing|billing (details|account|hard)|payment required"
        r"|daily free allocation",
    ),
    Sign(
        ErrorKind.CONTEXT_TOO_LONG,
        _TOO_LONG,
        text=r"\bcontext[ _](length|window|size)\b|maximum context|prompt is too long"
        r"|input is too long|too many tokens|input token count|reduce the length"
        r"|current length is \d+ while limit is|maximum (prompt length is|model length of)"
        r"|\binputs\W+(tokens \+ \W*max_new_tokens\W+must be|must have less than \d+ tokens)",
    ),
    Sign(
        ErrorKind.CONTENT_FILTERED,
        _REFUSED,
        text=r"content (management )?polic|content filter|safety (system|polic)"
        r"|(was|been|input) flagged|flagged_input|requires moderation"
        r"|content exists risk|violates usage guidelines",
    ),
    Sign(
        ErrorKind.MODEL_NOT_FOUND,
        _REFUSED,
        # The name has to follow at once: a tool call, too, may be what is not found.
        text=r"\bmodel:? [`'\"]?[\w./:@+-]+[`'\"]? "
        r"(does not exist|(is |was )?not found|has been (deprecated|decommissioned|removed))"
        r"|\bmodel not (found|exist)|not a valid model|(invalid|unknown) model( name| id|[:.]|$)"
        r"|no endpoints found|supported (api )?model names",
    ),
)
"""Signs by what the message says, where no code said it."""

_STATUS: Final = (
    Sign(ErrorKind.BAD_KEY, {401}),
    Sign(ErrorKind.QUOTA_EXHAUSTED, {402}),
    Sign(ErrorKind.NO_PERMISSION, {403}),
    Sign(ErrorKind.MODEL_NOT_FOUND, {404, 410}),
    Sign(ErrorKind.TIMEOUT, {408, 504, 522, 524}),
    Sign(ErrorKind.RATE_LIMIT, {429}),
    Sign(ErrorKind.OVERLOADED, {498, 503, 529}),
    Sign(ErrorKind.SERVER_ERROR, {409, 425, 499, *range(500, 600)}),
    Sign(ErrorKind.INVALID_REQUEST, _CLIENT),
    Sign(ErrorKind.BAD_ANSWER, range(100, 400)),
    # An error inside a stream, or in an answer with status 200, which says no more than this.
    Sign(ErrorKind.INVALID_REQUEST, words=("invalid_request_error",)),
)
"""Signs by status alone."""


def failure(reply: HttpReply, *, wall: float | None, signs: Iterable[Sign] = ()) -> ProviderError:
    """Return what a reply that is an error means; `signs` are those of this vendor alone."""
    if reply.status in range(200, 300):
        words = said(reply.body, None, reply.headers)
        return _meaning(words, wall=wall, signs=signs, otherwise=ErrorKind.BAD_ANSWER)
    return _meaning(said(reply.body, reply.status, reply.headers), wall=wall, signs=signs)


def failure_in_stream(payload: bytes, *, signs: Iterable[Sign]) -> ProviderError:
    """Return what an error which came instead of a piece of an answer means."""
    return _meaning(said(payload, None, {}), wall=None, signs=signs)


def _meaning(
    failed: Said,
    *,
    wall: float | None,
    signs: Iterable[Sign],
    otherwise: ErrorKind = ErrorKind.SERVER_ERROR,
) -> ProviderError:
    known = (*signs, *_WORDS, *_WORDING, *_STATUS)
    kind = next((sign.kind for sign in known if sign.fits(failed)), otherwise)
    limited = kind in (ErrorKind.RATE_LIMIT, ErrorKind.QUOTA_EXHAUSTED)
    retry_after = pause(failed.headers, failed.message, wall=wall, limited=limited)
    retryable = _should_retry(failed)
    if kind is ErrorKind.RATE_LIMIT and failed.status == _TOO_LARGE:
        retry_after, retryable = 0.0, False
    return ProviderError(
        kind,
        failed.message,
        vendor_status=failed.status,
        vendor_type=failed.type,
        code=failed.code,
        param=failed.param,
        retry_after=retry_after,
        retryable=retryable,
    )


_TOO_LARGE: Final = 413
"""With a rate limit's code (Groq): this one request exceeds the tokens a minute.

It can never be sent here, so it is not asked again, while smaller ones can, so nothing rests.
"""


def _should_retry(failed: Said) -> bool | None:
    return {"true": True, "false": False}.get(failed.headers.get("x-should-retry", "").lower())
