"""`models` of both clients."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from attrs import field, frozen

from modelmesh.mesh import ModelMesh
from modelmesh.resources.asking import Asking, AsyncAsking
from modelmesh.results import Result
from modelmesh.schemas import MODEL

if TYPE_CHECKING:
    from openai.types import Model


@frozen
class ModelList:
    """What can be asked for. Iterates over the models."""

    data: list["Model"]  # the models, each with its `id`
    object: str = field(default="list", init=False)  # `list`, as OpenAI has it

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        """Return a list of these."""
        return cls([_model(row) for row in rows])

    def __iter__(self) -> Iterator["Model"]:
        return iter(self.data)

    async def __aiter__(self) -> AsyncIterator["Model"]:
        for model in self.data:
            yield model


@frozen(eq=False)
class Models:
    """What can be asked for: the pools, and models if they are exposed."""

    _asking: Asking

    def list(self) -> ModelList:
        """Return all of them."""
        return ModelList.of(self._asking.tell(ModelMesh.models))

    def retrieve(self, model: str) -> "Model":
        """Return one of them. Raises RequestError where there is none of that name."""
        return _model(self._asking.tell(ModelMesh.model, model))


@frozen(eq=False)
class AsyncModels:
    """What can be asked for: the pools, and models if they are exposed."""

    _asking: AsyncAsking

    async def list(self) -> ModelList:
        """Return all of them."""
        return ModelList.of(await self._asking.tell(ModelMesh.models))

    async def retrieve(self, model: str) -> "Model":
        """Return one of them. Raises RequestError where there is none of that name."""
        return _model(await self._asking.tell(ModelMesh.model, model))


def _model(row: Mapping[str, Any]) -> "Model":
    return cast("Model", Result(row, MODEL))
