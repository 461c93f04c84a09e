import json
from pathlib import Path
from typing import Any

import pytest

from modelmesh.check import Checked, check
from modelmesh.cli.checked import record, table_of, text, works
from modelmesh.online import Probed

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


def checked(file: Path | str, key: str = "sk-canary-1") -> Checked:
    return check(file, {"KEY": key}, wall=NOVEMBER)


def test_a_good_file_is_summed_up(file: Path) -> None:
    file.write_text(GOOD)
    assert text(checked(file)).splitlines() == [
        f"{file}: no mistakes",
        "  providers: openai.llm.v1",
        "  pool chat: openai.llm.v1/gpt-4o-mini",
        "  pool both: openai.llm.v1/text-embedding-3-small, openai.llm.v1/gpt-4o-mini",
    ]


def test_mistakes_are_listed(file: Path) -> None:
    file.write_text(GOOD.replace("models: [", "modles: ["))
    found = checked(str(file))
    assert len(found.problems) == 1
    assert text(found).splitlines()[0] == f"{file}: 1 problem"
    assert "line 10: pools.both.modles: unknown key 'modles'; did you mean 'models'?" in text(found)


def test_a_pool_nothing_serves_is_a_mistake_with_its_line(file: Path) -> None:
    file.write_text(GOOD.replace("capability: chat-completion", "capability: text-to-speech"))
    assert text(checked(file)).splitlines()[1].startswith("  line 9: pools.chat: ")


@pytest.mark.parametrize(
    ("address", "line"),
    [("", ""), (", url: 'http://:hunter2@host'", "line 11: ")],
)
def test_a_store_that_could_not_be_used_is_a_mistake(file: Path, address: str, line: str) -> None:
    pytest.importorskip("redis")
    file.write_text(f"{GOOD}storage: {{connector: redis.redis.v1{address}}}\n")
    said = text(checked(file))
    assert said.splitlines()[1].startswith(f"  {line}storage.url: is ")
    assert "hunter2" not in said


def test_why_a_pool_is_empty_is_noted_beside_it(file: Path) -> None:
    file.write_text("providers: {aws.bedrock.v1: {api_key: k}}")
    said = text(checked(file))
    assert "pools.chat-completion: no model" in said
    assert "  note: provider 'aws.bedrock.v1' is not available in this version" in said


def test_a_file_that_is_not_there_is_told(file: Path) -> None:
    begun = f"{file}: 1 problem\n  cannot be read: No such file or directory (in {file.parent}); "
    assert text(checked(file)).startswith(begun)


RETIRING = (
    "providers: {groq.api.v1: {api_key: k}, openai.llm.v1: {api_key: k}}\n"
    "models:\n"
    "  old: {provider: groq.api.v1, model: llama-3.3-70b-versatile}\n"
    "  ageing: {provider: openai.llm.v1, model: gpt-5}\n"
    "pools: {chat: {models: [old, ageing]}}\n"
)


def test_findings_are_told_with_line_place_code_and_what_to_do(file: Path) -> None:
    file.write_text(RETIRING)
    lines = text(checked(file)).splitlines()
    assert lines[0] == f"{file}: no mistakes, 2 findings"
    was = "its vendor's last day for it is 2026-08-16; its successor is openai/gpt-oss-120b"
    will = "its vendor's last day for it is 2026-12-11; its successor is gpt-6.1-sol"
    old = f"model 'old' (llama-3.3-70b-versatile at groq.api.v1) is retired: {was}"
    ageing = f"model 'ageing' (gpt-5 at openai.llm.v1) retires in 17 days: {will}"
    assert lines[-4:] == [
        f"  line 3: models.old: {old} [model-retired]",
        "    switch to openai/gpt-oss-120b",
        f"  line 4: models.ageing: {ageing} [model-retires-soon]",
        "    switch to gpt-6.1-sol",
    ]


def test_programs_read_the_same(file: Path) -> None:
    file.write_text(RETIRING)
    told = json.loads(json.dumps(record(checked(file), None)))
    assert list(told) == [
        "source", "problems", "findings", "notes", "providers", "pools", "online",
    ]  # fmt: skip
    assert told["source"] == str(file)
    assert [(one["code"], one["line"], one["path"]) for one in told["findings"]] == [
        ("model-retired", 3, "models.old"),
        ("model-retires-soon", 4, "models.ageing"),
    ]
    assert told["pools"] == {"chat": ["groq.api.v1/old", "openai.llm.v1/ageing"]}
    assert told["online"] is None


def test_mistakes_too_are_told_to_programs(file: Path) -> None:
    file.write_text(GOOD.replace("models: [", "modles: ["))
    told = record(checked(file), None)
    assert [(one["line"], one["path"]) for one in told["problems"]] == [(10, "pools.both.modles")]
    assert (told["findings"], told["pools"]) == ([], {})


def probed(**settings: Any) -> Probed:
    usual: dict[str, Any] = {"provider": "p", "key": 1, "state": "answers", "milliseconds": 12.34}
    return Probed(**{**usual, **settings})


def test_what_works_is_a_table_with_what_does_not_below_it() -> None:
    every = [
        probed(unlisted=["m", "n"]),
        probed(key=2, state="refused", why="wrong key"),
        probed(provider="local", key=None, state="unreachable", why="nobody there"),
    ]
    assert table_of(every) == [
        "PROVIDER  KEY  STATE        MS  NOT LISTED",
        "p         #1   answers      12  m, n",
        "p         #2   refused      12  -",
        "local     -    unreachable   -  -",
        "p #2: wrong key",
        "local: nobody there",
    ]
    assert not works(every)
    assert works(every[:1])


def test_what_works_is_told_to_programs(file: Path) -> None:
    file.write_text(GOOD)
    [told] = record(checked(file), [probed(state="no list", why="none")])["online"]
    assert told == {
        "provider": "p",
        "key": 1,
        "state": "no list",
        "milliseconds": 12.3,
        "message": "none",
        "unlisted": [],
    }
