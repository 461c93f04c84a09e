"""A vLLM server. https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html."""

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._messages import FOREIGN, Messages


class Provider(openai_compatible.Provider):
    connector = "vllm.local.v1"
    name = "vLLM"
    quotas = ()
    base_url = "http://localhost:8000/v1"
    local = True
    key_names = ("HOSTED_VLLM_API_KEY", "VLLM_API_KEY")
    url_names = ("HOSTED_VLLM_API_BASE",)
    messages = Messages(refuses=FOREIGN, developer=False)
