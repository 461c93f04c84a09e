from pathlib import Path

import pytest

from modelmesh.check import check

GOOD = """\
providers:
  openai.llm.v1:
    api_key: ${secrets:KEY}
    budget: {daily_limit: 5}
models:
  gpt-4o-mini: {provider: openai.llm.v1}
  text-embedding-3-small: {provider: openai.llm.v1}
pools:
  chat: {capability: chat-completion}
  both: {models: [text-embedding-3-small, gpt-4o-mini]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mesh.yaml"


def test_a_good_file_is_summed_up(file: Path) -> None:
    file.write_text(GOOD)
    code, text = check(file, {"KEY": "sk-canary-1"})
    assert code == 0
    assert text.splitlines() == [
        f"{file}: no mistakes",
        "  providers: openai.llm.v1",
        "  pool chat: openai.llm.v1/gpt-4o-mini",
        "  pool both: openai.llm.v1/text-embedding-3-small, openai.llm.v1/gpt-4o-mini",
        "  note: this version reads but does not heed: providers.openai.llm.v1.budget",
    ]


def test_mistakes_are_listed(file: Path) -> None:
    file.write_text(GOOD.replace("models: [", "modles: ["))
    code, text = check(str(file), {"KEY": "sk-canary-1"})
    assert code == 1
    assert text.splitlines()[0] == f"{file}: 1 problem"
    assert "line 10: pools.both.modles: unknown key 'modles'; did you mean 'models'?" in text


def test_a_pool_nothing_serves_is_a_mistake_with_its_line(file: Path) -> None:
    file.write_text(GOOD.replace("capability: chat-completion", "capability: text-to-speech"))
    code, text = check(file, {"KEY": "sk-canary-1"})
    assert code == 1
    assert text.splitlines()[1].startswith("  line 9: pools.chat: ")


def test_why_a_pool_is_empty_is_noted_beside_it(file: Path) -> None:
    file.write_text("providers: {anthropic.claude.v1: {api_key: k}}")
    code, text = check(file, {})
    assert code == 1
    assert "pools.chat-completion: no model" in text
    assert "  note: provider 'anthropic.claude.v1' is not available in this version" in text


def test_a_file_that_is_not_there_is_told(file: Path) -> None:
    assert check(file, {}) == (
        1,
        f"{file}: 1 problem\n  cannot be read: No such file or directory",
    )
