"""Which parts of a configuration name a connector, and what its settings are."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from modelmesh.config import schema
from modelmesh.config.faults import Fault, Invalid, unknown
from modelmesh.config.later import is_later, later
from modelmesh.connectors import registry
from modelmesh.connectors.own import told
from modelmesh.errors import ConfigError, Problem
from modelmesh.types import Provider


@frozen(kw_only=True)
class Plug:
    """How a class of the schema names its connector, `inside` which keys its settings may stand."""

    kind: registry.Kind
    field: str
    default: str | None = None
    inside: tuple[str, ...] = ("options",)


PLUGS: Final[Mapping[type[Any], Plug]] = MappingProxyType(
    {
        schema.Provider: Plug(kind="providers", field="connector", inside=("config", "options")),
        schema.Secrets: Plug(kind="secrets", field="store", default=schema.Secrets().store),
        schema.Pool: Plug(kind="strategies", field="strategy", default=schema.Pool().strategy),
        schema.Storage: Plug(kind="storage", field="connector"),
        schema.Observer: Plug(
            kind="observability", field="connector", default=schema.Observer().connector
        ),
        schema.DiscoverySync: Plug(
            kind="discovery", field="connector", default=schema.DiscoverySync().connector
        ),
        schema.DiscoveryHealth: Plug(
            kind="discovery", field="connector", default=schema.DiscoveryHealth().connector
        ),
    }
)


@frozen
class _None:
    """The settings of a connector that has none."""


def options_class(
    kind: registry.Kind, name: Any, own: Mapping[str, str], place: str
) -> type[Any] | None:
    """Return the class of a connector's own settings; None where they are not known yet.

    Raises:
        Invalid: there is no such connector.

    """
    if not isinstance(name, str):
        return None
    wrong = misnamed(kind, name, own)
    if wrong:
        raise Invalid(Fault((place,), wrong))
    if is_later(kind, name, own):
        return None
    return _options_of(registry.find(kind, name, own))


def provider(id_: str, entry: schema.Provider, own: Mapping[str, str]) -> Provider:
    """Make the provider of an entry.

    Raises:
        UnknownConnector: there is no such connector.
        ValueError: it needs more than the entry says.

    """
    vendor = registry.find("providers", entry.connector or id_, own)
    made: Provider = vendor(
        id_,
        base_url=entry.base_url,
        headers=entry.headers,
        options=_options_of(vendor)(**entry.options),
    )
    return made


def section(kind: registry.Kind, name: str, settings: Any, own: Mapping[str, str]) -> Any:
    """Make the connector of a section, such as `sync` in `discovery`.

    Raises:
        ConfigError: it lacks a setting, or a library, or cannot be made.

    """
    found = registry.find(kind, settings.connector, own)
    try:
        return found(settings)
    except ConfigError:
        raise
    except Exception as failure:
        message = f"{settings.connector!r} cannot be made: {told(failure)}"
        raise ConfigError([Problem(f"{kind}.{name}.connector", message)]) from failure


def misnamed(kind: registry.Kind, name: str, own: Mapping[str, str]) -> str | None:
    """Return what is wrong with a connector's name; None where it is known, be it for later."""
    if is_later(kind, name, own):
        return None
    try:
        registry.find(kind, name, own)
    except registry.BrokenConnector as error:
        return str(error)
    except registry.UnknownConnector:
        known = [*own, *registry.ids(kind), *later(kind)]
        short = {part: one for one in known for part in (*registry.names(one), one.split(".")[0])}
        return unknown("connector", name, known, short)
    return None


def _options_of(connector: Any) -> type[Any]:
    options: type[Any] = getattr(connector, "Options", _None)
    return options
