"""What clients may ask for, by which names: pools, capabilities, and models where exposed."""

import difflib
from typing import Any

from attrs import frozen

from modelmesh.build import Parts
from modelmesh.capabilities import UnknownCapability
from modelmesh.errors import RequestError
from modelmesh.pool import Pool


@frozen
class Directory:
    """The names in a mesh. `created` is when, in seconds since 1970."""

    parts: Parts
    created: int

    def pool(self, name: str) -> Pool:
        """Return the pool a client means: by its id, a capability, or a model where exposed.

        Raises:
            RequestError: there is none; the message names those there are.

        """
        parts = self.parts
        found = parts.pools.get(name) or self._by_capability(name) or parts.models.get(name)
        if found is None:
            raise self._no_model(name)
        return found

    def models(self) -> list[dict[str, Any]]:
        """Return what clients may ask for, as OpenAI's model objects: pools, and models exposed."""
        owners = dict.fromkeys(self.parts.pools, "modelmesh")
        for name, pool in self.parts.models.items():
            owners.setdefault(name, pool.targets[0].provider.id)
        return [
            {"id": id_, "object": "model", "created": self.created, "owned_by": owner}
            for id_, owner in owners.items()
        ]

    def model(self, id_: str) -> dict[str, Any]:
        """Return one of those. Raises RequestError as `pool` does."""
        for model in self.models():
            if model["id"] == id_:
                return model
        raise self._no_model(id_)

    def _no_model(self, name: str) -> RequestError:
        names = [*self.parts.pools, *self.parts.models]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
        return RequestError(
            f"The model {name!r} does not exist; {hint}",
            status=404,
            code="model_not_found",
            param="model",
        )

    def _by_capability(self, name: str) -> Pool | None:
        """Return the pool of a capability, else of the nearest one which the tree has above it."""
        tree = self.parts.plan.tree
        try:
            node = tree.resolve(name)
        except UnknownCapability:
            return None
        serving = [
            (len(has), pool)
            for pool in self.parts.pools.values()
            for has in pool.capabilities
            if tree.covers(has, node)
        ]
        return max(serving, key=lambda pair: pair[0])[1] if serving else None
