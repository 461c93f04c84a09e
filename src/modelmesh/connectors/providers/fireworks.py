"""Fireworks AI. https://docs.fireworks.ai/api-reference/post-chatcompletions."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._learned import MINUTE, quota
from modelmesh.connectors.providers._messages import SPOKEN, STATE, Messages
from modelmesh.errors import ErrorKind


class Provider(openai_compatible.Provider):
    connector = "fireworks.api.v1"
    name = "Fireworks AI"
    # https://docs.fireworks.ai/guides/quotas_usage/rate-limits
    quotas = (
        quota("requests", MINUTE, "requests"),
        quota("tokens", MINUTE, "tokens-prompt"),
        quota("tokens", MINUTE, "tokens-generated"),
    )
    base_url = "https://api.fireworks.ai/inference/v1"
    key_names = ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY")
    models = (
        "accounts/fireworks/models/glm-5p3-flash",
        "accounts/fireworks/models/gpt-oss-20b",
        "accounts/fireworks/models/qwen3-embedding-8b",
    )
    renamed = MappingProxyType({"max_completion_tokens": "max_tokens"})
    words = MappingProxyType({"tool_choice": MappingProxyType({"required": "any"})})
    messages = Messages(
        takes=MappingProxyType({"assistant": SPOKEN | {"name", "reasoning_content"}}),
        refuses=STATE - {"reasoning_content"} | {"cache_control"},
        developer=False,
    )
    translators = MappingProxyType(
        {
            "embeddings": Embeddings(
                accepts=frozenset({"dimensions", "normalize", "prompt_template", "return_logits"}),
                formats=frozenset(),
                tokens=False,
            )
        }
    )
    signs = (Sign(ErrorKind.QUOTA_EXHAUSTED, {412}), Sign(ErrorKind.BAD_KEY, {403}))

    def clashes(self, body: Mapping[str, Any]) -> frozenset[str]:
        """Refuse a format for the answer beside tools."""
        return frozenset({"response_format"} if body.get("tools") else ())
