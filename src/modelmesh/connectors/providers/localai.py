"""LocalAI, https://localai.io, which has no variable for its address; LOCALAI_HOST is ours."""

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._messages import FOREIGN, Messages


class Provider(openai_compatible.Provider):
    connector = "localai.local.v1"
    name = "LocalAI"
    quotas = ()
    base_url = "http://localhost:8080/v1"
    local = True
    url_names = ("LOCALAI_HOST",)
    messages = Messages(refuses=FOREIGN, developer=False)
