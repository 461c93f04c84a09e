"""Case 50: asking after the server's health costs nothing, and it is not the vendors' health."""

from collections.abc import AsyncIterator

import pytest
from proxy_process import POOL, ProxyProcess, Received, one_vendor, running_proxy

from modelmesh.testing.fake_provider import FakeProvider

PATHS = ("/livez", "/readyz", "/health")


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


async def polled(proxy: ProxyProcess, times: int = 10) -> set[tuple[str, int]]:
    """Ask after health in every way, over and over; return what was said."""
    said = set()
    for _ in range(times):
        for path in PATHS:
            for method in ("GET", "HEAD"):
                reply: Received = await proxy.send(method, path)
                said.add((path, reply.status))
    return said


FINE = {(path, 200) for path in PATHS}


async def test_case_50_nobody_is_asked_at_start_or_by_a_poll(vendor: FakeProvider) -> None:
    async with running_proxy(one_vendor(vendor, "ok")) as proxy:
        assert await polled(proxy) == FINE
        assert vendor.connections == 0
        assert (await proxy.chat()).status == 200


@pytest.mark.parametrize("fault", ["status~code=500", "status~code=401", "never-headers"])
async def test_case_50_a_server_whose_vendors_all_fail_is_alive_and_ready(
    vendor: FakeProvider, fault: str
) -> None:
    config = one_vendor(vendor, fault)
    config["pools"][POOL]["timeouts"] = {"first_token": 0.3}
    async with running_proxy(config) as proxy:
        assert (await proxy.chat()).status in {502, 504}
        await proxy.says(f"fake/{fault}: ")
        before = len(vendor.received), vendor.connections
        assert await polled(proxy) == FINE
        assert (len(vendor.received), vendor.connections) == before


async def test_case_50_a_server_whose_vendors_are_gone_is_alive_and_ready(
    vendor: FakeProvider,
) -> None:
    async with running_proxy(one_vendor(vendor, "ok", "ok@too")) as proxy:
        await vendor.stop()
        assert (await proxy.chat()).status == 502
        assert await polled(proxy) == FINE
        assert vendor.received == []
        await vendor.start()
        assert (await proxy.chat()).status == 200  # as a last resort, which no poll has used up


async def test_case_50_probes_that_are_asked_for_cost_nothing_either(vendor: FakeProvider) -> None:
    config = one_vendor(vendor, "ok", "ok@too")
    config["pools"][POOL]["recovery"] = {"probe_on_start": True}
    async with running_proxy(config) as proxy:
        probes = [f"{request.method} {request.path}" for request in vendor.received]
        assert set(probes) == {"GET /v1/models"}  # which no vendor bills
        assert await polled(proxy) == FINE
        assert len(vendor.received) == len(probes)


async def test_case_50_probes_that_fail_do_not_keep_the_server_from_starting(
    vendor: FakeProvider,
) -> None:
    config = one_vendor(vendor, "ok")
    config["pools"][POOL]["recovery"] = {"probe_on_start": True}
    await vendor.stop()
    async with running_proxy(config) as proxy:
        assert await polled(proxy, times=2) == FINE
        await proxy.says("probe: fake/ok: unreachable")
