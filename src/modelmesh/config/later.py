"""What a configuration may name although it is built in a later version.

All of it can be done without, and `warnings` tells of it.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from modelmesh.config import schema
from modelmesh.config.chosen import Settings, chosen
from modelmesh.config.faults import dotted
from modelmesh.connectors import registry

_LATER: Final[Mapping[registry.Kind, tuple[str, ...]]] = MappingProxyType(
    {
        "providers": (
            "aws.bedrock.v1",
            "google.vertex.v1",
            "github.models.v1",
            "cartesia.tts.v1",
            "fal.image.v1",
            "replicate.api.v1",
        ),
    }
)

UNHEEDED: Final[Settings] = MappingProxyType({schema.Delivery: ("batch",)})
"""Settings which nothing goes by yet."""


def later(kind: registry.Kind) -> tuple[str, ...]:
    """Return the ids of a kind that are known by name only."""
    return _LATER.get(kind, ())


def is_later(kind: registry.Kind, id_: str, own: Mapping[str, str] = MappingProxyType({})) -> bool:
    """Whether a connector is known by name only; short names count, the user's `own` do not."""
    return id_ not in own and any(id_ in registry.names(known) for known in later(kind))


def warnings(config: schema.MeshConfig) -> Iterator[str]:
    """Give what the user of a configuration should know before relying on it."""
    if not any(provider.enabled for provider in config.providers.values()):
        yield "there are no providers, so no request can be answered"
    for id_, provider in config.providers.items():
        connector = provider.connector or id_
        if provider.enabled and is_later("providers", connector, config.connectors):
            yield f"provider {id_!r} is not available in this version; its models are skipped"
    unheeded = [dotted(path) for path in chosen(config, UNHEEDED)]
    if unheeded:
        yield f"this version accepts but ignores: {', '.join(unheeded)}"
