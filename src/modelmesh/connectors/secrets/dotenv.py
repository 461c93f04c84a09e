r"""Secrets from a `.env` file, and from the environment what the file does not have.

A line is `NAME=value`, with or without `export`. A value is plain and ends before ` #`; or it is in
single quotes and taken as it stands; or in double quotes, where \n, \r, \t, \", \$ and \\ have
their usual meaning. Quoted values may go on over several lines. Nothing is expanded: `$` is `$`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from modelmesh.config.schema import Secrets
from modelmesh.errors import ConfigError, Problem
from modelmesh.types import Secret

_NAME: Final = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=")
_QUOTE: Final = re.compile(r"[ \t]*(?=['\"])")
_QUOTED: Final = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_PLAIN: Final = re.compile(r"[^\n]*?(?=[ \t]+#|[ \t]*(?:\n|\Z))")
_REST: Final = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "$": "$", "\\": "\\"}


class SecretStore:
    connector: ClassVar = "modelmesh.dotenv.v1"

    def __init__(self, settings: Secrets, environ: Mapping[str, str]) -> None:
        self.described = f"{settings.path} and the environment"
        self._values = {**environ, **parse(_read(settings.path), settings.path)}

    def get(self, name: str) -> Secret | None:
        value = self._values.get(name, "").strip()
        return Secret(value) if value else None


def parse(text: str, source: str) -> dict[str, str]:
    """Return what a `.env` file says; of a name given twice the last value.

    Raises:
        ConfigError: with every line that cannot be read; values are not shown.

    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    values: dict[str, str] = {}
    problems: list[Problem] = []
    at = 0
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        blank = _REST.match(text, at)
        name = _NAME.match(text, at)
        if blank:
            at = blank.end()
        elif name is None:
            problems.append(Problem("", "expected NAME=value", line))
            at = _next_line(text, at)
        else:
            value, end = _value(text, name.end())
            rest = _REST.match(text, end) if value is not None else None
            if value is None or rest is None:
                problems.append(Problem(name[1], _fault(value), line))
            else:
                values[name[1]] = value
            at = rest.end() if rest else _next_line(text, end)
    if problems:
        raise ConfigError(problems, source)
    return values


def _value(text: str, at: int) -> tuple[str | None, int]:
    """Return the value that begins at a place and where it ends; None if a quote stays open."""
    if quote := _QUOTE.match(text, at):
        quoted = _QUOTED.match(text, quote.end())
        if quoted is None:
            return None, len(text)  # where the next line begins is anybody's guess
        single, double = quoted.groups()
        return (single if double is None else _ESCAPE.sub(_unescaped, double)), quoted.end()
    plain = _PLAIN.match(text, at)
    return (plain[0].strip(), plain.end()) if plain else ("", at)


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPED.get(match[1], match[0])


def _fault(value: str | None) -> str:
    return "a quote is not closed" if value is None else "there is something behind the quotes"


def _next_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError([Problem("", _unreadable(error))], path) from None


def _unreadable(error: Exception) -> str:
    words = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read: {words or 'it is not UTF-8 text'}"
