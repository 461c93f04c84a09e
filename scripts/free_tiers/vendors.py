"""Vendors that count for themselves what they give for nothing, and refuse what is beyond it.

They know the same facts as the library, and nothing of how it counts.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from attrs import define, field

from modelmesh.catalogue.free_tiers import Cap, FreeTier, Reset, free_tier
from modelmesh.testing.transport import Reply, reply

_SECONDS: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
PROMPT, COMPLETION = 20, 40
"""Tokens of every request."""

_TOKENS: Final = {
    "prompt_tokens": PROMPT,
    "completion_tokens": COMPLETION,
    "total_tokens": PROMPT + COMPLETION,
}
_OPENAI: Final = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hi"},
            "finish_reason": "stop",
        }
    ],
    "usage": _TOKENS,
}
_GEMINI: Final = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}
    ],
    "usageMetadata": {
        "promptTokenCount": PROMPT,
        "candidatesTokenCount": COMPLETION,
        "totalTokenCount": PROMPT + COMPLETION,
    },
}
_COHERE: Final = {
    "id": "c",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "hi"}]},
    "usage": {"tokens": {"input_tokens": PROMPT, "output_tokens": COMPLETION}},
}
_ANSWERS: Final = {"google.gemini.v1": _GEMINI, "cohere.api.v1": _COHERE}


@define(eq=False)
class Vendor:
    """One vendor's model. Times are seconds since 1970."""

    name: str
    connector: str
    model: str
    answered: list[float] = field(factory=list, init=False)
    refused: list[float] = field(factory=list, init=False)
    tier: FreeTier = field(init=False)
    caps: Sequence[Cap] = field(init=False)
    _by_period: Counter[tuple[int, ...]] = field(factory=Counter, init=False)

    def __attrs_post_init__(self) -> None:
        tier = free_tier(self.connector)
        assert tier
        self.tier, self.caps = tier, tier.limits_for(self.model)[0].caps

    def answer(self, wall: float) -> Reply:
        """Answer a request, or refuse it where the free tier is used up."""
        if self.is_used_up(wall):
            self.refused.append(wall)
            return reply(429, {"error": {"message": "the free tier is used up"}})
        self.answered.append(wall)
        for window, reset in self.tier.resets.items():
            if reset.at:
                self._by_period[_period(window, reset, wall)] += 1
        return reply(body=_ANSWERS.get(self.connector, _OPENAI))

    def is_used_up(self, wall: float, *, grain: float = 0.0, tokens: int = 0) -> bool:
        """Whether one more request is too much.

        A rolling window is longer by the share `grain` for those who count in parts of it, and
        they need room for so many `tokens`.
        """
        return any(self._is_reached(cap, wall, grain, tokens) for cap in self.caps)

    def _is_reached(self, cap: Cap, wall: float, grain: float, tokens: int) -> bool:
        reset = self.tier.resets.get(cap.window)
        if reset and reset.at:
            taken = self._by_period[_period(cap.window, reset, wall)]
        else:
            begins = wall - _SECONDS[cap.window] * (1 + grain)
            taken = len(self.answered) - bisect_right(self.answered, begins)
        if cap.unit == "tokens":
            return taken * (PROMPT + COMPLETION) + (tokens or PROMPT + COMPLETION) > cap.amount
        return taken + 1 > cap.amount


def _period(window: str, reset: Reset, wall: float) -> tuple[int, ...]:
    """Name the day or the month in a zone."""
    assert reset.at == "00:00"
    local = datetime.fromtimestamp(wall, ZoneInfo(reset.zone))
    return (local.year, local.month, local.day) if window == "day" else (local.year, local.month)
