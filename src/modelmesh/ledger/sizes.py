"""How much a request brings and asks for: text, parts, characters, images, seconds. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from modelmesh.types import Request

_BYTES_A_SECOND: Final = 1_000
"""Bytes of a second of sound at the least: speech in 8 kbit."""

_FASTEST: Final = 400_000
"""Bytes of a second of sound at the most; what says more is not believed."""

_RATE: Final = slice(28, 32)
"""Where a WAV file has its bytes a second: http://soundfile.sapp.org/doc/WaveFormat/."""


def sized(given: Any) -> tuple[int, int]:
    """Return the bytes of all text within, and how many parts are no text."""
    if isinstance(given, str):
        if given.startswith("data:"):
            return 0, 1
        return len(given.encode(errors="replace")), 0
    if isinstance(given, Mapping):
        inner = [sized(item) for item in given.values()]
        names = sum(len(name) for name in given)
        parts = 1 if given.get("type") in ("image_url", "input_audio", "file") else 0
        return names + sum(size for size, _ in inner), parts + sum(count for _, count in inner)
    if isinstance(given, list):
        inner = [sized(item) for item in given]
        return sum(size for size, _ in inner), sum(count for _, count in inner)
    return (0, 0) if given is None else (8, 0)


def characters(request: Request) -> int:
    """Return the characters that are to be spoken."""
    return len(str(request.body.get("input", "")))


def images(request: Request) -> int:
    """Return how many images are to be made."""
    count = request.body.get("n")
    return count if type(count) is int and count > 0 else 1


def seconds(request: Request) -> float:
    """Return the seconds that a file sounds at most."""
    if request.upload is None:
        return 0.0
    content = request.upload.content
    rate = int.from_bytes(content[_RATE], "little") if content.startswith(b"RIFF") else 0
    return len(content) / (rate if 0 < rate <= _FASTEST else _BYTES_A_SECOND)
