"""What goes wrong at a vendor.

Every public function here is a fault; its name with hyphens is the model that has it, its keyword
arguments are what that model name may set after ``~``. An underscore at the end avoids a builtin.
"""

import math

from modelmesh.testing.fake_answers import DONE, body_parts, encode, error, event, talk
from modelmesh.testing.fake_wire import EVENTS, Exchange, Framing

# Seconds between the last bytes and the cut: a client told of both at once may drop the bytes.
_BREATH = 0.05


# Silence


async def never_headers(exchange: Exchange) -> None:
    """Accept the request and say nothing."""
    await exchange.silence()


async def headers_then_silence(exchange: Exchange) -> None:
    """Send the head and no body."""
    await exchange.begin()
    await exchange.silence()


async def comments_only(exchange: Exchange, *, gap: float = 0.05) -> None:
    """Give signs of life for ever: comments in a stream, blank lines before a document."""
    await exchange.begin()
    while True:
        await exchange.send(b": still busy\n\n" if exchange.request.streaming else b"\n")
        await exchange.sleep(gap)


async def role_then_silence(exchange: Exchange) -> None:
    """Send the role and no content, or half a document, and no more."""
    await _start(exchange, 0)
    await exchange.silence()


async def stall_mid(exchange: Exchange, *, after: int = 2) -> None:
    """Send `after` deltas, or half a document, and no more."""
    await _start(exchange, after)
    await exchange.silence()


# Cuts


async def cut_chunked(exchange: Exchange, *, after: int = 2) -> None:
    """Send `after` deltas, or half a document, and end without the last chunk."""
    await _start(exchange, after)


async def cut_length(exchange: Exchange, *, after: int = 2) -> None:
    """Send `after` deltas, or half a document, of the Content-Length announced."""
    await _start(exchange, after, None)


async def cut_close(exchange: Exchange, *, after: int = 2) -> None:
    """Send `after` deltas, or half a document, of a body that ends with the connection."""
    await _start(exchange, after, "close")


async def reset_mid(exchange: Exchange, *, after: int = 2) -> None:
    """Send `after` deltas, or half a document, and reset the connection."""
    await _start(exchange, after)
    exchange.abort()


async def close_before_headers(exchange: Exchange) -> None:
    """Close the connection for an answer."""
    exchange.close()


# Errors under a good status


async def error_200(
    exchange: Exchange, *, code: str = "rate_limit_exceeded", type_: str = "requests"
) -> None:
    """Answer 200 with an error object."""
    await exchange.answer(200, encode(error(429, code=code, kind=type_)))


async def error_first_event(
    exchange: Exchange, *, code: str = "rate_limit_exceeded", type_: str = "requests"
) -> None:
    """Stream one error."""
    await _break_off(exchange, [], code, type_)


async def error_after_comment(
    exchange: Exchange, *, code: str = "rate_limit_exceeded", type_: str = "requests"
) -> None:
    """Stream a comment, then an error."""
    await _break_off(exchange, [b": still busy\n\n"], code, type_)


async def error_after_role(
    exchange: Exchange, *, code: str = "rate_limit_exceeded", type_: str = "requests"
) -> None:
    """Stream the role, then an error."""
    await _break_off(exchange, talk(exchange).parts()[:1], code, type_)


async def error_mid(
    exchange: Exchange,
    *,
    after: int = 2,
    code: str = "rate_limit_exceeded",
    type_: str = "requests",
) -> None:
    """Stream `after` deltas, then an error."""
    parts = talk(exchange, chunks=after + 2).parts()
    await _break_off(exchange, parts[: after + 1], code, type_)


# Nothing under a good status


async def empty_stream(exchange: Exchange) -> None:
    """Stream no events, or send an empty body."""
    await exchange.deliver([])


async def done_only(exchange: Exchange) -> None:
    """Stream [DONE] alone, asked for a stream or not."""
    await exchange.answer(200, DONE, {"content-type": EVENTS})


async def empty_choices(exchange: Exchange) -> None:
    """Answer in full, with no choices anywhere."""
    said = talk(exchange)
    payloads = [{**payload, "choices": []} for payload in said.payloads()]
    await exchange.deliver(body_parts(payloads, streaming=said.streaming))


async def null_body(exchange: Exchange) -> None:
    """Answer 200 with the document null."""
    await exchange.answer(200, b"null")


async def empty_string_body(exchange: Exchange) -> None:
    """Answer 200 with an empty string for a document."""
    await exchange.answer(200, b'""')


async def list_body(exchange: Exchange) -> None:
    """Answer 200 with an empty list for a document."""
    await exchange.answer(200, b"[]")


async def html_200(exchange: Exchange) -> None:
    """Answer 200 with a web page."""
    page = b"<!doctype html><title>Sign in</title><p>Please sign in to continue."
    await exchange.answer(200, page, {"content-type": "text/html; charset=utf-8"})


# Refusals


async def status(
    exchange: Exchange,
    *,
    code: int = 500,
    error_code: str = "",
    type_: str = "",
    message: str = "",
    retry_after: str = "",
    retry_after_ms: str = "",
    should_retry: str = "",
) -> None:
    """Answer with this status and an error; headers go out as given, and only if given."""
    told = {
        "retry-after": retry_after,
        "retry-after-ms": retry_after_ms,
        "x-should-retry": should_retry,
    }
    headers = {name: text for name, text in told.items() if text}
    body = encode(error(code, message=message, kind=type_, code=error_code))
    await exchange.answer(code, body, headers)


async def refuse_field(exchange: Exchange, *, field: str = "stream_options") -> None:
    """Answer 400 to requests with this field, well to others."""
    if field not in exchange.request.json:
        await exchange.deliver(talk(exchange).parts())
        return
    message = f"Unknown parameter: '{field}'."
    refusal = error(400, message=message, code="unknown_parameter", param=field)
    await exchange.answer(400, encode(refusal))


async def redirect(exchange: Exchange, *, to: str = "/v1/elsewhere") -> None:
    """Send the client elsewhere, with 307."""
    await exchange.answer(307, b"", {"location": to})


async def flaky(exchange: Exchange, *, every: int = 3) -> None:
    """Fail one of every so many requests with 500, the last of them."""
    turn = exchange.memory.pop() + 1 if exchange.memory else 1
    exchange.memory.append(turn)
    if turn % every == 0:
        await status(exchange)
    else:
        await exchange.deliver(talk(exchange).parts())


async def limited(
    exchange: Exchange, *, requests: int = 3, window: float = 10.0, told: int = 1
) -> None:
    """Answer so many requests well in any `window` seconds, and those beyond with 429.

    With `told=0` no answer tells in its headers how many are left.
    """
    now = exchange.now()
    admitted = [time for time in exchange.memory if time > now - window]
    within = len(admitted) < requests
    if within:
        admitted.append(now)
    exchange.memory[:] = admitted
    wait = (admitted or [now])[0] + window - now
    headers = {
        "x-ratelimit-limit-requests": str(requests),
        "x-ratelimit-remaining-requests": str(requests - len(admitted)),
        "x-ratelimit-reset-requests": f"{math.ceil(wait * 1000)}ms",
    }
    if within:
        await exchange.deliver(talk(exchange).parts(), headers=headers if told else {})
    else:
        headers["retry-after"] = str(math.ceil(wait))
        await exchange.answer(429, encode(error(429)), headers)


async def _start(exchange: Exchange, after: int, framing: Framing | None = "chunked") -> None:
    """Send the role and `after` deltas, or half a document; no framing: by the whole length."""
    parts = talk(exchange, chunks=after + 2).parts()
    length = sum(map(len, parts))
    await exchange.begin(length if framing is None else framing)
    for part in parts[: after + 1] if exchange.request.streaming else [parts[0][: length // 2]]:
        await exchange.send(part)
    await exchange.sleep(_BREATH)


async def _break_off(exchange: Exchange, lead: list[bytes], code: str, kind: str) -> None:
    """Stream the lead, then an error; without a stream answer the error alone."""
    refusal = error(429, code=code, kind=kind)
    if exchange.request.streaming:
        await exchange.deliver([*lead, event(refusal)])
    else:
        await exchange.answer(200, encode(refusal))
