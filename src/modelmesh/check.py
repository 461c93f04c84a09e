"""Checking a configuration without starting anything: its mistakes, and what is hardly meant so."""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from modelmesh.build import Parts, build
from modelmesh.clock import SystemClock, system_rng
from modelmesh.config.load import Examined, Source, examine
from modelmesh.config.schema import MeshConfig
from modelmesh.connectors import registry
from modelmesh.connectors.secrets import Closing, Listing, SecretStore
from modelmesh.errors import ConfigError, Problem
from modelmesh.keeper import Keeper
from modelmesh.lint import WITHOUT_A_FILE, Finding, Setup, findings
from modelmesh.lint.secrets import asked_in
from modelmesh.lint.setup import Stored
from modelmesh.observers import members
from modelmesh.state import State

_EVERYBODYS: Final = "modelmesh.env.v1"
"""The environment is there for other programs, too."""


@frozen(kw_only=True)
class Checked:
    """What is to be said of a configuration; `parts` is None where it has mistakes."""

    source: str
    config: MeshConfig | None = None
    parts: Parts | None = None
    problems: Sequence[Problem] = ()
    findings: Sequence[Finding] = ()
    notes: Sequence[str] = ()

    @property
    def providers(self) -> Sequence[str]:
        return list(self.config.providers) if self.config else ()

    @property
    def pools(self) -> Mapping[str, Sequence[str]]:
        """The ids of each pool's targets, in order."""
        pools = self.parts.pools if self.parts else {}
        return {id_: [target.id for target in pool.targets] for id_, pool in pools.items()}


def check(
    source: Source, environ: Mapping[str, str], workers: int | None = None, *, wall: float
) -> Checked:
    """Say all there is to say of a configuration, without asking any vendor.

    One that is made already is what the environment holds, where nobody wrote anything.
    `workers` goes before the number in it; `wall` is the time of day, in seconds since 1970.
    """
    try:
        examined = examine(source, environ=environ, workers=workers)
        config = examined.sound()
    except ConfigError as error:
        return Checked(source=error.source, problems=error.problems)
    notes = tuple(examined.warnings)
    try:
        state = State()
        with examined.placing():
            parts = build(config, state=state, rng=system_rng(), wall=lambda: wall)
            # Nothing is opened before it is used.
            Keeper.of(config, state, SystemClock())
            members(config)
    except ConfigError as error:
        return Checked(source=error.source, problems=error.problems, notes=notes)
    setup = Setup(config=config, parts=parts, wall=wall, stored=_stored(examined, environ))
    found = findings(setup, examined.lines)
    if examined.document is None:
        found = [one for one in found if one.code in WITHOUT_A_FILE]
    return Checked(
        source=examined.source,
        config=config,
        parts=parts,
        findings=found,
        notes=notes,
    )


def _stored(examined: Examined, environ: Mapping[str, str]) -> Stored | None:
    """Return what the secret store has; None where it does not tell, or much is not for us."""
    settings, own = examined.config.secrets, examined.config.connectors
    if examined.document is None or settings.store in registry.names(_EVERYBODYS):
        return None
    store: SecretStore = registry.find("secrets", settings.store, own)(settings, environ)
    where = store.described
    try:
        if not isinstance(store, Listing):
            return None
        names = frozenset(store.names())
    except Exception:  # noqa: BLE001 - somebody else's store may fail in any way, and nothing is lost
        return None
    finally:
        if isinstance(store, Closing):
            store.close()
    return Stored(where=where, names=names, asked=asked_in(examined.document.tree))
