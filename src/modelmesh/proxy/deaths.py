"""The lives of workers, and what their deaths mean for those after them."""

import signal
from typing import Final

from attrs import define

_FIRST: Final = 0.25
_DOUBLINGS: Final = 7
# Who lived for so many seconds did not die of what it was started with.
_LONG: Final = 60.0
_TRIES: Final = 5


@define
class Worker:
    """The life of a worker. Its number names it among those alive, and then whoever comes next."""

    started: float
    number: int = 1
    serves: bool = False


@define
class Deaths:
    """Counts deaths in a row: of workers who died soon, and of those who never served."""

    soon: int = 0
    unborn: int = 0

    def pause(self, worker: Worker, now: float) -> float:
        """Count the death of a worker; return the seconds after which to start another one."""
        self.unborn = 0 if worker.serves else self.unborn + 1
        self.soon = self.soon + 1 if now - worker.started < _LONG else 1
        return _FIRST * 2.0 ** min(self.soon - 1, _DOUBLINGS)

    @property
    def hopeless(self) -> bool:
        return self.unborn >= _TRIES


def how(code: int) -> str:
    """Say how a process ended: its exit code, or less than nothing for a signal."""
    if code >= 0:
        return f"ended with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
