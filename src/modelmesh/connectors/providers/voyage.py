"""Voyage AI. https://docs.voyageai.com/reference/embeddings-api.

It makes embeddings. A text that is too long is refused, as OpenAI refuses it, and not cut.
"""

from types import MappingProxyType

from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._vendor import Vendor
from modelmesh.errors import ErrorKind


class Provider(Vendor):
    connector = "voyage.api.v1"
    name = "Voyage AI"
    base_url = "https://api.voyageai.com/v1"
    key_names = ("VOYAGE_API_KEY",)
    # https://docs.voyageai.com/docs/rate-limits
    per_model = True
    models = ("voyage-4", "voyage-4-lite", "voyage-4-large")
    translators = MappingProxyType(
        {
            "embeddings": Embeddings(
                accepts=frozenset({"input_type", "output_dimension", "output_dtype", "truncation"}),
                renamed=MappingProxyType({"dimensions": "output_dimension"}),
                formats=frozenset({"base64"}),
                tokens=False,
                most=1000,
                adds=MappingProxyType({"truncation": False}),
            )
        }
    )
    signs = (Sign(ErrorKind.MODEL_NOT_FOUND, {400}, text=r"\bmodel \S+ is not supported"),)
