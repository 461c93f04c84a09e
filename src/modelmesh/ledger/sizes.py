"""How much a request brings and asks for: text, files, characters, images, seconds. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from modelmesh.types import Request

HEARD_A_SECOND: Final = 32
"""Tokens of a second of sound: https://ai.google.dev/gemini-api/docs/audio."""

_IMAGE: Final = 2000
"""Tokens of an image that is shown."""

_PER_TOKEN: Final = 4
"""Characters of a file, in base64, for each of its tokens: it may be a packed text."""

_BYTES_A_SECOND: Final = 1_000
"""Bytes of a second of sound at the least: speech in 8 kbit."""

_FASTEST: Final = 400_000
"""Bytes of a second of sound at the most; what says more is not believed."""

_RATE: Final = slice(28, 32)
"""Where a WAV file has its bytes a second: http://soundfile.sapp.org/doc/WaveFormat/."""


def sized(given: Any) -> tuple[int, int]:
    """Return the bytes of all text within, and the tokens that all else has at most."""
    if isinstance(given, str):
        if given.startswith("data:"):
            return 0, _IMAGE if given.startswith("data:image/") else len(given) // _PER_TOKEN
        return len(given.encode(errors="replace")), 0
    if isinstance(given, Mapping):
        if given.get("type") == "input_audio":
            return 0, int(_base64_in(given) / _BYTES_A_SECOND * HEARD_A_SECOND) + 1
        inner = [sized(item) for item in given.values()]
        names = sum(len(name) for name in given)
        least = _IMAGE if given.get("type") in ("image_url", "file") else 0
        return names + sum(size for size, _ in inner), max(least, sum(more for _, more in inner))
    if isinstance(given, list):
        inner = [sized(item) for item in given]
        return sum(size for size, _ in inner), sum(more for _, more in inner)
    return (0, 0) if given is None else (8, 0)


def _base64_in(part: Mapping[str, Any]) -> int:
    sound = part.get("input_audio")
    return len(str(sound.get("data", ""))) if isinstance(sound, Mapping) else 0


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
