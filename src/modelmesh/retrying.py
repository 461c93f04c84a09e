"""Asking a target again: whether it is worth it, after what pause, and how often. Pure."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from attrs import define, field

from modelmesh.clock import MINUTE
from modelmesh.config.schema import Retry
from modelmesh.errors import ProviderError
from modelmesh.record import Record

_BACKOFF: Final[Mapping[str, Callable[[float, int], float]]] = {
    "exponential": lambda first, retry: first * 2**retry,
    "linear": lambda first, retry: first * (retry + 1),
    "constant": lambda first, _: first,
    "none": lambda *_: 0.0,
}

_MOST_SAVED: Final = 10.0


@define(eq=False)
class RetryBudget:
    """How many retries a pool may still make: each request earns a share of one."""

    share: float
    _left: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._left = 1.0 if self.share else 0.0

    def earn(self) -> None:
        self._left = min(self._left + self.share, _MOST_SAVED)

    def take(self) -> bool:
        """Take one retry if there is one."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


@define(eq=False)
class StormGuard:
    """Keeps retries at one provider, by whatever pools, to a share of what it is asked.

    `records` are those of its targets. It looks back a minute, and always lets one through.
    """

    records: list[Record] = field(factory=list)
    _retried: deque[float] = field(factory=deque, init=False)

    def admits(self, share: float, now: float) -> bool:
        """Whether one more may be asked again, where a pool allows such a share."""
        while self._retried and self._retried[0] <= now - MINUTE:
            self._retried.popleft()
        asked = sum(each > now - MINUTE for record in self.records for each in record.begun)
        return len(self._retried) < max(1.0, share * asked)

    def note(self, now: float) -> None:
        """Note that one is asked again."""
        self._retried.append(now)


def pause_before_retry(
    retry: Retry, error: ProviderError, *, tries: int, chance: float
) -> float | None:
    """Return the seconds after which a target is asked again; None where it is not.

    The pause is drawn between nothing and its full length by `chance`, which is from 0 to 1.
    """
    if tries >= retry.max_attempts or not _is_worth_it(retry, error):
        return None
    full = min(_BACKOFF[retry.backoff](retry.initial_delay, tries - 1), retry.max_delay)
    pause = full * chance
    if retry.honor_retry_after and error.retry_after is not None:
        pause = max(pause, error.retry_after)
    return pause


def _is_worth_it(retry: Retry, error: ProviderError) -> bool:
    if error.vendor_status in retry.non_retryable_codes or error.retryable is False:
        return False
    return error.rule.retry or error.vendor_status in retry.retryable_codes
