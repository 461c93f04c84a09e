import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest

from modelmesh.portal import Portal


class Guest:
    def __init__(self) -> None:
        self.closed = threading.Event()
        self.opened = threading.Event()
        self.left = threading.Event()

    async def close(self) -> None:
        self.closed.set()

    @asynccontextmanager
    async def numbers(self, count: int, *, gap: float = 0) -> AsyncIterator[AsyncIterator[int]]:
        async def give() -> AsyncIterator[int]:
            for number in range(count):
                await asyncio.sleep(gap)
                yield number

        self.opened.set()
        try:
            yield give()
        finally:
            self.left.set()

    @asynccontextmanager
    async def ticking(self) -> AsyncIterator[AsyncIterator[int]]:
        async with self.numbers(10**9, gap=0.001) as numbers:
            yield numbers

    async def stay(self) -> None:
        self.opened.set()
        try:
            await asyncio.sleep(600)
        finally:
            self.left.set()


@pytest.fixture
def portal() -> Iterator[Portal[Guest]]:
    opened = Portal(Guest)
    yield opened
    opened.close()


def test_a_coroutine_returns_its_result_to_a_thread_that_cannot_await(
    portal: Portal[Guest],
) -> None:
    async def add(a: int, b: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        return a + b, threading.current_thread().name

    assert portal.run(add(2, 3)) == (5, "modelmesh")


def test_an_error_reaches_the_caller(portal: Portal[Guest]) -> None:
    async def fail() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        portal.run(fail())


def test_no_thread_is_started_before_the_first_call() -> None:
    before = threading.active_count()

    portal = Portal(Guest)

    assert isinstance(portal.resident, Guest)
    assert threading.active_count() == before
    portal.close()


async def test_it_works_where_a_loop_is_running_already(portal: Portal[Guest]) -> None:
    assert list(portal.iterate(portal.resident.numbers(3))) == [0, 1, 2]


def test_a_call_from_the_portals_own_thread_is_refused_instead_of_hanging(
    portal: Portal[Guest],
) -> None:
    async def call_back() -> None:
        portal.run(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="within its own event loop"):
        portal.run(call_back())


def test_items_arrive_in_order_and_all_of_them(portal: Portal[Guest]) -> None:
    assert list(portal.iterate(portal.resident.numbers(1000))) == list(range(1000))
    assert portal.resident.left.is_set()


def test_a_slow_reader_holds_the_source_back(portal: Portal[Guest]) -> None:
    given = []

    @asynccontextmanager
    async def counted() -> AsyncIterator[AsyncIterator[int]]:
        async def give() -> AsyncIterator[int]:
            for number in range(10_000):
                given.append(number)
                yield number

        yield give()

    numbers = portal.iterate(counted())
    assert next(numbers) == 0
    portal.run(asyncio.sleep(0.01))

    assert len(given) < 100
    assert sum(1 for _ in numbers) == 9_999


def test_an_error_before_the_source_is_open_is_raised_at_once(portal: Portal[Guest]) -> None:
    @asynccontextmanager
    async def refuse() -> AsyncIterator[AsyncIterator[int]]:
        raise ConnectionRefusedError
        yield

    with pytest.raises(ConnectionRefusedError):
        portal.iterate(refuse())


def test_an_error_amid_a_stream_comes_after_the_items_before_it_and_once(
    portal: Portal[Guest],
) -> None:
    @asynccontextmanager
    async def breaking() -> AsyncIterator[AsyncIterator[int]]:
        async def give() -> AsyncIterator[int]:
            yield 1
            raise ConnectionResetError

        yield give()

    numbers = portal.iterate(breaking())

    assert next(numbers) == 1
    with pytest.raises(ConnectionResetError):
        next(numbers)
    assert list(numbers) == []


def test_a_timeout_held_across_items_is_kept(portal: Portal[Guest]) -> None:
    @asynccontextmanager
    async def limited() -> AsyncIterator[AsyncIterator[int]]:
        async def give() -> AsyncIterator[int]:
            async with asyncio.timeout(0.05):
                while True:
                    await asyncio.sleep(0.001)
                    yield 1

        yield give()

    with pytest.raises(TimeoutError):
        for _ in portal.iterate(limited()):
            pass


def test_closing_a_stream_returns_when_its_source_is_closed(portal: Portal[Guest]) -> None:
    numbers = portal.iterate(portal.resident.ticking())
    next(numbers)

    numbers.close()

    assert portal.resident.left.is_set()
    assert list(numbers) == []
    numbers.close()


def test_closing_a_stream_frees_a_source_which_waits_for_room(portal: Portal[Guest]) -> None:
    numbers = portal.iterate(portal.resident.numbers(10**9))
    next(numbers)

    numbers.close()

    assert portal.resident.left.is_set()


def test_a_stream_nobody_holds_any_more_is_closed(portal: Portal[Guest]) -> None:
    numbers = portal.iterate(portal.resident.ticking())
    next(numbers)

    del numbers
    gc.collect()

    assert portal.resident.left.wait(5)


def test_abandoned_streams_leave_no_task_behind(portal: Portal[Guest]) -> None:
    def abandon(_: int) -> None:
        for _ in range(25):
            next(portal.iterate(portal.resident.ticking()))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(abandon, range(8)))
    gc.collect()

    async def others() -> int:
        return len(asyncio.all_tasks() - {asyncio.current_task()})

    until = time.monotonic() + 5
    while portal.run(others()) > 1 and time.monotonic() < until:
        pass
    assert portal.run(others()) == 1  # what keeps the loop


@pytest.mark.parametrize("kind", ["call", "stream", "opening"])
def test_an_interrupt_ends_what_was_waited_for(portal: Portal[Guest], kind: str) -> None:
    guest = portal.resident

    @asynccontextmanager
    async def never_open() -> AsyncIterator[AsyncIterator[int]]:
        await guest.stay()
        yield  # type: ignore[misc]  # it never comes to that

    @asynccontextmanager
    async def silent() -> AsyncIterator[AsyncIterator[int]]:
        async with guest.numbers(1, gap=600) as numbers:
            yield numbers

    def interrupt() -> None:
        guest.opened.wait(5)
        time.sleep(0.05)  # so that the main thread waits
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    waits: dict[str, Callable[[], object]] = {
        "call": lambda: portal.run(guest.stay()),
        "opening": lambda: portal.iterate(never_open()),
        "stream": lambda: next(portal.iterate(silent())),
    }
    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    with pytest.raises(KeyboardInterrupt):
        waits[kind]()
    interrupting.join()

    assert guest.left.wait(5)
    assert portal.run(asyncio.sleep(0, "still alive")) == "still alive"


def test_closing_ends_calls_in_flight_and_then_the_resident() -> None:
    portal = Portal(Guest)
    guest = portal.resident
    errors: list[BaseException] = []

    def call() -> None:
        with pytest.raises(RuntimeError, match="closed; it was while a call was under way") as e:
            portal.run(guest.stay())
        errors.append(e.value)

    caller = threading.Thread(target=call)
    caller.start()
    guest.opened.wait(5)
    portal.close()
    caller.join(5)

    assert len(errors) == 1
    assert guest.left.is_set()
    assert guest.closed.is_set()
    portal.close()


def test_closing_ends_streams_in_flight() -> None:
    portal = Portal(Guest)
    numbers = portal.iterate(portal.resident.ticking())

    portal.close()

    with pytest.raises(RuntimeError, match="closed; it was while a stream was read"):
        for _ in numbers:
            pass
    assert portal.resident.left.is_set()
    numbers.close()


def test_a_closed_portal_refuses_calls() -> None:
    portal = Portal(Guest)
    portal.close()

    with pytest.raises(RuntimeError, match="the client is closed"):
        portal.run(asyncio.sleep(0))
    with pytest.raises(RuntimeError, match="the client is closed"):
        portal.iterate(portal.resident.numbers(1))


def test_a_portal_nobody_holds_any_more_closes_its_resident() -> None:
    portal = Portal(Guest)
    guest = portal.resident
    portal.run(asyncio.sleep(0))
    seen = weakref.ref(portal)

    del portal
    gc.collect()

    assert seen() is None
    assert guest.closed.wait(5)


def test_a_hundred_threads_share_one_portal(portal: Portal[Guest]) -> None:
    async def answer(number: int) -> int:
        await asyncio.sleep(0.001)
        return number

    with ThreadPoolExecutor(100) as threads:
        answers = list(threads.map(lambda number: portal.run(answer(number)), range(500)))

    assert answers == list(range(500))


# Processes of their own: what a fork, an interrupt and an exit leave behind shows only there.

_GUEST = """
import asyncio, contextlib, gc, os, signal, sys, threading, time, warnings
from modelmesh.portal import Portal

# From 3.12 on Python warns of every fork of a process with threads.
warnings.filterwarnings("ignore", ".*multi-threaded", DeprecationWarning)

class Guest:
    made = 0
    def __init__(self):
        Guest.made += 1
        self.number = Guest.made
    async def close(self):
        print("closed", self.number, flush=True)
    async def tell(self):
        return self.number
    @contextlib.asynccontextmanager
    async def ticking(self):
        async def give():
            while True:
                await asyncio.sleep(0.001)
                yield 1
        yield give()

portal = Portal(Guest)

def tell():
    return portal.run(portal.resident.tell())
"""


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", _GUEST + code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


def test_a_forked_child_gets_a_resident_and_a_loop_of_its_own() -> None:
    done = _python("""
stream = portal.iterate(portal.resident.ticking())
next(stream)
pid = os.fork()
if pid == 0:
    try:
        next(stream)
    except RuntimeError as error:
        print(error, flush=True)
    stream.close()
    del stream
    gc.collect()
    print("child", tell(), flush=True)
    portal.close()
    sys.exit(0)
print("exit", os.waitpid(pid, 0)[1], flush=True)
next(stream)
stream.close()
print("parent", tell(), flush=True)
""")

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "a stream cannot be read in a fork of the process that opened it",
        "child 2",
        "closed 2",
        "exit 0",
        "parent 1",
        "closed 1",
    ]


def test_forks_amid_calls_of_other_threads_do_not_hang() -> None:
    done = _python("""
async def work():
    await asyncio.sleep(0.0001)
stop = threading.Event()
def call():
    while not stop.is_set():
        portal.run(work())
threads = [threading.Thread(target=call) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in range(30):
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        portal.run(work())
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
print("done", flush=True)
""")

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["done", "closed 1"]


@pytest.mark.parametrize(
    "code",
    [
        "tell()",
        "stream = portal.iterate(portal.resident.ticking()); next(stream)",
        "tell(); threading.Thread(target=tell).start()",
    ],
)
def test_an_interpreter_exits_at_once_and_without_a_word(code: str) -> None:
    done = _python(code)

    assert done.stderr == ""
    assert done.stdout == "closed 1\n"
    assert done.returncode == 0
