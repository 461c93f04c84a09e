"""The cookbook's connectors serve, and pass their suites: every file is taken from the pages."""

import asyncio
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from proxy_process import ProxyProcess, running_proxy, until

from modelmesh.testing.fake_provider import Exchange, FakeProvider
from scripts import cookbook
from scripts.arrival import StuckError, journey, walk

SUITES = [
    "discovery",
    "observer",
    "openai-compatible",
    "provider",
    "secret-store",
    "storage",
    "strategy",
]


def page(name: str, vendor: FakeProvider) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a page's configuration, its vendors being this one, and its other files."""
    files = {file.name: file.text for file in cookbook.files(name) if "/" not in file.name}
    config: dict[str, Any] = yaml.safe_load(files["modelmesh.yaml"])
    for provider in config["providers"].values():
        provider["base_url"] = vendor.url
    return config, files


def running(config: Mapping[str, Any], files: Mapping[str, str]) -> Any:
    return running_proxy(config, files=files, env={"ACME_API_KEY": "sk-acme"})


async def said(proxy: ProxyProcess, text: str = "Hello!") -> Any:
    reply = await proxy.chat(messages=[{"role": "user", "content": text}])
    assert reply.status == 200, reply.text
    return reply.json["choices"][0]["message"]["content"]


@pytest.mark.parametrize("name", SUITES)
def test_who_follows_a_page_ends_with_a_suite_that_passes(name: str, tmp_path: Path) -> None:
    """All but the installing, for which `scripts/newcomer` is."""
    steps = list(walk(name, tmp_path, installed=Path(sys.executable).parent))
    assert steps[-1].what.startswith("python -m pytest -q test_")
    assert re.search(r"^\d+ passed", steps[-1].said, re.MULTILINE)


@pytest.mark.parametrize("name", SUITES)
def test_whichever_page_is_followed_begins_with_what_it_needs_installed(name: str) -> None:
    lines = [step.line for step in journey(name) if isinstance(step, cookbook.Command)]
    assert lines[:3] == [
        "python3 -m venv .venv",
        ". .venv/bin/activate",
        "pip install modelmesh-lite pytest",
    ]
    assert sum("pip install" in line for line in lines) == 1


def test_a_newcomer_who_is_stuck_is_told_where(tmp_path: Path) -> None:
    with pytest.raises(StuckError, match="modelmesh check"):
        list(walk("provider", tmp_path, installed=tmp_path / "nowhere"))


def test_there_is_a_page_for_every_kind_and_all_are_listed() -> None:
    pages = {path.stem for path in cookbook.PAGES.glob("*.md")} - {"README"}
    assert sorted(pages) == SUITES
    listed = (cookbook.PAGES / "README.md").read_text()
    assert all(f"]({name}.md)" in listed for name in pages)


@pytest.mark.parametrize("name", ["README", *SUITES])
def test_links_of_the_cookbook_lead_somewhere(name: str) -> None:
    file = cookbook.PAGES / f"{name}.md"
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", file.read_text()):
        assert (file.parent / link).exists(), link


@pytest.mark.parametrize("name", SUITES)
def test_a_page_imports_nothing_that_is_private(name: str) -> None:
    text = (cookbook.PAGES / f"{name}.md").read_text()
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    imported = re.findall(r"^(?:from|import) (modelmesh\S*)", code, re.MULTILINE)
    assert imported
    assert not [module for module in imported if re.search(r"\._", module)]


async def acme(exchange: Exchange) -> None:
    """Answer as the vendor of the page about providers does."""
    if exchange.request.streaming:
        events = [{"text": "Good "}, {"text": "day."}, {"why": "done"}]
        await exchange.deliver([f"data: {json.dumps(one)}\n\n".encode() for one in events])
    else:
        await exchange.answer(200, b'{"text": "Good day.", "why": "done"}')


async def test_the_provider_of_the_page_serves() -> None:
    async with FakeProvider(faults={"acme-large": acme}) as vendor:
        async with running(*page("provider", vendor)) as proxy:
            assert await said(proxy) == "Good day."
            events = (await proxy.chat(stream=True)).events
        texts = [json.loads(one)["choices"][0]["delta"].get("content", "") for one in events[:-1]]
        assert "".join(texts) == "Good day."
        sent = vendor.received[0]
        assert sent.headers["x-acme-key"] == "sk-acme"
        assert sent.json["lines"] == [{"by": "User", "text": "Hello!"}]


async def test_the_compatible_vendor_of_the_page_serves() -> None:
    async with FakeProvider(models=["acme-large"]) as vendor:
        async with running(*page("openai-compatible", vendor)) as proxy:
            assert (await proxy.chat(max_completion_tokens=9)).status == 200
        assert vendor.received[0].key == "sk-acme"
        assert vendor.received[0].json["max_tokens"] == 9


async def test_the_strategy_of_the_page_puts_models_in_order() -> None:
    async with FakeProvider(models=["small", "large"]) as vendor:
        async with running(*page("strategy", vendor)) as proxy:
            await said(proxy)
            await said(proxy, "long " * 1000)
        assert [one.json["model"] for one in vendor.received] == ["small", "large"]


async def test_the_secret_store_of_the_page_has_the_key() -> None:
    async with FakeProvider(models=["small"]) as vendor:
        async with running(*page("secret-store", vendor)) as proxy:
            await said(proxy)
        assert vendor.received[0].key == "sk-of-the-cookbook"


async def test_the_storage_of_the_page_counts_for_two_proxies(tmp_path: Path) -> None:
    async with FakeProvider(models=["small"]) as vendor:
        config, files = page("storage", vendor)
        config["storage"]["path"] = str(tmp_path / "state.pickle")
        config["pools"]["chat"]["max_wait"] = 0
        async with running(config, files) as one, running(config, files) as other:
            replies = [await proxy.chat() for proxy in (one, other) for _ in range(4)]
        assert sorted(reply.status for reply in replies) == [200] * 5 + [429] * 3


async def test_the_observer_of_the_page_counts(tmp_path: Path) -> None:
    async with FakeProvider(models=["small"]) as vendor:
        config, files = page("observer", vendor)
        counts = tmp_path / "counts.json"
        config["observability"]["logging"]["file"] = str(counts)
        async with running(config, files) as proxy:
            await said(proxy)
            await said(proxy)
            proxy.signal()
            await until(counts.exists)
            assert await proxy.exit_code() == 0
    assert json.loads(counts.read_text()) == {"chat 200": 2}


async def test_the_discovery_of_the_page_adds_a_model() -> None:
    async with (
        FakeProvider(models=["small", "ok"]) as vendor,
        running(*page("discovery", vendor)) as proxy,
        asyncio.timeout(10),
    ):
        while "local/ok" not in (await proxy.get("/v1/mesh/status")).text:  # noqa: ASYNC110 - another process finds it
            await asyncio.sleep(0.05)
