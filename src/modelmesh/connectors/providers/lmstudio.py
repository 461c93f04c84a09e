"""LM Studio. https://lmstudio.ai/docs/app/api/endpoints/openai."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._messages import FOREIGN, Messages


class Provider(openai_compatible.Provider):
    connector = "lmstudio.local.v1"
    name = "LM Studio"
    base_url = "http://localhost:1234/v1"
    local = True
    key_names = ("LM_STUDIO_API_KEY", "LMSTUDIO_API_KEY")
    url_names = ("LM_STUDIO_API_BASE",)
    messages = Messages(refuses=FOREIGN, developer=False)
    translators = MappingProxyType({"embeddings": Embeddings(tokens=False)})

    def clashes(self, body: Mapping[str, Any]) -> frozenset[str]:
        """Refuse JSON without a schema."""
        wanted = body.get("response_format")
        loose = isinstance(wanted, Mapping) and wanted.get("type") == "json_object"
        return frozenset({"response_format"} if loose else ())
