"""The page of a running proxy in a real browser, for tests."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from attrs import frozen
from chromium import Tab, chromium
from proxy_process import ProxyProcess, running_proxy


@frozen
class Page:
    tab: Tab
    proxy: ProxyProcess

    async def chat(self) -> None:
        """Send a chat from the playground, and wait until all is told of it."""
        await self.tab.run("document.querySelector('#outcome').textContent = ''")
        await self.tab.click("#send")
        await self.tab.until("/cost/.test(document.querySelector('#outcome').textContent)")


@asynccontextmanager
async def opened(
    config: Mapping[str, Any] | None = None,
    *,
    flags: Sequence[str] = ("--demo",),
    refused: bool = False,
    **screen: Any,
) -> AsyncIterator[Page]:
    """Open the page of a proxy. It must complain of nothing, and ask nobody but this proxy.

    With `refused` it may be refused something by the proxy, which a browser tells of as well.
    """
    async with running_proxy(config, flags=() if config else flags) as proxy, chromium() as browser:
        tab = await browser.open(proxy.url, **screen)
        yield Page(tab, proxy)
        assert tab.complaints == []
        assert tab.asked_elsewhere(proxy.url) == []
        assert refused or tab.refused == []


def target(name: str) -> str:
    """Return the script that finds a target's row."""
    return (
        f"[...document.querySelectorAll('.target')].find(one => one.textContent.includes('{name}'))"
    )


async def sign_in(tab: Tab, token: str) -> None:
    await tab.until("document.activeElement?.id === 'token'")
    await tab.write(token)
    await tab.press("Enter")
