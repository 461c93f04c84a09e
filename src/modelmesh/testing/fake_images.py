"""The images a vendor makes, well or badly. The functions are named as in `fake_faults`.

A stream has as many sketches as `partial_images` asks for before each image, and no end marker.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelmesh.testing.fake_answers import CREATED, encode, error
from modelmesh.testing.fake_wire import Exchange

IMAGE: Final = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256))).decode()
"""What is made, whatever the prompt: it begins as its format does, and is no image."""

USAGE: Final = {
    "input_tokens": 10,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 10},
    "output_tokens": 20,
    "total_tokens": 30,
}


async def ok(exchange: Exchange, *, gap: float = 0.0) -> None:
    """Make what is asked for, in events `gap` seconds apart if a stream is."""
    await exchange.deliver(_parts(exchange), gap=gap)


async def empty_data(exchange: Exchange) -> None:
    """Answer 200 without an image."""
    await exchange.answer(200, encode({"created": CREATED, "data": []}))


async def held_back(exchange: Exchange) -> None:
    """Refuse the prompt, as OpenAI does."""
    refusal = error(
        400,
        message="Your request was rejected by the safety system.",
        kind="image_generation_user_error",
        code="moderation_blocked",
    )
    await exchange.answer(400, encode(refusal))


async def stall_mid(exchange: Exchange, *, after: int = 1) -> None:
    """Send `after` events, and no more."""
    await _start(exchange, after)
    await exchange.silence()


async def cut_chunked(exchange: Exchange, *, after: int = 1) -> None:
    """Send `after` events, and end without the last chunk."""
    await _start(exchange, after)


async def error_mid(exchange: Exchange, *, after: int = 1, gap: float = 0.1) -> None:
    """Send `after` events, then tell of an error."""
    await _start(exchange, after)
    await exchange.sleep(gap)
    await exchange.send(_event("error", error(500)))
    await exchange.end()


def _parts(exchange: Exchange) -> Sequence[bytes]:
    """Return the body in pieces: the events, or the one JSON document."""
    asked: Mapping[str, Any] = exchange.request.json
    wanted = asked.get("n") or 1
    settings = {"background": "opaque", "output_format": "png", "quality": "low", "size": "auto"}
    if not exchange.request.streaming:
        url = {"url": f"http://127.0.0.1/{exchange.number}.png"}
        image = url if asked.get("response_format") == "url" else {"b64_json": IMAGE}
        return [encode({"created": CREATED, "data": [image] * wanted, **settings, "usage": USAGE})]
    made = {"b64_json": IMAGE, "created_at": CREATED, **settings}
    sketches = [
        _event("image_generation.partial_image", {**made, "partial_image_index": number})
        for number in range(asked.get("partial_images") or 0)
    ]
    return [*sketches, _event("image_generation.completed", {**made, "usage": USAGE})] * wanted


def _event(name: str, told: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), encode({"type": name, **told}))


async def _start(exchange: Exchange, after: int) -> None:
    await exchange.begin()
    for part in _parts(exchange)[:after]:
        await exchange.send(part)
