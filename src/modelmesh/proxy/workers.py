"""Several processes which serve one port, and the one that looks after them.

The supervisor opens the port and forks the workers. It has no event loop: it waits for signals, and
for a worker to say that it serves. A worker sees that its supervisor is gone by the end of a pipe.
"""

import asyncio
import logging
import os
import select
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, Final, NoReturn

from attrs import define, field

from modelmesh.clock import Clock
from modelmesh.errors import ConfigError
from modelmesh.proxy.deaths import Deaths, Worker, how
from modelmesh.proxy.server import ProxyServer

log = logging.getLogger("modelmesh.proxy")

_TO_STOP: Final = (signal.SIGTERM, signal.SIGINT)
_HEEDED: Final = (signal.SIGCHLD, signal.SIGHUP, *_TO_STOP)
_FAILED: Final = 1
# Seconds for workers to end, beyond those that their requests may take.
_LAST_CALL: Final = 5.0


@define(eq=False)
class Supervisor:
    """Keeps so many workers alive, which all serve what `server` does, until a signal comes.

    `drain` is the seconds that requests may take to end, `run` runs a worker's work in an event
    loop and returns its exit code. `number` is this process's own: from 1 on, 0 in the supervisor.
    """

    _server: ProxyServer
    _count: int
    _drain: float
    _run: Callable[[Coroutine[Any, Any, None]], int]
    _clock: Clock
    number: int = field(default=0, init=False)
    # Is told the number of a worker that ended.
    _ended: Callable[[int], object] = field(init=False)
    _workers: dict[int, Worker] = field(factory=dict, init=False)
    # When workers are to be started.
    _due: list[float] = field(factory=list, init=False)
    _deaths: Deaths = field(factory=Deaths, init=False)
    _ever_served: bool = field(default=False, init=False)
    # When those who still have not ended are made to; once they were told to stop.
    _deadline: float | None = field(default=None, init=False)
    _code: int = field(default=0, init=False)
    # Pipes: the end to read from, the end to write to.
    _signals: tuple[int, int] = field(factory=os.pipe, init=False)
    _news: tuple[int, int] = field(factory=os.pipe, init=False)
    _life: tuple[int, int] = field(factory=os.pipe, init=False)

    def supervise(self, ended: Callable[[int], object]) -> int:
        """Open the port and serve until a signal comes; return the exit code.

        The first worker tells what is served, or what is wrong with it. The others come after it.
        `ended` is told the number of each one that did.

        Raises:
            OSError: the port is taken.

        """
        self._ended = ended
        self._server.share()
        os.set_blocking(self._signals[1], False)
        signal.set_wakeup_fd(self._signals[1])
        for number in _HEEDED:
            signal.signal(number, lambda *_: None)  # that it came is read from the pipe
        self._due.append(self._clock.now())
        while self._due or self._workers:
            self._start_due()
            self._wait()
        return self._code

    def _wait(self) -> None:
        """Wait for what comes next, and do what it asks for."""
        moments = self._due if self._deadline is None else [self._deadline]
        patience = max(0.0, min(moments) - self._clock.now()) if moments else None
        ready, _, _ = select.select([self._signals[0], self._news[0]], [], [], patience)
        if self._news[0] in ready:
            self._hear(os.read(self._news[0], 4096))
        if self._signals[0] in ready:
            for number in os.read(self._signals[0], 4096):
                self._heed(number)
        if self._deadline is not None and self._clock.now() >= self._deadline:
            self._send(signal.SIGKILL)

    def _start_due(self) -> None:
        now = self._clock.now()
        for when in [one for one in self._due if one <= now]:
            self._due.remove(when)
            try:
                self._fork()
            except OSError as error:
                self._replace(Worker(now), f"no worker can be started ({error.strerror})")

    def _fork(self) -> None:
        taken = {worker.number for worker in self._workers.values()}
        number = next(one for one in count(1) if one not in taken)
        # What comes meanwhile waits until whoever it is for can heed it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
        try:
            pid = os.fork()
            if pid == 0:
                self.number = self._server.worker = number
                self._server.reloading.spread = partial(os.kill, os.getppid(), signal.SIGHUP)
                self._be_worker()
            self._workers[pid] = Worker(self._clock.now(), number)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEEDED)

    def _hear(self, news: bytes) -> None:
        """Note who serves; with the first one it is known that it works."""
        for pid in map(int, news.split()):
            if pid in self._workers:
                self._workers[pid].serves = True
        if not self._ever_served and self._deadline is None:
            self._due += [self._clock.now()] * (self._count - 1)
        self._ever_served = True

    def _heed(self, number: int) -> None:
        if number == signal.SIGCHLD:
            for pid in tuple(self._workers):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    worker = self._workers.pop(pid)
                    self._ended(worker.number)
                    self._mourn(worker, pid, os.waitstatus_to_exitcode(status))
        elif number == signal.SIGHUP:
            self._reload()
        elif self._deadline is None:
            log.info("stopping; requests in progress have %g s left", self._drain)
            self._stop()
        else:
            self._send(signal.SIGKILL)
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _reload(self) -> None:
        """Read the configuration again for workers to come, and have all others do so as well."""
        if self._deadline is None:
            with suppress(ConfigError):  # which is told where it is found; nobody else need try
                asyncio.run(self._server.reloading.everywhere())
                self._send(signal.SIGHUP)

    def _mourn(self, worker: Worker, pid: int, code: int) -> None:
        if self._deadline is not None:
            self._code = self._code or (_FAILED if code else 0)
        elif code == _FAILED and not self._ever_served:
            self._code = _FAILED  # and it has said why
        else:
            self._replace(worker, f"worker {pid} {how(code)}")

    def _replace(self, worker: Worker, what: str) -> None:
        """Start another one in a while, unless there is no hope."""
        now = self._clock.now()
        pause = self._deaths.pause(worker, now)
        if self._deaths.hopeless and not any(one.serves for one in self._workers.values()):
            log.error(
                "%s; %d in a row ended before they could serve, so the server stops",
                what,
                self._deaths.unborn,
            )
            self._code = _FAILED
            self._stop()
        else:
            log.warning("%s; another one starts in %g s", what, pause)
            self._due.append(now + pause)

    def _stop(self) -> None:
        self._due.clear()
        self._deadline = self._clock.now() + self._drain + _LAST_CALL
        self._send(signal.SIGTERM)

    def _send(self, number: int) -> None:
        for pid in self._workers:
            os.kill(pid, number)

    def _be_worker(self) -> NoReturn:
        """Serve, and end this process, which is a fork."""
        code = _FAILED
        try:
            signal.set_wakeup_fd(-1)
            for number in _HEEDED:
                signal.signal(number, signal.SIG_DFL)
            for pipe_end in (*self._signals, self._news[0], self._life[1]):
                os.close(pipe_end)
            code = self._run(self._work())
        except BaseException:
            log.exception("a worker failed")
        finally:
            sys.stdout.flush()
            os._exit(code)

    async def _work(self) -> None:
        """Serve until it is told to stop. It may be told twice, by the supervisor and by others."""
        loop = asyncio.get_running_loop()
        for number in _TO_STOP:
            loop.add_signal_handler(number, self._server.stop)
        loop.add_signal_handler(signal.SIGHUP, self._server.reloading.alone)
        loop.add_reader(self._life[0], _end_alone)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEEDED)
        await self._server.serve(opened=self._opened)
        signal.pthread_sigmask(signal.SIG_BLOCK, _TO_STOP)

    def _opened(self) -> None:
        if not self._ever_served:
            self._server.tell()
        os.write(self._news[1], b"%d\n" % os.getpid())


def _end_alone() -> None:
    """End as the supervisor did, at once, so that the port is free for the next one."""
    log.error("the supervisor is gone; its worker %d ends", os.getpid())
    os._exit(_FAILED)
