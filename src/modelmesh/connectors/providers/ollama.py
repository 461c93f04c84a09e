"""Ollama. https://github.com/ollama/ollama/blob/main/docs/openai.md.

Its own list says which models there are. For its cloud, set `base_url: https://ollama.com/v1`.
"""

from types import MappingProxyType

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._messages import FOREIGN, Messages


class Provider(openai_compatible.Provider):
    connector = "ollama.local.v1"
    name = "Ollama"
    quotas = ()
    base_url = "http://localhost:11434/v1"
    local = True
    key_names = ("OLLAMA_API_KEY",)
    url_names = ("OLLAMA_HOST", "OLLAMA_BASE_URL")
    refuses = frozenset({"logit_bias", "n", "user"})
    messages = Messages(refuses=FOREIGN, developer=False)
    translators = MappingProxyType(
        {"embeddings": Embeddings(refuses=frozenset({"user"}), tokens=False)}
    )
