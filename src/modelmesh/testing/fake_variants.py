"""Good answers as the more peculiar vendors give them. A client must understand every one.

The public functions are faults, named as in `fake_faults`.
"""

import json
import math
import zlib
from typing import Any

from modelmesh.testing.fake_answers import body_parts, pieces, reply, talk
from modelmesh.testing.fake_wire import Exchange


async def ok(
    exchange: Exchange,
    *,
    text: str = "",
    chunks: int = 0,
    gap: float = 0.0,
    delay: float = 0.0,
    prompt_tokens: int = 10,
    completion_tokens: int = 0,
) -> None:
    """Answer well, `delay` seconds after the request."""
    await exchange.sleep(delay)
    said = talk(
        exchange, text, chunks, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens
    )
    await exchange.deliver(said.parts(), gap=gap)


async def steady(exchange: Exchange, *, chunks: int = 10, gap: float = 0.1) -> None:
    """Take time, evenly."""
    await exchange.deliver(talk(exchange, chunks=chunks).parts(), gap=gap)


async def slow_first_token(exchange: Exchange, *, delay: float = 1.0) -> None:
    """Send the head at once, the rest `delay` seconds later."""
    await exchange.deliver(talk(exchange).parts(), first=delay)


async def slow_body(exchange: Exchange, *, chunks: int = 10, gap: float = 0.05) -> None:
    """Dribble the body in `chunks` pieces, cut without regard to sense."""
    body = b"".join(talk(exchange).parts())
    size = math.ceil(len(body) / chunks)
    parts = [body[place : place + size] for place in range(0, len(body), size)]
    await exchange.deliver(parts, gap=gap)


async def echo(exchange: Exchange) -> None:
    """Give the body of the request back as the content."""
    await exchange.deliver(talk(exchange, exchange.request.body.decode(), 1).parts())


async def empty_content(exchange: Exchange) -> None:
    """Say nothing, and finish."""
    await exchange.deliver(reply(exchange, {"content": ""}, []).parts())


async def tool_calls(exchange: Exchange, *, calls: int = 1, gap: float = 0.0) -> None:
    """Call the request's first tool, arguments streamed in fragments."""
    tools = exchange.request.json.get("tools") or [{"function": {"name": "get_weather"}}]
    name = tools[0]["function"]["name"]
    fragments = ['{"ci', 'ty":"', 'Paris"}']
    made: list[dict[str, Any]] = []
    deltas: list[dict[str, Any]] = []
    for index in range(calls):
        call = {"id": f"call_{exchange.number}_{index}", "type": "function"}
        made.append({**call, "function": {"name": name, "arguments": "".join(fragments)}})
        deltas.append({"index": index, **call, "function": {"name": name, "arguments": ""}})
        deltas += [{"index": index, "function": {"arguments": text}} for text in fragments]
    streamed = [{"tool_calls": [delta]} for delta in deltas]
    called = reply(exchange, {"tool_calls": made}, streamed, finish="tool_calls")
    await exchange.deliver(called.parts(), gap=gap)


async def reasoning_only_then_content(
    exchange: Exchange, *, field: str = "reasoning_content", gap: float = 0.0
) -> None:
    """Think in a field of its own, then answer."""
    thoughts, said = pieces("Let me think."), pieces(f"Hello from {exchange.request.model}")
    message = {field: "".join(thoughts), "content": "".join(said)}
    deltas = [{field: thought} for thought in thoughts] + [{"content": piece} for piece in said]
    await exchange.deliver(reply(exchange, message, deltas).parts(), gap=gap)


async def usage_in_stream(exchange: Exchange, *, every: int = 0) -> None:
    """Send usage unasked with the finish_reason; with every=1 in each chunk."""
    said = talk(exchange)
    payloads = [payload for payload in said.payloads() if payload["choices"]]
    for payload in payloads if every else payloads[-1:]:
        payload["usage"] = said.usage
    await exchange.deliver(body_parts(payloads, streaming=said.streaming))


async def unknown_fields(exchange: Exchange) -> None:
    """Put a field nobody knows into every object."""
    said = talk(exchange)
    await exchange.deliver(body_parts(_with_unknown(said.payloads()), streaming=said.streaming))


async def set_cookie(exchange: Exchange) -> None:
    """Set a cookie, which must not come back."""
    cookie = f"session=fake-{exchange.number}; Path=/"
    await exchange.deliver(talk(exchange).parts(), headers={"set-cookie": cookie})


async def gzip(exchange: Exchange, *, layers: int = 1) -> None:
    """Compress the body, a stream event by event."""
    packers = [zlib.compressobj(wbits=31) for _ in range(layers)]
    packed = []
    for part in talk(exchange).parts():
        data = part
        for packer in packers:
            data = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
        packed.append(data)
    rest = b""
    for packer in packers:
        rest = packer.compress(rest) + packer.flush()
    encoding = ", ".join(["gzip"] * layers)
    await exchange.deliver([*packed, rest], headers={"content-encoding": encoding})


async def gzip_gzip(exchange: Exchange) -> None:
    """Compress the body twice, which many a client undoes once."""
    await gzip(exchange, layers=2)


async def huge_line(exchange: Exchange, *, bytes_: int = 8 << 20) -> None:
    """Say so many bytes in one delta, on one line."""
    await exchange.deliver(talk(exchange, "x" * bytes_).parts())


async def split_utf8(exchange: Exchange, *, gap: float = 0.001) -> None:
    """Send each byte on its own, those of characters with several bytes `gap` seconds apart."""
    said = talk(exchange, f"Hello \N{WAVING HAND SIGN} from {exchange.request.model} \N{WORLD MAP}")
    await exchange.begin()
    for byte in b"".join(said.parts()):
        letter = bytes([byte])
        await exchange.send(letter)
        await exchange.sleep(0 if letter.isascii() else gap)
    await exchange.end()


async def crlf(exchange: Exchange) -> None:
    """End the lines of events by CR LF."""
    parts = talk(exchange).parts()
    await exchange.deliver([part.replace(b"\n", b"\r\n") for part in parts])


async def cr(exchange: Exchange) -> None:
    """End the lines of events by CR."""
    await exchange.deliver([part.replace(b"\n", b"\r") for part in talk(exchange).parts()])


async def no_space(exchange: Exchange) -> None:
    """Leave out the space after ``data:``."""
    await exchange.deliver([part.replace(b"data: ", b"data:") for part in talk(exchange).parts()])


async def bom(exchange: Exchange) -> None:
    """Put a byte order mark in front of a stream."""
    mark = "\N{BYTE ORDER MARK}".encode() if exchange.request.streaming else b""
    first, *others = talk(exchange).parts()
    await exchange.deliver([mark + first, *others])


async def multi_line_data(exchange: Exchange) -> None:
    """Write JSON over several lines, each a ``data:`` line of its own in a stream."""
    said = talk(exchange)
    documents = [json.dumps(payload, indent=1) for payload in said.payloads()]
    if said.streaming:
        lines = [document.replace("\n", "\ndata: ") for document in [*documents, "[DONE]"]]
        documents = [f"data: {line}\n\n" for line in lines]
    await exchange.deliver([document.encode() for document in documents])


async def no_final_blank_line(exchange: Exchange) -> None:
    """End a stream without the blank line that ends its last event."""
    *others, last = talk(exchange).parts()
    await exchange.deliver([*others, last.removesuffix(b"\n")])


async def no_done(exchange: Exchange) -> None:
    """End a stream with the finish_reason, without [DONE]."""
    said = talk(exchange)
    await exchange.deliver(said.parts()[:-1] if said.streaming else said.parts())


async def close_after_idle(exchange: Exchange, *, idle: float = 0.1) -> None:
    """Close the connection after `idle` seconds without another request."""
    exchange.idle = idle
    await exchange.deliver(talk(exchange).parts())


async def close_after_answer(exchange: Exchange) -> None:
    """Announce keep-alive, and close the connection right after the answer."""
    await exchange.deliver(talk(exchange).parts())
    exchange.close()


async def close_on_reuse(exchange: Exchange) -> None:
    """Close the connection when the next request comes over it, without an answer."""
    exchange.deaf = True
    await exchange.deliver(talk(exchange).parts())


def _with_unknown(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_unknown(item) for item in value]
    if isinstance(value, dict):
        known = {key: _with_unknown(item) for key, item in value.items()}
        return {**known, "x_nobody_knows": {"of": [1, None]}}
    return value
