r"""What stands in a `.env` file, and how something else is put into it. Pure.

A line is `NAME=value`, with or without `export`. A value is plain and ends before ` #`; or it is in
single quotes and taken as it stands; or in double quotes, where \n, \r, \t, \", \$ and \\ have
their usual meaning. Quoted values may go on over several lines. Nothing is expanded: `$` is `$`.
"""

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from modelmesh.errors import ConfigError, Problem

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NAME: Final = re.compile(rf"[ \t]*(?:export[ \t]+)?({_KEY.pattern})[ \t]*=")
_QUOTE: Final = re.compile(r"[ \t]*(?=['\"])")
_QUOTED: Final = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_PLAIN: Final = re.compile(r"[^\n]*?(?=[ \t]+#|[ \t]*(?:\r?\n|\Z))")
_REST: Final = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "$": "$", "\\": "\\"}
_UNESCAPED: Final = str.maketrans({letter: f"\\{name}" for name, letter in _ESCAPED.items()})
_BARE: Final = re.compile(r"[\w.:/+=@%^,-]+", re.ASCII)
"""What every program that reads such a file, and every shell, takes as it stands."""


@frozen
class _Entry:
    """A name, its value and where in the text the value stands; a fault where it has none."""

    line: int
    name: str = ""
    value: str = ""
    place: slice = slice(0)
    fault: str | None = None


def is_name(name: str) -> bool:
    return bool(_KEY.fullmatch(name))


def parse(text: str, source: str) -> dict[str, str]:
    """Return what a `.env` file says; of a name given twice the last value.

    Raises:
        ConfigError: with every line that cannot be read; values are not shown.

    """
    entries = list(_entries(text))
    problems = [Problem(one.name, one.fault, one.line) for one in entries if one.fault]
    if problems:
        raise ConfigError(problems, source)
    return {one.name: one.value for one in entries}


def with_value(text: str, name: str, value: str) -> str:
    """Return the text of a file with a value put in; all else in it is as it was."""
    places = [one.place for one in _entries(text) if one.name == name]
    if places:
        return f"{text[: places[-1].start]}{_written(value)}{text[places[-1].stop :]}"
    end = "\r\n" if "\r\n" in text else "\n"
    before = "" if not text or text.endswith("\n") else end
    return f"{text}{before}{name}={_written(value)}{end}"


def _entries(text: str) -> Iterator[_Entry]:
    at = 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        blank = _REST.match(text, at)
        name = _NAME.match(text, at)
        if blank:
            at = blank.end()
        elif name is None:
            yield _Entry(line, fault="expected NAME=value")
            at = _next_line(text, at)
        else:
            value, end = _value(text, name.end())
            rest = _REST.match(text, end) if value is not None else None
            if value is None or rest is None:
                yield _Entry(line, name[1], fault=_fault(value))
            else:
                yield _Entry(line, name[1], value, slice(name.end(), end))
            at = rest.end() if rest else _next_line(text, end)


def _value(text: str, at: int) -> tuple[str | None, int]:
    """Return the value that begins at a place and where it ends; None if a quote stays open."""
    if quote := _QUOTE.match(text, at):
        quoted = _QUOTED.match(text, quote.end())
        if quoted is None:
            return None, len(text)  # where the next line begins is anybody's guess
        single, double = (part and part.replace("\r\n", "\n") for part in quoted.groups())
        return (single if double is None else _ESCAPE.sub(_unescaped, double)), quoted.end()
    plain = _PLAIN.match(text, at)
    return (plain[0].strip(), plain.end()) if plain else ("", at)


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPED.get(match[1], match[0])


def _written(value: str) -> str:
    """Return a value as it is read again, by others too as far as they agree."""
    if _BARE.fullmatch(value) or not value:
        return value
    if not set("'\\\r\n") & set(value):
        return f"'{value}'"
    return f'"{value.translate(_UNESCAPED)}"'


def _fault(value: str | None) -> str:
    return "a quote is not closed" if value is None else "there is something behind the quotes"


def _next_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
