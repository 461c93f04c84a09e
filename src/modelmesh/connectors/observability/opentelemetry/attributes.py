"""Requests and attempts in the words of OpenTelemetry's conventions for generative AI. Pure.

They are those of https://github.com/open-telemetry/semantic-conventions-genai, v0.1.0: spans and
metrics of docs/gen-ai/client-inference.md and client-embeddings.md for what a vendor is asked,
metrics of docs/gen-ai/gen-ai-metrics.md for what a client of ours waits for. What they have no
word for begins with `modelmesh.`.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from modelmesh.events import AttemptEnded, RequestBegan, RequestEnded
from modelmesh.redaction import parameters

Attribute = str | int | float | bool
Attributes = dict[str, Attribute]

OURS: Final = "modelmesh"
"""Whom a client asks. An attempt tells who was asked on its behalf."""

EMBEDDINGS: Final = "embeddings"

_OPERATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"chat": "chat", "embeddings": EMBEDDINGS}
    | dict.fromkeys(("speech", "transcriptions", "images"), "generate_content")
)
_OUTPUTS: Final[Mapping[str, str]] = MappingProxyType(
    {"speech": "speech", "transcriptions": "text", "images": "image"}
)
WELL_KNOWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "aws.bedrock.v1": "aws.bedrock",
        "azure.openai.v1": "azure.ai.openai",
        "google.gemini.v1": "gcp.gemini",
        "google.vertex.v1": "gcp.vertex_ai",
        "mistral.api.v1": "mistral_ai",
        "xai.api.v1": "x_ai",
    }
)
"""Vendors which the conventions call by another name than the first one of their connector."""

_VENDOR: Final = re.compile(r"(\w+)\.[\w.-]+\.v\d+")

_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dimensions": "gen_ai.embeddings.dimension.count",
        "frequency_penalty": "gen_ai.request.frequency_penalty",
        "max_completion_tokens": "gen_ai.request.max_tokens",
        "max_tokens": "gen_ai.request.max_tokens",
        "n": "gen_ai.request.choice.count",
        "presence_penalty": "gen_ai.request.presence_penalty",
        "reasoning_effort": "gen_ai.request.reasoning.level",
        "seed": "gen_ai.request.seed",
        "temperature": "gen_ai.request.temperature",
        "top_k": "gen_ai.request.top_k",
        "top_p": "gen_ai.request.top_p",
    }
)

USAGE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "gen_ai.usage.input_tokens": ("prompt",),
        "gen_ai.usage.output_tokens": ("completion",),
        "gen_ai.usage.cache_read.input_tokens": ("cached",),
        "gen_ai.usage.cache_write.input_tokens": ("stored", "stored_1h"),
        "gen_ai.usage.reasoning.output_tokens": ("reasoning",),
        "gen_ai.usage.audio.input_tokens": ("heard",),
        "gen_ai.usage.audio.output_tokens": ("spoken",),
        "gen_ai.usage.image.input_tokens": ("seen",),
        "gen_ai.usage.image.output_tokens": ("drawn",),
    }
)
"""Of what in a usage each count of tokens is the sum."""

_LONGEST: Final = 200
"""Characters of a model's name that are shown."""


def operation(endpoint: str) -> str:
    """Return what a request is called whose endpoint is this."""
    return _OPERATIONS.get(endpoint, endpoint)


def provider(attempt: AttemptEnded) -> str:
    """Return what a vendor is called; one that only the configuration knows, by its name there."""
    known = WELL_KNOWN.get(attempt.connector)
    vendor = _VENDOR.fullmatch(attempt.connector)
    return known or (vendor[1] if vendor else attempt.provider)


def began(event: RequestBegan, *, level: str) -> Attributes:
    """Return what is known of a request when it begins.

    The name of a model that does not exist is a client's own word, and its parameters are told at
    `full` only.
    """
    told: Attributes = {
        "gen_ai.operation.name": operation(event.endpoint),
        "gen_ai.provider.name": OURS,
        "modelmesh.request.id": event.request,
    }
    if event.pool:
        told["modelmesh.pool"] = event.pool
    if event.pool or level != "metadata":
        told["gen_ai.request.model"] = event.model[:_LONGEST]
    if event.stream:
        told["gen_ai.request.stream"] = True
    if output := _OUTPUTS.get(event.endpoint):
        told["gen_ai.output.type"] = output
    if level == "full":
        shown = parameters(event.body)
        told |= {name: shown[key] for key, name in _PARAMETERS.items() if key in shown}
    return told


def ended(event: RequestEnded) -> Attributes:
    """Return what is known of a request when it has ended."""
    told: Attributes = {
        "http.response.status_code": event.status,
        "modelmesh.end": event.end,
        "modelmesh.request.attempts": len(event.attempts),
    }
    last = event.attempts[-1] if event.attempts else None
    if last and last.end == "answered":
        told["gen_ai.response.model"] = last.model
    if any(attempt.cost is not None for attempt in event.attempts):
        told["modelmesh.request.cost"] = event.cost
    return told | error(event)


def attempted(attempt: AttemptEnded, request: RequestEnded) -> Attributes:
    """Return what is known of an attempt."""
    told = asked(attempt, request) | {
        "modelmesh.pool": attempt.pool,
        "modelmesh.target": attempt.target,
        "modelmesh.provider": attempt.provider,
        "modelmesh.end": attempt.end,
    }
    if request.stream:
        told["gen_ai.request.stream"] = True
    if request.stream and attempt.first_token is not None:
        told["gen_ai.response.time_to_first_chunk"] = attempt.first_token
    if attempt.status is not None:
        told["http.response.status_code"] = attempt.status
    if attempt.cost is not None:
        told["modelmesh.cost"] = attempt.cost
    if attempt.estimated or (attempt.usage and attempt.usage.estimated):
        told["modelmesh.estimated"] = True
    return told | error(attempt) | dict(_used(attempt, request))


def asked(attempt: AttemptEnded, request: RequestEnded) -> Attributes:
    """Return whom an attempt asked, and for what: what spans and metrics of it have in common."""
    told: Attributes = {
        "gen_ai.operation.name": operation(request.endpoint),
        "gen_ai.provider.name": provider(attempt),
        "gen_ai.request.model": attempt.model,
    }
    host, _, port = attempt.server.rpartition(":")
    if host:
        told |= {"server.address": host, "server.port": int(port)}
    return told


def error(event: AttemptEnded | RequestEnded) -> Attributes:
    """Return what went wrong: a cause of ours, or else a status; nothing where nothing did."""
    if event.end == "answered":
        return {}
    if event.end == "cancelled":
        return {"error.type": "cancelled"}
    last = event if isinstance(event, AttemptEnded) else (event.attempts or (None,))[-1]
    if last and last.cause:
        return {"error.type": str(last.cause)}
    return {"error.type": str(event.status or "_OTHER")}


def _used(attempt: AttemptEnded, request: RequestEnded) -> Iterator[tuple[str, int]]:
    usage = attempt.usage
    if usage is None:
        return
    for name, parts in USAGE.items():
        count = sum(getattr(usage, part) for part in parts)
        always = name == "gen_ai.usage.input_tokens" or (
            name == "gen_ai.usage.output_tokens" and request.endpoint != EMBEDDINGS
        )
        if count or always:
            yield name, count
