"""What schemathesis cannot know of a proxy; see `test_schemathesis`. It runs in its own Python."""

import json
import os
from typing import Any

import schemathesis

POOLS = json.loads(os.environ["POOLS"])
"""By path, the pool that is asked at it."""

MOST = 8
"""Of images, and numbers of an embedding: the vendor makes as many as are asked for."""

FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
"""What the vendor makes of speech; it refuses anything else itself."""


def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Have what is sound ask for a pool that is there; it is not compressed, whatever it says."""
    if case.meta is not None and not case.meta.generation.mode.is_positive:
        return
    if case.headers:
        case.headers.pop("content-encoding", None)
    pool = POOLS.get(case.path)
    if not pool or not isinstance(case.body, dict) or "model" not in case.body:
        return
    # Every other name is left as it is, and there is nothing of that name.
    if len(case.body["model"]) % 2:
        case.body["model"] = pool
    for name in {"n", "dimensions"} & case.body.keys():
        case.body[name] = case.body[name] and min(case.body[name], MOST)
    # To a schema 1.0 is as whole as 1; the proxy has it as it is written.
    case.body = {name: whole(value) for name, value in case.body.items()}
    if case.path.endswith("speech") and case.body.get("response_format") not in FORMATS:
        case.body.pop("response_format", None)


def whole(value: Any) -> Any:
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


schemathesis.hook(before_call)
