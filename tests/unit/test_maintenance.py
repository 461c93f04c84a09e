"""A part of each day in which a target is not asked: when it is, and what requests meet in it."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene import begun, good, hosts, pool, provider, request, target

from modelmesh.config import schema
from modelmesh.errors import RoutingError
from modelmesh.ledger import Limit, Short, configured
from modelmesh.ledger.windows import Daily
from modelmesh.router import Router
from modelmesh.state import State
from modelmesh.status import status
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import ScriptedTransport

HOUR = 3600.0
BERLIN, HAVANA = "Europe/Berlin", "America/Havana"


def at(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def daily(begins: str, ends: str, zone: str = "UTC") -> Daily:
    (limit,) = granted(begins, ends, zone)
    assert isinstance(limit.window, Daily)
    return limit.window


def granted(begins: str, ends: str, zone: str = "UTC") -> tuple[Limit, ...]:
    window = schema.Maintenance(start=begins, end=ends, timezone=zone)
    rule = schema.Deactivation(maintenance_window=window)
    return tuple(configured.of_pool("chat", rule, schema.Recovery(), "a/m"))


# A window; when it begins and ends; a moment before it, and one after it, that are outside.
WINDOWS: list[tuple[Daily, str, str]] = [
    (daily("02:00", "04:00"), "2026-11-25T02:00Z", "2026-11-25T04:00Z"),
    (daily("00:00", "00:01"), "2026-11-25T00:00Z", "2026-11-25T00:01Z"),
    (daily("23:59", "00:00"), "2026-11-25T23:59Z", "2026-11-26T00:00Z"),
    (daily("22:00", "02:30"), "2026-12-31T22:00Z", "2027-01-01T02:30Z"),
    (daily("02:00", "04:00", "Asia/Kolkata"), "2026-11-24T20:30Z", "2026-11-24T22:30Z"),
    (daily("12:00", "11:59"), "2026-11-25T12:00Z", "2026-11-26T11:59Z"),
    # The clock in Berlin skips from 2:00 to 3:00.
    (daily("01:00", "04:00", BERLIN), "2027-03-28T01:00+01:00", "2027-03-28T04:00+02:00"),
    (daily("01:30", "02:30", BERLIN), "2027-03-28T01:30+01:00", "2027-03-28T03:00+02:00"),
    (daily("02:30", "03:30", BERLIN), "2027-03-28T03:00+02:00", "2027-03-28T03:30+02:00"),
    (daily("23:00", "02:10", BERLIN), "2027-03-27T23:00+01:00", "2027-03-28T03:00+02:00"),
    # It is put back from 3:00 to 2:00.
    (daily("01:00", "04:00", BERLIN), "2027-10-31T01:00+02:00", "2027-10-31T04:00+01:00"),
    (daily("02:15", "02:45", BERLIN), "2027-10-31T02:15+02:00", "2027-10-31T02:45+01:00"),
    (daily("02:30", "03:30", BERLIN), "2027-10-31T02:30+02:00", "2027-10-31T03:30+01:00"),
    (daily("23:00", "02:30", BERLIN), "2027-10-30T23:00+02:00", "2027-10-31T02:30+01:00"),
    # It is put back from 1:00 to midnight, and skips from midnight to 1:00.
    (daily("00:30", "02:00", HAVANA), "2027-11-07T00:30-04:00", "2027-11-07T02:00-05:00"),
    (daily("23:30", "00:30", HAVANA), "2027-03-13T23:30-05:00", "2027-03-14T01:00-04:00"),
]


@pytest.mark.parametrize(("window", "begins", "ends"), WINDOWS, ids=str)
def test_a_window_lasts_from_its_beginning_to_its_end(
    window: Daily, begins: str, ends: str
) -> None:
    assert window.until(at(begins) - 0.001) is None
    assert window.until(at(begins)) == at(ends)
    assert window.until(at(ends) - 0.001) == at(ends)
    assert window.until(at(ends)) is None


def test_a_window_which_the_clock_skips_is_not_there_that_day() -> None:
    window = daily("02:00", "03:00", BERLIN)
    noon = at("2027-03-27T12:00+01:00")
    within = [hour for hour in range(96) if window.until(noon + hour * 1800)]
    assert [noon + hour * 1800 for hour in within] == [
        at("2027-03-29T02:00+02:00"),
        at("2027-03-29T02:30+02:00"),
    ]


@given(
    begins=st.integers(0, 1439),
    minutes=st.integers(1, 1439),
    moment=st.integers(1_767_225_600, 1_830_297_600),
    zone=st.sampled_from(["UTC", BERLIN, HAVANA, "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_a_window_is_what_the_clock_shows_and_where_it_is_changed_still_ends_as_told(
    begins: int, minutes: int, moment: int, zone: str
) -> None:
    window = Daily(begins, (begins + minutes) % 1440, zone)
    until = window.until(moment)
    days = [datetime.fromtimestamp(moment + days * 86_400, ZoneInfo(zone)) for days in (-2, 0, 2)]
    if len({day.utcoffset() for day in days}) == 1:
        since = (days[1].hour * 60 + days[1].minute - begins) % 1440
        left = (minutes - since) * 60 - days[1].second
        assert until == (moment + left if since < minutes else None)
    elif until is not None:
        assert moment < until <= moment + 25 * HOUR
        assert window.until(until - 1) == until


class Scene:
    """Two targets, which are in maintenance at some time of the day."""

    def __init__(
        self,
        a: tuple[Limit, ...],
        b: tuple[Limit, ...] = (),
        *,
        targets: int = 2,
        **settings: Any,
    ) -> None:
        self.clock = FakeClock(now=1000.0, wall=at("2026-11-25T01:00Z"))
        self.transport = ScriptedTransport(lambda _: good(), self.clock)
        members = [target(f"{name}/m", of=provider(name)) for name in "ab"[:targets]]
        self.state = State()
        self.pool = pool(*members, state=self.state, granted={"a/m": a, "b/m": b}, **settings)
        self.pool.wall = self.clock.wall
        self.router = Router(self.transport, self.clock)

    async def ask(self) -> str:
        came = await self.router.route(self.pool, request())
        return came.target.id[0]

    def be(self, iso: str) -> None:
        self.clock.advance(at(iso) - self.clock.wall())


NIGHT = granted("02:00", "04:00")


async def test_a_target_is_left_alone_in_its_window_and_served_outside_it() -> None:
    kept = Scene(NIGHT)
    asked = []
    for moment in ("01:59", "02:00", "03:59", "04:00"):
        kept.be(f"2026-11-25T{moment}Z")
        asked.append(await kept.ask())
    assert asked == ["a", "b", "b", "a"]
    assert hosts(kept.transport) == asked


async def test_nobody_is_to_blame_and_no_health_changes() -> None:
    kept = Scene(NIGHT)
    kept.be("2026-11-25T03:00Z")
    await kept.ask()
    standing = kept.pool.standing(kept.pool.targets[0])
    assert standing.ready(kept.clock.now())
    assert not standing.record.failures
    assert not any(health.failures_in_a_row for health in standing.parts)
    assert kept.state.untold({}, kept.clock.now(), kept.clock.wall()) == {}
    assert kept.pool.current.id == "a/m"


async def test_where_all_are_in_maintenance_the_client_is_told_until_when_the_first_is() -> None:
    kept = Scene(NIGHT, b=granted("00:00", "03:30"))
    kept.be("2026-11-25T02:30Z")
    with pytest.raises(RoutingError) as raised:
        await kept.ask()
    assert (raised.value.status, raised.value.code) == (503, "overloaded")
    assert raised.value.retry_after == pytest.approx(HOUR)
    assert "b/m: it is in maintenance, 00:00 to 03:30 UTC, for another 3600s" in str(raised.value)
    assert kept.transport.requests == []


async def test_a_window_that_ends_within_max_wait_is_waited_for() -> None:
    kept = Scene(NIGHT, targets=1, max_wait=20.0)
    kept.be("2026-11-25T03:59:45Z")
    assert await kept.ask() == "a"
    assert kept.clock.wall() == pytest.approx(at("2026-11-25T04:00Z"))


async def test_one_that_begins_while_a_request_waits_is_heeded() -> None:
    kept = Scene(NIGHT, targets=1)
    kept.be("2026-11-25T02:00Z")
    (one,) = kept.pool.targets
    begins = kept.pool.begin(one, request(), kept.clock.now())
    assert isinstance(begins, Short)
    assert begins.until == at("2026-11-25T04:00Z")
    assert kept.pool.standing(one).record.in_flight == 0


def rule(start: str, end: str) -> schema.ProviderDeactivation:
    return schema.ProviderDeactivation(maintenance_window=schema.Maintenance(start=start, end=end))


@pytest.mark.parametrize("section", ["deactivation", "provider_deactivation"])
async def test_a_pools_rule_closes_all_its_targets_and_no_other_pools(section: str) -> None:
    settings: dict[str, Any] = {section: rule("02:00", "04:00")}
    kept = Scene((), **settings)
    kept.be("2026-11-25T02:30Z")
    with pytest.raises(RoutingError) as raised:
        await kept.ask()
    assert raised.value.retry_after == pytest.approx(1.5 * HOUR)
    other = pool(*kept.pool.targets, state=kept.state)
    begun(other, other.targets[0]).succeed(0.0)


async def test_the_longer_of_two_windows_counts() -> None:
    kept = Scene(NIGHT, deactivation=rule("01:30", "05:00"))
    kept.be("2026-11-25T03:00Z")
    short = kept.pool.in_maintenance(kept.pool.targets[0])
    assert short
    assert short.until == at("2026-11-25T05:00Z")


async def test_the_status_tells_of_it_and_maintenance_is_no_limit_that_is_counted() -> None:
    kept = Scene(NIGHT)
    kept.be("2026-11-25T03:30Z")
    first, second = status(kept.pool, kept.clock.now())["targets"]
    assert (first["state"], first["seconds_left"]) == ("in maintenance", 1800.0)
    assert (first["cause"], first["limits"]) == (None, [])
    assert second["state"] == "ready"
