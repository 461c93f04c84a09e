"""The server of llama.cpp. https://github.com/ggml-org/llama.cpp/tree/master/tools/server.

It has no variable for its address; LLAMACPP_HOST is ours.
"""

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._messages import Messages


class Provider(openai_compatible.Provider):
    connector = "llamacpp.local.v1"
    name = "llama.cpp"
    mended = True
    base_url = "http://localhost:8080/v1"
    local = True
    url_names = ("LLAMACPP_HOST",)
    messages = Messages(developer=False)
