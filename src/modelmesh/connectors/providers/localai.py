"""LocalAI, https://localai.io, which has no variable for its address; LOCALAI_HOST is ours."""

from modelmesh.connectors.providers._local import Local


class Provider(Local):
    connector = "localai.local.v1"
    name = "LocalAI"
    base_url = "http://localhost:8080/v1"
    url_names = ("LOCALAI_HOST",)
