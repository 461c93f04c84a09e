"""`modelmesh explain`: where a request would go, by what a configuration and its store say."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelmesh.config.origin import Origin
from modelmesh.errors import RequestError
from modelmesh.ledger.limits import dollars
from modelmesh.mesh import ModelMesh


def body_of(pool: str, message: str | None, file: str | None) -> dict[str, Any]:
    """Return the body of a request to a pool: one with this message, or what a file has.

    Raises:
        RequestError: the file cannot be read, or has no JSON object in it.

    """
    if file is None:
        said = {"messages": [{"role": "user", "content": message}]} if message else {}
        return {**said, "model": pool}
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise RequestError(f"{file}: {why}") from error
    if not isinstance(found, dict):
        raise RequestError(f"{file}: the body of a request must be a JSON object")
    return {**found, "model": pool}


async def explained(origin: Origin, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a mesh says of a request that begins with what the store has; it asks no vendor.

    Raises:
        ConfigError: the mesh cannot be assembled.
        RequestError: there is no such pool, or such a request would be refused.

    """
    mesh = ModelMesh(origin)
    try:
        await mesh.look()
        return mesh.explain(request)
    finally:
        await mesh.close()


def table(told: Mapping[str, Any]) -> str:
    """Return an explanation for people."""
    rows, first = told["targets"], told["next"]
    head = f"{told['pool']}  ({told['strategy']})"
    if not rows:
        return f"{head}\n  no targets yet: its servers list their models only when asked"
    wide = max(len(row["target"]) for row in rows)
    lines = [head]
    for row in rows:
        mark = ">" if first and row["target"] == first["target"] else " "
        lines.append(f"{mark} {row['place']:>2}  {row['target']:<{wide}}  {row['why']}")
        lines += (f"      {line}" for line in _about(row))
    if first is None:
        lines.append("Such a request would be refused.")
    elif first["seconds"]:
        lines.append(f"Such a request would wait {first['seconds']:g} s for {first['target']}.")
    elif not any(row["eligible"] for row in rows):
        lines.append(f"No other target is left, so {first['target']} would be asked anyway.")
    return "\n".join(lines)


def _about(row: Mapping[str, Any]) -> Iterator[str]:
    if row["reason"]:
        yield f"not asked: {row['reason']}"
    cost = row["expected_cost"]
    yield "cost: unknown" if cost is None else f"cost: about {dollars(cost)}"
    for limit in row["limits"]:
        again = limit["renewed_in"]
        renewed = f", all of it in {again:.0f} s" if again and limit["taken"] else ""
        left = f"{_amount(limit, 'left')} of {_amount(limit, 'amount')} left"
        yield f"{limit['limit']}: {left}{renewed}"


def _amount(limit: Mapping[str, Any], name: str) -> str:
    amount = limit[name]
    if amount is None:
        return "an unknown amount"
    return dollars(amount) if limit["unit"] == "dollars" else f"{amount:,.0f}"
