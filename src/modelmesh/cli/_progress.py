"""How far something is: a bar at a terminal, a line each elsewhere."""

from typing import Final, TextIO

_LENGTH: Final = 24
_BACK: Final = "\r\x1b[K"
"""To the beginning of the line, with nothing left on it."""


class Progress:
    """Tells of so many steps, each as it is done."""

    def __init__(self, out: TextIO, steps: int) -> None:
        self._out = out
        self._steps = steps
        self._done = 0
        self._bar = out.isatty()
        if self._bar:
            self._show("")

    def tell(self, what: str) -> None:
        """Say that one more step is done, and what came of it."""
        self._done += 1
        if self._bar:
            self._show(what)
        else:
            print(what, file=self._out, flush=True)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar:
            print(_BACK, end="", file=self._out, flush=True)

    def _show(self, what: str) -> None:
        filled = _LENGTH * self._done // max(self._steps, 1)
        bar = "#" * filled + "-" * (_LENGTH - filled)
        line = f"{_BACK}[{bar}] {self._done}/{self._steps} {what}"
        print(line, end="", file=self._out, flush=True)
