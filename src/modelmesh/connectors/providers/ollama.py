"""Ollama. https://github.com/ollama/ollama/blob/main/docs/openai.md.

Its own list says which models there are. For its cloud, set `base_url: https://ollama.com/v1`.
"""

from modelmesh.connectors.providers._local import Local


class Provider(Local):
    connector = "ollama.local.v1"
    name = "Ollama"
    base_url = "http://localhost:11434/v1"
    key_names = ("OLLAMA_API_KEY",)
    url_names = ("OLLAMA_HOST", "OLLAMA_BASE_URL")
    unsupported = frozenset({"logit_bias", "n", "user"})
