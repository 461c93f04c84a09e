"""From a configuration to targets: every model at each key of its provider."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import asdict, fields, frozen

from modelmesh import catalogue
from modelmesh.capabilities import TREE, CapabilityTree
from modelmesh.config import plugs, schema
from modelmesh.connectors import registry
from modelmesh.errors import ConfigError, Problem
from modelmesh.ledger import configured
from modelmesh.ledger.limits import Limit
from modelmesh.types import ModelCard, Provider, Secret, Target

_FEATURES: Final = (
    ("tool_calling", "tools"),
    ("structured_output", "json_schema"),
    ("vision", "vision"),
    ("audio_input", "audio_in"),
    ("audio_output", "audio_out"),
    ("pdf", "pdf"),
    ("reasoning", "reasoning"),
    ("web_search", "web_search"),
)
"""Features as the configuration calls them, and as the catalogue does."""

Found = Mapping[str, Sequence[str]]
"""The models that servers list themselves and that are to be served, by provider."""


@frozen(kw_only=True)
class Plan:
    """Where requests can go, by what a configuration says.

    Attributes:
        granted: the limits of each target, by its id.
        places: where each target is, by its id: two that are alike there are the same to a vendor.

    """

    config: schema.MeshConfig
    tree: CapabilityTree
    providers: Mapping[str, Provider]
    targets: Sequence[Target]
    granted: Mapping[str, tuple[Limit, ...]]
    places: Mapping[str, tuple[Any, ...]]

    def unchanged(self, before: "Plan") -> list[Target]:
        """Return the targets which are where they were."""
        return [one for one in self.targets if before.places.get(one.id) == self.places[one.id]]

    def is_as_before(self, target: Target, other: Target, before: "Plan") -> bool:
        """Whether a target is in nothing another one than `other` was, which was planned before."""
        names = [field.name for field in fields(Target) if field.name != "provider"]
        return (
            all(getattr(target, name) == getattr(other, name) for name in names)
            and self.places[target.id] == before.places[target.id]
            and self.granted[target.id] == before.granted[target.id]
        )

    @property
    def silent(self) -> list[str]:
        """The providers whose models only they themselves can tell."""
        named = {model.provider for model in self.config.models.values()}
        return [id_ for id_, one in self.providers.items() if id_ not in named and not one.models]


def plan(config: schema.MeshConfig, found: Found) -> Plan:
    """Make the targets that a configuration and its servers name.

    Raises:
        ConfigError: there are no providers.

    """
    tree = TREE.extended(config.capabilities)
    providers = dict(_providers(config))
    targets = list(_targets(config, providers, tree, found))
    return Plan(
        config=config,
        tree=tree,
        providers=providers,
        targets=targets,
        granted=configured.of_targets(config, targets),
        places={one.id: _place(one, config.providers[one.provider.id]) for one in targets},
    )


def _place(target: Target, entry: schema.Provider) -> tuple[Any, ...]:
    at = (target.provider.connector, entry.base_url, entry.options, entry.headers)
    return (*at, target.key, target.upstream)


def _providers(config: schema.MeshConfig) -> Iterator[tuple[str, Provider]]:
    if not config.providers:
        message = "there are none; name a vendor, such as openai.llm.v1, with its `api_key`"
        raise ConfigError([Problem("providers", message)])
    for id_, entry in config.providers.items():
        if not entry.enabled:
            continue
        try:
            yield id_, plugs.provider(id_, entry, config.connectors)
        except registry.UnknownConnector:
            continue  # a vendor of a later version; loading has warned of it


def _targets(
    config: schema.MeshConfig,
    providers: Mapping[str, Provider],
    tree: CapabilityTree,
    found: Found,
) -> Iterator[Target]:
    """Give a target for each model at each key of its provider."""
    subjects: dict[tuple[str, str | None, Secret], str] = {}
    for id_, model in _models(config, providers, found):
        if (provider := providers.get(model.provider)) is None:
            continue
        entry = config.providers[model.provider]
        upstream = model.model or id_
        card = _card(model, upstream, provider, tree)
        for number, key in enumerate(keys_of(entry), 1):
            further = f"#{number}" if number > 1 else ""
            subject = f"{provider.id}{further}"
            if key:
                # A key is one key, in however many entries it stands.
                place = (provider.connector, entry.base_url, key)
                subject = subjects.setdefault(place, subject)
            else:
                # Where no key is limited, a limit is the model's own.
                subject = f"{provider.id}/{id_}"
            yield Target(
                id=f"{provider.id}/{id_}{further}",
                model=id_,
                upstream=upstream,
                provider=provider,
                key=key,
                key_subject=entry.quota_group or subject,
                per_model=not entry.quota_group and bool(getattr(provider, "per_model", False)),
                space=_space(model, upstream, provider),
                card=card,
                weight=model.weight,
                connect=entry.timeouts.connect,
                first_token=entry.timeouts.first_token,
                idle=entry.timeouts.idle,
                total=entry.timeouts.total or entry.timeout,
            )


def _space(model: schema.Model, upstream: str, provider: Provider) -> str:
    """Name what a model's embeddings can be compared with: a size that is not the usual differs."""
    name = model.embedding_space or upstream.rpartition("/")[2].lower()
    size = model.constraints.dimensions
    facts = catalogue.look_up(provider.connector, upstream) if size else None
    return f"{name} of {size}" if size and not (facts and facts.dims == size) else name


def _models(
    config: schema.MeshConfig, providers: Mapping[str, Provider], found: Found
) -> Iterator[tuple[str, schema.Model]]:
    """Give the models configured, or else the usual ones of a provider, and what it lists besides.

    A name of the configuration's own means what it says there.
    """
    yield from config.models.items()
    for id_, provider in providers.items():
        own = {
            model.model or name for name, model in config.models.items() if model.provider == id_
        }
        usual = own or provider.models
        listed = [
            name
            for name in found.get(id_, ())
            if name not in config.models and not catalogue.is_among(provider.connector, name, usual)
        ]
        for name in (*(() if own else usual), *listed):
            yield name, schema.Model(provider=id_)


def keys_of(entry: schema.Provider) -> Sequence[Secret | None]:
    """Return a provider's keys, best first; None is one that is not needed."""
    return entry.api_keys or (entry.api_key,)


def _card(
    model: schema.Model, upstream: str, provider: Provider, tree: CapabilityTree
) -> ModelCard:
    """Join what the configuration says of a model with what the catalogue knows."""
    facts = catalogue.look_up(provider.connector, upstream)
    answers = {name: facts.supports(known_as) if facts else None for name, known_as in _FEATURES}
    said = asdict(model.features)
    features = {
        name: answer
        for name in said
        if (answer := answers.get(name) if said[name] is None else said[name]) is not None
    }
    limits = model.constraints
    known = facts.max_input or facts.context if facts else None
    own_price = asdict(model.pricing) if model.pricing else {}
    declared = frozenset(tree.resolve(name) for name in model.capabilities)
    return ModelCard(
        context=limits.max_input_tokens or limits.context_window or known,
        max_output=limits.max_output_tokens or (facts.max_output if facts else None),
        features=features,
        capabilities=declared or catalogue.capabilities(provider.connector, upstream),
        streaming=None if model.delivery.streaming else False,
        whole=None if model.delivery.synchronous else False,
        price=catalogue.merged(facts.price if facts else None, own_price),
        retirement=catalogue.retirement(provider.connector, upstream),
    )
