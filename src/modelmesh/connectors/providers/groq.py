"""Groq. https://console.groq.com/docs/openai and https://console.groq.com/docs/api-reference."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._learned import DAY, MINUTE, quota
from modelmesh.connectors.providers._messages import SPOKEN, STATE, Messages
from modelmesh.connectors.providers._speech import Speech
from modelmesh.connectors.providers._transcriptions import VERBOSE, Transcriptions
from modelmesh.connectors.providers._voices import cast
from modelmesh.errors import ErrorKind


class Provider(openai_compatible.Provider):
    connector = "groq.api.v1"
    name = "Groq"
    # https://console.groq.com/docs/rate-limits: requests of a day, tokens of a minute
    quotas = (quota("requests", DAY, "requests"), quota("tokens", MINUTE, "tokens"))
    per_model = True
    names_model = r"\bfor model \S+ in organization\b"
    base_url = "https://api.groq.com/openai/v1"
    key_names = ("GROQ_API_KEY",)
    url_names = ("GROQ_API_BASE",)
    models = (
        "openai/gpt-oss-120b",
        "openai/gpt-oss-20b",
        "whisper-large-v3-turbo",
        "canopylabs/orpheus-v1-english",
    )
    refuses = frozenset(
        {
            "audio",
            "logit_bias",
            "logprobs",
            "modalities",
            "n",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_retention",
            "safety_identifier",
            "top_logprobs",
            "verbosity",
            "web_search_options",
        }
    )
    messages = Messages(
        takes=MappingProxyType({"assistant": SPOKEN | {"function_call"}}),
        refuses=STATE | {"name"},
        takes_null=False,
    )
    translators = MappingProxyType(
        {
            # https://console.groq.com/docs/text-to-speech/orpheus
            "speech": Speech(
                refuses=frozenset({"instructions"}),
                formats=("wav",),
                voices=MappingProxyType(
                    {
                        "canopylabs/orpheus-arabic": cast(
                            women=("noura", "lulwa", "aisha"), men=("fahad", "sultan", "abdullah")
                        ),
                        "canopylabs/orpheus": cast(
                            women=("hannah", "autumn", "diana"), men=("austin", "troy", "daniel")
                        ),
                    }
                ),
                longest=200,
                usual="",
                eventless=("",),
            ),
            # https://console.groq.com/docs/speech-to-text
            "transcriptions": Transcriptions(
                accepts=frozenset(
                    {"language", "prompt", "temperature", "timestamp_granularities", "url"}
                ),
                asking=VERBOSE,
                streams=False,
            ),
        }
    )
    signs = (
        # The model wrote what the server cannot read as a call or as JSON; another may do better.
        Sign(
            ErrorKind.BAD_ANSWER,
            words={"tool_use_failed", "json_validate_failed", "output_parse_failed"},
        ),
        # These are a 400, though the request is sound.
        Sign(ErrorKind.BAD_KEY, words={"organization_restricted"}),
        Sign(ErrorKind.NO_PERMISSION, words={"model_terms_required"}),
    )

    def clashes(self, body: Mapping[str, Any]) -> frozenset[str]:
        """Refuse a JSON schema for a stream or beside tools.

        https://console.groq.com/docs/structured-outputs
        """
        wanted = body.get("response_format")
        schema = isinstance(wanted, Mapping) and wanted.get("type") == "json_schema"
        beside = body.get("stream") or body.get("tools")
        return frozenset({"response_format"} if schema and beside else ())
