"""OpenRouter, a gateway to many vendors. https://openrouter.ai/docs/api/reference/overview.

Its errors are at https://openrouter.ai/docs/api/reference/errors-and-debugging. Where a vendor
behind it is out of breath, the key is not to blame, nor is it where a text was refused and "no
credits were charged".
"""

from types import MappingProxyType

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._learned import MINUTE, quota
from modelmesh.connectors.providers._messages import FOREIGN, Messages
from modelmesh.connectors.providers._speech import Speech
from modelmesh.connectors.providers._transcriptions import VERBOSE, Transcriptions
from modelmesh.connectors.providers._voices import KOKORO
from modelmesh.errors import ErrorKind


class Provider(openai_compatible.Provider):
    connector = "openrouter.api.v1"
    name = "OpenRouter"
    # https://openrouter.ai/docs/api/reference/limits: of all free models together
    quotas = (quota("requests", MINUTE),)
    per_model = False
    base_url = "https://openrouter.ai/api/v1"
    key_names = ("OPENROUTER_API_KEY",)
    models = ("deepseek/deepseek-v4-flash", "google/gemini-3.1-flash-lite")
    signs = (
        Sign(ErrorKind.OVERLOADED, {429}, text="rate-limited upstream"),
        Sign(ErrorKind.QUOTA_EXHAUSTED, {402, 403}, text="key limit exceeded"),
        Sign(ErrorKind.CONTENT_FILTERED, {403}, text="requires moderation|flagged_input"),
    )
    messages = Messages(refuses=FOREIGN)
    translators = MappingProxyType(
        {
            "embeddings": Embeddings(),
            # https://openrouter.ai/docs/guides/overview/multimodal/tts
            "speech": Speech(
                usual="",
                eventless=("",),
                voices=MappingProxyType({"hexgrad/kokoro": KOKORO}),
            ),
            "transcriptions": Transcriptions(
                accepts=frozenset({"language", "temperature", "timestamp_granularities"}),
                asking=VERBOSE,
                streams=False,
            ),
        }
    )
