"""Embeddings by Gemini. https://ai.google.dev/api/embeddings.

A text is a `content` of its own: the parts of one content make one embedding. What they are for is
told by `task_type`, which gemini-embedding-2 reads from the text instead.
"""

from types import MappingProxyType
from typing import Final

from attrs import frozen

from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._error_body import tells_of_failure
from modelmesh.connectors.providers._vectors import answer_of, texts_of
from modelmesh.connectors.providers._vendor import Draft, body_of
from modelmesh.connectors.providers.gemini.reply import usage_of
from modelmesh.json_text import dumps
from modelmesh.types import Answer, HttpReply, Request


@frozen(kw_only=True)
class GeminiEmbeddings(Embeddings):
    """OpenAI's parameters in Gemini's words."""

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Translate a request. Raises RequestError (400) where it has no texts."""
        told = self.told(request, model, drop)
        rest = {name: value for name, value in told.items() if name not in ("input", "model")}
        name = f"models/{model.removeprefix('models/')}"
        requests = [
            {"model": name, "content": {"parts": [{"text": text}]}, **rest}
            for text in texts_of(told)
        ]
        return Draft(path=self.path, body=dumps({"requests": requests}))

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | None:
        """Translate an answer. Raises ProviderError where it is not one for each input."""
        body = body_of(reply)
        came = body.get("embeddings")
        if came is None and tells_of_failure(body):
            return None
        vectors = [
            each.get("values") if isinstance(each, dict) else None
            for each in (came if isinstance(came, list) else [body.get("embedding")])
        ]
        return answer_of(vectors, request=request, model=model, usage=usage_of(body))


EMBEDDINGS: Final = GeminiEmbeddings(
    path="batchEmbedContents",
    accepts=frozenset({"outputDimensionality", "taskType", "title"}),
    renamed=MappingProxyType({"dimensions": "outputDimensionality", "task_type": "taskType"}),
    formats=frozenset(),
    tokens=False,
    most=100,
    sizes=MappingProxyType({"embedding-001": 768}),
)
"""What Gemini takes."""
