"""What a vendor speaks, well or badly. The functions are named as in `fake_faults`.

The sound is no sound, but begins as its format does and holds every byte there is.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelmesh.testing.fake_answers import DONE, encode, error
from modelmesh.testing.fake_wire import EVENTS, Exchange, Framing

FORMATS: Final[Mapping[str, tuple[str, bytes]]] = {
    "mp3": ("audio/mpeg", b"ID3"),
    "opus": ("audio/opus", b"OggS"),
    "aac": ("audio/aac", b"\xff\xf1"),
    "flac": ("audio/flac", b"fLaC"),
    "wav": ("audio/wav", b"RIFF"),
    "pcm": ("audio/pcm", b""),
}
"""The `content-type` of each format, and how it begins."""

USAGE: Final = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}


def sound(format_: str = "mp3") -> bytes:
    """Return what is spoken, whatever the text."""
    return FORMATS[format_][1] + bytes(range(256)) * 4


async def ok(exchange: Exchange, *, chunks: int = 4, gap: float = 0.0) -> None:
    """Speak well, in `chunks` pieces `gap` seconds apart; a format nobody knows is refused."""
    wanted = exchange.request.json.get("response_format") or "mp3"
    if wanted not in FORMATS:
        refusal = error(400, message=f"response_format {wanted!r} is none of {list(FORMATS)}.")
        await exchange.answer(400, encode(refusal))
        return
    parts = _parts(exchange.request.json, chunks)
    await _begin(exchange)
    for number, part in enumerate(parts):
        await exchange.sleep(gap if number else 0)
        await exchange.send(part)
    await exchange.end()


async def stall_mid(exchange: Exchange, *, after: int = 2) -> None:
    """Send `after` pieces, and no more."""
    await _start(exchange, after)
    await exchange.silence()


async def cut_chunked(exchange: Exchange, *, after: int = 2) -> None:
    """Send `after` pieces, and end without the last chunk."""
    await _start(exchange, after)


async def cut_length(exchange: Exchange, *, after: int = 2) -> None:
    """Send `after` pieces of the Content-Length announced."""
    length = sum(map(len, _parts(exchange.request.json)))
    await _start(exchange, after, framing=length)


async def reset_mid(exchange: Exchange, *, after: int = 2) -> None:
    """Send `after` pieces and reset the connection."""
    await _start(exchange, after)
    exchange.abort()


async def error_mid(exchange: Exchange, *, after: int = 2, gap: float = 0.1) -> None:
    """Send `after` pieces, then tell of an error, which only events can."""
    await _start(exchange, after)
    await exchange.sleep(gap)
    if _wants_events(exchange.request.json):
        failed = {"error": {"message": "It broke.", "type": "server_error"}}
        await exchange.send(b"data: %b\n\n" % encode(failed))
        await exchange.end()


async def empty_stream(exchange: Exchange) -> None:
    """Answer 200 with no sound at all."""
    await _begin(exchange)
    await exchange.end()


def _wants_events(asked: Mapping[str, Any]) -> bool:
    return asked.get("stream_format") == "sse"


def _parts(asked: Mapping[str, Any], chunks: int = 4) -> Sequence[bytes]:
    """Return the body in pieces: of sound, or events which hold it."""
    whole = sound(asked.get("response_format") or "mp3")
    size = -(-len(whole) // chunks)
    pieces = [whole[place : place + size] for place in range(0, len(whole), size)]
    if not _wants_events(asked):
        return pieces
    deltas = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}
        for piece in pieces
    ]
    told = [*deltas, {"type": "speech.audio.done", "usage": USAGE}]
    return [*(b"data: %b\n\n" % encode(each) for each in told), DONE]


async def _begin(exchange: Exchange, framing: Framing = "chunked") -> None:
    asked = exchange.request.json
    kind = FORMATS[asked.get("response_format") or "mp3"][0]
    events = _wants_events(asked)
    await exchange.begin(framing, {"content-type": EVENTS if events else kind})


async def _start(exchange: Exchange, after: int, framing: Framing = "chunked") -> None:
    await _begin(exchange, framing)
    for part in _parts(exchange.request.json)[:after]:
        await exchange.send(part)
