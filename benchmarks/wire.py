"""One HTTP/1.1 message as it arrives. Vendor, floor and load generator all read with this."""

import re
from typing import Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)")
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked")


class Incoming:
    """Takes the bytes of a message and knows when it is whole. Nothing may follow at once."""

    def __init__(self) -> None:
        self.head = b""
        self.complete = False
        self._rest = b""
        self._left = -1  # a body in chunks has no length

    def feed(self, arrived: bytes) -> bytes:
        """Take what arrived; return what it adds to the body.

        Raises:
            ValueError: this is no message whose end could be known.

        """
        if not self.head:
            arrived = self._take_head(arrived)
            if not self.head:
                return b""
        return self._chunks(arrived) if self._left < 0 else self._counted(arrived)

    @property
    def status(self) -> int:
        """The status, if this is a response."""
        return int(self.head[9:12])

    def _take_head(self, arrived: bytes) -> bytes:
        """Take the head once all of it is here; return what arrived of the body."""
        arrived = self._rest + arrived
        end = arrived.find(b"\r\n\r\n")
        if end < 0:
            self._rest = arrived
            return b""
        self._rest = b""
        self.head = arrived[:end]
        names = self.head.lower()
        if found := _LENGTH.search(names):
            self._left = int(found[1])
        elif not _CHUNKED.search(names):
            if names.startswith(b"http/"):
                raise ValueError("a response without a length")
            self._left = 0
        return arrived[end + 4 :]

    def _counted(self, arrived: bytes) -> bytes:
        self._left -= len(arrived)
        if self._left < 0:
            raise ValueError("more than a message")
        self.complete = not self._left
        return arrived

    def _chunks(self, arrived: bytes) -> bytes:
        arrived = self._rest + arrived
        pieces = []
        at = 0
        while not self.complete and (line := arrived.find(b"\r\n", at)) >= 0:
            size = int(arrived[at:line].partition(b";")[0], 16)
            end = line + 2 + size + 2
            if len(arrived) < end:
                break
            pieces.append(arrived[line + 2 : end - 2])
            self.complete = not size
            at = end
        self._rest = arrived[at:]
        if self.complete and self._rest:
            raise ValueError("more than a message")
        return b"".join(pieces)
