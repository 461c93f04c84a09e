"""Together AI. https://docs.together.ai/reference/chat-completions-1.

Its errors are at https://docs.together.ai/docs/error-codes: a prompt that is too long is a 403.
"""

from types import MappingProxyType
from typing import Final

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._images import OPTIONS, Images
from modelmesh.connectors.providers._learned import SECOND, quota
from modelmesh.connectors.providers._messages import FOREIGN, Messages
from modelmesh.connectors.providers._speech import Speech
from modelmesh.connectors.providers._transcriptions import VERBOSE, Transcriptions
from modelmesh.connectors.providers._voices import KOKORO, cast

# https://docs.together.ai/reference/post-images-generations
_IMAGES: Final = Images(
    refuses=OPTIONS | {"user"},
    values=MappingProxyType({"output_format": frozenset({"jpeg", "png"})}),
    words=MappingProxyType({"response_format": MappingProxyType({"b64_json": "base64"})}),
    sized=lambda size: {"width": size.width, "height": size.height},
)

# https://docs.together.ai/docs/inference/text-to-speech/overview
_SPEECH: Final = Speech(
    refuses=frozenset({"instructions", "speed"}),
    formats=("mp3", "wav", "pcm"),
    usual="wav",
    asking=MappingProxyType({"pcm": {"response_format": "raw", "response_encoding": "pcm_s16le"}}),
    eventless=("",),
    voices=MappingProxyType(
        {
            "hexgrad/Kokoro": KOKORO,
            "canopylabs/orpheus": cast(
                women=("tara", "leah", "jess", "mia", "zoe"), men=("leo", "dan", "zac")
            ),
        }
    ),
)


class Provider(openai_compatible.Provider):
    connector = "together.api.v1"
    name = "Together AI"
    # https://docs.together.ai/docs/rate-limits
    quotas = (
        quota("requests", SECOND),
        quota("tokens", SECOND, prefix="x-tokenlimit"),
    )
    per_model = True
    base_url = "https://api.together.ai/v1"
    key_names = ("TOGETHER_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN")
    models = ("openai/gpt-oss-120b", "Qwen/Qwen3.8-Flash", "BAAI/bge-base-en-v1.5")
    refuses = frozenset(
        {
            "logprobs",
            "modalities",
            "parallel_tool_calls",
            "prediction",
            "service_tier",
            "store",
            "top_logprobs",
            "user",
        }
    )
    implied = frozenset({"stream_options"})
    renamed = MappingProxyType({"max_completion_tokens": "max_tokens"})
    finishes = MappingProxyType({"eos": "stop"})
    messages = Messages(refuses=FOREIGN, developer=False)
    translators = MappingProxyType(
        {
            **openai_compatible.Provider.translators,
            "embeddings": Embeddings(accepts=frozenset(), formats=frozenset(), tokens=False),
            "images": _IMAGES,
            "speech": _SPEECH,
            "transcriptions": Transcriptions(
                accepts=frozenset({"language", "prompt", "temperature", "timestamp_granularities"}),
                asking=VERBOSE,
                streams=False,
            ),
        }
    )
