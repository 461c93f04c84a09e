"""scripts/build_catalogue: what it refuses, and that what is shipped is what the facts say."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import evolve

from modelmesh.catalogue.facts import FEATURES
from scripts.catalogue import __main__ as program
from scripts.catalogue.facts import Facts, parse, read
from scripts.catalogue.rules import QUIRKS, mistakes, of_model, of_tier, of_vendor
from scripts.catalogue.writing import free_tiers_json, models_json, table

FACTS = Path(__file__).parents[2] / "facts"
SOURCES = {"known": {"what": "known", "as_of": "2026-11-22"}}
MODEL: dict[str, Any] = {"kind": "chat", "context": 1000, "max_output": 100}
VENDOR: dict[str, Any] = {
    "connector": "v",
    "as_of": "2026-11-22",
    "sources": ["known"],
    "models": {"m": MODEL},
    "retired": {"old": {"day": "2026-01-01", "successor": "m"}},
}
TIER: dict[str, Any] = {
    "subject": "account",
    "per_model": True,
    "resets": {"day": {"at": "00:00", "zone": "America/Los_Angeles"}, "minute": "rolling"},
    "sources": ["known"],
    "limits": [{"models": ["*"], "requests": {"day": 10}}],
}


@pytest.fixture(scope="module")
def facts() -> Facts:
    return read(FACTS)


def test_what_is_shipped_is_what_the_facts_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--check"]) == 0, capsys.readouterr().err
    told = capsys.readouterr().out
    assert "627 models" in told
    assert "free tiers" in told


def test_the_same_facts_give_the_same_bytes(facts: Facts) -> None:
    again = read(FACTS)
    assert models_json(facts) == models_json(again)
    assert free_tiers_json(facts) == free_tiers_json(again)


def test_a_stale_file_fails_the_check_and_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped, page = tmp_path / "shipped", tmp_path / "models.md"
    shipped.mkdir()
    page.write_text("<!-- table -->\nold\n<!-- end of table -->\nrest\n")
    (tmp_path / "facts").symlink_to(FACTS)
    for name, value in {"ROOT": tmp_path, "SHIPPED": shipped, "PAGE": page}.items():
        monkeypatch.setattr(program, name, value)
    assert program.main(["--check"]) == 1
    assert "shipped/models.json is stale" in capsys.readouterr().err
    assert not list(shipped.iterdir())
    assert program.main([]) == 0
    assert program.main(["--check"]) == 0
    assert page.read_text().endswith("| 2026-11-22 |\n<!-- end of table -->\nrest\n")


def test_a_mistake_in_the_facts_is_told_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "facts/models").mkdir(parents=True)
    for name in ("free_tiers.yaml", "sources.yaml"):
        (tmp_path / "facts" / name).symlink_to(FACTS / name)
    wrong = {**VENDOR, "sources": ["mnfst"], "models": {"m": {**MODEL, "context": -1}}}
    (tmp_path / "facts/models/v.yaml").write_text(yaml.safe_dump(wrong))
    monkeypatch.setattr(program, "ROOT", tmp_path)
    monkeypatch.setattr(program, "SHIPPED", tmp_path)
    assert program.main([]) == 1
    assert "v.yaml: m: context: is to be a whole number above 0" in capsys.readouterr().err
    assert not (tmp_path / "models.json").exists()


def test_sound_facts_have_no_mistakes(facts: Facts) -> None:
    assert mistakes(facts) == []
    assert list(of_vendor(VENDOR, SOURCES)) == []
    assert list(of_tier(TIER, SOURCES)) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"kind": "oracle"}, "kind: there is no oracle"),
        ({"contxt": 5}, "model: there is no contxt"),
        ({"context": 0}, "context: is to be a whole number above 0"),
        ({"max_output": -5}, "max_output: is to be a whole number above 0"),
        ({"dims": 1.5}, "dims: is to be a whole number above 0"),
        ({"max_input": True}, "max_input: is to be a whole number above 0"),
        ({"max_output": 1001}, "max_output: is more than the context"),
        ({"features": ["telepathy"]}, "features: there is no telepathy"),
        ({"lacks": ["telepathy"]}, "features: there is no telepathy"),
        ({"features": ["tools"], "lacks": ["tools"]}, "lacks: it is said to have tools"),
        ({"retires": "2026-02-30"}, "retires: is to be a day"),
        ({"retires": "next week"}, "retires: is to be a day"),
        ({"quirks": {"likes_tea": True}}, "quirks: likes_tea: True is not known"),
        ({"quirks": {"thinking": "hard"}}, "quirks: thinking: hard is not known"),
        ({"quirks": {"dimensions": []}}, "quirks: dimensions: [] is not known"),
        ({"quirks": {"dimensions": {"min": 9, "max": 5}}}, "quirks: dimensions: "),
        ({"price": {"input": -1}}, "price.input: -1 is no price"),
        ({"price": {"input": float("nan")}}, "price.input: nan is no price"),
        ({"price": {"output": float("inf")}}, "price.output: inf is no price"),
        ({"price": {"output": 10_000}}, "price.output: 10000 is no price"),
        ({"price": {"output": "1"}}, "price.output: 1 is no price"),
        ({"price": {"in": 1}}, "price: there is no in"),
        ({"price": {"input": 1, "cached_input": 2}}, "price.cached_input: the cache is dearer"),
        ({"price": {"above": {"input": 1}}}, "price.above.prompt_tokens: is to be"),
        ({"price": {"above": {"prompt_tokens": 5, "input": -1}}}, "price.above.input: -1"),
        ({"price": {"valid_from": "soon"}}, "price.valid_from: is to be a day"),
        ({"price": {"off_peak": {"input": 1}}}, "price.off_peak.hours: needs days"),
        (
            {"price": {"off_peak": {"hours": [{"days": ["mon"], "utc": ["10:00-25:00"]}]}}},
            "price.off_peak.hours: needs days",
        ),
        ({"other_prices": {"known": {"input": -1}}}, "price.input: -1 is no price"),
    ],
    ids=str,
)
def test_a_row_that_cannot_be_true_is_refused(said: dict[str, Any], told: str) -> None:
    assert [each for each in of_model({**MODEL, **said}) if each.startswith(told)]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"as_of": "today"}, "as_of: is to be a day"),
        ({"owner": "x"}, "file: there is no owner"),
        ({"sources": ["hearsay"]}, "m: sources: there is no hearsay"),
        ({"sources": []}, "m: sources: it needs some"),
        ({"retired": {"M": {"day": "2026-01-01"}}}, "m: stands twice"),
        ({"retired": {"old": {"day": "then"}}}, "old: day: is to be a day"),
        (
            {"retired": {"old": {"day": "2026-01-01", "successor": "x"}}},
            "old: successor: x is no model here",
        ),
    ],
    ids=str,
)
def test_a_vendors_file_that_does_not_hold_together_is_refused(
    said: dict[str, Any], told: str
) -> None:
    assert told in list(of_vendor({**VENDOR, **said}, SOURCES))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"subject": "planet"}, "subject is to be one of"),
        ({"resets": {"fortnight": "rolling"}}, "resets.fortnight: "),
        ({"resets": {"day": {"at": "25:00"}}}, "resets.day: "),
        ({"resets": {"day": {"at": "00:00", "zone": "Mars/Base"}}}, "resets.day: "),
        ({"limits": [{"models": ["*"]}]}, "limits: each needs models, and how much"),
        ({"limits": [{"models": ["*"], "requests": {"day": 0}}]}, "limits: 0 in a day"),
        ({"limits": [{"models": ["*"], "requests": {"eon": 1}}]}, "limits: 1 in a eon"),
        ({"limits": [{"models": ["*"], "smiles": {"day": 1}}]}, "limit: there is no smiles"),
    ],
    ids=str,
)
def test_a_free_tier_that_cannot_be_is_refused(said: dict[str, Any], told: str) -> None:
    assert [each for each in of_tier({**TIER, **said}, SOURCES) if each.startswith(told)]


def test_two_files_of_one_connector_are_refused(facts: Facts) -> None:
    twice = evolve(facts, vendors={**facts.vendors, "x.yaml": facts.vendors["groq.yaml"]})
    assert mistakes(twice) == ["x.yaml: groq.yaml has groq.api.v1 as well"]


def test_a_name_that_stands_twice_in_a_file_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="'m' stands twice"):
        parse("models:\n  m: {kind: chat}\n  m: {kind: tts}\n")


def test_days_are_read_as_text() -> None:
    assert parse("as_of: 2026-11-22\ndays: [2026-01-01]") == {
        "as_of": "2026-11-22",
        "days": ["2026-01-01"],
    }


def test_what_is_for_people_is_not_shipped(facts: Facts) -> None:
    rows = [
        row for rows in json.loads(models_json(facts))["models"].values() for row in rows.values()
    ]
    assert not any({"note", "other_prices"} & row.keys() for row in rows)


def test_the_table_has_a_line_for_every_connector(facts: Facts) -> None:
    lines = table(facts).splitlines()
    assert len(lines) == 2 + len(facts.vendors)
    assert "| `github.models.v1` | 0 | 0 | 0 | all |  | 2026-11-22 |" in lines


def test_the_page_on_facts_names_every_quirk_and_feature() -> None:
    page = (FACTS / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in QUIRKS)
    assert all(name in page for name in FEATURES)
