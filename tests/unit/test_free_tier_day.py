"""Days of traffic over four free tiers: everything served while anything is left, none refused."""

from datetime import UTC, datetime

import pytest
from attrs import evolve

from modelmesh.catalogue import free_tiers
from scripts.free_tiers import day as simulation
from scripts.free_tiers.__main__ import PAGE, RUNS, Run, came_of, main, page
from scripts.free_tiers.day import TIERS, simulate
from scripts.free_tiers.vendors import Vendor

MINUTE, HOUR = 60.0, 3600.0


def utc(*when: int) -> float:
    year, month, day, hour = when
    return datetime(year, month, day, hour, tzinfo=UTC).timestamp()


# When it is midnight in California.
MIDNIGHTS = {
    "an ordinary day": (utc(2026, 6, 10, 7), utc(2026, 6, 11, 7)),
    "clocks go forward": (utc(2026, 3, 8, 8), utc(2026, 3, 9, 7)),
    "clocks go back": (utc(2026, 11, 1, 7), utc(2026, 11, 2, 8)),
}


@pytest.mark.parametrize("run", RUNS, ids=[run.name for run in RUNS])
def test_every_request_is_served_while_anything_is_left_and_no_vendor_has_to_refuse(
    run: Run,
) -> None:
    day = came_of(run)
    assert day.refused == 0
    assert day.wrongly == []
    assert day.untrue == []
    assert day.served + day.turned_away > 5000
    # All four were used up at times, and each was used.
    assert day.turned_away > 100
    assert all(len(vendor.answered) > 50 for vendor in day.vendors)

    gemini = next(vendor for vendor in day.vendors if vendor.name == "gemini")
    for midnight in MIDNIGHTS[run.name]:
        before = max(at for at in gemini.answered if at < midnight)
        after = min(at for at in gemini.answered if at >= midnight)
        # It had nothing left for hours, and was asked again in the first minutes of the new day.
        assert midnight - before > HOUR
        assert after - midnight < 10 * MINUTE
    first, second = MIDNIGHTS[run.name]
    assert len([at for at in gemini.answered if first <= at < second]) == 500

    (openrouter,) = (vendor for vendor in day.vendors if vendor.name == "openrouter")
    days = [datetime.fromtimestamp(at, UTC).date() for at in openrouter.answered]
    counts = sorted(days.count(one) for one in set(days))
    assert counts[-2:] == [50, 50]


async def test_without_the_facts_vendors_have_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    config = simulation._config()
    for entry in config["providers"].values():
        del entry["tier"]
    monkeypatch.setattr(simulation, "_config", lambda: config)
    day = await simulate(RUNS[0].begins, 6.0)
    assert day.refused > 0


def test_the_vendors_count_for_themselves() -> None:
    vendor = Vendor(*TIERS[0])
    begins = MIDNIGHTS["clocks go back"][0]
    told = [vendor.answer(begins + number * 10).status for number in range(510)]
    # Fifteen a minute, and 500 a day which has 25 hours.
    assert told == [200] * 500 + [429] * 10
    assert vendor.answer(begins + 24.5 * HOUR).status == 429
    assert vendor.answer(begins + 25 * HOUR).status == 200
    told = [vendor.answer(begins + 26 * HOUR + number).status for number in range(16)]
    assert told == [200] * 15 + [429]


def test_the_table_is_what_the_simulation_gives() -> None:
    written = PAGE.read_text()
    assert page(written) == written, "write it anew: scripts/free_tier_day"


def test_a_page_that_is_out_of_date_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    run = evolve(RUNS[0], hours=0.2)
    monkeypatch.setattr("scripts.free_tiers.__main__.RUNS", (run,))
    assert main(["--check"]) == 1


def test_each_tier_of_the_simulation_is_known() -> None:
    for _, connector, model in TIERS:
        tier = free_tiers.free_tier(connector)
        assert tier
        assert tier.limits_for(model)
