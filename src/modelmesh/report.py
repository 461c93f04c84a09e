"""Telling of a bug without telling what was said."""

import logging
import traceback


def report(log: logging.Logger, who: str, bug: BaseException) -> None:
    """Log where something broke, but not its text, which may quote a prompt or a key."""
    place = "".join(traceback.format_tb(bug.__traceback__))
    log.error("%s broke: %s\n%s", who, type(bug).__name__, place)
