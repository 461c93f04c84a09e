"""SambaNova Cloud. https://docs.sambanova.ai/cloud/api-reference."""

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._messages import Messages


class Provider(openai_compatible.Provider):
    connector = "sambanova.api.v1"
    name = "SambaNova Cloud"
    mended = True
    base_url = "https://api.sambanova.ai/v1"
    key_names = ("SAMBANOVA_API_KEY",)
    models = ("gpt-oss-120b", "Meta-Llama-3.3-70B-Instruct")
    unsupported = frozenset(
        {"frequency_penalty", "logit_bias", "logprobs", "n", "presence_penalty", "top_logprobs"}
    )
    messages = Messages(developer=False)
