"""What a vendor makes of a recording, well or badly. The functions are named as in `fake_faults`.

Whatever the recording, `SAID` is said in it, in two segments.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelmesh.testing.fake_answers import DONE, encode, error
from modelmesh.testing.fake_wire import Exchange

SAID: Final = ("Hello there.", " How are you?")

USAGE: Final = {
    "type": "tokens",
    "input_tokens": 10,
    "input_token_details": {"audio_tokens": 8, "text_tokens": 2},
    "output_tokens": 6,
    "total_tokens": 16,
}

SRT: Final = (
    "1\n00:00:00,000 --> 00:00:01,000\nHello there.\n\n"
    "2\n00:00:01,000 --> 00:00:02,500\nHow are you?\n\n"
)
VTT: Final = (
    "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nHello there.\n\n"
    "00:00:01.000 --> 00:00:02.500\nHow are you?\n\n"
)

_TEXT: Final = "".join(SAID)


async def ok(exchange: Exchange, *, gap: float = 0.0) -> None:
    """Answer in the form that was asked for, or in events `gap` seconds apart."""
    wanted = exchange.request.field("response_format") or "json"
    if exchange.request.streaming:
        await exchange.deliver(_events(wanted), gap=gap)
    elif wanted in _TEXTS:
        headers = {"content-type": "text/plain; charset=utf-8"}
        await exchange.answer(200, _TEXTS[wanted].encode(), headers)
    else:
        await exchange.answer(200, encode(_json(wanted)))


async def whole(exchange: Exchange) -> None:
    """Answer with JSON even where events or a text were asked for, as OpenAI's Whisper does."""
    await exchange.answer(200, encode(_json("json")))


async def timed(exchange: Exchange) -> None:
    """Answer with the segments, whatever was asked for."""
    await exchange.answer(200, encode(_json("verbose_json")))


async def empty_object(exchange: Exchange) -> None:
    """Answer 200 without a transcript."""
    await exchange.answer(200, b"{}")


async def stall_mid(exchange: Exchange, *, after: int = 1) -> None:
    """Send `after` events, and no more."""
    await _start(exchange, after)
    await exchange.silence()


async def cut_chunked(exchange: Exchange, *, after: int = 1) -> None:
    """Send `after` events, and end without the last chunk."""
    await _start(exchange, after)


async def done_early(exchange: Exchange, *, after: int = 1, gap: float = 0.1) -> None:
    """Send `after` events and the end marker, but not the event that has the end."""
    await _start(exchange, after)
    await exchange.sleep(gap)
    await exchange.send(DONE)
    await exchange.end()


async def error_mid(exchange: Exchange, *, after: int = 1, gap: float = 0.1) -> None:
    """Send `after` events, then tell of an error."""
    await _start(exchange, after)
    await exchange.sleep(gap)
    await exchange.send(b"data: %b\n\n" % encode(error(500)))
    await exchange.end()


def _json(wanted: str) -> Mapping[str, Any]:
    times = ((0.0, 1.0), (1.0, 2.5))
    parts = [
        {"text": text, "start": start, "end": end}
        for text, (start, end) in zip(SAID, times, strict=True)
    ]
    if wanted == "json":
        return {"text": _TEXT, "usage": USAGE}
    whole = {"task": "transcribe", "duration": 2.5, "text": _TEXT}
    if wanted == "diarized_json":
        known = {"type": "transcript.text.segment", "speaker": "A"}
        segments = [{"id": f"seg_{n}", **known, **part} for n, part in enumerate(parts)]
        return {**whole, "segments": segments, "usage": USAGE}
    heard = {"temperature": 0.0, "avg_logprob": -0.2, "compression_ratio": 0.8}
    more = {"seek": 0, "tokens": [50364], "no_speech_prob": 0.01, **heard}
    segments = [{"id": n, **more, **part} for n, part in enumerate(parts)]
    counted = {"type": "duration", "seconds": 3}
    return {**whole, "language": "english", "segments": segments, "usage": counted}


def _events(wanted: str) -> Sequence[bytes]:
    told: list[Mapping[str, Any]] = (
        list(_json(wanted)["segments"])
        if wanted == "diarized_json"
        else [{"type": "transcript.text.delta", "delta": text} for text in SAID]
    )
    told.append({"type": "transcript.text.done", "text": _TEXT, "usage": USAGE})
    return [*(b"data: %b\n\n" % encode(event) for event in told), DONE]


async def _start(exchange: Exchange, after: int) -> None:
    await exchange.begin()
    for part in _events(exchange.request.field("response_format") or "json")[:after]:
        await exchange.send(part)


_TEXTS: Final = {"text": f"{_TEXT}\n", "srt": SRT, "vtt": VTT}
