"""Whether a target can serve a request at all: what is asked of it, and what it has."""

from collections.abc import Sequence
from typing import Self

from attrs import define, field

from modelmesh import obstacle
from modelmesh.config import schema
from modelmesh.obstacle import Obstacle
from modelmesh.shape import ALWAYS, DECISIVE, Shape, misfit, shape_of
from modelmesh.types import Request, Target


@define(eq=False)
class Fit:
    """What one request asks of its target."""

    _shape: Shape
    _parameters: str
    # Only targets whose embeddings are comparable help; None: any may.
    _space: str | None = field(default=None)
    # Only a target with a larger context window than this helps; None: any may.
    _too_small: int | None = field(default=None, init=False)

    @classmethod
    def of(cls, request: Request, targets: Sequence[Target], settings: schema.Pool) -> Self:
        shape = shape_of(request)
        fit = cls(shape, settings.parameters)
        if shape.endpoint == "embeddings" and not settings.mix_embeddings:
            fit._space = next((one.space for one in targets if fit._embeds(one)), None)
        return fit

    def obstacle(self, target: Target, lacks: frozenset[str]) -> Obstacle | None:
        """Say what a target cannot do, whose vendor does not take the parameters in `lacks`."""
        reason = misfit(self._shape, target.card) or self._unserved(target)
        if reason:
            return obstacle.incapable(target, reason)
        refused = lacks and self._refused(lacks)
        return obstacle.refused(target, refused) if refused else None

    def has_room(self, target: Target) -> bool:
        return self._too_small is None or (target.card.context or 0) > self._too_small

    def outgrow(self, target: Target) -> None:
        """Note that a target's context window was too small."""
        self._too_small = max(self._too_small or 0, target.card.context or 0)

    def _embeds(self, target: Target) -> bool:
        return "embeddings" in target.provider.endpoints and not misfit(self._shape, target.card)

    def _unserved(self, target: Target) -> str | None:
        endpoint = self._shape.endpoint
        if endpoint not in target.provider.endpoints:
            return f"its provider does not offer {endpoint}"
        if self._space not in (None, target.space):
            return f"its embeddings cannot be compared with those of {self._space}"
        return None

    def _refused(self, lacks: frozenset[str]) -> frozenset[str]:
        match self._parameters:
            case "strict":
                return lacks
            case "lenient":
                return lacks & ALWAYS
            case _:
                return lacks & DECISIVE
