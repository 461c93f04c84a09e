"""`models.json`, read once at the first question; each model's facts are made when asked for.

scripts/build_catalogue writes the file. In it the fields in `_SHARED` are numbers of entries in
one list, since the same ones come again and again.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from attrs import define, field

from modelmesh.catalogue.facts import ModelFacts, Retirement, capabilities_of
from modelmesh.catalogue.prices import read_price

_SHARED: Final = ("features", "lacks", "quirks", "sources")

Rows = Mapping[str, Any]


@define(eq=False)
class Catalogue:
    """Everything in the file; ids are in lower case, as they are looked up.

    Attributes:
        as_of: the day (YYYY-MM-DD) the facts were collected.
        sources: what each source is, by name.

    """

    as_of: str
    sources: Mapping[str, str]
    _shared: list[Any]
    _rows: Mapping[str, Mapping[str, tuple[str, Rows]]]
    _gone: Mapping[str, Mapping[str, list[str]]]
    _made: dict[tuple[str, str], ModelFacts] = field(factory=dict)

    @property
    def connectors(self) -> Iterable[str]:
        return self._rows.keys()

    def names(self, connector: str) -> Iterable[str]:
        """Return the models of a connector, in lower case."""
        return self._rows.get(connector, {}).keys()

    def facts(self, connector: str, name: str) -> ModelFacts | None:
        """Return the facts of a model with exactly this name in lower case, always the same."""
        key = (connector, name)
        found = self._made.get(key)
        if found is None and name in self._rows.get(connector, {}):
            id_, row = self._rows[connector][name]
            found = self._made[key] = self._facts(connector, id_, row)
        return found

    def gone(self, connector: str, name: str) -> Retirement | None:
        """Return the end of a model that is a model no more, or of all the connector's models."""
        ends = self._gone.get(connector, {})
        end = ends.get(name) or ends.get("*")
        return Retirement(*end) if end else None

    def _facts(self, connector: str, id_: str, row: Rows) -> ModelFacts:
        said = {**row, **{name: self._shared[row[name]] for name in _SHARED if name in row}}
        known = "features" in said or "lacks" in said
        features = frozenset(said.pop("features", ()))
        price = said.pop("price", None)
        return ModelFacts(
            provider=connector,
            id=id_,
            capabilities=capabilities_of(said["kind"], features),
            features=features if known else None,
            lacks=frozenset(said.pop("lacks", ())),
            price=read_price(price) if price else None,
            sources=tuple(said.pop("sources", ())),
            **said,
        )


@cache
def catalogue() -> Catalogue:
    """Return what `models.json` says; the first call reads it."""
    document = json.loads((files(__package__) / "models.json").read_bytes())
    return Catalogue(
        as_of=document["as_of"],
        sources=document["sources"],
        shared=document["shared"],
        rows={
            connector: {id_.lower(): (id_, row) for id_, row in rows.items()}
            for connector, rows in document["models"].items()
        },
        gone={
            connector: {id_.lower(): end for id_, end in ends.items()}
            for connector, ends in document["retired"].items()
        },
    )
