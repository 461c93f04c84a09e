"""The page about failures says what the code does, and every case on it has its test."""

import re
from pathlib import Path

import pytest

from modelmesh.errors import RULES, ErrorKind

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/failures.md").read_text()
TESTS = ROOT / "tests/integration"

KINDS = {
    row[0].strip("`"): row[1:]
    for line in PAGE.splitlines()
    if line.startswith("|")
    if (row := [cell.strip() for cell in line.strip("|").split(" | ")])[0].startswith("`")
}
CASES = [int(number) for number in re.findall(r"^\| +(\d+) \|", PAGE, re.MULTILINE)]


def written(kind: ErrorKind) -> list[str]:
    rule = RULES[kind]
    onward = {True: "yes", False: "no"}[rule.next_target]
    alone = {
        "nothing": "nothing",
        "key": "the key",
        "limited": "the model or the key",
        "target": "the target",
    }[rule.cools]
    pause = "`recovery.cooldown`" if rule.cooldown is None else "1 h"
    known_code = f"`{rule.code or rule.type}`"
    return [
        "larger windows only" if kind is ErrorKind.CONTEXT_TOO_LONG else onward,
        "yes" if rule.retry else "no",
        alone,
        "\N{EN DASH}" if rule.cools == "nothing" else f"`Retry-After`, else {pause}",
        f"{rule.status} {known_code}" if rule.status else f"the vendor's status, {known_code}",
    ]


@pytest.mark.parametrize("kind", ErrorKind)
def test_the_page_says_what_follows_from_a_kind_of_failure(kind: ErrorKind) -> None:
    assert KINDS[kind] == written(kind)


def test_the_page_has_no_kind_that_does_not_exist() -> None:
    assert set(KINDS) == set(ErrorKind)


@pytest.mark.parametrize("case", CASES)
def test_every_case_on_the_page_has_a_test_of_its_number(case: int) -> None:
    source = "".join(path.read_text() for path in sorted(TESTS.rglob("test_*.py")))
    assert re.search(rf"^(async )?def test_case_{case}_", source, re.MULTILINE)


def test_the_cases_of_the_issues_so_far_are_all_there() -> None:
    assert [*range(1, 24), *range(25, 49), 50, 51] == CASES
