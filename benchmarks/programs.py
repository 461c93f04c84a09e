"""Programs that are started, watched and ended. CPU time and memory are the kernel's own figures.

The gateway has one core to itself; the vendor and the load generator share what is left.
"""

import asyncio
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

_CORES: Final = sorted(os.sched_getaffinity(0))
GATEWAY_CORE: Final = {_CORES[0]}
OTHER_CORES: Final = set(_CORES[1:]) or GATEWAY_CORE
_PATIENCE: Final = 20.0
_GRACE: Final = 3.0


class Program:
    """A process with its children, in a folder of its own with these files."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] = MappingProxyType({}),
        files: Mapping[str, str] = MappingProxyType({}),
        cores: set[int] = GATEWAY_CORE,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark-")
        for name, text in files.items():
            (Path(self._folder.name) / name).write_text(text)
        own = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores)  # inherited by the child and everything it starts
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self._folder.name,
                    env={**os.environ, **environment},
                    start_new_session=True,
                )
        finally:
            os.sched_setaffinity(0, own)

    @property
    def _log(self) -> Path:
        return Path(self._folder.name) / "log"

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def says(self, pattern: str) -> str:
        """Wait until something like this is in its log; return the first group.

        Raises:
            RuntimeError: it ended or took too long, and has been ended.

        """
        until = time.monotonic() + _PATIENCE
        while not (found := re.search(pattern, self.log)):
            if self.ended or time.monotonic() > until:
                said = self.log[-2000:]
                self.end()
                raise RuntimeError(f"it did not say {pattern}\n{said}")
            time.sleep(0.005)
        return found[1]

    async def all_said(self) -> str:
        """Wait for its end; return its log."""
        await asyncio.to_thread(self._process.wait)
        return self.log

    def cpu(self) -> float:
        """Return the seconds of CPU that the process and its children have used, to the nanosecond.

        This is the sum of utime and stime in /proc/PID/stat, which is given in hundredths there.
        """
        return sum(_cpu(pid) for pid in _tree(self._process.pid))

    def memory(self) -> int:
        """Return how many bytes of memory the process and its children hold."""
        return sum(_resident(pid) for pid in _tree(self._process.pid))

    def end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self._process.pid, number)
                self._process.wait(_GRACE)
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _cpu(pid: int) -> float:
    try:
        return time.clock_gettime(~pid << 3 | 2)  # the clock of a process: clock_getcpuclockid(3)
    except OSError:
        return 0.0  # it has just ended


def _resident(pid: int) -> int:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from _tree(int(child))
