import re
from pathlib import Path

import attrs
import pytest

from modelmesh.config import reference, schema
from modelmesh.config.load import load
from modelmesh.config.reference_text import EXAMPLES, INTRODUCTION

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_the_one_the_schema_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference.page(), (
        "write it anew: python -m modelmesh.config.reference > docs/configuration.md"
    )


def test_sections_come_in_the_schemas_order_and_all_have_an_example() -> None:
    names = [field.name for field in attrs.fields(schema.MeshConfig)]
    assert re.findall(r"^## `(\w+)`", reference.page(), re.MULTILINE) == names
    assert list(EXAMPLES) == names


@pytest.mark.parametrize(
    "cls", [one for one in vars(schema).values() if attrs.has(one) and one is not schema.MeshConfig]
)
def test_every_field_of_every_class_is_explained(cls: type) -> None:
    page = reference.page()
    for field in attrs.fields(cls):
        row = re.search(rf"^\| `{field.name}` \|.*\| (.+) \|$", page, re.MULTILINE)
        assert row, field.name


def test_every_link_has_its_heading() -> None:
    page = reference.page()
    headings = re.findall(r"^#+ `(.+)`$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w-]", "", heading.lower()) for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= anchors
    assert len(anchors) == len(headings)


def test_defaults_are_spelt_as_in_yaml() -> None:
    page = reference.page()
    assert "| `max_body` | size | `64MiB` |" in page
    assert "| `initial_delay` | duration | `500ms` |" in page
    assert "| `max_cooldown` | duration | `1h` |" in page
    assert '| `origins` | list of text | `["*"]` |' in page
    assert "| `enabled` | true or false | `true` |" in page
    assert "| `provider` | text | required |" in page


def test_the_first_example_works(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", INTRODUCTION, re.DOTALL)
    file = tmp_path / "mesh.yaml"
    file.write_text(text)
    config = load(file, environ={"OPENAI_API_KEY": "a", "GROQ_API_KEY": "b"})
    assert list(config.pools) == ["chat"]


def test_the_examples_of_all_sections_work_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("GROQ_API_KEY=a\nOPENAI_A=b\nOPENAI_B=c\nPROXY_TOKEN=d\n")
    file = tmp_path / "mesh.yaml"
    file.write_text("\n".join(EXAMPLES.values()))
    config = load(file, environ={})
    assert list(config.providers) == ["groq.api.v1", "openai", "our-server"]
    assert config.proxy.port == 9090
