from pathlib import Path

import pytest

from modelmesh.check import check

# 2026-11-24
NOVEMBER = 1_795_478_400.0

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
    code, text = check(file, {"KEY": "sk-canary-1"}, wall=NOVEMBER)
    assert code == 0
    assert text.splitlines() == [
        f"{file}: no mistakes",
        "  providers: openai.llm.v1",
        "  pool chat: openai.llm.v1/gpt-4o-mini",
        "  pool both: openai.llm.v1/text-embedding-3-small, openai.llm.v1/gpt-4o-mini",
    ]


def test_mistakes_are_listed(file: Path) -> None:
    file.write_text(GOOD.replace("models: [", "modles: ["))
    code, text = check(str(file), {"KEY": "sk-canary-1"}, wall=NOVEMBER)
    assert code == 1
    assert text.splitlines()[0] == f"{file}: 1 problem"
    assert "line 10: pools.both.modles: unknown key 'modles'; did you mean 'models'?" in text


def test_a_pool_nothing_serves_is_a_mistake_with_its_line(file: Path) -> None:
    file.write_text(GOOD.replace("capability: chat-completion", "capability: text-to-speech"))
    code, text = check(file, {"KEY": "sk-canary-1"}, wall=NOVEMBER)
    assert code == 1
    assert text.splitlines()[1].startswith("  line 9: pools.chat: ")


@pytest.mark.parametrize(
    ("address", "line"),
    [("", ""), (", url: 'http://:hunter2@host'", "line 11: ")],
)
def test_a_store_that_could_not_be_used_is_a_mistake(file: Path, address: str, line: str) -> None:
    pytest.importorskip("redis")
    file.write_text(f"{GOOD}storage: {{connector: redis.redis.v1{address}}}\n")
    code, text = check(file, {"KEY": "sk-canary-1"}, wall=NOVEMBER)
    assert code == 1
    assert text.splitlines()[1].startswith(f"  {line}storage.url: is ")
    assert "hunter2" not in text


def test_why_a_pool_is_empty_is_noted_beside_it(file: Path) -> None:
    file.write_text("providers: {aws.bedrock.v1: {api_key: k}}")
    code, text = check(file, {}, wall=NOVEMBER)
    assert code == 1
    assert "pools.chat-completion: no model" in text
    assert "  note: provider 'aws.bedrock.v1' is not available in this version" in text


def test_a_file_that_is_not_there_is_told(file: Path) -> None:
    assert check(file, {}, wall=NOVEMBER) == (
        1,
        f"{file}: 1 problem\n  cannot be read: No such file or directory",
    )


def test_models_that_retire_are_noted(file: Path) -> None:
    file.write_text(
        "providers: {groq.api.v1: {api_key: k}, openai.llm.v1: {api_key: k}}\n"
        "models:\n"
        "  old: {provider: groq.api.v1, model: llama-3.3-70b-versatile}\n"
        "  ageing: {provider: openai.llm.v1, model: gpt-5}\n"
        "pools: {chat: {models: [old, ageing]}}\n"
    )
    code, text = check(file, {}, wall=NOVEMBER)
    assert code == 0
    old, ageing = text.splitlines()[-2:]
    assert old.startswith("  note: model 'old' (llama-3.3-70b-versatile at groq.api.v1) is retired")
    assert old.endswith("until 2026-08-16 and names openai/gpt-oss-120b as its successor")
    assert ageing.startswith("  note: model 'ageing' (gpt-5 at openai.llm.v1) retires in 17 days")
    assert ageing.endswith("until 2026-12-11 and names gpt-6.1-sol as its successor")
