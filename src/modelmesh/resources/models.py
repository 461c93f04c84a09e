"""`models` of both clients."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from attrs import field, frozen

from modelmesh.errors import RequestError
from modelmesh.mesh import ModelMesh
from modelmesh.resources.asking import Asking, AsyncAsking
from modelmesh.results import Result
from modelmesh.schemas import MODEL

if TYPE_CHECKING:
    from openai.types import Model


@frozen
class ModelList:
    """What can be asked for. Iterates over the models."""

    data: list["Model"]
    object: str = field(default="list", init=False)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        return cls([cast("Model", Result(row, MODEL)) for row in rows])

    def find(self, id_: str) -> "Model":
        for model in self.data:
            if model.id == id_:
                return model
        raise RequestError(
            f"The model {id_!r} does not exist", status=404, code="model_not_found", param="model"
        )

    def __iter__(self) -> Iterator["Model"]:
        return iter(self.data)

    async def __aiter__(self) -> AsyncIterator["Model"]:
        for model in self.data:
            yield model


@frozen(eq=False)
class Models:
    """What can be asked for: the pools, and the models where they are exposed."""

    _asking: Asking

    def list(self) -> ModelList:
        """Return all of them."""
        return ModelList.of(self._asking.tell(ModelMesh.models))

    def retrieve(self, model: str) -> "Model":
        """Return one of them. Raises RequestError where there is none of that name."""
        return self.list().find(model)


@frozen(eq=False)
class AsyncModels:
    """What can be asked for: the pools, and the models where they are exposed."""

    _asking: AsyncAsking

    async def list(self) -> ModelList:
        """Return all of them."""
        return ModelList.of(await self._asking.tell(ModelMesh.models))

    async def retrieve(self, model: str) -> "Model":
        """Return one of them. Raises RequestError where there is none of that name."""
        return (await self.list()).find(model)
