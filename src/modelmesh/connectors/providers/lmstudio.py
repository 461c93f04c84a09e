"""LM Studio. https://lmstudio.ai/docs/app/api/endpoints/openai."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._messages import FOREIGN, Messages
from modelmesh.errors import ErrorKind


class Provider(openai_compatible.Provider):
    connector = "lmstudio.local.v1"
    name = "LM Studio"
    quotas = ()
    base_url = "http://localhost:1234/v1"
    local = True
    key_names = ("LM_STUDIO_API_KEY", "LMSTUDIO_API_KEY")
    url_names = ("LM_STUDIO_API_BASE",)
    messages = Messages(refuses=FOREIGN, developer=False)
    translators = MappingProxyType({"embeddings": Embeddings(tokens=False)})
    # Its own mishaps are a 400, as what is wrong with a request is.
    signs = (
        Sign(
            ErrorKind.SERVER_ERROR,
            {400},
            text=r"\bmodel (has crashed|(is )?unloaded|loading aborted)",
        ),
    )

    def clashes(self, body: Mapping[str, Any]) -> frozenset[str]:
        """Refuse JSON without a schema."""
        wanted = body.get("response_format")
        loose = isinstance(wanted, Mapping) and wanted.get("type") == "json_object"
        return frozenset({"response_format"} if loose else ())
