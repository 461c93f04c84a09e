"""What a Dockerfile and a .dockerignore say. Docker's own words for it: https://docs.docker.com/reference/dockerfile/."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping

from attrs import frozen


@frozen
class Instruction:
    word: str
    flags: Mapping[str, str]
    rest: str

    @property
    def words(self) -> list[str]:
        """The rest as words, in whichever of its two forms it is written."""
        listed: list[str] = (
            json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)
        )
        return listed


def instructions(dockerfile: str) -> Iterator[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            flags = re.match(r"(?:--[\w-]+=\S+\s+)*", rest)
            assert flags
            pairs = (flag.removeprefix("--").split("=", 1) for flag in flags[0].split())
            yield Instruction(word, dict(pairs), rest[flags.end() :].strip())


def ignored(path: str, rules: str) -> bool:
    """Whether a .dockerignore leaves a file out: the last line that fits it, or a folder of it."""
    parts = path.split("/")
    above = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    verdict = False
    for rule in (line.strip() for line in rules.splitlines()):
        if rule and not rule.startswith("#"):
            fits = re.compile(_pattern(rule.removeprefix("!").strip("/")))
            if any(map(fits.fullmatch, above)):
                verdict = not rule.startswith("!")
    return verdict


def _pattern(rule: str) -> str:
    shapes = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(shapes.get(part) or re.escape(part) for part in re.split(r"(\*\*/?|[*?])", rule))
