"""`modelmesh mock-upstream`: a vendor that goes wrong on request, to point clients at."""

import argparse
import asyncio
import inspect
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from modelmesh.cli._parser import port
from modelmesh.cli._terminal import OK, say
from modelmesh.testing import fake_faults, fake_variants
from modelmesh.testing.fake_provider import (
    EMBEDDINGS,
    IMAGES,
    SPEECH,
    TRANSCRIPTIONS,
    Catalogue,
    FakeProvider,
    named,
)

_PORT: Final = 8089
_SHOWN: Final = ("ok", "status~code=429~retry-after=7", "stall-mid~after=3", "error-mid", "flaky")

_FAULTS: Final = named(fake_faults)
_CATALOGUES: Final[Mapping[str, Catalogue]] = {
    "Chats answered correctly, in unusual ways": named(fake_variants),
    "Faults, at every endpoint": _FAULTS,
    "Embeddings": EMBEDDINGS,
    "Speech": SPEECH,
    "Transcriptions": TRANSCRIPTIONS,
    "Images": IMAGES,
}


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=port,
        default=_PORT,
        help="port to listen on; 0 picks a free one (default: %(default)s)",
    )
    parser.add_argument("--list", action="store_true", help="list the models and exit")


def run(arguments: argparse.Namespace) -> int:
    if arguments.list:
        say("\n".join(listed()))
        return OK
    return asyncio.run(_serve(FakeProvider(host=arguments.host, port=arguments.port)))


def listed() -> Iterator[str]:
    """Give the lines of the list: every model, its settings, and what it does."""
    yield "A model is named fault~setting=value~setting=value@label; labels only tell models apart."
    shown: set[Callable[..., Any]] = set()
    for title, catalogue in _CATALOGUES.items():
        own = {name: one for name, one in catalogue.items() if one not in shown}
        shown |= set(own.values())
        wide = max(map(len, own))
        yield f"\n{title}"
        for name, one in sorted(own.items()):
            yield f"  {name:<{wide}}  {_first_line(one)}"
            if settings := _settings(one):
                yield f"  {'':<{wide}}    {settings}"


def snippet(vendor: FakeProvider) -> str:
    """Return a configuration whose pool tries a vendor that fails, then one that answers."""
    return f"""\
providers:
  mock:
    connector: openai-compatible
    base_url: {vendor.url}
models:
  "status~code=429": {{provider: mock, capabilities: [chat-completion]}}
  ok: {{provider: mock, capabilities: [chat-completion]}}
pools:
  chat: {{models: ["status~code=429", ok]}}
"""


async def _serve(vendor: FakeProvider) -> int:
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with vendor:
        say(f"A simulated vendor that fails on request, at {vendor.url}\n")
        say(f"The model's name says how: {', '.join(_SHOWN)}.")
        say("`modelmesh mock-upstream --list` has all of them.\n")
        say(f"For a modelmesh.yaml:\n\n{snippet(vendor)}")
        await over.wait()
    return OK


def _first_line(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _settings(function: Callable[..., Any]) -> str:
    """Return the settings of a fault with what they are by default, as a name has them."""
    return " ".join(
        f"~{name.rstrip('_').replace('_', '-')}={one.default}"
        for name, one in inspect.signature(function).parameters.items()
        if one.kind is one.KEYWORD_ONLY
    )
