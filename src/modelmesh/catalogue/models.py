"""Looking models up. The names they go by are understood here, and nowhere else."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from modelmesh.catalogue.facts import (
    ModelFacts,
    Retirement,
    capabilities_of,
    guess_capabilities,
)
from modelmesh.catalogue.reading import catalogue

# gpt-4o-mini-2024-07-18, claude-haiku-4-5-20251001, claude-haiku-4-5@20251001
_SNAPSHOT: Final = re.compile(r"[-@]20\d\d(-?)(0[1-9]|1[0-2])\1(0[1-9]|[12]\d|3[01])$")

_ADDED: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        # models/gemini-2.5-flash-001. https://ai.google.dev/gemini-api/docs/models#model-versions
        "google.gemini.v1": re.compile(r"^models/|-\d{3}$"),
        # us.anthropic.claude-sonnet-5: the region a request may be answered in.
        # https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
        "aws.bedrock.v1": re.compile(r"^(us|us-gov|eu|apac|jp|au|ca|global)\."),
        # openai/gpt-6-sol:nitro: how a vendor behind the gateway is chosen, not which model.
        # https://openrouter.ai/docs/guides/routing/model-variants
        "openrouter.api.v1": re.compile(r":(nitro|floor|exacto|online|extended)$"),
        # llama3.2:latest, which is what llama3.2 stands for.
        # https://github.com/ollama/ollama/blob/main/docs/api.md#model-names
        "ollama.local.v1": re.compile(r":latest$"),
        # https://docs.x.ai/docs/models#model-aliases
        "xai.api.v1": re.compile(r"-latest$"),
    }
)
"""What a vendor lets its users add to a model's name."""

# openai/gpt-oss-20b:groq: the same model at one of several vendors, each with its own price.
# https://huggingface.co/docs/inference-providers/index
_SERVED_BY: Final = frozenset({"huggingface.router.v1"})


def find(provider: str, model: str) -> ModelFacts | None:
    """Return what is known about a model at a provider; None where nothing is.

    Letter case does not matter, nor what the vendor lets one add to a name. A dated snapshot which
    is not listed itself has the facts of the model it is a snapshot of, unless it is retired.
    Azure's names are its users' own: a deployment is taken for the model whose name it has.
    """
    for name in _names(provider, model):
        facts = catalogue().facts(provider, name)
        if facts or catalogue().gone(provider, name):
            return facts
    return None


# A vendor's whole list may be looked up, whenever it changes and for every configuration.
@lru_cache(maxsize=4096)
def find_anywhere(model: str) -> ModelFacts | None:
    """Return what all providers that list a model say of it alike, for servers that list none.

    What they disagree on is left unknown, and so are price and retirement, which are a provider's
    and not the model's. None where no provider lists it, or where they disagree on its kind.
    """
    found = (find(provider, model) for provider in catalogue().connectors)
    return _shared([facts for facts in found if facts])


def look_up(provider: str, model: str) -> ModelFacts | None:
    """Return what is known about a model: at this provider, or else anywhere."""
    return find(provider, model) or find_anywhere(model)


def capabilities(provider: str, model: str) -> frozenset[str]:
    """Return what a model can do, by what is known about it or else by its name."""
    facts = look_up(provider, model)
    return facts.capabilities if facts else guess_capabilities(model)


def retirement(provider: str, model: str) -> Retirement | None:
    """Return when the vendor withdraws a model, or did, and what it names instead.

    None where no such day is known. It may be long past, or far away: compare it with today.
    """
    for name in _names(provider, model):
        facts = catalogue().facts(provider, name)
        end = facts.retirement if facts else catalogue().gone(provider, name)
        if facts or end:
            return end
    return None


def is_among(provider: str, model: str, listed: Iterable[str]) -> bool:
    """Whether a model is one of those that its vendor lists.

    An alias is, where a dated snapshot of it is listed; a snapshot only where it is itself.
    """
    names = {model.lower(), _plain(provider, model)}
    if provider in _SERVED_BY:
        names.add(model.lower().partition(":")[0])
    return any(not names.isdisjoint(_names(provider, one)) for one in listed)


def models_of(provider: str) -> list[ModelFacts]:
    """Return all that is known about a provider's models."""
    found = (catalogue().facts(provider, name) for name in catalogue().names(provider))
    return [facts for facts in found if facts]


def providers() -> list[str]:
    """Return the connector ids of the providers with known models."""
    return list(catalogue().connectors)


def as_of() -> str:
    """Return the day (YYYY-MM-DD) the facts were collected."""
    return catalogue().as_of


def sources() -> Mapping[str, str]:
    """Return what the sources are that models and free tiers name."""
    return catalogue().sources


def _names(provider: str, model: str) -> Iterator[str]:
    """Give the names a model may be listed under, the most exact first."""
    plain = _plain(provider, model)
    yield from dict.fromkeys((model.lower(), plain, _SNAPSHOT.sub("", plain)))


def _plain(provider: str, model: str) -> str:
    """Return a name without what the vendor lets one add to it."""
    name = model.lower()
    return _ADDED[provider].sub("", name) if provider in _ADDED else name


def _shared(found: list[ModelFacts]) -> ModelFacts | None:
    if len({facts.kind for facts in found}) != 1:
        return None
    kind = found[0].kind
    known = [facts.features for facts in found if facts.features is not None]
    features = frozenset.intersection(*known) if known else None
    quirks = found[0].quirks.items()
    return ModelFacts(
        provider="*",
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
