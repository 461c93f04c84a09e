"""Reading what a command is told."""

import argparse
import difflib
import re
from collections.abc import Iterable
from typing import Any, Final

_LAST_PORT: Final = 65535


class Parser(argparse.ArgumentParser):
    """One that says which flag may be meant by one that there is not."""

    def parse_known_args(
        self, args: Iterable[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Take all it is told; it ends the program with 2 where it does not know something.

        A command does so itself, which knows its flags, rather than what it is a command of.
        """
        told, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}; {self._hint(unknown[0])}")
        return told, unknown

    def _hint(self, unknown: str) -> str:
        flags = re.findall(r"--[\w-]+", self.format_usage())
        near = difflib.get_close_matches(unknown.partition("=")[0], flags, n=1)
        return f"did you mean {near[0]}?" if near else "see --help"


def port(text: str) -> int:
    """Read a port's number; 0 is for any."""
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)
