"""What is asked and what the vendor answers: whoever speaks and whoever checks read it here.

Each piece of a streamed answer carries the time at which it was sent, so that its age on arrival is
known. Everything else about an answer is fixed, so whoever passes it on untouched can be held to
every byte.
"""

import json
import re
from typing import Any, Final

PLAIN, FAILING = "plain", "failing"
PACED, BURST, HELD = "paced", "burst", "held"
MODELS: Final = (PLAIN, FAILING, PACED, BURST, HELD)
"""The vendor's models: the name says how it answers."""

BURST_SIZE: Final = 20
END_MARK: Final = "That is all there is."
TEXT: Final = "A gateway adds little where little is asked of it. " * 4
DONE: Final = b"data: [DONE]\n\n"

_STAMP: Final = re.compile(rb"@(\d{19})")
_CONSTANT: Final = {"id": "chatcmpl-1", "created": 1700000000, "system_fingerprint": "fp_1"}
_USAGE: Final = {"prompt_tokens": 210, "completion_tokens": 44, "total_tokens": 254}
_PROSE: Final = 'She said: "Nothing is slower than what is done twice."\nThe café was empty. '


def question(model: str, *, size: int = 1000, stream: bool = False) -> bytes:
    """Return the body of a chat request of exactly so many bytes."""
    asked = {"model": model, "temperature": 0.2} | ({"stream": True} if stream else {})
    spare = size - len(_encoded(asked | {"messages": _messages(END_MARK)}))
    times, rest = divmod(spare, len(_encoded(_PROSE)) - 2)
    return _encoded(asked | {"messages": _messages(_PROSE * times + "." * rest + END_MARK)})


def plain() -> bytes:
    """Return the body of a plain answer."""
    message = {"role": "assistant", "content": TEXT, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    kind = {"object": "chat.completion", "model": PLAIN}
    return _encoded(_CONSTANT | kind | {"choices": [choice], "usage": _USAGE})


def failure() -> bytes:
    """Return the body of what the failing model answers, with status 500."""
    return _encoded({"error": {"message": "I always fail.", "type": "server_error"}})


def opening(model: str) -> bytes:
    """Return the first event of a stream, which names the role alone."""
    return _event(model, {"role": "assistant", "content": ""})


def piece(model: str) -> bytes:
    """Return an event with text, in which `@` and 19 zeros stand for the time of sending."""
    return _event(model, {"content": f" word @{0:019}"})


def closing(model: str, *, usage: bool) -> bytes:
    """Return the last events of a stream, with the usage if it was asked for."""
    told = _chunk(model, [], usage=_USAGE) if usage else b""
    return _event(model, {}, "stop") + told + DONE


def stamped(event: bytes, nanoseconds: int) -> bytes:
    """Return an event with its time of sending."""
    return event.replace(b"@%019d" % 0, b"@%019d" % nanoseconds)


def stamps(data: bytes) -> list[int]:
    """Return when the pieces in some data were sent, in nanoseconds."""
    return [int(digits) for digits in _STAMP.findall(data)]


def plain_fault(status: int, body: bytes, *, exact: bool) -> str:
    """Return what is wrong with a plain answer, or nothing."""
    if status != 200:
        return f"status {status}"
    if exact:
        return "" if body == _PLAIN else "other bytes"
    try:
        said = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        return "no chat completion"
    return "" if said == TEXT else "another text"


def stream_fault(status: int, body: bytes, model: str, pieces: int, *, exact: bool) -> str:
    """Return what is wrong with a streamed answer, or nothing."""
    if status != 200:
        return f"status {status}"
    if not body.endswith(DONE):
        return "no terminator"
    if (count := len(stamps(body))) != pieces:
        return f"{count} of {pieces} pieces"
    if exact and _STAMP.sub(b"@%019d" % 0, body) != _whole(model, pieces):
        return "other bytes"
    return ""


def _messages(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def _whole(model: str, pieces: int) -> bytes:
    return opening(model) + piece(model) * pieces + closing(model, usage=False)


def _event(model: str, delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _chunk(model, [choice])


def _chunk(model: str, choices: list[Any], **more: Any) -> bytes:
    kind = {"object": "chat.completion.chunk", "model": model}
    return b"data: %b\n\n" % _encoded(_CONSTANT | kind | {"choices": choices} | more)


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


_PLAIN: Final = plain()
