"""SambaNova Cloud. https://docs.sambanova.ai/cloud/api-reference."""

from types import MappingProxyType

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._learned import DAY, OPENAI, quota
from modelmesh.connectors.providers._messages import FOREIGN, Messages


class Provider(openai_compatible.Provider):
    connector = "sambanova.api.v1"
    name = "SambaNova Cloud"
    # https://docs.sambanova.ai/docs/en/models/rate-limits
    quotas = (*OPENAI, quota("requests", DAY, "requests-day"))
    per_model = True
    base_url = "https://api.sambanova.ai/v1"
    key_names = ("SAMBANOVA_API_KEY",)
    models = ("gpt-oss-120b", "Meta-Llama-3.3-70B-Instruct")
    refuses = frozenset(
        {"frequency_penalty", "logit_bias", "logprobs", "n", "presence_penalty", "top_logprobs"}
    )
    messages = Messages(refuses=FOREIGN, developer=False)
    translators = MappingProxyType(
        {
            "embeddings": Embeddings(accepts=frozenset(), formats=frozenset(), tokens=False),
            "transcriptions": openai_compatible.Provider.translators["transcriptions"],
        }
    )
