"""Jina AI. https://api.jina.ai/openapi.json.

It makes embeddings. The catalogue knows none of its models for it, so the configuration names them.
"""

from types import MappingProxyType

from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._vendor import Vendor
from modelmesh.errors import ErrorKind


class Provider(Vendor):
    connector = "jina.embed.v1"
    name = "Jina AI"
    base_url = "https://api.jina.ai/v1"
    key_names = ("JINA_API_KEY", "JINA_AI_API_KEY")
    translators = MappingProxyType(
        {
            "embeddings": Embeddings(
                accepts=frozenset(
                    {"dimensions", "late_chunking", "normalized", "task", "truncate"}
                ),
                renamed=MappingProxyType({"encoding_format": "embedding_type"}),
                tokens=False,
            )
        }
    )
    signs = (Sign(ErrorKind.QUOTA_EXHAUSTED, {402, 403}, text=r"insufficient.{0,20}balance"),)
