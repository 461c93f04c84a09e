"""OpenAI. https://platform.openai.com/docs/api-reference/chat."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._images import Images
from modelmesh.connectors.providers._messages import STATE, Messages
from modelmesh.connectors.providers._parameters import SAMPLING, Reasoning
from modelmesh.connectors.providers._speech import Speech
from modelmesh.connectors.providers._transcriptions import TIMELESS, WHISPER, Transcriptions

REASONING: Final = Reasoning(
    refuses=frozenset({"presence_penalty", "frequency_penalty", "stop", "logit_bias"}),
    refuses_thinking=SAMPLING | {"logprobs", "top_logprobs"},
    renamed=MappingProxyType({"max_tokens": "max_completion_tokens"}),
    prefixes=("o1", "o3", "o4", "gpt-5", "gpt-6"),
)
"""OpenAI's reasoning models, at OpenAI and at Azure."""

IMAGES: Final = Images(refuses=frozenset({"style"}), base64_only=("gpt-image", "chatgpt-image"))
"""OpenAI's models that make images: https://platform.openai.com/docs/guides/image-generation."""

SPEECH: Final = Speech(eventless=("tts-1",), longest=4096)
"""OpenAI's models that speak: https://platform.openai.com/docs/guides/text-to-speech."""

_SPEAKERS: Final = frozenset({"known_speaker_names", "known_speaker_references"})
_DIARIZED: Final = MappingProxyType({"response_format": "diarized_json"})
TRANSCRIPTIONS: Final = Transcriptions(
    models=MappingProxyType(
        {
            "whisper": Transcriptions(
                refuses=_SPEAKERS | {"chunking_strategy", "include", "keywords", "languages"},
                asking=WHISPER,
                streams=False,
            ),
            "gpt-4o-transcribe-diarize": Transcriptions(
                refuses=frozenset(
                    {"include", "keywords", "languages", "prompt", "timestamp_granularities"}
                ),
                asking=MappingProxyType(
                    {**TIMELESS, **dict.fromkeys(("diarized_json", "srt", "vtt"), _DIARIZED)}
                ),
            ),
            "gpt-4o": Transcriptions(
                refuses=_SPEAKERS | {"keywords", "languages", "timestamp_granularities"},
                asking=TIMELESS,
            ),
            "gpt-": Transcriptions(
                refuses=_SPEAKERS | {"timestamp_granularities"}, asking=TIMELESS
            ),
        }
    )
)
"""Which of OpenAI's models have which forms, at OpenAI and, by its name for one, at Azure.

https://platform.openai.com/docs/guides/speech-to-text
"""


class Provider(openai_compatible.Provider):
    connector = "openai.llm.v1"
    name = "OpenAI"
    base_url = "https://api.openai.com/v1"
    # https://platform.openai.com/docs/guides/rate-limits: of a project, and each model's
    per_model = True
    names_model = r"\bfor \S+ (\(.*?\) )?in organization\b"
    key_names = ("OPENAI_API_KEY",)
    url_names = ("OPENAI_BASE_URL",)
    option_names = MappingProxyType(
        {"organization": "OPENAI_ORG_ID", "project": "OPENAI_PROJECT_ID"}
    )
    models = ("gpt-6-luna", "text-embedding-3-small", "gpt-image-2", "gpt-transcribe")
    mended = False
    reasoning = REASONING
    messages = Messages(refuses=STATE)
    translators = MappingProxyType(
        {
            **openai_compatible.Provider.translators,
            "embeddings": Embeddings(
                most=2048, sizes=MappingProxyType({"text-embedding-ada-002": 1536})
            ),
            "images": IMAGES,
            "speech": SPEECH,
            "transcriptions": TRANSCRIPTIONS,
        }
    )

    @frozen(kw_only=True)
    class Options(openai_compatible.Provider.Options):
        """Whom the requests are billed to, where a key belongs to several."""

        # The organization that is billed.
        organization: str | None = None
        # The project that is billed.
        project: str | None = None

    def option_headers(self) -> Mapping[str, str]:
        named = {
            "openai-organization": self.options.organization,
            "openai-project": self.options.project,
        }
        return {name: text for name, text in named.items() if text}
