"""Hugging Face's router to many vendors. https://huggingface.co/docs/inference-providers.

A model's name may end with the vendor that is to serve it.
"""

from types import MappingProxyType

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._messages import FOREIGN, Messages


class Provider(openai_compatible.Provider):
    connector = "huggingface.router.v1"
    name = "Hugging Face"
    quotas = ()
    base_url = "https://router.huggingface.co/v1"
    key_names = ("HF_TOKEN", "HUGGINGFACE_API_KEY", "HUGGINGFACEHUB_API_TOKEN")
    models = ("openai/gpt-oss-120b:fireworks-ai", "Qwen/Qwen3.5-9B:together")
    messages = Messages(refuses=FOREIGN, developer=False)
    translators = MappingProxyType({})
