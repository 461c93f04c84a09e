"""What the page about discovery shows is what there is."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_discovery import CONFIG, Scene

from modelmesh.connectors.discovery import View

PAGE = (Path(__file__).parents[2] / "docs/discovery.md").read_text()
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
(CODE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the page's own discovery where Python finds it."""
    (tmp_path / "my_discovery.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_discovery", raising=False)
    return tmp_path


async def test_the_pages_own_discovery_lets_models_join(own: Path) -> None:
    (own / "models.txt").write_text("llama\nqwen\n")
    discovery: dict[str, Any] = EXAMPLES[-1]["discovery"]
    sync = {**discovery["sync"], "path": str(own / "models.txt"), "provider": "a"}
    scene = Scene(**{**CONFIG, "discovery": {"sync": sync}})
    await scene.pass_(11)
    assert list(scene.states()) == ["a/one", "b/two", "a/llama", "a/qwen"]
    await scene.mesh.close()


def test_the_page_names_all_that_a_discovery_sees() -> None:
    *_, table = PAGE.split("\n| | |\n")
    rows = "\n".join(line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `"))
    public = {name for name in {*vars(View), *View.__annotations__} if not name.startswith("_")}
    assert set(re.findall(r"`(?:await )?(\w+)", rows)) == public
