"""A connector for the server's own process which tells, asked by a signal, what that holds.

It is read by the server, from its folder; see `test_growth`.
"""

import asyncio
import gc
import json
import signal
import sys
from collections import Counter

from modelmesh.connectors.providers.openai_compatible import Provider
from modelmesh.health import Health
from modelmesh.record import Record

__all__ = ["Provider"]


def tell(*_: object) -> None:
    """Write a line: tasks, blocks of memory, and objects of ours by class."""
    gc.unfreeze()  # what was there at the start counts as well
    gc.collect()
    objects = gc.get_objects()
    ours = Counter(type(each).__name__ for each in objects if _is_ours(each))
    # When requests began is remembered for a minute, and how the last thousand ended.
    lately = sum(len(each.begun) for each in objects if isinstance(each, Record))
    lately += 2 * sum(len(each._recent) for each in objects if isinstance(each, Health))
    told = {
        "tasks": len(asyncio.all_tasks()),
        "blocks": sys.getallocatedblocks() - lately,
        "objects": ours,
    }
    sys.stderr.write(f"holds {json.dumps(told)}\n")
    sys.stderr.flush()


def _is_ours(each: object) -> bool:
    return str(type(each).__module__).startswith("modelmesh")


signal.signal(signal.SIGUSR1, tell)
