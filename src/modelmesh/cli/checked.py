"""`modelmesh check`: what is to be said of a configuration, for people and for programs."""

from collections.abc import Iterator, Sequence
from typing import Any

from modelmesh.check import Checked
from modelmesh.cli._table import table
from modelmesh.errors import ConfigError
from modelmesh.lint import Finding
from modelmesh.online import WORKS, Probed


def text(checked: Checked) -> str:
    """Return it for people."""
    return "\n".join(_lines(checked))


def _lines(checked: Checked) -> Iterator[str]:
    if checked.problems:
        yield str(ConfigError(checked.problems, checked.source))
    else:
        count = len(checked.findings)
        found = f", {count} finding{'' if count == 1 else 's'}" if count else ""
        yield f"{checked.source}: no mistakes{found}"
        yield f"  providers: {', '.join(checked.providers) or 'none'}"
        for id_, targets in checked.pools.items():
            yield f"  pool {id_}: {', '.join(targets) or 'models that its servers list when asked'}"
    for one in checked.findings:
        yield from _finding(one)
    for note in checked.notes:
        yield f"  note: {note}"


def _finding(one: Finding) -> Iterator[str]:
    place = f"line {one.line}: " if one.line else ""
    where = f"{one.path}: " if one.path else ""
    yield f"  {place}{where}{one.message} [{one.code}]"
    yield f"    {one.advice}"


def record(checked: Checked, probed: Sequence[Probed] | None) -> dict[str, Any]:
    """Return it for programs; `online` is None where no vendor was asked."""
    return {
        "source": checked.source,
        "problems": [
            {"line": one.line, "path": one.path, "message": one.message} for one in checked.problems
        ],
        "findings": [
            {
                "code": one.code,
                "line": one.line,
                "path": one.path,
                "message": one.message,
                "advice": one.advice,
            }
            for one in checked.findings
        ],
        "notes": list(checked.notes),
        "providers": list(checked.providers),
        "pools": {id_: list(targets) for id_, targets in checked.pools.items()},
        "online": None if probed is None else list(map(_probed, probed)),
    }


def _probed(one: Probed) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "key": one.key,
        "state": one.state,
        "milliseconds": round(one.milliseconds, 1),
        "message": one.why or None,
        "unlisted": list(one.unlisted),
    }


def table_of(probed: Sequence[Probed]) -> list[str]:
    """Return what works as a table, and below it what does not."""
    rows = [
        (
            one.provider,
            f"#{one.key}" if one.key else "-",
            one.state,
            f"{one.milliseconds:.0f}" if one.state in ("answers", "refused", "fails") else "-",
            ", ".join(one.unlisted) or "-",
        )
        for one in probed
    ]
    lines = table(("PROVIDER", "KEY", "STATE", "MS", "NOT LISTED"), rows, right=("MS",))
    return [*lines, *(f"{one.name}: {one.why}" for one in probed if one.why)]


def works(probed: Sequence[Probed]) -> bool:
    """Whether nothing is known to be wrong with any of them."""
    return all(one.state in WORKS for one in probed)
