"""Every message on the page about troubleshooting, brought about with the real server."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from proxy_process import one_vendor, running_proxy

from modelmesh.testing.fake_provider import FakeProvider

PAGE = (Path(__file__).parents[2] / "docs/troubleshooting.md").read_text()
# A row tells of a message where its first cell has one in code; of those it is the first.
SHOWN = re.findall(r"^\| (?:[^`|]*?(\d{3}): |[^`|]*?(\d{3})? ?)`([^`]+)`", PAGE, re.MULTILINE)
JSON: Final = {"Content-Type": "application/json"}
CHAT: Final = {"model": "chat", "messages": [{"role": "user", "content": "Hello!"}]}
NOBODY: Final = "http://127.0.0.1:1/v1"


async def told(*command: str, folder: Path, **environ: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode, "it went well"
    return output.decode()


async def started(folder: Path, config: str | None = None, *flags: str, **environ: str) -> str:
    """Return what the proxy says that cannot start."""
    if config is not None:
        (folder / "modelmesh.yaml").write_text(config)
    return await told(sys.executable, "-m", "modelmesh.proxy", *flags, folder=folder, **environ)


async def elsewhere(folder: Path) -> str:
    bare = (sys.executable, "-S", "-I", "-m", "modelmesh.proxy")
    return await told(*bare, folder=folder)


async def without_yaml(folder: Path) -> str:
    missing = "raise ModuleNotFoundError(\"No module named 'yaml'\", name='yaml')"
    (folder / "yaml.py").write_text(missing)
    return await started(folder, "providers: {}\n", "--check", PYTHONPATH=str(folder))


async def twice_at_a_port(folder: Path) -> str:
    async with FakeProvider() as vendor, running_proxy(one_vendor(vendor, "ok")) as proxy:
        port = ("--host", "127.0.0.1", "--port", str(proxy.port))
        return await started(folder, None, *port, OPENAI_API_KEY="sk-o")


async def misspelt(folder: Path) -> str:
    return await started(
        folder,
        "providers: {first: {connector: openai-compatible, base_url: 'http://127.0.0.1:1'}}\n"
        "models: {ok: {provider: frist}}\n"
        "pools: {chat: {models: [ok]}}\n",
    )


async def without_its_secret(folder: Path) -> str:
    entry = "{api_key: '${secrets:OPENAI_API_KEY}'}"
    return await started(folder, f"providers: {{openai.llm.v1: {entry}}}\n")


async def nobody_listens(folder: Path) -> str:
    return await told("curl", "-sS", f"{NOBODY}/models", folder=folder)


async def json_of_a_stream(folder: Path) -> str:
    async with FakeProvider() as vendor, running_proxy(one_vendor(vendor, "ok")) as proxy:
        how = {"method": "POST", "headers": JSON, "body": json.dumps({**CHAT, "stream": True})}
        url = f"{proxy.url}/v1/chat/completions"
        code = f"await (await fetch({json.dumps(url)}, {json.dumps(how)})).json()"
        node = shutil.which("node") or pytest.skip("there is no node")
        return await told(node, "--input-type=module", "-e", code, folder=folder)


STARTS: Final[Mapping[str, Callable[[Path], Awaitable[str]]]] = {
    "No module named 'modelmesh'": elsewhere,
    "No module named 'yaml'": without_yaml,
    "no provider was found": started,
    "secret 'OPENAI_API_KEY' is not set": without_its_secret,
    "unknown provider 'frist'; did you mean 'first'?": misspelt,
    "cannot be read: No such file or directory": lambda folder: started(
        folder, None, "--config", "other.yaml"
    ),
    "cannot listen: …address already in use": twice_at_a_port,
    "Failed to connect to …": nobody_listens,
    "is not valid JSON": json_of_a_stream,
}


def asked(fault: str = "ok", *, path: str = "/v1/chat/completions", **how: Any) -> dict[str, Any]:
    """What is asked, of a server over a vendor with this fault.

    `method`, `headers`, `body`, `flags` and what is different in the `config` may be told.
    """
    return {"fault": fault, "path": path, "body": CHAT, "headers": JSON, "method": "POST", **how}


TOKEN: Final = ("--token", "my-secret")
ORIGINS: Final = {"proxy": {"cors": {"origins": ["https://app.example.org"]}}}
PRICED: Final = {"models": {"ok": {"pricing": {"input": 1, "output": 1}}}}


def budget(dollars: float) -> dict[str, Any]:
    return {"providers": {"fake": {"budget": {"daily_limit": dollars}}}}


REPLIES: Final[Mapping[str, dict[str, Any]]] = {
    "Invalid token": asked(flags=TOKEN),
    "Without a token, only this machine may use this": asked(
        path="/v1/mesh/status", method="GET", headers={"X-Forwarded-For": "10.0.0.1"}
    ),
    "The model 'chatt' does not exist; did you mean 'chat'?": asked(
        body={**CHAT, "model": "chatt"}
    ),
    "There is nothing at /chat/completions; did you mean /v1/chat/completions?": asked(
        path="/chat/completions"
    ),
    "does not accept GET; send POST": asked(method="GET", body=None),
    "The request body is empty": asked(body="", headers={}),
    "The request body is not valid JSON at line 1, column 2.": asked(body="{'model': 'chat'}"),
    "The header must be": asked(
        flags=TOKEN, headers={"Authorization": "Bearer my-secret", "Content-Type": "text/plain"}
    ),
    "The request body is larger than the 1024 bytes allowed.": asked(
        body={**CHAT, "user": "u" * 1024}, config={"proxy": {"max_body": "1KiB"}}
    ),
    'Routing error: no target of pool …"code":"upstream_auth"': asked("status~code=401"),
    '"code":"upstream_model_not_found"': asked("no-such-model"),
    '"code":"upstream_unreachable"': asked(config={"providers": {"fake": {"base_url": NOBODY}}}),
    '"code":"upstream_bad_answer"': asked("html-200"),
    '"code":"upstream_timeout"': asked(
        "never-headers", config={"pools": {"chat": {"timeouts": {"first_token": "200ms"}}}}
    ),
    '"code":"rate_limit_exceeded"': asked("status~code=429~retry-after=600"),
    '"code":"insufficient_quota"': asked("status~code=429~error-code=insufficient_quota"),
    "its price is unknown": asked(config=budget(1)),
    "this request may need more than the whole of": asked(config={**budget(0.00001), **PRICED}),
    '"code":"stream_incomplete"': asked("cut-chunked", body={**CHAT, "stream": True}),
    "Web pages of this origin may not use this server.": asked(
        headers={**JSON, "Origin": "https://other.example"}, config=ORIGINS
    ),
}


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    result = {**one, **other}
    for name in one.keys() & other.keys():
        if isinstance(one[name], dict):
            result[name] = merged(one[name], other[name])
    return result


def says(shown: str, text: str) -> bool:
    return bool(re.search(".*".join(map(re.escape, shown.split("…"))), text, re.DOTALL))


@pytest.mark.parametrize("shown", STARTS)
async def test_what_does_not_start_says_so(shown: str, tmp_path: Path) -> None:
    said = await STARTS[shown](tmp_path)
    assert says(shown, said), said


@pytest.mark.parametrize("shown", REPLIES)
async def test_a_reply_is_the_one_on_the_page(shown: str) -> None:
    how = dict(REPLIES[shown])
    body = how.pop("body")
    how["data"] = body if isinstance(body, str) or body is None else json.dumps(body)
    async with FakeProvider() as vendor:
        config = merged(one_vendor(vendor, how.pop("fault")), how.pop("config", {}))
        config["storage"] = {"connector": "modelmesh.memory.v1"}
        async with running_proxy(config, flags=how.pop("flags", ())) as proxy:
            reply = await proxy.send(**how, skip_auto_headers=["Content-Type"])
    assert says(shown, reply.text), reply.text
    status = next(early or late for early, late, words in SHOWN if words == shown)
    assert not status or reply.status == int(status)
    if reply.status == 200:
        assert "[DONE]" not in reply.text


def test_every_message_on_the_page_is_brought_about() -> None:
    what_no_server_says = {"Failed to fetch"}  # a browser's words
    tables = PAGE.partition("## It does not start")[2]
    rows = {words for _, _, words in SHOWN if f"`{words}`" in tables}
    assert rows - what_no_server_says == {*STARTS, *REPLIES}
