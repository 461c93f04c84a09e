"""`embeddings` of both clients."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from attrs import frozen

from modelmesh.resources.asking import Asking, AsyncAsking, result
from modelmesh.schemas import EMBEDDINGS

if TYPE_CHECKING:
    from openai.types import CreateEmbeddingResponse

Input: TypeAlias = str | Iterable[str] | Iterable[int] | Iterable[Iterable[int]]
"""A text, several, the tokens of one, or of several."""

_READ = result(EMBEDDINGS)


@frozen(eq=False)
class Embeddings:
    """Texts as vectors."""

    _asking: Asking

    def create(
        self,
        *,
        input: Input,  # noqa: A002 - OpenAI's name
        model: str | None = None,
        **parameters: Any,
    ) -> "CreateEmbeddingResponse":
        """Embed texts, or their tokens: `data` has a vector for each, in their order.

        A vector is a list of floats, or with `encoding_format="base64"` text, whatever the vendor
        sends. Parameters and errors are as for `chat.completions.create`.
        """
        request = self._asking.terms.request(
            "embeddings", {"input": input, "model": model, **parameters}
        )
        return cast("CreateEmbeddingResponse", self._asking.answer(request, _READ))


@frozen(eq=False)
class AsyncEmbeddings:
    """Texts as vectors."""

    _asking: AsyncAsking

    async def create(
        self,
        *,
        input: Input,  # noqa: A002 - OpenAI's name
        model: str | None = None,
        **parameters: Any,
    ) -> "CreateEmbeddingResponse":
        """Embed texts: see `Embeddings.create`."""
        request = self._asking.terms.request(
            "embeddings", {"input": input, "model": model, **parameters}
        )
        return cast("CreateEmbeddingResponse", await self._asking.answer(request, _READ))
