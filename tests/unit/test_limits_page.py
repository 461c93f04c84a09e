"""What the page about limits shows is what there is."""

import json
import re
from pathlib import Path

import pytest
from scene import pool, target

from modelmesh.config.schema import Budget, Provider
from modelmesh.errors import ErrorKind
from modelmesh.ledger import NANO, Limit
from modelmesh.ledger.configured import of_provider
from modelmesh.ledger.told import Told
from modelmesh.ledger.windows import Calendar
from modelmesh.proxy.rate_limits import RATE_LIMIT_HEADERS
from modelmesh.rules import RULES
from modelmesh.status import status

PAGE = (Path(__file__).parents[2] / "docs/limits.md").read_text()


def test_the_status_has_what_the_page_shows() -> None:
    shown = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    day = Calendar("day")
    amount = 5 * NANO
    limit = Limit(name="$5 a day", subject="a", unit="dollars", amount=amount, window=day)
    made = pool(target("a/m"), granted={"a/m": (limit,)})
    own, _ = made.standing(made.targets[0]).left
    wall = made.wall()
    own.hear(Told("left-requests", "requests", 60.0, 497, 500, wall, wall + 0.4), longest=60.0)
    real = status(made, 0.0)["targets"][0]
    assert shown.keys() <= real.keys()
    for one, other in zip(shown["limits"], real["limits"], strict=True):
        assert one.keys() == other.keys()
        assert one["source"] == other["source"]


@pytest.mark.parametrize(
    ("amount", "named"),
    [(5, "$5"), (2.5, "$2.5"), (0.00005, "$0.00005"), (1_000_000, "$1,000,000"), (0, "$0")],
)
def test_a_budget_is_named_as_it_was_configured(amount: float, named: str) -> None:
    entry = Provider(connector="c", budget=Budget(daily_limit=amount))
    (limit,) = of_provider("p", entry, "key")
    assert limit.name == f"p: {named} a day"


def test_the_headers_on_the_page_are_those_that_go_out() -> None:
    assert set(re.findall(r"^x-ratelimit-[a-z-]+", PAGE, re.MULTILINE)) == set(RATE_LIMIT_HEADERS)


def test_the_codes_are_those_of_the_table_of_failures() -> None:
    for kind in (ErrorKind.RATE_LIMIT, ErrorKind.QUOTA_EXHAUSTED):
        rule = RULES[kind]
        assert f"| {rule.status} | `{rule.code}` |" in PAGE
