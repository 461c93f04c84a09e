"""What a client gets for each wrong request and each failure, and which exception that is."""

from typing import Any, Final

import openai
from attrs import field, frozen
from proxy_process import MESSAGES, POOL

CHAT = "/chat/completions"
LIMIT = 4000
"""Bytes of the largest body."""


@frozen(kw_only=True)
class Mistake:
    """A request that is wrong before any vendor hears of it, and what it gets."""

    status: int
    code: str | None = None
    param: str | None = None
    method: str = "POST"
    path: str = CHAT
    body: Any = field(factory=dict)
    raw: bytes | None = None
    headers: dict[str, str] = field(factory=dict)
    error: type[openai.APIStatusError] = openai.BadRequestError


def asked(**changes: Any) -> dict[str, Any]:
    return {"model": POOL, "messages": MESSAGES, **changes}


MISTAKES: Final = {
    "bad JSON": Mistake(status=400, raw=b'{"model": '),
    "no JSON at all": Mistake(status=400, raw=b"\xff\xfe"),
    "NaN": Mistake(status=400, raw=b'{"model": NaN}'),
    "an empty body": Mistake(status=400, raw=b""),
    "a list": Mistake(status=400, raw=b"[]"),
    "null": Mistake(status=400, raw=b"null"),
    "nesting without end": Mistake(status=400, raw=b"[" * 3000),
    "no model": Mistake(status=400, param="model", body={"messages": MESSAGES}),
    "a number for a model": Mistake(status=400, param="model", body=asked(model=5)),
    "no messages": Mistake(status=400, param="messages", body={"model": POOL}),
    "a word for stream": Mistake(status=400, param="stream", body=asked(stream="yes")),
    "an unknown model": Mistake(
        status=404,
        code="model_not_found",
        param="model",
        body=asked(model="nobody"),
        error=openai.NotFoundError,
    ),
    "an unknown path": Mistake(
        status=404, code="not_found", path="/nowhere", error=openai.NotFoundError
    ),
    "a wrong method": Mistake(
        status=405, code="method_not_allowed", method="PUT", error=openai.APIStatusError
    ),
    "another wrong method": Mistake(
        status=405, code="method_not_allowed", path="/models", error=openai.APIStatusError
    ),
    "too large": Mistake(status=413, raw=b" " * (LIMIT + 1), error=openai.APIStatusError),
    "an unknown coding": Mistake(
        status=415,
        raw=b"x",
        headers={"content-encoding": "br"},
        error=openai.APIStatusError,
    ),
    "no JSON by its type": Mistake(
        status=415,
        headers={"content-type": "text/plain"},
        body=asked(),
        error=openai.APIStatusError,
    ),
    "a wrong token": Mistake(
        status=401,
        code="invalid_api_key",
        headers={"authorization": "Bearer wrong"},
        body=asked(),
        error=openai.AuthenticationError,
    ),
    "nothing to embed": Mistake(
        status=400, param="input", path="/embeddings", body={"model": POOL, "input": []}
    ),
    "a word for a size": Mistake(
        status=400,
        param="dimensions",
        path="/embeddings",
        body={"model": POOL, "input": "x", "dimensions": "8"},
    ),
    "nothing to speak": Mistake(
        status=400, param="input", path="/audio/speech", body={"model": POOL}
    ),
    "nothing to transcribe": Mistake(
        status=400, param="file", path="/audio/transcriptions", body={"model": POOL}
    ),
    "no image at all": Mistake(
        status=400,
        param="n",
        path="/images/generations",
        body={"model": POOL, "prompt": "x", "n": 0},
    ),
}


@frozen
class Failure:
    """What a client gets of a vendor's failure."""

    status: int
    code: str | None
    error: type[openai.APIStatusError] = openai.InternalServerError


FAILURES: Final = {
    "status~code=400": Failure(400, None, openai.BadRequestError),
    "status~code=413": Failure(413, None, openai.APIStatusError),
    "status~code=422": Failure(422, None, openai.UnprocessableEntityError),
    "status~code=401": Failure(502, "upstream_auth"),
    "status~code=403": Failure(502, "upstream_auth"),
    "status~code=404": Failure(502, "upstream_model_not_found"),
    "status~code=402": Failure(429, "insufficient_quota", openai.RateLimitError),
    "status~code=429": Failure(429, "rate_limit_exceeded", openai.RateLimitError),
    "status~code=429~retry-after=7": Failure(429, "rate_limit_exceeded", openai.RateLimitError),
    "status~code=408": Failure(504, "upstream_timeout"),
    "status~code=500": Failure(502, "upstream_failed"),
    "status~code=502": Failure(502, "upstream_failed"),
    "status~code=503": Failure(503, "overloaded"),
    "status~code=529": Failure(503, "overloaded"),
    "never-headers": Failure(504, "upstream_timeout"),
    "headers-then-silence": Failure(504, "upstream_timeout"),
    "close-before-headers": Failure(502, "upstream_unreachable"),
    "nobody-there": Failure(502, "upstream_unreachable"),
    "null-body": Failure(502, "upstream_bad_answer"),
    "html-200": Failure(502, "upstream_bad_answer"),
    "redirect": Failure(502, "upstream_bad_answer"),
    "error-first-event": Failure(429, "rate_limit_exceeded", openai.RateLimitError),
    "error-200": Failure(429, "rate_limit_exceeded", openai.RateLimitError),
    "empty-stream": Failure(502, "upstream_bad_answer"),
    "broken": Failure(500, "internal_error"),
}
