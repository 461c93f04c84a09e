"""Case 51: a configuration that is read again, by the real server and real signals."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from proxy_process import POOL, ProxyProcess, one_vendor, running_proxy, until

from modelmesh.testing.fake_provider import FakeProvider

RELOAD, STATUS = "/v1/mesh/reload", "/v1/mesh/status"
OLD, NEW = "sk-canary-old-0123456789", "sk-canary-new-0123456789"
DEAD = "fault:status~code=401"


@pytest.fixture
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


def config(vendor: FakeProvider, *faults: str, key: str = "", **proxy: Any) -> dict[str, Any]:
    """Return a configuration whose targets are left alone for a minute once they fail."""
    told = one_vendor(vendor, *faults, **proxy)
    told["pools"][POOL] |= {"recovery": {"cooldown": 60}, "max_wait": 0}
    if key:
        told["providers"]["fake"]["api_key"] = key
    return told


async def targets(proxy: ProxyProcess) -> dict[str, str]:
    """Return, by target, how it fares."""
    told = (await proxy.get(STATUS)).json["pools"][POOL]["targets"]
    return {each["target"]: each["state"] for each in told}


async def version(proxy: ProxyProcess) -> str:
    told: str = (await proxy.get("/health")).json["config_version"]
    return told


async def test_a_signal_has_later_requests_go_by_the_new_file(vendor: FakeProvider) -> None:
    async with running_proxy(config(vendor, "ok")) as proxy:
        assert (await proxy.chat()).headers["x-modelmesh-model"] == "ok"
        before = await version(proxy)
        proxy.rewrite(config(vendor, "unknown-fields"))
        proxy.signal(signal.SIGHUP)
        await proxy.says("the configuration has changed: models.ok")
        assert (await proxy.chat()).headers["x-modelmesh-model"] == "unknown-fields"
        assert await version(proxy) != before


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        pytest.param("pools: [oops", 1, "", id="no YAML"),
        pytest.param(
            "providers:\n  fake: {connector: openai-compatible, base_url: "
            "'http://127.0.0.1:1/v1'}\n"
            "models:\n  m:\n    provider: fakke\n",
            5,
            "models.m.provider",
            id="a name that leads nowhere",
        ),
        pytest.param(
            "providers:\n  openai.llm.v1:\n    api_key: ${secrets:NOBODY}\n",
            3,
            "providers.openai.llm.v1.api_key",
            id="a secret that is not there",
        ),
    ],
)
async def test_case_51_a_bad_file_changes_nothing_and_says_why(
    vendor: FakeProvider, text: str, line: int, path: str
) -> None:
    async with running_proxy(config(vendor, "ok")) as proxy:
        before = await version(proxy)
        proxy.rewrite(text)
        refused = await proxy.send("POST", RELOAD)
        assert (refused.status, refused.error["code"]) == (422, "configuration_refused")
        problem = refused.error["problems"][0]
        assert (problem["line"], problem["path"]) == (line, path)
        await proxy.says("ERROR the configuration stays as it was")
        assert f"line {line}" in proxy.logs
        assert await version(proxy) == before
        assert (await proxy.chat()).status == 200


async def test_case_51_a_request_in_flight_ends_on_the_old_configuration(
    vendor: FakeProvider,
) -> None:
    async with running_proxy(config(vendor, "slow-body~chunks=8")) as proxy:
        request = asyncio.create_task(proxy.chat(stream=True))
        await until(lambda: vendor.received)
        proxy.rewrite(config(vendor, "ok"))
        assert (await proxy.send("POST", RELOAD)).status == 200
        assert (await proxy.chat()).headers["x-modelmesh-model"] == "ok"
        came = await request
        assert came.events[-1] == "[DONE]"
        assert came.headers["x-modelmesh-model"] == "slow-body~chunks=8"


async def test_case_51_what_is_as_it_was_keeps_its_cooldown_and_what_is_gone_is_forgotten(
    vendor: FakeProvider,
) -> None:
    bad = "status~code=500"
    async with running_proxy(config(vendor, bad, "ok")) as proxy:
        assert (await proxy.chat()).headers["x-modelmesh-model"] == "ok"
        assert await targets(proxy) == {f"fake/{bad}": "left alone", "fake/ok": "ready"}
        proxy.rewrite(config(vendor, bad, "unknown-fields"))
        told = (await proxy.send("POST", RELOAD)).json
        assert told["changed"] == ["models.ok", "models.unknown-fields", "pools.chat.models"]
        assert await targets(proxy) == {
            f"fake/{bad}": "left alone",
            "fake/unknown-fields": "ready",
        }
        assert (await proxy.chat()).headers["x-modelmesh-attempts"] == "1"
        stats = (await proxy.get(STATUS)).json["stats"]
        assert set(stats["targets"]) == {f"fake/{bad}", "fake/unknown-fields"}


async def test_what_only_a_restart_brings_is_told(vendor: FakeProvider) -> None:
    async with running_proxy(config(vendor, "ok")) as proxy:
        proxy.rewrite({**config(vendor, "ok", expose_models=True), "storage": {"path": "./x.db"}})
        told = (await proxy.send("POST", RELOAD)).json
        assert told["changed"] == ["proxy.expose_models"]
        assert told["pending"] == ["storage.path"]
        listed = (await proxy.get("/v1/models")).json["data"]
        assert {one["id"] for one in listed} == {POOL, "ok", "fake/ok"}


async def test_a_token_that_was_replaced_is_asked_for_at_once(vendor: FakeProvider) -> None:
    async with running_proxy(config(vendor, "ok", token=OLD)) as proxy:
        old, new = ({"authorization": f"Bearer {token}"} for token in (OLD, NEW))
        assert (await proxy.chat(headers=old)).status == 200
        assert (await proxy.send("POST", RELOAD)).status == 401
        proxy.rewrite(config(vendor, "ok", token=NEW))
        assert (await proxy.send("POST", RELOAD, headers=old)).status == 200
        assert (await proxy.chat(headers=old)).status == 401
        assert (await proxy.chat(headers=new)).status == 200
        assert OLD not in proxy.logs
        assert NEW not in proxy.logs


async def test_a_file_that_is_watched_is_read_when_it_changes(vendor: FakeProvider) -> None:
    async with running_proxy(config(vendor, "ok", watch=True)) as proxy:
        proxy.rewrite("pools: [oops")
        await proxy.says("the configuration stays as it was")
        proxy.rewrite(config(vendor, "unknown-fields", watch=True))
        await proxy.says("the configuration has changed")
        assert (await proxy.chat()).headers["x-modelmesh-model"] == "unknown-fields"
        assert proxy.logs.count("stays as it was") == 1


async def test_whether_the_file_is_watched_is_taken_over_as_well(vendor: FakeProvider) -> None:
    async with running_proxy(config(vendor, "ok")) as proxy:
        proxy.rewrite(config(vendor, "ok", watch=True))
        assert (await proxy.send("POST", RELOAD)).status == 200
        proxy.rewrite(config(vendor, "unknown-fields", watch=False))
        await proxy.says("has changed: models.ok")
        assert (await proxy.chat()).headers["x-modelmesh-model"] == "unknown-fields"
        proxy.rewrite(config(vendor, "ok"))
        await asyncio.sleep(3)  # three looks, if there were any
        assert (await proxy.chat()).headers["x-modelmesh-model"] == "unknown-fields"


async def test_a_key_that_was_replaced_takes_effect_without_a_restart(
    vendor: FakeProvider,
) -> None:
    """The vendor refuses the old key; the new one is in the file by then, and nobody reloads."""
    told = config(vendor, "ok", key="${secrets:KEY}")
    told["secrets"] = {"store": "modelmesh.dotenv.v1", "path": "keys.env"}
    async with running_proxy(told, files={"keys.env": f"KEY={DEAD}\n"}) as proxy:
        (proxy.folder / "keys.env").write_text(f"KEY={NEW}\n")
        failed = await proxy.chat()
        assert (failed.status, failed.error["code"]) == (502, "upstream_auth")
        await proxy.says("the configuration has changed: providers.fake.api_key")
        assert (await proxy.chat()).status == 200
        assert vendor.received[-1].key == NEW
        assert await targets(proxy) == {"fake/ok": "ready"}
        assert NEW not in proxy.logs


async def workers(proxy: ProxyProcess) -> list[int]:
    def children() -> list[int]:
        pid = proxy.process.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    await until(lambda: len(children()) == 2)
    return children()


async def versions(proxy: ProxyProcess) -> set[str]:
    """Return the versions by which any number of new connections are answered."""
    found = set()
    for _ in range(30):
        found.add(await version(proxy))
    return found


@pytest.mark.parametrize("how", ["signal", "request"])
async def test_all_workers_reload_and_so_do_those_who_come_later(
    vendor: FakeProvider, how: str
) -> None:
    async with running_proxy(config(vendor, "ok"), flags=("--workers", "2")) as proxy:
        pids = await workers(proxy)
        before = await version(proxy)
        proxy.rewrite(config(vendor, "unknown-fields"))
        if how == "signal":
            proxy.signal(signal.SIGHUP)
        else:
            assert (await proxy.send("POST", RELOAD)).status == 200
        # The supervisor and both workers.
        await until(lambda: proxy.logs.count("has changed: models.ok") == 3)
        os.kill(pids[0], signal.SIGKILL)
        await proxy.says("another one starts")
        await workers(proxy)
        assert before not in await versions(proxy)
        assert (await proxy.chat()).headers["x-modelmesh-model"] == "unknown-fields"


async def test_case_51_hundreds_of_reloads_leave_nothing_behind_in_a_real_server(
    vendor: FakeProvider,
) -> None:
    """A thousand of them are a unit test's; here it is what only a process has."""
    async with running_proxy(config(vendor, "ok", watch=True)) as proxy:
        process = Path(f"/proc/{proxy.process.pid}")

        async def reload(number: int) -> None:
            told = config(vendor, "ok", "unknown-fields", watch=True)
            told["pools"][f"pool{number}"] = {"models": ["ok"]}
            proxy.rewrite(told)
            assert (await proxy.send("POST", RELOAD)).status == 200

        def threads_and_files() -> tuple[int, int]:
            return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir()))

        for number in range(20):
            await reload(number)
        threads, files = threads_and_files()
        for number in range(20, 220):
            await reload(number)
        more_threads, more_files = threads_and_files()
        assert more_files <= files + 2
        assert more_threads <= threads + 8  # a pool of threads grows to its size, and no further
        assert json.loads((await proxy.get(STATUS)).text)["pools"].keys() == {POOL, "pool219"}
