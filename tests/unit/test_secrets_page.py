"""docs/secrets.md against the code: its tables, its examples, its words."""

import re
import tomllib
from pathlib import Path

import pytest

from modelmesh.config.load import load
from modelmesh.config.yaml_text import parse
from modelmesh.connectors import registry
from modelmesh.connectors.secrets import _dotenv, memory
from modelmesh.errors import ConfigError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/secrets.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def rows(section: str) -> list[list[str]]:
    """Return the cells of a section's tables."""
    text = re.split(r"^#+ ", PAGE.partition(section)[2], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_store_is_listed_with_its_extra_and_has_a_section() -> None:
    table = {re.sub(r"\[`(.*)`\].*", r"\1", cells[0]): cells for cells in rows("# Secrets")}
    assert table.keys() - {"`store`"} == registry.available("secrets").keys()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    heads = {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in headings()}
    for id_, (link, where, install) in table.items():
        if id_ == "`store`":
            continue
        assert link.partition("(#")[2].removesuffix(")") in heads, id_
        if install:
            extra = install.strip("`").removeprefix("modelmesh-lite[").removesuffix("]")
            library = re.split("[>=]", extras[extra][-1])[0]
            assert where.endswith(f"with {library}"), id_


def headings() -> list[str]:
    return re.findall(r"^## (.*)$", PAGE, re.MULTILINE)


def test_the_first_example_is_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-1\n")
    tree = parse(blocks("yaml")[0]).tree
    with pytest.raises(ConfigError) as caught:
        load(tree, environ={})
    told = str(caught.value)
    assert told.endswith("secret 'GROQ_API_KEY' is not set (looked in .env and the environment)")
    assert "secret 'OPENAI_API_KEY' is not set (looked in " in PAGE
    assert (
        load(tree, environ={"GROQ_API_KEY": "gsk-2"}).providers.keys() == tree["providers"].keys()
    )


def test_the_env_file_shown_is_read_as_told() -> None:
    (shown,) = blocks("sh")
    assert _dotenv.parse(shown, ".env") == {
        "OPENAI_API_KEY": "sk-...",
        "GROQ_API_KEY": "taken as it stands",
        "KEY_FILE": 'two\nlines, with " and $',
    }


def test_the_program_shown_runs() -> None:
    (program,) = blocks("python")
    exec(compile(program, "docs/secrets.md", "exec"), {})
    memory.clear()
