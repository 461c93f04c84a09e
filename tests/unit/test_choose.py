"""Which transport a configuration gets."""

import subprocess
import sys

import pytest

from modelmesh.config.load import load
from modelmesh.errors import ConfigError
from modelmesh.transport import choose as choosing
from modelmesh.transport.aiohttp import AiohttpTransport
from modelmesh.transport.choose import choose
from modelmesh.transport.direct import DirectTransport
from modelmesh.transport.protocol import Transport

PROVIDER = {"connector": "openai-compatible", "base_url": "http://127.0.0.1:1/v1"}


def chosen(**keys: str) -> Transport:
    return choose(load({"providers": {"ours": PROVIDER}, **keys}, environ={}))


@pytest.fixture
def no_httptools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "find_spec", lambda name: None if name == "httptools" else name)


def test_the_direct_one_is_used_where_httptools_is_installed() -> None:
    assert isinstance(chosen(), DirectTransport)
    assert isinstance(chosen(transport="direct"), DirectTransport)


def test_aiohttp_is_used_if_that_is_asked_for() -> None:
    assert isinstance(chosen(transport="aiohttp"), AiohttpTransport)


@pytest.mark.usefixtures("no_httptools")
def test_aiohttp_is_used_where_httptools_is_missing() -> None:
    assert isinstance(chosen(), AiohttpTransport)


@pytest.mark.usefixtures("no_httptools")
def test_the_direct_one_is_refused_where_httptools_is_missing() -> None:
    with pytest.raises(ConfigError) as refused:
        chosen(transport="direct")
    assert "transport: needs httptools" in str(refused.value)


def test_another_name_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigError) as refused:
        chosen(transport="curl")
    assert refused.value.problems[0].path == "transport"


def test_a_client_over_the_direct_one_loads_no_aiohttp() -> None:
    script = f"""
import sys, modelmesh
models = {{"m": {{"provider": "ours"}}}}
client = modelmesh.create(config={{"providers": {{"ours": {PROVIDER}}}, "models": models}})
try:
    client.chat.completions.create(model="chat-completion", messages=[{{"role": "user"}}])
except modelmesh.RoutingError:
    sys.exit("aiohttp" in sys.modules or "httptools" not in sys.modules)
sys.exit("it should not have been answered")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
