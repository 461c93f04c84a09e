"""Where requests go, asserted: by what `explain` says, without asking anybody."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from modelmesh.cli.explained import table
from modelmesh.client import AsyncMeshClient, MeshClient
from modelmesh.config.load import Source
from modelmesh.mesh import ModelMesh
from modelmesh.testing.mock import MockMesh
from modelmesh.testing.mocked import mocked

_NONE: Mapping[str, str] = MappingProxyType({})


def assert_route(
    mesh: ModelMesh | MeshClient | AsyncMeshClient | Source,
    body: Mapping[str, Any],
    *,
    to: str | None,
    after: Sequence[str] = (),
    past: Mapping[str, str] = _NONE,
    session: str = "",
    headers: Mapping[str, str] = _NONE,
    secrets: Mapping[str, str] = _NONE,
) -> None:
    """Assert that a request goes to a target; nobody is asked, and nothing changes.

    Args:
        mesh: a mesh or a client as it fares now, or a configuration, which needs no keys for this.
        body: what the client sends, with its `model`; it may leave out the rest.
        to: the target, as `provider/model`. None: such a request is refused.
        after: those which are tried before it, in that order, and have to fail first.
        past: those which are passed over, each with some words of the reason.
        session: what the client calls the conversation.
        headers: those of a `Request`.
        secrets: those which a configuration needs to be something in particular.

    Raises:
        AssertionError: it does not, and the message says where it goes and why.
        RequestError: there is no such pool, or such a body would be refused.

    """
    told = _explained(mesh, body, session, headers, secrets)
    if complaints := [*_astray(told, [*after, to]), *_not_passed(told, past)]:
        raise AssertionError("\n".join([*complaints, "", table(told)]))


def _astray(told: Mapping[str, Any], wanted: Sequence[str | None]) -> Iterator[str]:
    """Complain of an order that does not begin as wanted."""
    order = [row["target"] for row in told["targets"] if row["eligible"]]
    first = told["next"] and told["next"]["target"]
    if first and first not in order:
        order = [first]
    if (order[: len(wanted)] or [None]) != wanted:
        yield f"expected it to go {_route(wanted)}, but it goes {_route(order)}"


def _not_passed(told: Mapping[str, Any], past: Mapping[str, str]) -> Iterator[str]:
    """Complain of targets that are not passed over, or for another reason."""
    reasons = {row["target"]: row["reason"] for row in told["targets"]}
    for target, words in past.items():
        if target not in reasons:
            yield f"expected it to pass over {target}, which is not in the pool"
        elif reasons[target] is None:
            yield f"expected it to pass over {target}, which may serve it"
        elif words.lower() not in reasons[target].lower():
            yield f"expected {words!r} to keep it from {target}"


def _explained(
    mesh: ModelMesh | MeshClient | AsyncMeshClient | Source,
    body: Mapping[str, Any],
    session: str,
    headers: Mapping[str, str],
    secrets: Mapping[str, str],
) -> dict[str, Any]:
    if isinstance(mesh, MeshClient | AsyncMeshClient):
        mesh = mesh.mesh
    if not isinstance(mesh, ModelMesh):
        mesh = MockMesh(mocked(mesh, secrets), ())
    return mesh.explain(body, session, headers)


def _route(order: Sequence[str | None]) -> str:
    first, *others = order or [None]
    return ", then ".join([f"to {first}" if first else "nowhere", *map(str, others)])
