"""Connectors which have their names already and are built in a later version.

A configuration may name them. What then happens (a warning, a refusal) is in `references`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from modelmesh.connectors import registry

_LATER: Final[Mapping[registry.Kind, tuple[str, ...]]] = MappingProxyType(
    {
        "providers": (
            "anthropic.claude.v1",
            "google.gemini.v1",
            "cohere.api.v1",
            "aws.bedrock.v1",
            "google.vertex.v1",
            "github.models.v1",
            "elevenlabs.tts.v1",
            "deepgram.stt.v1",
            "assemblyai.stt.v1",
            "azure.speech.v1",
            "cartesia.tts.v1",
            "stability.image.v1",
            "fal.image.v1",
            "replicate.api.v1",
            "voyage.api.v1",
            "jina.embed.v1",
        ),
        "strategies": (
            "modelmesh.round-robin.v1",
            "modelmesh.cost-first.v1",
            "modelmesh.latency-first.v1",
            "modelmesh.priority-selection.v1",
            "modelmesh.session-stickiness.v1",
            "modelmesh.rate-limit-aware.v1",
            "modelmesh.load-balanced.v1",
        ),
        "secrets": (
            "aws.secrets-manager.v1",
            "google.secret-manager.v1",
            "microsoft.key-vault.v1",
            "1password.connect.v1",
            "hashicorp.vault.v1",
            "modelmesh.keyring.v1",
            "modelmesh.memory.v1",
        ),
        "storage": (
            "modelmesh.memory.v1",
            "modelmesh.local-file.v1",
            "modelmesh.sqlite.v1",
            "redis.redis.v1",
        ),
        "observability": (
            "modelmesh.null.v1",
            "modelmesh.console.v1",
            "modelmesh.local-file.v1",
            "modelmesh.webhook.v1",
            "modelmesh.callback.v1",
            "modelmesh.prometheus.v1",
            "modelmesh.opentelemetry.v1",
        ),
        "discovery": ("modelmesh.registry-sync.v1", "modelmesh.health-monitor.v1"),
    }
)


def later(kind: registry.Kind) -> tuple[str, ...]:
    """Return the ids of a kind that are known by name only."""
    return _LATER[kind]


def is_later(kind: registry.Kind, id_: str) -> bool:
    """Whether a connector is known by name only; short names count."""
    return any(id_ in registry.names(known) for known in _LATER[kind])
