"""Looking models up in `models.json`, which is read once, at the first question."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from attrs import frozen

from modelmesh.catalogue.facts import (
    LongPromptPrice,
    ModelFacts,
    Price,
    capabilities_of,
    guess_capabilities,
)

# gpt-4o-mini-2024-07-18, claude-haiku-4-5-20251001, claude-haiku-4-5@20251001
_SNAPSHOT: Final = re.compile(r"[-@]20\d\d(-?)(0[1-9]|1[0-2])\1(0[1-9]|[12]\d|3[01])$")
_EVERY: Final = "*"


def find(provider: str, model: str) -> ModelFacts | None:
    """Return what is known about a model at a provider; None where nothing is.

    Letter case does not matter, nor Gemini's `models/` prefix. A dated snapshot which is not listed
    itself has the facts of the model it is a snapshot of, unless it is retired. Azure is absent,
    because its names are the user's own deployments.
    """
    catalogue = _catalogue()
    models = catalogue.models.get(provider, {})
    for name in _names(provider, model):
        if name in models:
            return models[name]
        if name in catalogue.retired.get(provider, {}):
            return None
    return None


def find_anywhere(model: str) -> ModelFacts | None:
    """Return what all providers that list a model say of it alike, for servers that list none.

    What they disagree on is left unknown, and so are price and retirement, which are a provider's
    and not the model's. None where no provider lists it, or where they disagree on its kind.
    """
    found = (find(provider, model) for provider in _catalogue().models)
    return _shared([facts for facts in found if facts])


def look_up(provider: str, model: str) -> ModelFacts | None:
    """Return what is known about a model: at this provider, or else anywhere."""
    return find(provider, model) or find_anywhere(model)


def capabilities(provider: str, model: str) -> frozenset[str]:
    """Return what a model can do, by what is known about it or else by its name."""
    facts = look_up(provider, model)
    return facts.capabilities if facts else guess_capabilities(model)


def retired(provider: str, model: str) -> str | None:
    """Return the day (YYYY-MM-DD) the vendor withdrew a model, or all its models; else None."""
    gone = _catalogue().retired.get(provider, {})
    return gone.get(_plain(provider, model)) or gone.get(_EVERY)


def models_of(provider: str) -> list[ModelFacts]:
    """Return all that is known about a provider's models."""
    return list(_catalogue().models.get(provider, {}).values())


def providers() -> list[str]:
    """Return the connector ids of the providers with known models."""
    return list(_catalogue().models)


def as_of() -> str:
    """Return the day (YYYY-MM-DD) the facts were collected."""
    return _catalogue().as_of


@frozen
class _Catalogue:
    """Everything in the file; ids are in lower case, as they are looked up."""

    as_of: str
    models: Mapping[str, Mapping[str, ModelFacts]]
    retired: Mapping[str, Mapping[str, str]]


@cache
def _catalogue() -> _Catalogue:
    document = json.loads((files(__package__) / "models.json").read_bytes())
    return _Catalogue(
        as_of=document["as_of"],
        models={
            provider: {id_.lower(): _facts(provider, id_, row) for id_, row in rows.items()}
            for provider, rows in document["models"].items()
        },
        retired={
            provider: {id_.lower(): day for id_, day in days.items()}
            for provider, days in document["retired"].items()
        },
    )


def _facts(provider: str, id_: str, row: dict[str, Any]) -> ModelFacts:
    known = "features" in row or "lacks" in row
    features = frozenset(row.pop("features", ()))
    price = row.pop("price", None)
    return ModelFacts(
        provider=provider,
        id=id_,
        capabilities=capabilities_of(row["kind"], features),
        features=features if known else None,
        lacks=frozenset(row.pop("lacks", ())),
        price=_price(price) if price else None,
        **row,
    )


def _price(row: dict[str, Any]) -> Price:
    above = row.pop("above", None)
    return Price(above=LongPromptPrice(**above) if above else None, **row)


def _names(provider: str, model: str) -> Iterator[str]:
    name = _plain(provider, model)
    yield name
    undated = _SNAPSHOT.sub("", name)
    if undated != name:
        yield undated


def _plain(provider: str, model: str) -> str:
    name = model.lower()
    return name.removeprefix("models/") if provider == "google.gemini.v1" else name


def _shared(found: list[ModelFacts]) -> ModelFacts | None:
    if len({facts.kind for facts in found}) != 1:
        return None
    kind = found[0].kind
    known = [facts.features for facts in found if facts.features is not None]
    features = frozenset.intersection(*known) if known else None
    quirks = found[0].quirks.items()
    return ModelFacts(
        provider=_EVERY,
        id=found[0].id,
        kind=kind,
        context=_same(facts.context for facts in found),
        max_input=_same(facts.max_input for facts in found),
        max_output=_same(facts.max_output for facts in found),
        dims=_same(facts.dims for facts in found),
        capabilities=capabilities_of(kind, features or frozenset()),
        features=features,
        lacks=frozenset.intersection(*(facts.lacks for facts in found)),
        quirks={k: v for k, v in quirks if all(facts.quirks.get(k) == v for facts in found)},
    )


def _same(sizes: Iterable[int | None]) -> int | None:
    distinct = set(sizes)
    return distinct.pop() if len(distinct) == 1 else None
