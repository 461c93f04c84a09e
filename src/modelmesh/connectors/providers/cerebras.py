"""Cerebras. https://inference-docs.cerebras.ai/api-reference/chat-completions."""

from types import MappingProxyType

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._learned import DAY, MINUTE, quota
from modelmesh.connectors.providers._messages import SPOKEN, STATE, Messages


class Provider(openai_compatible.Provider):
    connector = "cerebras.api.v1"
    name = "Cerebras"
    # https://inference-docs.cerebras.ai/support/rate-limits
    quotas = (
        quota("requests", DAY, "requests-day"),
        quota("tokens", MINUTE, "tokens-minute"),
    )
    per_model = True
    base_url = "https://api.cerebras.ai/v1"
    key_names = ("CEREBRAS_API_KEY",)
    models = ("gpt-oss-120b", "qwen-3.8-27b")
    refuses = frozenset(
        {
            "audio",
            "frequency_penalty",
            "function_call",
            "functions",
            "logit_bias",
            "metadata",
            "modalities",
            "presence_penalty",
            "safety_identifier",
            "store",
            "verbosity",
            "web_search_options",
        }
    )
    messages = Messages(
        takes=MappingProxyType({"assistant": SPOKEN | {"name", "reasoning"}}),
        refuses=STATE - {"reasoning"},
        developer=False,
    )
    translators = MappingProxyType({})
