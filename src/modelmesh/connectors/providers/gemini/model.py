"""What the wire of one of Gemini's models depends on, out of the catalogue and its name."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import frozen

from modelmesh.catalogue import find

CONNECTOR: Final = "google.gemini.v1"

_VERSION: Final = re.compile(r"(?:models/)?gemini-(\d+)(?:\.(\d+))?")
# Of a name nobody has described, or one that moves on, what the newest do is expected.
_NEWEST: Final = (99, 0)
_GEMMA: Final = (0, 0)

BUDGETS: Final[Mapping[str, int]] = MappingProxyType(
    {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
)
"""Tokens for thinking by effort, as https://ai.google.dev/gemini-api/docs/openai#thinking has it.

What is more than "high" is as much as a model can.
"""

LEVELS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "none": ("minimal", "low"),
        "minimal": ("minimal", "low"),
        "low": ("low",),
        "medium": ("medium", "high"),
        "high": ("high",),
        "xhigh": ("high",),
        "max": ("high",),
    }
)
"""Levels of thinking by effort: the first which a model knows. They never stop to think."""


@frozen(kw_only=True)
class Model:
    """How one model behaves on the wire.

    Attributes:
        version: of Gemini; the newest for names without one, such as `gemini-flash-latest`.
        thinks: how it is told how much to think; "" where it cannot be.
        levels: the levels it knows.
        budget: the least and the most tokens it takes as a budget.
        can_stop: it can be told not to think at all.
        instructed: it takes a system instruction.

    """

    version: tuple[int, int]
    thinks: Literal["level", "budget", ""]
    levels: Sequence[str] = ("low", "medium", "high")
    budget: tuple[int, int] = (0, BUDGETS["high"])
    can_stop: bool = True
    instructed: bool = True

    @property
    def signs(self) -> bool:
        """It signs its calls, and may refuse those which come back without.

        From 3.0 on it does; before, it did not always (Mirrowel/LLM-API-Key-Proxy#160).
        """
        return self.version >= (2, 5)

    @property
    def mixes(self) -> bool:
        """It can be held to a JSON format and call functions as well."""
        return self.version >= (3, 0)

    @property
    def answers_several(self) -> bool:
        """It can give several answers at once."""
        return self.version < (3, 0)

    @property
    def penalises(self) -> bool:
        """It takes penalties: https://github.com/google-gemini/cookbook/issues/1290."""
        return self.version < (2, 5)

    def thinking(self, effort: str) -> dict[str, Any]:
        """Return the `thinkingConfig` for an effort: a level or a budget, never both.

        https://ai.google.dev/gemini-api/docs/thinking
        """
        told = {} if effort == "none" else {"includeThoughts": True}
        if self.thinks == "level":
            known = [level for level in LEVELS[effort] if level in self.levels]
            return {"thinkingLevel": (known or ["low"])[0], **told}
        least, most = self.budget
        if effort == "none" and self.can_stop:
            return {"thinkingBudget": 0}
        return {"thinkingBudget": min(max(BUDGETS.get(effort, most), least), most), **told}


@cache
def model_of(name: str) -> Model:
    """Return what is known about a model by its name."""
    facts = find(CONNECTOR, name)
    quirks: Mapping[str, Any] = facts.quirks if facts else {}
    version = _version(name.lower())
    span = quirks.get("thinking_budget") or {}
    return Model(
        version=version,
        thinks="level" if version >= (3, 0) else "budget" if version >= (2, 5) else "",
        levels=quirks.get("reasoning_effort_values") or ("low", "medium", "high"),
        budget=(span.get("min", 0), span.get("max", BUDGETS["high"])),
        can_stop="pro" not in name.lower(),
        instructed=quirks.get("supports_system_messages") is not False,
    )


def _version(name: str) -> tuple[int, int]:
    found = _VERSION.match(name)
    if found:
        return int(found[1]), int(found[2] or 0)
    return _GEMMA if "gemma" in name else _NEWEST
