"""Vendors' libraries write whole answers into the log at DEBUG, and so the secrets in them.

What they log while secrets are read is dropped; what they log at other times, and in other threads,
is not ours.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_quiet: Final = ContextVar("quiet", default=False)


@contextmanager
def quiet(loggers: Iterable[str]) -> Iterator[None]:
    """Drop what these loggers are told meanwhile by this thread. Each is named by itself."""
    for name in loggers:
        logging.getLogger(name).addFilter(_heard)  # once: the same filter is not added again
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def _heard(_: logging.LogRecord) -> bool:
    return not _quiet.get()
