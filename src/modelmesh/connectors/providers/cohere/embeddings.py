"""Embeddings by Cohere. https://docs.cohere.com/reference/embed.

Cohere wants to be told what they are for, by `input_type`: documents to search, unless the client
says something else. A text that is too long is refused, as OpenAI refuses it, and not cut.
"""

from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._error_body import tells_of_failure
from modelmesh.connectors.providers._vectors import answer_of, texts_of
from modelmesh.connectors.providers._vendor import Draft, body_of
from modelmesh.connectors.providers.cohere.answer import usage_of
from modelmesh.json_text import dumps
from modelmesh.types import Answer, HttpReply, Request


@frozen(kw_only=True)
class CohereEmbeddings(Embeddings):
    """OpenAI's parameters in Cohere's words."""

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Translate a request. Raises RequestError (400) where it has no texts."""
        told = self.told(request, model, drop)
        texts = texts_of(told)
        rest = {name: value for name, value in told.items() if name != "input"}
        return Draft(path=self.path, body=dumps({**rest, "model": model, "texts": texts}))

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | None:
        """Translate an answer. Raises ProviderError where it is not one for each input."""
        body = body_of(reply)
        came = body.get("embeddings")
        if not came and tells_of_failure(body):
            return None
        meta = body.get("meta")
        return answer_of(
            _vectors(came, request),
            request=request,
            model=model,
            usage=usage_of(meta) if isinstance(meta, dict) else None,
        )


def _vectors(came: Any, request: Request) -> list[Any]:
    """Return the embeddings of the first of the types that were asked for."""
    if isinstance(came, dict):
        types = request.body.get("embedding_types")
        first = types[0] if isinstance(types, list) and types else "float"
        came = came.get(str(first))
    return came if isinstance(came, list) else []


EMBEDDINGS: Final = CohereEmbeddings(
    path="/v2/embed",
    accepts=frozenset({"embedding_types", "input_type", "max_tokens", "priority", "truncate"}),
    renamed=MappingProxyType({"dimensions": "output_dimension"}),
    formats=frozenset(),
    tokens=False,
    most=96,
    adds=MappingProxyType(
        {"input_type": "search_document", "embedding_types": ["float"], "truncate": "NONE"}
    ),
    sizes=MappingProxyType(
        {
            "embed-english-v3.0": 1024,
            "embed-multilingual-v3.0": 1024,
            "embed-english-light-v3.0": 384,
            "embed-multilingual-light-v3.0": 384,
        }
    ),
)
"""What Cohere takes."""
