"""What a vendor embeds, well or badly. The functions are named as in `fake_faults`."""

import base64
import json
import struct
from collections.abc import Sequence
from hashlib import shake_128
from typing import Any, Final

from modelmesh.testing.fake_answers import encode
from modelmesh.testing.fake_wire import Exchange

SIZE: Final = 8
"""How many numbers an embedding has unless fewer are asked for."""


def vector(text: Any, size: int = SIZE) -> list[float]:
    """Return the embedding of a text or of its tokens, of numbers that four bytes hold exactly."""
    drawn = shake_128(json.dumps(text).encode()).digest(size)
    return [(byte - 128) / 128 for byte in drawn]


async def ok(exchange: Exchange) -> None:
    """Embed as asked: so many numbers, in base64 if it is wanted."""
    asked = exchange.request.json
    vectors = _vectors(asked)
    if asked.get("encoding_format") == "base64":
        await _answer(exchange, [(place, _packed(each)) for place, each in enumerate(vectors)])
    else:
        await _answer(exchange, list(enumerate(vectors)))


async def numbers_only(exchange: Exchange) -> None:
    """Answer with numbers, whatever is asked for."""
    await _answer(exchange, list(enumerate(_vectors(exchange.request.json))))


async def base64_only(exchange: Exchange) -> None:
    """Answer in base64, whatever is asked for."""
    vectors = _vectors(exchange.request.json)
    await _answer(exchange, [(place, _packed(each)) for place, each in enumerate(vectors)])


async def backwards(exchange: Exchange) -> None:
    """Answer for the last input first."""
    await _answer(exchange, list(enumerate(_vectors(exchange.request.json)))[::-1])


async def too_few(exchange: Exchange) -> None:
    """Leave out the last embedding."""
    await _answer(exchange, list(enumerate(_vectors(exchange.request.json)))[:-1])


async def empty_data(exchange: Exchange) -> None:
    """Answer 200 without an embedding."""
    await _answer(exchange, [])


async def too_long(exchange: Exchange) -> None:
    """Answer with all numbers there are, though fewer are asked for."""
    vectors = _vectors({**exchange.request.json, "dimensions": SIZE})
    await _answer(exchange, list(enumerate(vectors)))


def _vectors(asked: Any) -> list[list[float]]:
    wanted = asked["input"]
    one = isinstance(wanted, str) or all(isinstance(item, int) for item in wanted)
    size = asked.get("dimensions") or SIZE
    return [vector(each, size) for each in ([wanted] if one else wanted)]


def _packed(numbers: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


async def _answer(exchange: Exchange, embeddings: Sequence[tuple[int, Any]]) -> None:
    asked = exchange.request.json
    tokens = len(json.dumps(asked["input"]))
    body = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": place, "embedding": embedding}
            for place, embedding in embeddings
        ],
        "model": asked["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    await exchange.answer(200, encode(body))
