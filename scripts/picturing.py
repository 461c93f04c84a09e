"""Makes the pictures of the page: a demo runs, chats come in for a while, a browser looks on."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "integration"))

from chromium import PROGRAM, Tab, chromium
from proxy_process import ProxyProcess, running_proxy

ROOT: Final = Path(__file__).parents[1]
PICTURES: Final[Mapping[str, Mapping[str, Any]]] = {
    "desktop": {"width": 1440, "height": 1060},
    "dark": {"width": 1440, "height": 1060, "dark": True},
    "phone": {"width": 390, "height": 844, "scale": 2},
}
_MODEL: Final = "chat-completion"
_SECONDS: Final = 55
# Two are left alone, and the last chat's answer came by way of a failure.
_COOLED: Final = (
    "document.querySelectorAll('[data-state=\"left alone\"]').length === 2"
    " && /unnoticed/.test(document.querySelector('#outcome').textContent)"
)


async def main() -> int:
    if not PROGRAM:
        print("There is no chromium: apt-get install chromium", file=sys.stderr)
        return 1
    async with running_proxy(None, flags=["--demo"]) as proxy, chromium() as browser:
        tab = await browser.open(proxy.url)
        await asyncio.gather(traffic(proxy, _SECONDS), traffic(proxy, _SECONDS, pause=2.9))
        async with asyncio.timeout(_SECONDS):
            while not await tab.run(_COOLED):
                await tab.click("#send")
                await asyncio.sleep(2)
        for name, screen in PICTURES.items():
            await picture(tab, name, screen)
    return 0


async def traffic(proxy: ProxyProcess, seconds: float, pause: float = 1.3) -> None:
    """Send chats, streamed in turns, for so many seconds."""
    for number in range(int(seconds / pause)):
        await proxy.chat(model=_MODEL, stream=bool(number % 2))
        await asyncio.sleep(pause)


async def picture(tab: Tab, name: str, screen: Mapping[str, Any]) -> None:
    """Photograph the page as somebody sees it who comes to it."""
    await tab.look(**screen)
    await tab.run("document.activeElement.blur(); scrollTo(0, 0)")
    await asyncio.sleep(0.7)
    file = ROOT / "docs" / "images" / f"page-{name}.png"
    file.write_bytes(await tab.photograph())
    print(file.relative_to(ROOT))


sys.exit(asyncio.run(main()))
