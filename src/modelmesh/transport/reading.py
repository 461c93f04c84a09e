"""Replies off a connection, one after the other: httptools finds their parts, this judges them."""

from functools import lru_cache
from typing import Final

from attrs import define, field
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from modelmesh.transport.reply import DirectReply

HEAD: Final = 64 << 10
"""Bytes of a head, and of what else may come that is no part of a body."""

_FINAL: Final = 200
_SWITCHING: Final = 101
_EARLIEST: Final = 100


class Unsound(Exception):  # noqa: N818 - it reads as what it is
    """What came is not HTTP as it is taken here."""


@define(eq=False)
class Reading:
    """Reads the replies of one connection.

    Attributes:
        begun: something of the expected reply has come.
        whole: it has come to its end.
        reusable: and another one may follow.
        until_close: its end will be the connection's.

    """

    begun: bool = field(default=False, init=False)
    whole: bool = field(default=True, init=False)
    reusable: bool = field(default=False, init=False)
    until_close: bool = field(default=False, init=False)
    _reply: DirectReply | None = field(default=None, init=False)
    _headers: dict[str, str] = field(factory=dict, init=False)
    # Of one feeding. The parser puts them there by itself.
    _pieces: list[bytes] = field(factory=list, init=False)
    on_body: object = field(init=False)
    # Bytes that came since the last ones that were part of a body.
    _barren: int = field(default=0, init=False)
    _parser: HttpResponseParser = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.on_body = self._pieces.append
        self._parser = HttpResponseParser(self)
        # Some servers end lines by a line feed alone, or put spaces behind the size of a chunk.
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )

    def expect(self, reply: DirectReply) -> None:
        """Read what comes next into a reply."""
        self._reply = reply
        self._headers = {}
        self._barren = 0
        self.begun = self.whole = self.reusable = self.until_close = False

    def feed(self, received: bytes) -> None:
        """Take what came. Raises Unsound; the reply keeps what was sound before."""
        self.begun = sound = True
        reply = self._reply
        assert reply is not None
        if not reply.status and self._barren + len(received) > HEAD:
            received = self._head_of_many(received)
        try:
            self._parser.feed_data(received)
        except (HttpParserError, HttpParserUpgrade):
            self.reusable, sound = False, self.whole
        self._deliver(reply, len(received))
        if self.whole:
            self._reply = None
        if not sound:
            raise Unsound

    def _head_of_many(self, received: bytes) -> bytes:
        """Take as much as a head may have; return the rest. Raises Unsound."""
        room = HEAD - self._barren
        try:
            self._parser.feed_data(received[:room])
        except (HttpParserError, HttpParserUpgrade):
            raise Unsound from None
        assert self._reply is not None
        if not self._reply.status:
            raise Unsound
        return received[room:]

    def _deliver(self, reply: DirectReply, received: int) -> None:
        pieces = self._pieces
        if pieces:
            reply.add(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            pieces.clear()
            self._barren = 0
        elif not self.whole:
            self._barren += received
            if self._barren > HEAD:
                raise Unsound

    # What the parser tells

    def on_message_begin(self) -> None:
        if self.whole:
            raise Unsound  # a reply that nobody asked for

    def on_header(self, name: bytes, text: bytes) -> None:
        key, value, headers = _name(name), text.decode(errors="surrogateescape"), self._headers
        headers[key] = f"{headers[key]}, {value}" if key in headers else value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        headers, self._headers = self._headers, {}
        if status < _FINAL:
            if status < _EARLIEST or status == _SWITCHING:
                raise Unsound
            return
        coding, length = headers.pop("content-encoding", ""), headers.pop("content-length", "")
        transfer = headers.pop("transfer-encoding", "")
        if transfer and transfer.strip().lower() != "chunked":
            raise Unsound
        self.until_close = not (length or transfer)
        assert self._reply is not None
        self._reply.begin(status, headers, coding.strip().lower())

    def on_message_complete(self) -> None:
        assert self._reply is not None
        if self._reply.status:  # and not only a provisional one
            self.whole = True
            self.reusable = self._parser.should_keep_alive()


@lru_cache(maxsize=128)
def _name(name: bytes) -> str:
    return name.decode("ascii").lower()
