"""XAI, the maker of Grok. https://docs.x.ai/docs/api-reference.

A wrong key is a 400 here, and spent credits are a 403 or a 429; their wording tells.
"""

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._messages import STATE, Messages
from modelmesh.connectors.providers._parameters import Reasoning


class Provider(openai_compatible.Provider):
    connector = "xai.api.v1"
    name = "xAI"
    mended = True
    base_url = "https://api.x.ai/v1"
    key_names = ("XAI_API_KEY",)
    url_names = ("XAI_API_BASE",)
    models = ("grok-4.3", "grok-4.7", "grok-imagine-image")
    unsupported = frozenset({"web_search_options"})
    reasoning = Reasoning(
        refuses=frozenset({"stop", "presence_penalty", "frequency_penalty"}),
        prefixes=("grok-4",),
    )
    messages = Messages(refuses=STATE - {"reasoning_content"} | {"name"})
    functions_refuse = frozenset({"strict"})
