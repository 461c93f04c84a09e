"""A real Redis in a process of its own, for tests."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import define

needs_redis = pytest.mark.skipif(
    not shutil.which("redis-server"), reason="there is no redis-server"
)

_PATIENCE = 10.0


@define(eq=False)
class RedisServer:
    """A server that keeps nothing on disk."""

    port: int
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        given = {"port": self.port, "bind": "127.0.0.1", "save": "", "dir": self.folder}
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _PATIENCE
        while self.ask("PING") != b"+PONG\r\n":
            assert time.monotonic() < deadline, "redis-server does not start"
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self, number: signal.Signals = signal.SIGSTOP) -> None:
        assert self.process
        os.kill(self.process.pid, number)

    def resume(self) -> None:
        self.pause(signal.SIGCONT)

    def ask(self, command: str) -> bytes:
        """Send a command; return what is answered, nothing where nobody is there."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(command.encode() + b"\r\n")
                return connection.recv(4096)
        except OSError:
            return b""


@contextmanager
def running_redis(folder: Path) -> Iterator[RedisServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = RedisServer(port, folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
