"""Requests off a connection, one after the other: httptools finds their parts, this judges them."""

import logging
from collections import deque
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, urlsplit

from attrs import define, field
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from modelmesh.proxy.direct.body import Body, Source

log = logging.getLogger("modelmesh.proxy")

LINE: Final = 8190
"""Bytes of one header, or of what is asked for."""

HEAD: Final = 64 << 10
"""Bytes of a head, and of what else may come that is no part of a body."""

AHEAD: Final = 100
"""Requests that may come in one go."""


class Unsound(Exception):  # noqa: N818 - it reads as what it is
    """What came is not HTTP as it is taken here."""


@define(eq=False)
class Asked:
    """A request whose head is there, or what came instead of one.

    Attributes:
        sound: it is a request.
        keep_alive: another one may follow.
        chunked: its answer may come in chunks.

    """

    body: Body = field(repr=False)
    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(factory=dict, repr=False)
    sound: bool = False
    keep_alive: bool = False
    chunked: bool = False


@define(eq=False)
class Reading:
    """Reads the requests of one connection.

    Attributes:
        asked: those that wait for an answer, the first one first.
        in_head: a head has begun, and is not complete.
        over: nothing that comes is heeded any more.

    """

    _source: Source = field(repr=False)
    asked: deque[Asked] = field(factory=deque, init=False)
    in_head: bool = field(default=False, init=False)
    over: bool = field(default=False, init=False)
    # The body that is arriving, or came last.
    body: Body | None = field(default=None, init=False)
    _target: bytes = field(default=b"", init=False)
    _headers: dict[str, str] = field(factory=dict, init=False)
    # Bytes that came since a request began, or a piece of a body did.
    _barren: int = field(default=0, init=False)
    # The head that comes next was read already.
    _again: bool = field(default=False, init=False)
    _parser: HttpRequestParser = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._parser = HttpRequestParser(self)

    @property
    def in_body(self) -> bool:
        """Whether a body is arriving, and makes sense so far."""
        return self.body is not None and not (self.body.whole or self.over)

    @property
    def between(self) -> bool:
        """Whether every request that has begun is whole."""
        return not (self.in_head or (self.body is not None and not self.body.whole))

    def feed(self, received: bytes) -> None:
        """Take what came."""
        if self.over:
            return
        self._barren += len(received)
        try:
            self._parse(received)
        except HttpParserError as error:
            if not self.over:  # else a last request is whole, and the rest is nobody's
                self._give_up(error.__context__ or error)
        else:
            if self._barren > HEAD:
                self._give_up(Unsound("a long head"))

    def _parse(self, received: bytes) -> None:
        try:
            self._parser.feed_data(received)
        except HttpParserUpgrade as found:
            # Nobody has to change to another protocol, and we do not. The parser takes such a
            # request for its end, so the body is read by another one.
            rest: int = found.args[0]
            self._parser = HttpRequestParser(self)
            self._again = True
            self._parse(_framing(self.asked[-1]) + received[rest:])

    def _give_up(self, error: BaseException) -> None:
        self.over = True
        log.debug("malformed request: %s", error)
        if self.body is not None and not (self.body.whole or self.in_head):
            self.body.fail()
            return
        self.body = Body(self._source)
        self.asked.append(Asked(self.body))

    # What the parser tells

    def on_message_begin(self) -> None:
        self._barren = 0
        if self._again:
            return
        if len(self.asked) >= AHEAD:
            raise Unsound("too many requests at once")
        self.in_head = True
        self._target = b""
        self._headers = {}

    def on_url(self, part: bytes) -> None:
        self._target += part
        if len(self._target) > LINE:
            raise Unsound("a long address")

    def on_header(self, name: bytes, text: bytes) -> None:
        if len(name) + len(text) > LINE:
            raise Unsound("a long header")
        key, value = _header(name, text)
        if key not in self._headers:
            self._headers[key] = value
        elif key == "host":
            raise Unsound("two hosts")
        else:
            self._headers[key] += f", {value}"

    def on_headers_complete(self) -> None:
        if self._again:
            self._again = False
            return
        parser, headers = self._parser, self._headers
        self._headers = {}  # those behind a body are nobody's
        if sum(map(len, headers.values())) > HEAD:
            raise Unsound("a long head")
        version = parser.get_http_version()
        newer = version == "1.1"
        if newer:
            if "host" not in headers:
                raise Unsound("no host")
        elif version != "1.0":
            raise Unsound("another version")
        coding = headers.get("transfer-encoding")
        if coding is not None and (coding.lower() != "chunked" or not newer):
            raise Unsound("an unknown transfer coding")
        waits = newer and "expect" in headers and headers["expect"].lower() == "100-continue"
        asked = Asked(
            Body(self._source, waits),
            parser.get_method().decode(),
            _path(self._target),
            headers,
            sound=True,
            keep_alive=parser.should_keep_alive(),
            chunked=newer,
        )
        self.in_head = False
        self.body = asked.body
        self.asked.append(asked)

    def on_body(self, piece: bytes) -> None:
        self._barren = 0
        assert self.body is not None
        self.body.add(piece)

    def on_message_complete(self) -> None:
        self._barren = 0
        if self._parser.should_upgrade():
            return
        assert self.body is not None
        self.body.end()
        self.over = not self._parser.should_keep_alive()


def _framing(asked: Asked) -> bytes:
    """Write a head that says of a request no more than how its body is framed."""
    names = ("content-length", "transfer-encoding")
    lines = [f"{name}: {asked.headers[name]}\r\n" for name in names if name in asked.headers]
    kept = "keep-alive" if asked.keep_alive else "close"
    return "".join(
        ["POST / HTTP/1.1\r\nhost: a\r\n", *lines, f"connection: {kept}\r\n\r\n"]
    ).encode()


@lru_cache(maxsize=256)
def _header(name: bytes, text: bytes) -> tuple[str, str]:
    """Return a header as text. A client sends most of them again with each request."""
    return name.decode("ascii").lower(), text.decode("utf-8", "surrogateescape").strip(" \t")


@lru_cache(maxsize=128)
def _path(target: bytes) -> str:
    """Return the path of what is asked for, decoded."""
    text = target.decode("latin-1")
    path = text.partition("?")[0] if text.startswith("/") else urlsplit(text).path
    return unquote(path)
