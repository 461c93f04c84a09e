"""The page about testing: what it shows passes, and pytest finds in it what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelmesh import testing
from modelmesh.testing import fake_provider

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/testing.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
TESTS = [block for block in BLOCKS if re.search(r"^(class Test|def test_)", block, re.MULTILINE)]
WITHOUT = [
    word
    for plugin in ("cacheprovider", "xdist", "asyncio", "timeout", "hypothesispytest", "anyio")
    for word in ("-p", f"no:{plugin}")
]
OURS = ROOT / "tests/data/providers/vllm"


@pytest.mark.parametrize("block", TESTS, ids=range(len(TESTS)))
def test_pytest_finds_and_passes_what_the_page_shows(block: str, tmp_path: Path) -> None:
    (tmp_path / "test_shown.py").write_text(block)
    shutil.copytree(OURS, tmp_path / "tests/replies")
    shutil.copy(ROOT / "examples/modelmesh.yaml", tmp_path)
    output = run(tmp_path, "-W", "error")
    passed = re.search(r"(\d+) passed", output)
    assert passed, output
    assert int(passed[1]) >= block.count("\ndef test_") + 5 * block.count("class Test")
    assert not re.search(r"\d+ (failed|error|skipped)", output), output


def test_every_public_name_is_on_the_page_and_there() -> None:
    for name in testing.__all__:
        assert getattr(testing, name).__name__ == name
        assert name in PAGE or name in ("AsyncMockClient", "Call", "MockClient")
    assert sorted(testing._HOMES) == testing.__all__
    with pytest.raises(AttributeError, match="has no attribute 'moc_client'"):
        testing.moc_client  # type: ignore[attr-defined]  # noqa: B018 - that is the test


def test_the_plugin_loads_nothing_before_a_fixture_is_used() -> None:
    code = """
import pytest, sys
before = set(sys.modules)
import modelmesh.testing.plugin
print(*sorted(set(sys.modules) - before))
"""
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {name for name in loaded if name.startswith("modelmesh")} == {
        "modelmesh",
        "modelmesh.testing",
        "modelmesh.testing.plugin",
    }
    assert not {"aiohttp", "asyncio", "attr", "yaml"} & set(loaded)


def test_the_kit_needs_neither_pytest_nor_an_extra() -> None:
    code = """
import sys
for name in ("pytest", "_pytest", "openai", "pydantic", "hypothesis", "redis", "httptools"):
    sys.modules[name] = None
from modelmesh import testing
for name in testing.__all__:
    getattr(testing, name)
with testing.mock_client(["Hi."]) as client:
    messages = [{"role": "user", "content": "Hello!"}]
    print(client.chat.completions.create(messages=messages).choices[0].message.content)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("Hi.\n", "")


def test_the_faults_that_the_page_names_are_there() -> None:
    [section] = re.findall(r"^## A vendor that fails.*?^## ", PAGE, re.DOTALL | re.MULTILINE)
    for name in ("ok", "status~code=429", "stall-mid~after=3", "error-mid"):
        assert f"`{name}`" in section
        fake_provider.select(name)


def run(folder: Path, *flags: str) -> str:
    """Run pytest in a folder as somebody does who has this library and no plugin of others."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *WITHOUT, *flags],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr
