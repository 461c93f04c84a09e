"""Connections to one origin: who gets one, who waits, what is kept, what flows over them."""

import asyncio
from collections.abc import Callable

import pytest
from attrs import define, field
from wire import Wire, whole

from modelmesh.errors import ErrorKind, TransportError
from modelmesh.transport.connection import PIECE, WAITING, Connection, Stale
from modelmesh.transport.connections import Connections
from modelmesh.transport.limits import KEPT
from modelmesh.transport.reply import DirectReply

HEAD = b"POST / HTTP/1.1\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
ENDLESS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@define(eq=False)
class Vendor:
    """Whom the connections lead to. It lets itself be connected to at once unless it is told to."""

    limit: int = 2
    connections: Connections = field(init=False)
    wires: list[Wire] = field(factory=list, init=False)
    made: list[Connection] = field(factory=list, init=False)
    # What a connection waits for, and what it then fails with.
    open: asyncio.Event = field(factory=asyncio.Event, init=False)
    failure: TransportError | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.open.set()
        self.connections = Connections(self.connect, self.limit)

    async def connect(self, connection: Connection) -> None:
        await self.open.wait()
        if self.failure:
            raise self.failure
        self.made.append(connection)
        self.wires.append(Wire())
        connection.connection_made(self.wires[-1])

    async def take(self, within: float = 5.0) -> Connection:
        return self.connections.idle() or await self.connections.open(within)

    def taking(self, within: float = 5.0) -> asyncio.Task[Connection]:
        return asyncio.create_task(self.take(within))


async def settle() -> None:
    """Let everything happen that can happen now."""
    for _ in range(10):
        await asyncio.sleep(0)


async def answered(connection: Connection) -> DirectReply:
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    await asyncio.sleep(0)
    connection.data_received(ANSWER)
    return await asking


async def cancelled(task: asyncio.Task[Connection]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass on the event loop's clock."""
    passed = 0.0

    def pass_by(seconds: float) -> None:
        nonlocal passed
        passed += seconds
        loop, past = asyncio.get_running_loop(), passed
        monkeypatch.setattr(loop, "time", lambda: type(loop).time(loop) + past)

    return pass_by


# Who gets one


async def test_the_one_used_last_is_used_next() -> None:
    vendor = Vendor()
    first, second = await vendor.take(), await vendor.take()
    await answered(first)
    await answered(second)
    assert await vendor.take() is second
    assert await vendor.take() is first
    assert len(vendor.wires) == 2


async def test_there_are_no_more_than_the_limit() -> None:
    vendor = Vendor(limit=2)
    vendor.open.clear()
    waiting = [vendor.taking() for _ in range(5)]
    await settle()
    vendor.open.set()
    await settle()
    assert [one.done() for one in waiting] == [True, True, False, False, False]
    assert len(vendor.wires) == 2
    for one in waiting[2:]:
        await cancelled(one)


async def test_those_who_wait_are_served_in_their_order() -> None:
    vendor = Vendor(limit=1)
    connection = await vendor.take()
    served: list[int] = []

    async def ask(number: int) -> None:
        await answered(await vendor.take())
        served.append(number)

    waiting = [asyncio.create_task(ask(number)) for number in range(20)]
    await settle()
    await answered(connection)
    await asyncio.gather(*waiting)
    assert served == list(range(20))
    assert len(vendor.wires) == 1


async def test_who_comes_later_does_not_overtake_those_who_wait() -> None:
    vendor = Vendor(limit=1)
    connection = await vendor.take()
    waiting = vendor.taking()
    await settle()
    await answered(connection)
    late = vendor.taking()
    assert await waiting is connection
    await settle()
    assert not late.done()
    await cancelled(late)


@pytest.mark.parametrize("end", [Connection.end, Connection.drop])
async def test_a_place_that_becomes_free_is_good_for_a_new_connection(
    end: Callable[[Connection], None],
) -> None:
    vendor = Vendor(limit=1)
    connection = await vendor.take()
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    waiting = vendor.taking()
    await settle()
    end(connection)
    connection.connection_lost(None)
    with pytest.raises(TransportError):
        await asking
    assert await waiting is not connection


async def test_waiting_takes_no_longer_than_it_may() -> None:
    vendor = Vendor(limit=1)
    await vendor.take()
    with pytest.raises(TransportError) as failed:
        await vendor.take(within=0.0)
    assert failed.value.kind is ErrorKind.TIMEOUT


async def test_opening_takes_no_longer_than_it_may_and_frees_its_place() -> None:
    vendor = Vendor(limit=1)
    vendor.open.clear()
    with pytest.raises(TransportError) as failed:
        await vendor.take(within=0.0)
    assert failed.value.kind is ErrorKind.TIMEOUT
    vendor.open.set()
    await vendor.take()


async def test_a_connection_that_does_not_come_up_frees_its_place() -> None:
    vendor = Vendor(limit=1)
    vendor.failure = TransportError(ErrorKind.UNREACHABLE, "nobody there")
    for _ in range(3):
        with pytest.raises(TransportError, match="nobody there"):
            await vendor.take()
    vendor.failure = None
    await vendor.take()


# Who leaves while waiting


async def test_whoever_stops_waiting_is_passed_over() -> None:
    vendor = Vendor(limit=1)
    connection = await vendor.take()
    first, second = vendor.taking(), vendor.taking()
    await settle()
    await cancelled(first)
    assert len(vendor.connections._waiting) == 1
    await answered(connection)
    assert await second is connection


async def test_whoever_was_just_told_to_go_is_passed_over() -> None:
    vendor = Vendor(limit=1)
    connection = await vendor.take()
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    first, second = vendor.taking(), vendor.taking()
    await settle()
    first.cancel()
    connection.data_received(ANSWER)
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second is connection
    asking.cancel()


async def test_whoever_stops_while_opening_frees_the_place() -> None:
    vendor = Vendor(limit=1)
    vendor.open.clear()
    first = vendor.taking()
    await settle()
    await cancelled(first)
    vendor.open.set()
    await vendor.take()


@pytest.mark.parametrize("kept", [True, False])
async def test_a_turn_that_comes_too_late_goes_to_the_next(*, kept: bool) -> None:
    vendor = Vendor(limit=1)
    connection = await vendor.take()
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    first, second = vendor.taking(), vendor.taking()
    await settle()
    if kept:
        connection.data_received(ANSWER)
    else:
        connection.end()
    await cancelled(first)  # its turn has come, and it does not know yet
    assert await second in vendor.made[1:]
    asking.cancel()
    waiting = vendor.taking()
    await settle()
    assert not waiting.done()
    await cancelled(waiting)


async def test_a_cancelled_request_ends_its_connection_and_frees_the_place() -> None:
    vendor = Vendor(limit=1)
    for said in (b"", ENDLESS[:20], ENDLESS):
        connection = await vendor.take()
        asking = asyncio.create_task(connection.ask(HEAD, b""))
        await settle()
        if said:
            connection.data_received(said)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert vendor.wires[-1].aborted
    assert len(vendor.wires) == 3


async def test_a_request_cancelled_when_its_reply_is_whole_leaves_the_connection_alone() -> None:
    vendor = Vendor(limit=1)
    connection = await vendor.take()
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    waiting = vendor.taking()
    await settle()
    connection.data_received(ANSWER)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await waiting is connection
    assert not vendor.wires[0].aborted


# What is kept


async def test_an_idle_connection_is_ended_after_a_while(later: Callable[[float], None]) -> None:
    vendor = Vendor()
    first, second = await vendor.take(), await vendor.take()
    await answered(first)
    later(KEPT / 2)
    await answered(second)
    later(KEPT / 2 + 0.1)
    await settle()
    assert [wire.aborted for wire in vendor.wires] == [True, False]
    later(KEPT / 2)
    await settle()
    assert [wire.aborted for wire in vendor.wires] == [True, True]
    assert await vendor.take() is vendor.made[2]


async def test_a_connection_in_use_is_not_ended_for_its_age(later: Callable[[float], None]) -> None:
    vendor = Vendor()
    await answered(await vendor.take())
    connection = await vendor.take()
    later(10 * KEPT)
    await settle()
    await answered(connection)
    assert not vendor.wires[0].aborted


async def test_an_idle_connection_that_the_vendor_closes_is_forgotten() -> None:
    vendor = Vendor()
    connection = await vendor.take()
    await answered(connection)
    connection.eof_received()
    connection.connection_lost(None)
    assert await vendor.take() is not connection


async def test_a_connection_on_which_something_comes_unasked_is_ended() -> None:
    vendor = Vendor()
    connection = await vendor.take()
    await answered(connection)
    connection.data_received(ANSWER)
    assert vendor.wires[0].aborted
    assert await vendor.take() is not connection


async def test_a_reply_which_says_so_ends_its_connection() -> None:
    vendor = Vendor(limit=1)
    connection = await vendor.take()
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    await settle()
    connection.data_received(ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    assert await whole(await asking) == b"{}"
    assert vendor.wires[0].aborted
    assert await vendor.take() is not connection


async def test_closing_ends_those_in_use_and_those_who_wait() -> None:
    vendor = Vendor(limit=2)
    await answered(await vendor.take())
    idle, used = await vendor.take(), await vendor.take()
    await answered(idle)
    asking = asyncio.create_task(used.ask(HEAD, b""))
    await vendor.take()
    waiting = vendor.taking()
    await settle()
    vendor.connections.close()
    used.connection_lost(None)
    for one in (asking, waiting):
        with pytest.raises(TransportError) as failed:
            await one
        assert failed.value.kind is ErrorKind.UNREACHABLE
    assert all(wire.aborted for wire in vendor.wires)


async def test_after_closing_a_stale_connection_is_not_replaced() -> None:
    vendor = Vendor()
    connection = await vendor.take()
    await answered(connection)
    await vendor.take()
    vendor.connections.close()
    with pytest.raises(Stale):
        await connection.ask(HEAD, b"")
    with pytest.raises(TransportError, match="was closed"):
        await vendor.connections.replace(5.0)
    assert len(vendor.wires) == 1


async def test_a_connection_that_was_ended_is_not_kept_whatever_still_comes() -> None:
    vendor = Vendor(limit=1)
    connection = await vendor.take()
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    await settle()
    connection.data_received(ANSWER[:-1])
    await (await asking).close()
    connection.data_received(ANSWER[-1:])
    assert vendor.wires[0].aborted
    assert await vendor.take() is not connection


async def test_a_connection_that_comes_up_after_closing_is_ended() -> None:
    vendor = Vendor()
    vendor.open.clear()
    opening = vendor.taking()
    await settle()
    vendor.connections.close()
    vendor.open.set()
    with pytest.raises(TransportError):
        await (await opening).ask(HEAD, b"")
    assert vendor.wires[0].aborted


# Stale connections


@pytest.mark.parametrize("when", ["before asking", "after asking"])
async def test_a_stale_connection_is_told_from_a_broken_one_and_its_place_is_kept(
    when: str,
) -> None:
    vendor = Vendor(limit=1)
    connection = await vendor.take()
    await answered(connection)
    assert await vendor.take() is connection
    if when == "before asking":
        vendor.wires[0].abort()
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    await settle()
    connection.connection_lost(ConnectionResetError())
    with pytest.raises(Stale):
        await asking
    waiting = vendor.taking()
    await settle()
    assert not waiting.done()
    other = await vendor.connections.replace(5.0)
    await answered(other)
    assert await waiting is other


async def test_a_new_connection_is_never_stale() -> None:
    vendor = Vendor()
    connection = await vendor.take()
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    await settle()
    connection.eof_received()
    with pytest.raises(TransportError) as failed:
        await asking
    assert type(failed.value) is TransportError


async def test_a_connection_that_said_something_is_not_stale() -> None:
    vendor = Vendor()
    connection = await vendor.take()
    await answered(connection)
    connection = await vendor.take()
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    await settle()
    connection.data_received(b"H")
    connection.eof_received()
    with pytest.raises(TransportError) as failed:
        await asking
    assert type(failed.value) is TransportError


async def test_a_stale_connection_that_cannot_be_replaced_frees_its_place() -> None:
    vendor = Vendor(limit=1)
    connection = await vendor.take()
    await answered(connection)
    await vendor.take()
    vendor.wires[0].abort()
    with pytest.raises(Stale):
        await connection.ask(HEAD, b"")
    vendor.failure = TransportError(ErrorKind.UNREACHABLE, "nobody there")
    with pytest.raises(TransportError, match="nobody there"):
        await vendor.connections.replace(5.0)
    vendor.failure = None
    await vendor.take()


# What flows


async def test_a_small_request_is_one_write() -> None:
    vendor = Vendor()
    connection = await vendor.take()
    asking = asyncio.create_task(connection.ask(HEAD, b"{}"))
    await settle()
    assert vendor.wires[0].sent == [HEAD + b"{}"]
    asking.cancel()


async def test_a_large_body_is_written_as_fast_as_the_vendor_takes_it() -> None:
    vendor = Vendor()
    body = bytes(range(256)) * (PIECE // 64)
    connection = await vendor.take()
    connection.pause_writing()
    asking = asyncio.create_task(connection.ask(HEAD, body))
    await settle()
    wire = vendor.wires[0]
    assert wire.sent == [HEAD]
    connection.resume_writing()
    assert b"".join(wire.sent) == HEAD + body
    assert max(map(len, wire.sent)) <= PIECE
    connection.data_received(ANSWER)
    assert await whole(await asking) == b"{}"
    assert await vendor.take() is connection


async def test_an_answer_to_half_a_request_is_taken_and_the_connection_ended() -> None:
    vendor = Vendor()
    connection = await vendor.take()
    connection.pause_writing()
    asking = asyncio.create_task(connection.ask(HEAD, bytes(2 * PIECE)))
    await settle()
    connection.data_received(ANSWER.replace(b"200", b"413"))
    reply = await asking
    assert (reply.status, await whole(reply)) == (413, b"{}")
    assert vendor.wires[0].aborted
    connection.resume_writing()
    assert vendor.wires[0].sent == [HEAD]


async def test_a_vendor_has_to_wait_for_a_reader_that_is_slow() -> None:
    vendor = Vendor()
    connection = await vendor.take()
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    await settle()
    wire = vendor.wires[0]
    connection.data_received(ENDLESS)
    reply = await asking
    chunk = b"%x\r\n%b\r\n" % (WAITING // 2, bytes(WAITING // 2))
    connection.data_received(chunk)
    connection.data_received(chunk)
    assert not wire.paused
    connection.data_received(chunk)
    assert wire.paused
    assert len(await anext(reply.chunks())) == 3 * (WAITING // 2)
    assert not wire.paused
    await reply.close()


async def test_pieces_are_handed_over_as_they_came_or_joined_if_there_are_several() -> None:
    vendor = Vendor()
    connection = await vendor.take()
    asking = asyncio.create_task(connection.ask(HEAD, b""))
    await settle()
    connection.data_received(ENDLESS + b"3\r\none\r\n3\r\ntwo\r\n")
    pieces = (await asking).chunks()
    assert await anext(pieces) == b"onetwo"
    waiting = asyncio.ensure_future(anext(pieces))
    await settle()
    connection.data_received(b"5\r\nthree\r\n")
    assert await waiting == b"three"
    connection.data_received(b"0\r\n\r\n")
    assert await anext(pieces, None) is None
    assert await anext(pieces, None) is None
