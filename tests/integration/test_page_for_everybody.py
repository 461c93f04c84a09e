"""The page is for everybody: by keyboard, on a phone, by day and by night."""

import re
from pathlib import Path

from chromium import Tab, needs_chromium
from page_in_browser import opened, target
from proxy_process import one_vendor

from modelmesh.testing.fake_provider import FakeProvider

pytestmark = needs_chromium

CONTRASTS = Path(__file__).with_name("contrasts.js").read_text()
# The text of a target that needs more room than its place in the row has.
RUNS_OVER = (
    "[...document.querySelectorAll('.target .figure, .target dd')].filter((one) => {"
    " const text = document.createRange(); text.selectNodeContents(one);"
    " const place = one.closest('.latency, .traffic, .figures > div').getBoundingClientRect();"
    " return text.getBoundingClientRect().right > place.right + 0.5;"
    "}).map((one) => one.textContent)"
)


async def test_all_of_it_is_done_by_the_keyboard() -> None:
    async with opened() as page:
        tab = page.tab
        await tab.until("document.querySelector('.target')")
        await tab.press("Tab")
        assert await tab.run("document.activeElement.className") == "skip"
        await on_to(tab, "prompt")
        await tab.write(" And who else?")
        await on_to(tab, "send")
        await tab.press("Enter")
        await tab.until("/cost/.test(outcome.textContent)")
        await tab.until("document.querySelector('button.event')")
        await on_to(tab, "", within="#events")
        await tab.press("Enter")
        await tab.until("panel.open")
        assert await tab.run("panel.contains(document.activeElement)")
        await tab.press("Escape")
        await tab.until("!panel.open")
        assert await tab.run("document.activeElement.matches('button.event')")
        assert "And who else?" in await tab.text("#snippet")


async def on_to(tab: Tab, id_: str, within: str = "body") -> None:
    """Go on with Tab to an element; wherever that comes to, it is to be seen."""
    for _ in range(40):
        await tab.press("Tab")
        assert await tab.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
        here = (
            f"document.activeElement.closest('{within}') && document.activeElement.id === '{id_}'"
        )
        if await tab.run(here):
            return
    raise AssertionError(f"Tab never comes to {id_ or within}")


async def test_no_width_needs_scrolling_sideways() -> None:
    long = "a-very-long-name-of-a-model-such-as-some-vendors-have-them/2026-11-25-preview"
    async with FakeProvider() as vendor, opened(one_vendor(vendor, f"ok@{long}")) as page:
        await page.chat()
        for width in (320, 390, 768, 1280, 1920):
            await page.tab.look(width=width)
            await page.tab.until(f"innerWidth === {width}")
            assert await page.tab.run("document.documentElement.scrollWidth") == width
            await page.tab.click("button.event")
            assert await page.tab.run("panel.scrollWidth <= panel.clientWidth")
            await page.tab.press("Escape")


async def test_it_is_easy_to_read_by_day_and_by_night() -> None:
    async with opened(still=True) as page:
        for _ in range(3):
            await page.chat()
        await page.tab.until(f"{target('flaky')}.dataset.state === 'left alone'")
        for dark in (False, True):
            await page.tab.look(dark=dark, still=True)
            ground = await page.tab.run("getComputedStyle(document.body).backgroundColor")
            assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 150) is dark
            found = await page.tab.run(CONTRASTS)
            assert len(found) > 50
            assert [text for contrast, text in found if contrast < 4.5] == []
        moving = "document.getAnimations().filter(one => one.playState === 'running').length"
        assert await page.tab.run(moving) == 0


async def test_no_text_of_a_target_runs_into_its_neighbour() -> None:
    async with opened(width=1280) as page:
        for _ in range(3):
            await page.chat()
        for width in (320, 390, 768, 1088, 1280, 1920):
            await page.tab.look(width=width)
            await page.tab.until(f"innerWidth === {width}")
            assert await page.tab.run(RUNS_OVER) == [], width
