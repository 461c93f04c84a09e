"""`modelmesh proxy`, which `python -m modelmesh.proxy` is as well."""

import argparse
import asyncio
import gc
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from modelmesh import colours
from modelmesh.cli._parser import Parser, port
from modelmesh.cli._terminal import (
    FAILED,
    FOUND,
    OK,
    attempt,
    complain,
    say,
    version,
)
from modelmesh.cli.check import add_ways, check_file
from modelmesh.clock import SystemClock
from modelmesh.config.schema import MeshConfig
from modelmesh.mesh import ModelMesh
from modelmesh.proxy.demo import serve_demo
from modelmesh.proxy.server import ProxyServer
from modelmesh.proxy.sources import find_config
from modelmesh.proxy.worker_metrics import shared_metrics

# Objects made between two looks at the youngest; thousands belong to requests in flight.
_ALLOCATIONS: Final = 20_000

T = TypeVar("T")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m modelmesh.proxy`; return its exit code."""
    parser = Parser(
        prog="python -m modelmesh.proxy",
        description="Serve OpenAI's HTTP API over pools of models.",
    )
    add_flags(parser)
    arguments = parser.parse_args(argv)
    return attempt(lambda: run(arguments))


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="PATH", help=f"configuration file (default: {FOUND})")
    parser.add_argument("--host", help="address to listen on (default: 0.0.0.0)")
    parser.add_argument(
        "--port", type=port, help="port to listen on; 0 picks a free one (default: 8080)"
    )
    parser.add_argument("--token", type=_token, help="ask clients for this token (default: none)")
    parser.add_argument(
        "--log-level",
        type=str.upper,
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        help="how much to log (default: INFO)",
    )
    parser.add_argument(
        "--workers", type=_count, metavar="N", help="processes which share the port (default: 1)"
    )
    parser.add_argument("--demo", action="store_true", help="serve three simulated vendors")
    parser.add_argument(
        "--once", action="store_true", help="with --demo: send a few requests, show them and exit"
    )
    parser.add_argument("--check", action="store_true", help="check the configuration and exit")
    add_ways(parser, "with --check: ")
    parser.add_argument("--version", action="version", version=version())
    parser.set_defaults(refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    if arguments.once and not arguments.demo:
        arguments.refuse("--once goes with --demo")
    if arguments.demo and (arguments.config or arguments.check):
        arguments.refuse("--demo has a configuration of its own; leave out --config and --check")
    if arguments.check:
        return check_file(arguments.config, arguments.workers, arguments)
    if arguments.strict or arguments.online or arguments.json:
        arguments.refuse("--strict, --online and --json go with --check")
    # The tour shows by itself what the log would tell.
    level = arguments.log_level or ("ERROR" if arguments.once else "INFO")
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(message)s")
    # On this level the event loop and the web server talk of things of their own.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    return _demo(arguments) if arguments.demo else _serve(arguments)


def _serve(arguments: argparse.Namespace) -> int:
    found = find_config(arguments.config, os.environ, arguments.workers)
    server = ProxyServer(ModelMesh(found), announce=say, **_address(arguments))
    _spare_the_collector()
    if found.config.proxy.workers > 1:
        return _supervise(server, found.config)
    return _run_well(server.serve(signals=True))


def _supervise(server: ProxyServer, config: MeshConfig) -> int:
    if not hasattr(os, "fork"):
        complain("proxy.workers: processes cannot share a port on this system; use one worker")
        return FAILED
    # It needs what Windows has not.
    from modelmesh.proxy.workers import Supervisor  # noqa: PLC0415 - see above

    supervisor = Supervisor(
        server,
        count=config.proxy.workers,
        drain=config.proxy.drain_timeout,
        run=lambda work: attempt(partial(_run_well, work)),
        clock=SystemClock(),
    )
    with shared_metrics(config, lambda: supervisor.number) as forget:
        return supervisor.supervise(ended=forget)


def _spare_the_collector() -> None:
    """Look for cycles less often, and never again in what lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 20, 50)


def _demo(arguments: argparse.Namespace) -> int:
    if (arguments.workers or 1) > 1:
        complain(
            "the demo's vendors run in its own process, so it has one worker: leave out --workers"
        )
        return FAILED
    if arguments.once:
        # It brings aiohttp's client, which a server needs not.
        from modelmesh.proxy.tour import tour  # noqa: PLC0415 - see above

        return OK if _run(tour(say, colours=colours.wanted(sys.stdout))) else FAILED
    return _run_well(serve_demo(say, **_address(arguments)))


def _run_well(coroutine: Coroutine[Any, Any, None]) -> int:
    _run(coroutine)
    return OK


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it to its end, in uvloop's event loop where that is installed: it costs less."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - it may be missing
    except ImportError:
        return asyncio.run(coroutine)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(coroutine)


def _address(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"host": arguments.host, "port": arguments.port, "token": arguments.token}


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes")
    return int(text)


def _token(text: str) -> str:
    """Refuse the token which an unset shell variable leaves, and which would protect nothing."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the token is empty")
    return text
