"""NVIDIA NIM. https://docs.api.nvidia.com/nim/reference/llm-apis.

The catalogue knows none of its models, so its own list says which there are.
"""

from types import MappingProxyType

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._messages import FOREIGN, Messages


class Provider(openai_compatible.Provider):
    connector = "nvidia.nim.v1"
    name = "NVIDIA NIM"
    quotas = ()
    base_url = "https://integrate.api.nvidia.com/v1"
    key_names = ("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY", "NGC_API_KEY")
    messages = Messages(refuses=FOREIGN, developer=False)
    translators = MappingProxyType(
        {"embeddings": Embeddings(tokens=False, adds=MappingProxyType({"input_type": "passage"}))}
    )
