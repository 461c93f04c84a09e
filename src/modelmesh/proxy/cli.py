"""The command line: `python -m modelmesh.proxy`, `modelmesh proxy`, `check` and `explain`."""

import argparse
import asyncio
import errno
import gc
import json
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, Final, TypeVar

from modelmesh.check import check
from modelmesh.clock import SystemClock
from modelmesh.config.detect import detect
from modelmesh.config.schema import MeshConfig
from modelmesh.errors import ConfigError, RequestError
from modelmesh.mesh import ModelMesh
from modelmesh.proxy.demo import serve_demo
from modelmesh.proxy.explained import body_of, explained, table
from modelmesh.proxy.server import ProxyServer
from modelmesh.proxy.sources import find_config, find_file
from modelmesh.proxy.worker_metrics import shared_metrics

_OK: Final = 0
_FAILED: Final = 1
_NOTHING_TO_SERVE: Final = 2
_LAST_PORT: Final = 65535
# Objects made between two looks at the youngest; thousands belong to requests in flight.
_ALLOCATIONS: Final = 20_000

_FOUND: Final = "modelmesh.yaml in this folder, or else the keys in the environment"

T = TypeVar("T")

_say = partial(print, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `modelmesh` command; return its exit code."""
    parser = argparse.ArgumentParser(prog="modelmesh", description="One door to many AI models.")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serving = commands.add_parser("proxy", help="serve OpenAI's HTTP API")
    _add_flags(serving)
    checking = commands.add_parser("check", help="list every mistake in a configuration file")
    checking.add_argument("file", metavar="FILE")
    explaining = commands.add_parser("explain", help="tell where a request would go, and why")
    _add_explain_flags(explaining)
    arguments = parser.parse_args(argv)
    if arguments.command == "check":
        return _check(arguments.file)
    if arguments.command == "explain":
        return _attempt(partial(_explain, arguments))
    return _proxy(serving, arguments)


def proxy(argv: Sequence[str] | None = None) -> int:
    """Run `python -m modelmesh.proxy`; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m modelmesh.proxy",
        description="Serve OpenAI's HTTP API over pools of models.",
    )
    _add_flags(parser)
    return _proxy(parser, parser.parse_args(argv))


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="PATH", help=f"configuration file (default: {_FOUND})")
    parser.add_argument("--host", help="address to listen at (default: 0.0.0.0)")
    parser.add_argument("--port", type=_port, help="port to listen at; 0 is any (default: 8080)")
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
        "--once", action="store_true", help="with --demo: send a few requests, show them and end"
    )
    parser.add_argument("--check", action="store_true", help="check the configuration and end")
    parser.add_argument("--version", action="version", version=_version())


def _add_explain_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pool", metavar="POOL", help="what a client would send as `model`")
    said = parser.add_mutually_exclusive_group()
    said.add_argument("--message", metavar="TEXT", help="what a chat would say")
    said.add_argument("--body", metavar="FILE", help="the body of a request, as JSON")
    parser.add_argument("--config", metavar="FILE", help=f"configuration file (default: {_FOUND})")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _proxy(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if arguments.once and not arguments.demo:
        parser.error("--once goes with --demo")
    if arguments.demo and (arguments.config or arguments.check):
        parser.error("--demo has a configuration of its own; leave out --config and --check")
    if arguments.check:
        return _check(arguments.config, arguments.workers)
    # The tour shows by itself what the log would tell.
    level = arguments.log_level or ("ERROR" if arguments.once else "INFO")
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(message)s")
    # On this level the event loop and the web server talk of things of their own.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    return _attempt(partial(_demo if arguments.demo else _serve, arguments))


def _attempt(action: Callable[[], int]) -> int:
    """Return the exit code of what is done, or say why it failed."""
    try:
        return action()
    except (ConfigError, RequestError) as error:
        _complain(str(error))
    except OSError as error:
        hint = "; choose another port with --port" if error.errno == errno.EADDRINUSE else ""
        _complain(f"cannot listen: {error.strerror or error}{hint}")
    except KeyboardInterrupt:
        _complain("interrupted")
    return _FAILED


def _serve(arguments: argparse.Namespace) -> int:
    try:
        config = find_config(arguments.config, os.environ, arguments.workers)
    except ConfigError as error:
        if arguments.config or find_file():
            raise
        _complain(str(error))
        return _NOTHING_TO_SERVE
    server = ProxyServer(ModelMesh(config), announce=_say, **_address(arguments))
    _spare_the_collector()
    if config.proxy.workers > 1:
        return _supervise(server, config)
    return _run_well(server.serve(signals=True))


def _supervise(server: ProxyServer, config: MeshConfig) -> int:
    if not hasattr(os, "fork"):
        _complain("proxy.workers: this system has no processes that share a port; let one serve")
        return _FAILED
    # It needs what Windows has not.
    from modelmesh.proxy.workers import Supervisor  # noqa: PLC0415 - see above

    supervisor = Supervisor(
        server,
        count=config.proxy.workers,
        drain=config.proxy.drain_timeout,
        run=lambda work: _attempt(partial(_run_well, work)),
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
        _complain("the demo's vendors are in its own process, so one worker serves: no --workers")
        return _FAILED
    if arguments.once:
        # It brings aiohttp's client, which a server needs not.
        from modelmesh.proxy.tour import tour  # noqa: PLC0415 - see above

        return _OK if _run(tour(_say, colours=_colours())) else _FAILED
    return _run_well(serve_demo(_say, **_address(arguments)))


def _run_well(coroutine: Coroutine[Any, Any, None]) -> int:
    _run(coroutine)
    return _OK


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


def _check(path: str | None, workers: int | None = None) -> int:
    """Check a file, or what would be used without one."""
    file = path or find_file()
    if file is not None:
        code, text = check(file, os.environ, workers, wall=SystemClock().wall())
        _say(text)
        return code
    try:
        found = detect(os.environ)
    except ConfigError as error:
        _say(error)
        return _NOTHING_TO_SERVE
    _say(f"No configuration file; found in the environment: {', '.join(found.providers)}.")
    return _OK


def _explain(arguments: argparse.Namespace) -> int:
    """Tell where a request would go, and why."""
    request = body_of(arguments.pool, arguments.message, arguments.body)
    config = find_config(arguments.config, os.environ)
    told = asyncio.run(explained(config, request))
    _say(json.dumps(told, indent=2, ensure_ascii=False) if arguments.json else table(told))
    return _OK


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes")
    return int(text)


def _token(text: str) -> str:
    """Refuse the token which an unset shell variable leaves, and which would protect nothing."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the token is empty")
    return text


def _version() -> str:
    return f"modelmesh-lite {version('modelmesh-lite')}"


def _colours() -> bool:
    """Whether there is a person at a terminal who wants colours: https://no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _complain(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the command line speaks to people
