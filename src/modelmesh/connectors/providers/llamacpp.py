"""The server of llama.cpp. https://github.com/ggml-org/llama.cpp/tree/master/tools/server.

It has no variable for its address; LLAMACPP_HOST is ours.
"""

from types import MappingProxyType

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._messages import FOREIGN, Messages


class Provider(openai_compatible.Provider):
    connector = "llamacpp.local.v1"
    name = "llama.cpp"
    quotas = ()
    base_url = "http://localhost:8080/v1"
    local = True
    url_names = ("LLAMACPP_HOST",)
    messages = Messages(refuses=FOREIGN, developer=False)
    translators = MappingProxyType({"embeddings": Embeddings(refuses=frozenset({"dimensions"}))})
