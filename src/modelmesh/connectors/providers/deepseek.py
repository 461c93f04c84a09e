"""DeepSeek. https://api-docs.deepseek.com/api/create-chat-completion."""

from types import MappingProxyType

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._messages import STATE, Messages


class Provider(openai_compatible.Provider):
    connector = "deepseek.api.v1"
    name = "DeepSeek"
    quotas = ()
    # https://api-docs.deepseek.com/quick_start/rate_limit: of an account, and each model's
    per_model = True
    base_url = "https://api.deepseek.com"
    key_names = ("DEEPSEEK_API_KEY",)
    models = ("deepseek-v4-flash", "deepseek-v4-pro")
    refuses = frozenset({"n"})
    renamed = MappingProxyType({"max_completion_tokens": "max_tokens"})
    messages = Messages(
        refuses=STATE - {"reasoning_content"},
        needs=MappingProxyType({"reasoning_content": ""}),
        developer=False,
    )
    translators = MappingProxyType({})
