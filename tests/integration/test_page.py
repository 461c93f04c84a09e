"""The page, as people meet it: in a real browser, in front of a running proxy."""

import asyncio
import json
import os
import re
import sys

from chromium import chromium, needs_chromium
from page_in_browser import opened, sign_in, target
from proxy_process import one_vendor, running_proxy, until

from modelmesh.testing.fake_provider import FakeProvider

pytestmark = needs_chromium

TOKEN = "a-token-of-the-tests"


async def test_a_target_is_seen_to_cool_down_and_to_come_back() -> None:
    async with opened() as page:
        await page.tab.until(f"{target('flaky')}?.dataset.state === 'ready'")
        for _ in range(3):  # the first runs the first target dry, the third fails at the second one
            await page.chat()
        flaky = target("flaky")
        await page.tab.until(f"{flaky}.dataset.state === 'left alone'")
        told = await page.tab.run(f"{flaky}.querySelector('.standing').innerText")
        assert re.search(r"server error\s+again in \d+ s", told.replace("\n", " ")), told
        counting = await page.tab.run(f"{flaky}.querySelector('.clock').textContent")
        await page.tab.until(f"{flaky}.querySelector('.clock').textContent !== '{counting}'")
        assert "flaky/flaky-model is left alone for 10 s" in await page.tab.text("#events")
        assert await page.tab.text("#announcer") == "flaky/flaky-model is left alone for 10 s"

        await page.tab.until(f"{flaky}.dataset.state === 'on trial'")
        await page.chat()
        await page.tab.until(f"{flaky}.dataset.state === 'ready'")
        assert "flaky/flaky-model answers again" in await page.tab.text("#events")
        assert "flaky-model at flaky answered" in await page.tab.text("#outcome")


async def test_a_chat_streams_in_the_playground_and_its_trail_is_read() -> None:
    async with opened() as page:
        await page.chat()
        await page.chat()
        told = await page.tab.text("#outcome")
        assert "flaky-model at flaky answered" in told
        assert "1 failure went unnoticed" in told
        assert await page.tab.text("#said") == "Hello from flaky-model"
        trail = await page.tab.run("document.querySelector('#chat-trail').innerText")
        assert re.search(r"limited/limited-model\s+rate limit \(429\)\s+\d", trail)
        assert re.search(r"flaky/flaky-model\s+answered\s+\d", trail)

        await page.tab.run(
            "window.seen = []; new MutationObserver(() => seen.push(said.textContent))"
            ".observe(said, {childList: true, subtree: true, characterData: true})"
        )
        await page.chat()
        said = [text for text in await page.tab.run("seen") if text]
        assert said[-1] == "Hello from steady-model"
        assert len(set(said)) > 1  # it came in pieces, and was shown so

        several = "button.event:has(.pip + .pip)"
        await page.tab.until(f"document.querySelectorAll('{several}').length === 2")
        await page.tab.click(several)
        shown = await page.tab.run("document.querySelector('#panel').innerText")
        assert re.search(r"flaky/flaky-model\s+server error \(500\)\s+[\d.]+ ms", shown)
        assert re.search(r"steady/steady-model\s+answered\s+\d+ ms", shown)
        assert "10 tokens in, 3 out" in shown
        await page.tab.press("Escape")
        await page.tab.until("!document.querySelector('#panel').open")


async def test_a_token_is_asked_for_once_and_is_in_no_other_place() -> None:
    flags = ["--demo", "--token", TOKEN]
    async with opened(flags=flags, refused=True) as page:
        tab = page.tab
        await sign_in(tab, "not-the-token")
        await tab.until(
            "/does not accept/.test(document.querySelector('#token-wrong').textContent)"
        )
        await sign_in(tab, TOKEN)
        await tab.until("document.querySelector('.target')?.checkVisibility()")
        await tab.until("document.querySelector('#connection').dataset.state === 'live'")
        await page.chat()

        await tab.go(page.proxy.url)  # it is kept for as long as the tab is
        await tab.until("document.querySelector('.target')?.checkVisibility()")
        assert await tab.run("localStorage.length") == 0
        assert await tab.run("document.cookie") == ""
        assert TOKEN not in await tab.run("document.documentElement.outerHTML")
        assert not [address for address in tab.asked if TOKEN in address]

        await tab.click("#sign-out")
        await tab.until("document.querySelector('#sign-in')?.checkVisibility()")
        assert await tab.run("sessionStorage.length") == 0
        assert not await tab.run("document.querySelector('#board').checkVisibility()")


async def test_the_code_it_shows_does_the_same_call() -> None:
    async with opened(flags=["--demo", "--token", TOKEN], refused=True) as page:
        await sign_in(page.tab, TOKEN)
        await page.tab.until("document.querySelector('.target')?.checkVisibility()")
        await page.tab.run(
            "document.querySelector('#prompt').select(); document.querySelector('#prompt').focus()"
        )
        await page.tab.write('It\'s "quoted", 50 % \\ and ünïcode\nin two lines')
        curl = await page.tab.text("#snippet")
        assert "$MODELMESH_TOKEN" in curl
        assert "data: [DONE]" in await ran("bash", "-c", curl)
        await page.tab.click("#as-python")
        python = await page.tab.text("#snippet")
        assert "Hello from flaky-model" in await ran(sys.executable, "-c", python)


async def ran(*command: str) -> str:
    """Run what the page shows; return what that says."""
    env = {"PATH": os.environ["PATH"], "MODELMESH_TOKEN": TOKEN}
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    return said.decode()


async def test_what_is_explained_is_asked_of_nobody() -> None:
    async with opened() as page:
        await page.tab.until("document.querySelector('.target')")
        await page.tab.click("#explain")
        await page.tab.until("document.querySelector('#panel table')")
        rows = await page.tab.run(
            "[...panel.querySelectorAll('tbody tr')].map(row => row.innerText)"
        )
        assert [row.split()[1] for row in rows] == [
            "limited/limited-model",
            "flaky/flaky-model",
            "steady/steady-model",
        ]
        assert "POST '/v1/chat/completions'" not in page.proxy.logs


async def test_a_stream_can_be_stopped_and_what_fails_is_told() -> None:
    async with FakeProvider() as vendor:
        config = one_vendor(vendor, "stall-mid@slow")
        config["pools"]["broken"] = {"models": ["status~code=500@bad"], "max_wait": 0}
        config["models"]["status~code=500@bad"] = {
            "provider": "fake",
            "capabilities": ["chat-completion"],
        }
        async with opened(config, refused=True) as page:
            tab = page.tab
            await tab.until("document.querySelector('.target')")
            await tab.click("#send")
            await tab.until("said.textContent")
            await tab.click("#stop")
            await tab.until("document.querySelector('#chat-wrong').textContent === 'Stopped.'")
            await tab.until("/The client left/.test(document.querySelector('#events').textContent)")
            chosen = "document.querySelector('#chat-pool')"
            await tab.run(f"{chosen}.value = 'broken'; {chosen}.dispatchEvent(new Event('input'))")
            await tab.click("#send")
            await tab.until(
                "/Routing error/.test(document.querySelector('#chat-wrong').textContent)"
            )
            assert "server error (500)" in await tab.text("#chat-trail")


async def test_a_target_says_that_a_limit_of_it_is_used_up() -> None:
    async with FakeProvider() as vendor:
        config = one_vendor(vendor, "ok")
        config["providers"]["fake"]["rate_limits"] = {"rpm": 1}
        async with opened(config) as page:
            await page.tab.until("document.querySelector('.target .why')?.textContent === ''")
            await page.chat()
            await page.tab.until(
                "document.querySelector('.target .why')?.textContent === 'a limit is used up'"
            )


async def test_names_are_shown_as_they_are_and_never_taken_for_markup() -> None:
    name = "<img src=x onerror=alert(1)>"
    async with FakeProvider() as vendor:
        config = one_vendor(vendor, "ok")
        config["pools"] = {name: config["pools"]["chat"]}
        async with opened(config) as page:
            await page.chat()
            assert await page.tab.text(".pool h3") == name
            assert name in await page.tab.text("#events")
            assert await page.tab.run("document.querySelectorAll('main img').length") == 0


async def test_it_comes_back_by_itself_when_the_proxy_does() -> None:
    async with FakeProvider() as vendor, chromium() as browser:
        config = one_vendor(vendor, "ok")
        async with running_proxy(config) as proxy:
            port = str(proxy.port)
            tab = await browser.open(proxy.url)
            await tab.until("document.querySelector('#connection').dataset.state === 'live'")
        await tab.until("document.querySelector('#connection').dataset.state === 'broken'")
        await tab.until("/does not answer/.test(document.querySelector('#notice').textContent)")
        async with running_proxy(config, flags=["--port", port]):
            await tab.until("document.querySelector('#connection').dataset.state === 'live'")
            await tab.until("!document.querySelector('#notice').checkVisibility()")
        assert tab.complaints == []


async def test_the_feed_is_paused_and_filtered() -> None:
    async with opened() as page:
        tab = page.tab
        await page.chat()
        await tab.until("document.querySelectorAll('#events li').length === 1")
        await tab.click("#pause")
        await page.chat()
        await tab.until("/new/.test(document.querySelector('#pause').textContent)")
        assert await tab.run("document.querySelectorAll('#events li').length") == 1
        await tab.click("#pause")
        await tab.until("document.querySelectorAll('#events li').length > 2")
        for kind, text in {"cooldowns": "is left alone", "failovers": "2 attempts"}.items():
            await tab.run(
                f"document.querySelector('#feed-kind').value = {json.dumps(kind)};"
                "document.querySelector('#feed-kind').dispatchEvent(new Event('change'))"
            )
            shown = await tab.run(
                "[...document.querySelectorAll('#events li')].map(one => one.innerText)"
            )
            assert len(shown) == 1
            assert text in shown[0]


async def test_where_nobody_looks_nothing_is_asked() -> None:
    async with opened() as page:
        tab = page.tab
        await tab.until("document.querySelector('.target')")
        told = "document.dispatchEvent(new Event('visibilitychange'))"
        await tab.run(
            "Object.defineProperty(document, 'visibilityState',"
            f" {{value: 'hidden', configurable: true}}); {told}"
        )
        await asyncio.sleep(0.3)  # what was asked before that is over
        asked = len(tab.asked)
        await asyncio.sleep(2.5)
        assert len(tab.asked) == asked
        await tab.run(f"delete document.visibilityState; {told}")
        await until(lambda: len(tab.asked) > asked)


async def test_its_policy_holds_off_scripts_in_it_and_requests_to_others() -> None:
    async with opened() as page:
        tab = page.tab
        await tab.run(
            "const own = document.createElement('script'); own.text = 'window.broken = 1';"
            "document.body.append(own);"
            "fetch('http://127.0.0.1:1/').catch(() => null)"
        )
        await until(lambda: len(tab.complaints) >= 2)
        assert await tab.run("window.broken") is None
        assert all("Security Policy" in complaint for complaint in tab.complaints)
        tab.complaints.clear()
        tab.asked.clear()
