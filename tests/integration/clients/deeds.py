"""What each client library has to do at each pool, and how it tells what came of it."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel

HELLO: Final = "Hello!"
QUESTION: Final = "How is the weather in Oslo and in Rome?"

Deed = Callable[[str, str], Any]


class Report(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


asked: Final[list[str]] = []
"""The cities that `weather` was asked about."""


def weather(city: str) -> str:
    """Tell the weather in a city."""
    asked.append(city)
    return {"Oslo": "rain", "Rome": "sun"}[city]


def do(deeds: Mapping[str, Deed]) -> None:
    """Do the deeds with the proxy and the pools named on the command line; print what came.

    Each is given the proxy's URL and a pool.
    """
    url, *pools = sys.argv[1:]
    came: dict[str, dict[str, Any]] = {}
    for pool in pools:
        came[pool] = {}
        for name, deed in deeds.items():
            asked.clear()
            came[pool][name] = deed(url, pool)
            if name == "tools":
                came[pool]["asked"] = list(asked)
    print(json.dumps(came))  # noqa: T201 - the test reads it
