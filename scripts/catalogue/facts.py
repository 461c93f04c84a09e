"""The fact files, as they stand: YAML in, plain values out, days as text."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen

Rows = Mapping[str, Any]


@frozen
class Facts:
    """All fact files: `vendors` by file name, `free_tiers` and `sources` as they are."""

    vendors: Mapping[str, Rows]
    free_tiers: Rows
    sources: Rows


def read(folder: Path) -> Facts:
    """Read the fact files in a folder.

    Raises:
        yaml.YAMLError: a file is no YAML, or has a name twice in one place.

    """
    files = sorted((folder / "models").glob("*.yaml"))
    return Facts(
        vendors={file.name: parse(file.read_text(encoding="utf-8")) for file in files},
        free_tiers=parse((folder / "free_tiers.yaml").read_text(encoding="utf-8")),
        sources=parse((folder / "sources.yaml").read_text(encoding="utf-8")),
    )


def parse(text: str) -> Any:
    return _plain(yaml.load(text, Loader=_Loader))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # C where built
    """Refuses a name that stands twice in one mapping; YAML itself takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice!r} stands twice", node.start_mark
            )
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case date():
            return value.isoformat()
        case _:
            return value
