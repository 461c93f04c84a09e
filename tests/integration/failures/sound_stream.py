"""How a stream looks that is written exactly as it ought to be."""

import json
from collections.abc import Sequence
from typing import Any


def payloads(stream: str) -> list[Any]:
    """Return the JSON of a stream which is written exactly as it ought to be."""
    *events, end = stream.split("\n\n")
    assert end == "", "the last event is not closed"
    assert events.pop() == "data: [DONE]"
    assert all(one.startswith("data: {") and "\n" not in one for one in events)
    assert not {"\r", "\N{REPLACEMENT CHARACTER}", "\N{BYTE ORDER MARK}"} & set(stream)
    return [json.loads(one.removeprefix("data: ")) for one in events]


def said(chunks: Sequence[Any]) -> str:
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)
