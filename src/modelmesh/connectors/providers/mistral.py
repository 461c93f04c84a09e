"""Mistral, which refuses every field it does not know. https://docs.mistral.ai/api/."""

from types import MappingProxyType

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._messages import STATE, Messages
from modelmesh.connectors.providers._transcriptions import Transcriptions
from modelmesh.connectors.providers._vendor import NONE
from modelmesh.errors import ErrorKind

_SEGMENTS = MappingProxyType({"timestamp_granularities": ("segment",)})
_TRANSCRIPTIONS = Transcriptions(
    takes=frozenset(
        {"context_bias", "diarize", "language", "temperature", "timestamp_granularities"}
    ),
    asking=MappingProxyType(
        {
            **dict.fromkeys(("json", "text"), NONE),
            **dict.fromkeys(("srt", "vtt", "verbose_json"), _SEGMENTS),
            "diarized_json": {**_SEGMENTS, "diarize": True},
        }
    ),
    # https://docs.mistral.ai/capabilities/audio_transcription/offline_transcription
    timed_without=frozenset({"language"}),
)


class Provider(openai_compatible.Provider):
    connector = "mistral.api.v1"
    name = "Mistral"
    base_url = "https://api.mistral.ai/v1"
    key_names = ("MISTRAL_API_KEY",)
    models = ("mistral-small-latest", "mistral-large-latest", "mistral-embed")
    accepts = frozenset(
        {
            "frequency_penalty",
            "guardrails",
            "max_tokens",
            "messages",
            "metadata",
            "model",
            "n",
            "parallel_tool_calls",
            "prediction",
            "presence_penalty",
            "prompt_cache_key",
            "prompt_mode",
            "random_seed",
            "reasoning_effort",
            "response_format",
            "safe_prompt",
            "stop",
            "stream",
            "temperature",
            "tool_choice",
            "tools",
            "top_p",
        }
    )
    implied = frozenset({"stream_options"})
    renamed = MappingProxyType({"seed": "random_seed", "max_completion_tokens": "max_tokens"})
    words = MappingProxyType({"tool_choice": MappingProxyType({"required": "any"})})
    messages = Messages(
        takes=MappingProxyType(
            {
                "system": frozenset({"role", "content"}),
                "user": frozenset({"role", "content"}),
                "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
                "tool": frozenset({"role", "content", "tool_call_id", "name"}),
            }
        ),
        refuses=STATE,
        developer=False,
        short_ids=True,
    )
    translators = MappingProxyType(
        {
            **openai_compatible.Provider.translators,
            "embeddings": Embeddings(
                accepts=frozenset({"metadata", "output_dimension", "output_dtype"}),
                renamed=MappingProxyType({"dimensions": "output_dimension"}),
                tokens=False,
                sizes=MappingProxyType({"mistral-embed": 1024, "mistral-embed-2312": 1024}),
            ),
            "transcriptions": _TRANSCRIPTIONS,
        }
    )
    signs = (
        Sign(ErrorKind.RATE_LIMIT, {429}, words={"1300"}),
        Sign(ErrorKind.OVERLOADED, {429}, words={"3505"}),
        Sign(ErrorKind.MODEL_NOT_FOUND, {400}, words={"1500"}),
    )
    finishes = MappingProxyType({"model_length": "length"})
