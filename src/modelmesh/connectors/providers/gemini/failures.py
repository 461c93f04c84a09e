"""What failures look like at Google. https://ai.google.dev/gemini-api/docs/troubleshooting.

A 429 is a day's quota or a minute's, which the id of the violated quota tells, and a wrong key is a
400. A day's quota is renewed at midnight in California, whatever pause is named beside it.
"""

from typing import Final

from modelmesh.connectors.providers._errors import Sign, failure
from modelmesh.connectors.providers._said import said
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.types import HttpReply

SIGNS: Final = (
    Sign(ErrorKind.QUOTA_EXHAUSTED, {429}, text=r"per_?day"),
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

_DAY: Final = 86400.0
# Midnight there by its winter time; in summer it is an hour earlier.
_RENEWED: Final = 8 * 3600.0


def failed(reply: HttpReply, *, wall: float) -> ProviderError:
    """Say what a reply that is an error means."""
    error = failure(reply, wall=wall, own=SIGNS)
    if error.kind is ErrorKind.QUOTA_EXHAUSTED and SIGNS[0].fits(
        said(reply.body, reply.status, reply.headers)
    ):
        error.retry_after = _DAY - (wall - _RENEWED) % _DAY
    return error
