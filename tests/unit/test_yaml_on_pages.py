"""Every configuration on a page, whole or a part of one, is taken, and `check` finds nothing."""

import re
import sys
from pathlib import Path
from typing import Any

import documents
import pytest
import yaml

from modelmesh.check import check
from scripts import cookbook

OTHERS = {
    "docs/cli-1": "is there to show what is found in it",
    "docs/clients-1": "models of llm",
    "docs/metrics-2": "Prometheus",
    "facts/README-1": "facts",
}
"""Blocks which are no good configuration, and why."""

OF_A_PART = {"capability-without-pool", "provider-unused"}
"""What is found where the rest of a file is missing."""

BLOCKS = [block for page in documents.everywhere() for block in documents.blocks(page, "yaml")]
SOME = {"connector": "openai-compatible", "base_url": "http://vendor.invalid"}
TOKENS = {"OP_CONNECT_TOKEN": "token", "VAULT_TOKEN": "token"}


def whole(part: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with whatever a part of one takes for granted."""
    models, pools = dict(part.get("models", {})), part.get("pools", {})
    providers = dict(part.get("providers", {}))
    named = [model.get("provider") for model in models.values()]
    for pool in pools.values():
        named += pool.get("provider_priority", ())
    for provider in filter(None, named):
        providers.setdefault(provider, SOME)
    if not pools:  # those there are without any want a model
        providers.setdefault("some", SOME)
        models.setdefault("some", {"provider": "some", "capabilities": ["chat-completion"]})
    providers = providers or {"some": SOME}
    for pool in pools.values():
        for name in pool.get("models", ()):
            models.setdefault(name, {"provider": next(iter(providers))})
    return {**part, "providers": providers, "models": models}


def write_connectors(block: documents.Block, folder: Path) -> None:
    """Write the modules which it names, as Python on its page has them."""
    if block.page.parent == cookbook.PAGES:
        for file in cookbook.files("provider" if block.page.stem == "README" else block.page.stem):
            file.write(folder)
        return
    for module, name in re.findall(r"(?<!{)\b([a-z_]+(?:\.[a-z_]+)*):([A-Z]\w+)", block.text):
        for code in documents.blocks(block.page, "python"):
            if f"class {name}" in code.text:
                cookbook.File(f"{module.replace('.', '/')}.py", code.text).write(folder)


def complaints(part: Any, environ: dict[str, str]) -> list[str]:
    if not isinstance(part, dict):
        return ["it is no configuration"]
    checked = check(whole(part), environ, wall=0.0)
    found = [str(one) for one in checked.findings if one.code not in OF_A_PART]
    return [*map(str, checked.problems), *checked.notes, *found]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda it: it.name)
def test_a_configuration_is_taken_and_nothing_is_found_in_it(
    block: documents.Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_connectors(block, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for place in tmp_path.iterdir():
        monkeypatch.setitem(sys.modules, place.stem, None)  # or else it would stay there
        del sys.modules[place.stem]
    (tmp_path / ".env").touch()
    keys = {name: f"of {name}" for name in re.findall(r"secrets:(\w+)", block.text)}
    found = complaints(yaml.safe_load(block.text), {**keys, **TOKENS})
    assert found if block.name in OTHERS else found == []
