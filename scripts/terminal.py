"""A terminal: its folder and variables last from one command to the next, and servers go on."""

import http.client
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from attrs import define, field

_PATIENCE: Final = 300.0
_AFTER: Final = "\nworked=$?\nenv -0 > '{}'\nexit $worked"
_LAST: Final = 2000


class FailedError(Exception):
    """A command failed; the message is what it said."""


@define
class Terminal:
    """Runs commands of bash one by one."""

    folder: Path
    env: Mapping[str, str]

    def run(self, line: str, *, seconds: float | None = None) -> str:
        """Run a command; return what it said.

        One that goes on for ever is ended after its `seconds`, and has to have said something.

        Raises:
            FailedError: it failed.

        """
        with tempfile.NamedTemporaryFile() as left:
            process = self._begin(line + _AFTER.format(left.name), subprocess.PIPE)
            try:
                said, _ = process.communicate(timeout=seconds or _PATIENCE)
                ended = True
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGTERM)
                said, _ = process.communicate()
                ended = False
            if process.returncode if ended else not (seconds and said):
                raise FailedError(said.decode(errors="replace")[-_LAST:])
            variables = left.read().decode().split("\0")
        if ended:
            self.env = dict(one.split("=", 1) for one in variables if "=" in one)
            self.folder = Path(self.env["PWD"])
        return said.decode(errors="replace")

    def start(self, line: str, log: Path) -> "subprocess.Popen[bytes]":
        """Start what goes on; what it says is in the log."""
        with log.open("wb") as file:
            return self._begin(line, file)

    def _begin(self, line: str, output: IO[bytes] | int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@define
class Servers:
    """Those which run in the background, one at a port, and which a page means by a port."""

    terminal: Terminal
    logs: Path
    meant: dict[int, str] = field(factory=dict)
    _running: dict[int, tuple[str, "subprocess.Popen[bytes]"]] = field(factory=dict)

    def start(self, line: str, port: int) -> None:
        """Start a server in place of the one at its port, and wait until it answers.

        Raises:
            FailedError: it does not, or somebody else is there.

        """
        self.stop(port)
        if alive(port):
            raise FailedError(f"something else listens at port {port}; see --port")
        log = self.logs / f"{port}.log"
        process = self.terminal.start(line, log)
        self._running[port] = (line, process)
        until = time.monotonic() + _PATIENCE
        while not alive(port):
            if process.poll() is not None or time.monotonic() > until:
                del self._running[port]
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                raise FailedError(log.read_text(errors="replace")[-_LAST:])
            time.sleep(0.02)

    def ensure(self, port: int) -> None:
        """Have the server at a port which the page means, where it means one."""
        running = self._running.get(port)
        if port in self.meant and not (running and running[0] == self.meant[port]):
            self.start(self.meant[port], port)

    def stop(self, port: int) -> None:
        """Stop the server at a port as Ctrl-C does, if there is one.

        Raises:
            FailedError: it does not end with 0.

        """
        if port not in self._running:
            return
        line, process = self._running.pop(port)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        if code := process.wait(_PATIENCE):
            log = (self.logs / f"{port}.log").read_text(errors="replace")
            raise FailedError(f"{line} ended with {code}\n{log[-_LAST:]}")

    def stop_all(self) -> None:
        for port in list(self._running):
            self.stop(port)


def alive(port: int) -> bool:
    """Whether a proxy answers at a port of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
