"""Mistral, which refuses every field it does not know. https://docs.mistral.ai/api/."""

from types import MappingProxyType
from typing import Final

from attrs import frozen

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._learned import MINUTE, MONTH, Quota, quota
from modelmesh.connectors.providers._messages import STATE, Messages
from modelmesh.connectors.providers._speech import Speech
from modelmesh.connectors.providers._transcriptions import Transcriptions
from modelmesh.connectors.providers._vendor import NONE, Draft
from modelmesh.connectors.providers._voices import cast
from modelmesh.errors import ErrorKind
from modelmesh.json_text import dumps
from modelmesh.types import Request

_SEGMENTS: Final = MappingProxyType({"timestamp_granularities": ("segment",)})
_TRANSCRIPTIONS: Final = Transcriptions(
    accepts=frozenset(
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


@frozen(kw_only=True)
class MistralSpeech(Speech):
    """Asked for events, it sends sound as it is made: https://docs.mistral.ai/studio/audio."""

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        body = request.body
        told = {
            "model": model,
            "input": body["input"],
            "response_format": self.format_of(body),
            "voice_id": self.voice_of(body, model),
            "ref_audio": body.get("ref_audio"),
            "stream": True,
        }
        sent = {name: value for name, value in told.items() if value is not None}
        return Draft(path=self.path, body=dumps(sent))


_SPEECH: Final = MistralSpeech(
    refuses=frozenset({"instructions", "speed"}),
    formats=("mp3", "wav", "flac", "opus"),
    voices=MappingProxyType({"": cast(women=("gb_jane_neutral",), men=("en_paul_neutral",))}),
)


class Provider(openai_compatible.Provider):
    connector = "mistral.api.v1"
    name = "Mistral"
    # https://docs.mistral.ai/deployment/laplateforme/tier; older models have the other names.
    quotas = (
        quota("requests", 10.0, "req-10-second"),
        quota("requests", MINUTE, "req-minute"),
        quota("tokens", MINUTE, "tokens-minute"),
        quota("tokens", MONTH, "tokens-month"),
        Quota(
            unit="tokens",
            seconds=MINUTE,
            left="ratelimitbysize-remaining",
            amount="ratelimitbysize-limit",
            reset="ratelimitbysize-reset",
        ),
    )
    base_url = "https://api.mistral.ai/v1"
    key_names = ("MISTRAL_API_KEY",)
    models = (
        "mistral-small-latest",
        "mistral-large-latest",
        "mistral-embed",
        "voxtral-mini-latest",
    )
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
            "speech": _SPEECH,
            "transcriptions": _TRANSCRIPTIONS,
        }
    )
    signs = (
        Sign(ErrorKind.RATE_LIMIT, {429}, words={"1300"}),
        Sign(ErrorKind.OVERLOADED, {429}, words={"3505"}),
        Sign(ErrorKind.MODEL_NOT_FOUND, {400}, words={"1500"}),
    )
    finishes = MappingProxyType({"model_length": "length"})
