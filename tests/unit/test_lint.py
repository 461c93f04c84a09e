"""Every rule of the lint, on configurations in which it finds something and others."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from modelmesh.check import check
from modelmesh.config import schema
from modelmesh.connectors import registry
from modelmesh.connectors.secrets import SecretError
from modelmesh.lint import RULES, WITHOUT_A_FILE, Finding
from modelmesh.lint.heeded import _HEEDS, heeded, weighs
from modelmesh.strategies import Turn
from modelmesh.types import Secret, Targets

# 2026-11-24
NOVEMBER = 1_795_478_400.0


class Kept:
    """A secret store that tells what it has."""

    connector: ClassVar = "kept"
    described = "the drawer"
    closed: ClassVar = 0

    def __init__(self, _: schema.Secrets, __: Mapping[str, str]) -> None:
        pass

    def get(self, name: str) -> Secret | None:
        return Secret(f"value-of-{name}")

    def names(self) -> list[str]:
        return ["OTHER", "USED"]

    def close(self) -> None:
        type(self).closed += 1


class Mute(Kept):
    """One that will not tell it today."""

    def names(self) -> list[str]:
        raise SecretError("denied")


def found_in(config: Mapping[str, Any], code: str) -> list[Finding]:
    """Return what one rule finds in a configuration, which has no mistakes."""
    checked = check(config, {"USED": "sk-canary-1"}, wall=NOVEMBER)
    assert not checked.problems, checked.problems
    return [one for one in checked.findings if one.code == code]


EXAMPLES = yaml.safe_load((Path(__file__).parents[1] / "data/lint.yaml").read_text())
"""By code: configurations in which a rule finds something, and in which it has nothing to find."""


def test_every_rule_is_tried_both_ways() -> None:
    assert set(EXAMPLES) == set(RULES)


@pytest.mark.parametrize(
    ("code", "odd"), [(code, odd) for code, each in EXAMPLES.items() for odd in each["odd"]]
)
def test_what_is_hardly_meant_so_is_found(code: str, odd: Mapping[str, Any]) -> None:
    found = found_in(odd["config"], code)
    assert odd["path"] in [one.path for one in found]
    assert all(one.message and one.advice for one in found)


@pytest.mark.parametrize(
    ("code", "fine"), [(code, fine) for code, each in EXAMPLES.items() for fine in each["fine"]]
)
def test_what_may_well_be_meant_so_is_not(code: str, fine: Mapping[str, Any]) -> None:
    assert found_in(fine["config"], code) == []


def test_a_finding_has_its_line_or_the_nearest_that_is_written(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        textwrap.dedent(
            """\
            providers:
              openai.llm.v1:
                api_key: k
                budget:
                  daily_limit: 0
            models:
              big: {provider: openai.llm.v1, model: gpt-6-luna}
              small: {provider: openai.llm.v1, model: gpt-4o-mini}
            pools:
              chat:
                models:
                  - big
                  - small
            """
        )
    )
    found = check(file, {}, wall=NOVEMBER).findings
    assert [(one.code, one.path, one.line) for one in found] == [
        ("budget-of-zero", "providers.openai.llm.v1.budget.daily_limit", 5),
        ("smaller-window", "pools.chat.models[1]", 13),
    ]


def test_what_a_finding_says_is_what_is_so() -> None:
    [one] = found_in(EXAMPLES["smaller-window"]["odd"][0]["config"], "smaller-window")
    assert one.message == (
        "pool 'chat' falls back from openai.llm.v1/a (922,000 tokens) to smaller windows:"
        " openai.llm.v1/s (128,000); a prompt that fits the first may be too long for the others"
    )
    assert one.advice == "add a fallback of 922,000 tokens or more, or keep prompts shorter"


STORE = EXAMPLES["secret-unused"]["odd"][0]["config"]


def test_a_store_that_was_looked_through_is_let_go() -> None:
    before = Kept.closed
    [one] = found_in(STORE, "secret-unused")
    assert one.message == "the configuration does not use OTHER in the drawer"
    # Once it was asked for the secrets, once for their names.
    assert Kept.closed == before + 2


def test_of_many_unused_secrets_the_first_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kept, "names", lambda _: [f"N{number:02}" for number in range(12)])
    [one] = found_in(STORE, "secret-unused")
    assert one.message.endswith("N08, N09 and 2 more in the drawer")


def test_a_store_that_fails_is_as_good_as_one_that_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Kept, "names", lambda _: 1 / 0)
    assert found_in(STORE, "secret-unused") == []


def test_of_a_dotenv_file_its_own_names_are_told_and_not_those_around(tmp_path: Path) -> None:
    dotenv = tmp_path / "keys.env"
    dotenv.write_text("USED=sk-canary-2\nOLD_KEY=sk-canary-3\n")
    config = {**STORE, "secrets": {"store": "modelmesh.dotenv.v1", "path": str(dotenv)}}
    checked = check(config, {"HOME": "/", "AROUND": "x"}, wall=NOVEMBER)
    [one] = [one for one in checked.findings if one.code == "secret-unused"]
    assert "OLD_KEY" in one.message
    assert not any(word in one.message for word in ("AROUND", "HOME", "USED", "sk-canary"))


def test_where_nobody_wrote_anything_only_what_ends_is_told() -> None:
    config = schema.MeshConfig(
        providers={"groq.api.v1": schema.Provider(api_key=Secret("k"), tier="x")},
        models={"old": schema.Model(provider="groq.api.v1", model="llama-3.3-70b-versatile")},
    )
    assert [one.code for one in check(config, {}, wall=NOVEMBER).findings] == ["model-retired"]
    assert set(RULES) > WITHOUT_A_FILE


def test_every_strategy_of_ours_is_known_by_what_it_heeds() -> None:
    assert set(_HEEDS) == set(registry.available("strategies"))


class Own:
    """A strategy of somebody else's."""

    connector: ClassVar = "own.strategy"

    def __init__(self, *_: Any) -> None:
        pass

    def order(self, targets: Targets, _turn: Turn) -> Targets:
        return targets


def test_a_strategy_of_somebody_elses_may_heed_anything() -> None:
    pool = schema.Pool(strategy=f"{__name__}:Own")
    assert heeded(pool, {}) == {"balance_mode", "fallback_strategy", "rate_limit", "weight"}
    assert weighs(pool, {})
