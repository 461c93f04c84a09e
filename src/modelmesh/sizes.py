"""How much a request brings and asks for: text, files, characters, images, seconds. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

HEARD_A_SECOND: Final = 32
"""Tokens of a second of sound: https://ai.google.dev/gemini-api/docs/audio."""

_BYTES_PER_TOKEN: Final = 2
"""Bytes that a token of text has at the least, in every tokenizer we know of."""

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


@define(eq=False)
class Size:
    """How much is in a prompt at most.

    Attributes:
        text: bytes.
        heard, seen, read: tokens of sounds, images, and files.
        keeps: the vendor is asked to keep some of it.
        worst: what the request takes at worst, by model and answer, as far as somebody asked.

    """

    text: int = 0
    heard: int = 0
    seen: int = 0
    read: int = 0
    keeps: bool = False
    worst: dict[Any, Any] = field(factory=dict, init=False, repr=False)

    @property
    def tokens(self) -> int:
        """A number of tokens that it does not exceed."""
        return self.text // _BYTES_PER_TOKEN + self.heard + self.seen + self.read + 1

    def add(self, given: Any) -> None:
        """Add what is in some parsed JSON."""
        if isinstance(given, str):
            self._add_text(given)
        elif isinstance(given, Mapping):
            self._add_object(given)
        elif isinstance(given, list | tuple):
            for item in given:
                self.add(item)
        elif given is not None:
            self.text += 8

    def add_sound(self, seconds: float) -> None:
        self.heard += int(seconds * HEARD_A_SECOND) + 1

    def _add_text(self, text: str) -> None:
        if not text.startswith("data:"):
            self.text += len(text) if text.isascii() else len(text.encode(errors="replace"))
        elif text.startswith("data:image/"):
            self.seen += _IMAGE
        elif text.startswith("data:audio/"):
            self.add_sound(len(text) / _BYTES_A_SECOND)
        else:
            self.read += len(text) // _PER_TOKEN

    def _add_object(self, given: Mapping[str, Any]) -> None:
        kind = given.get("type")
        if kind == "input_audio":
            self.add_sound(_base64_in(given) / _BYTES_A_SECOND)
            return
        self.keeps = self.keeps or "cache_control" in given
        known = self.seen + self.read
        for name, item in given.items():
            self.text += len(name)
            self.add(item)
        if kind in ("image_url", "file"):
            self.seen += max(0, known + _IMAGE - self.seen - self.read)


def size_of(body: Mapping[str, Any], content: bytes = b"") -> Size:
    """Measure the body of a request, and the sound that came with it."""
    size = Size()
    size.add(body)
    if content:
        size.add_sound(seconds(content))
    return size


def _base64_in(part: Mapping[str, Any]) -> int:
    sound = part.get("input_audio")
    return len(str(sound.get("data", ""))) if isinstance(sound, Mapping) else 0


def characters(body: Mapping[str, Any]) -> int:
    """Return the characters that are to be spoken."""
    return len(str(body.get("input", "")))


def count(given: Any) -> int | None:
    """Return a number above 0, also of 3.0 and "3", which lenient vendors take for 3; else None."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        return max(0, int(float(given) if isinstance(given, str) else given)) or None
    except (ValueError, OverflowError):
        return None


def images(body: Mapping[str, Any]) -> int:
    """Return how many images are to be made."""
    return count(body.get("n")) or 1


def seconds(content: bytes) -> float:
    """Return the seconds that a file sounds at most."""
    rate = int.from_bytes(content[_RATE], "little") if content.startswith(b"RIFF") else 0
    return len(content) / (rate if 0 < rate <= _FASTEST else _BYTES_A_SECOND)


def longest(body: Mapping[str, Any]) -> int | None:
    """Return what is asked for; of two names nobody knows which one a vendor goes by."""
    asked = (count(body.get(name)) for name in ("max_completion_tokens", "max_tokens"))
    return max(filter(None, asked), default=None)
