"""Perplexity, whose models search the web. https://docs.perplexity.ai/api-reference."""

from types import MappingProxyType

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._messages import STATE, Messages


class Provider(openai_compatible.Provider):
    connector = "perplexity.api.v1"
    name = "Perplexity"
    quotas = ()
    base_url = "https://api.perplexity.ai"
    key_names = ("PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY", "PPLX_API_KEY")
    models = ("sonar", "sonar-pro", "pplx-embed-v1-0.6b")
    models_path = "/v1/models"
    refuses = frozenset(
        {"logit_bias", "logprobs", "n", "seed", "tool_choice", "tools", "top_logprobs"}
    )
    messages = Messages(refuses=STATE, developer=False, alternate=True)
    translators = MappingProxyType(
        {
            "embeddings": Embeddings(
                path="/v1/embeddings",
                accepts=frozenset({"dimensions"}),
                formats=frozenset(),
                number="b",
                tokens=False,
                most=512,
            )
        }
    )
