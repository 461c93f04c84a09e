"""A real Chromium without a window, for tests of pages: Debian's, by its own protocol.

async with chromium() as browser:
    tab = await browser.open(url)
    await tab.click("#send")
    await tab.until("document.querySelector('#said').textContent")

https://chromedevtools.github.io/devtools-protocol/ describes the protocol.
"""

import asyncio
import base64
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import pytest
from attrs import define, field

PROGRAM: Final = shutil.which("chromium") or shutil.which("chromium-browser")

needs_chromium = pytest.mark.skipif(not PROGRAM, reason="there is no chromium")

_PATIENCE = 20.0
_TO_START = 60.0  # it is a large program, and a busy machine reads it from disk
# It shows pages of our own only, often as root, where it has no sandbox.
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
_LISTENS = "DevTools listening on "
_LOCAL = ("data:", "blob:", "about:", "chrome:")
# The code of a key, and the text it makes.
_KEYS: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {
        "Tab": (9, ""),
        "Enter": (13, "\r"),
        "Escape": (27, ""),
        " ": (32, " "),
        "ArrowDown": (40, ""),
    }
)


class Moved(Exception):  # noqa: N818 - it reads as what it is
    """A command was refused: mostly because the page goes elsewhere just now."""


@define(eq=False)
class Tab:
    """A page in the browser.

    Attributes:
        complaints: errors and warnings of its console, exceptions and breaches of its policy.
        refused: the same of what was answered with an error, or not at all.
        asked: the addresses of everything it asked for.

    """

    _socket: aiohttp.ClientWebSocketResponse
    complaints: list[str] = field(factory=list, init=False)
    refused: list[str] = field(factory=list, init=False)
    asked: list[str] = field(factory=list, init=False)
    _number: int = field(default=0, init=False)
    _replies: dict[int, "asyncio.Future[Any]"] = field(factory=dict, init=False)
    _reading: "asyncio.Task[None]" = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._reading = asyncio.create_task(self._read())

    async def close(self) -> None:
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading
        await self._socket.close()

    async def send(self, method: str, **parameters: Any) -> Any:
        """Send a command of the protocol; return its result. Raises Moved."""
        self._number += 1
        self._replies[self._number] = reply = asyncio.get_running_loop().create_future()
        call = {"id": self._number, "method": method, "params": parameters}
        await self._socket.send_json(call)
        async with asyncio.timeout(_PATIENCE):
            return await reply

    async def go(self, url: str) -> None:
        """Open an address."""
        await self.run("window.left = true")
        await self.send("Page.navigate", url=url)
        await self.until("!window.left && document.readyState === 'complete'")

    async def run(self, script: str) -> Any:
        """Evaluate an expression in the page; return its value, true for an element of the page.

        A promise is awaited.
        """
        told = await self.send("Runtime.evaluate", expression=script, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(told["exceptionDetails"]["exception"]["description"])
        found = told["result"]
        if found.get("subtype") == "node" or "objectId" not in found:
            return found.get("subtype") == "node" or found.get("value")
        whole = {"functionDeclaration": "function () { return this; }", "returnByValue": True}
        told = await self.send("Runtime.callFunctionOn", objectId=found["objectId"], **whole)
        return told["result"]["value"]

    async def until(self, condition: str, within: float = _PATIENCE) -> Any:
        """Wait until an expression is true in the page; return its value."""
        found = None
        try:
            async with asyncio.timeout(within):
                while not found:
                    with suppress(Moved):
                        found = await self.run(condition)
                    await asyncio.sleep(0 if found else 0.05)
        except TimeoutError:
            shown = await self.run("document.body.innerText")
            raise AssertionError(f"never: {condition}\nThe page:\n{shown}") from None
        return found

    async def text(self, selector: str) -> str:
        """Return the text of the first element that a selector finds."""
        return str(await self.until(f"document.querySelector({json.dumps(selector)})?.textContent"))

    async def click(self, selector: str) -> None:
        """Click in the middle of the first element that a selector finds."""
        found = f"document.querySelector({json.dumps(selector)})"
        await self.until(f"{found}?.checkVisibility()")
        box = await self.run(
            f"(() => {{ {found}.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            f" const box = {found}.getBoundingClientRect();"
            " return {x: box.x + box.width / 2, y: box.y + box.height / 2}; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.send(
                "Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **box
            )

    async def press(self, key: str, times: int = 1) -> None:
        """Press a key of the keyboard."""
        code, text = _KEYS[key]
        given = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        for _ in range(times):
            down = {"type": "keyDown" if text else "rawKeyDown", "text": text}
            await self.send("Input.dispatchKeyEvent", **down, **given)
            await self.send("Input.dispatchKeyEvent", type="keyUp", **given)

    async def write(self, text: str) -> None:
        """Write a text into what has the focus."""
        await self.send("Input.insertText", text=text)

    async def look(
        self,
        *,
        width: int = 1280,
        height: int = 900,
        scale: float = 1,
        dark: bool = False,
        still: bool = False,
    ) -> None:
        """Be a screen of so many pixels, for somebody who wants it dark, or nothing to move."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale}
        await self.send("Emulation.setDeviceMetricsOverride", mobile=width < 600, **size)
        wanted = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if still else "no-preference",
        }
        features = [{"name": name, "value": value} for name, value in wanted.items()]
        await self.send("Emulation.setEmulatedMedia", features=features)

    async def photograph(self) -> bytes:
        """Return what is seen, as a PNG."""
        picture = await self.send("Page.captureScreenshot", format="png")
        return base64.b64decode(picture["data"])

    def asked_elsewhere(self, url: str) -> list[str]:
        """Return what it asked of others than this server."""
        here = urlsplit(url).netloc
        others = [one for one in self.asked if not one.startswith(_LOCAL)]
        return [one for one in others if urlsplit(one).netloc != here]

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                reply = self._replies.pop(told["id"])
                if "error" in told:
                    reply.set_exception(Moved(told["error"]["message"]))
                elif not reply.done():
                    reply.set_result(told["result"])
            else:
                self._notice(told["method"], told["params"])

    def _notice(self, event: str, about: Mapping[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.asked.append(about["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.complaints.append(
                details.get("exception", details).get("description", str(details))
            )
        elif event == "Runtime.consoleAPICalled" and about["type"] in (
            "error",
            "warning",
            "assert",
        ):
            self.complaints.append(" ".join(str(one.get("value", one)) for one in about["args"]))
        elif event == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            entry = about["entry"]
            told = self.refused if entry["source"] == "network" else self.complaints
            told.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")


@define(eq=False)
class Browser:
    """A running Chromium."""

    _client: aiohttp.ClientSession
    _door: str
    _tabs: list[Tab] = field(factory=list, init=False)

    async def open(self, url: str = "about:blank", **screen: Any) -> Tab:
        """Open an address in a tab of its own; the arguments are those of `Tab.look`."""
        async with self._client.put(f"http://{self._door}/json/new?about:blank") as reply:
            place = (await reply.json(content_type=None))["webSocketDebuggerUrl"]
        tab = Tab(await self._client.ws_connect(place, max_msg_size=0))
        self._tabs.append(tab)
        for part in ("Page", "Runtime", "Log", "Network"):
            await tab.send(f"{part}.enable")
        await tab.look(**screen)
        await tab.go(url)
        return tab

    async def close(self) -> None:
        for tab in self._tabs:
            await tab.close()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a Chromium with a new profile until the block ends."""
    assert PROGRAM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *_FLAGS,
            f"--user-data-dir={profile}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with aiohttp.ClientSession() as client:
                browser = Browser(client, await _door(process))
                try:
                    yield browser
                finally:
                    await browser.close()
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


async def _door(process: asyncio.subprocess.Process) -> str:
    """Return the host and port at which the browser takes commands."""
    assert process.stderr
    async with asyncio.timeout(_TO_START):
        async for line in process.stderr:
            if line.decode().startswith(_LISTENS):
                return urlsplit(line.decode().removeprefix(_LISTENS).strip()).netloc
    raise RuntimeError(f"chromium ended with {process.returncode}")
