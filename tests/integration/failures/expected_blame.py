"""Case 9: what vendors refuse in which words, and who is to blame for it."""

import re

from attrs import frozen

from modelmesh.testing.fake_answers import encode
from modelmesh.testing.fake_wire import Exchange


@frozen
class Row:
    """A vendor's refusal, and what follows from it."""

    kind: str
    status: int
    code: str | None = None
    message: str = "No."

    def __str__(self) -> str:
        return re.sub(r"\W+", "-", f"{self.status}-{self.code or self.message}").strip("-")

    async def refuse(self, exchange: Exchange) -> None:
        told = {"message": self.message, "type": None, "param": None, "code": self.code}
        await exchange.answer(self.status, encode({"error": told}))


CLIENTS_FAULT = [
    Row("invalid_request", 400, "invalid_value"),
    Row("invalid_request", 400),
    Row("invalid_request", 413),
    Row("invalid_request", 422),
    Row("content_filtered", 400, "content_policy_violation"),
    Row("content_filtered", 400, "content_filter"),
    Row("content_filtered", 400, None, "Your prompt was flagged by our safety system"),
    Row("context_too_long", 400, "context_length_exceeded"),
    Row("context_too_long", 400, None, "This model's maximum context length is 8192 tokens"),
    Row("context_too_long", 413, None, "The prompt is too long: 9000 tokens"),
]
KEY_FOR_LONG = [
    Row("bad_key", 401),
    Row("bad_key", 401, "invalid_api_key"),
    Row("bad_key", 400, None, "API key not valid. Please pass a valid API key."),
    Row("quota_exhausted", 402),
    Row("quota_exhausted", 429, "insufficient_quota"),
    Row("quota_exhausted", 429, None, "You exceeded your current quota, check your billing"),
    Row("quota_exhausted", 400, None, "You have reached your specified API usage limits"),
    Row("quota_exhausted", 400, None, "Your credit balance is too low to access the API"),
    Row("quota_exhausted", 403, "billing_not_active"),
    Row("quota_exhausted", 403, None, "Your team has used all available credits"),
]
KEY_FOR_SHORT = [
    Row("rate_limit", 429),
    Row("rate_limit", 429, "rate_limit_exceeded"),
    Row("rate_limit", 429, None, "Rate limit reached: 30 requests per minute. Credits give more"),
]
TARGET_FOR_LONG = [
    Row("no_permission", 403),
    Row("model_not_found", 404),
    Row("model_not_found", 404, "model_not_found"),
    Row("model_not_found", 410),
    Row("model_not_found", 400, None, "The model `gpt-x` does not exist or you have no access"),
]
TARGET_FOR_SHORT = [
    *(Row("server_error", status) for status in (409, 425, 500, 501, 502, 520)),
    *(Row("timeout", status) for status in (408, 504, 522, 524)),
    *(Row("overloaded", status) for status in (503, 529)),
    Row("overloaded", 429, "overloaded_error"),
]
TABLE = [
    *((row, "a", None) for row in CLIENTS_FAULT),
    *((row, "ac", 3600) for row in KEY_FOR_LONG),
    *((row, "ac", 30) for row in KEY_FOR_SHORT),
    *((row, "ab", 3600) for row in TARGET_FOR_LONG),
    *((row, "ab", 30) for row in TARGET_FOR_SHORT),
]
"""Each refusal, who is asked, and for how many seconds at most something is left alone.

Behind the model a that refuses stand b, at the same vendor and key, and c at another vendor.
"""

STATUSES = {
    "rate_limit": 429,
    "quota_exhausted": 429,
    "overloaded": 503,
    "timeout": 504,
    "server_error": 502,
    "bad_key": 502,
    "no_permission": 502,
    "model_not_found": 502,
}
"""What clients get where nobody else is left; the vendor's own status for what is not here."""
