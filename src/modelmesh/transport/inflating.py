"""Decompression of a body which arrives in pieces, and which may grow a thousandfold."""

import zlib
from typing import Final

from attrs import define, field

LOT: Final = 1 << 18
"""Bytes that are decompressed at a time."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_DEFLATED: Final = 8  # how the first byte of a zlib stream ends; without it the stream is bare


@define(eq=False)
class Inflating:
    """Undoes gzip or deflate. Both of its methods raise zlib.error."""

    coding: str
    _packed: bytes = field(default=b"", init=False)
    _unpacking: "zlib._Decompress | None" = field(default=None, init=False)
    # A lot was full, so that there may be more of what was fed.
    _more: bool = field(default=False, init=False)

    def feed(self, packed: bytes) -> None:
        """Add what arrived."""
        self._packed += packed

    def take(self) -> bytes:
        """Return the next lot; nothing means that more has to be fed."""
        while self._packed or self._more:
            if self._unpacking is None or (self._unpacking.eof and self._packed):
                self._unpacking = self._begin(self._packed)
            plain = self._unpacking.decompress(self._packed, LOT)
            # Behind the end there may be another member, as gzip has it.
            self._packed = self._unpacking.unconsumed_tail or self._unpacking.unused_data
            self._more = len(plain) == LOT
            if plain:
                return plain
        return b""

    @property
    def whole(self) -> bool:
        """Whether it may end here."""
        return self._unpacking is None or (self._unpacking.eof and not self._packed)

    def _begin(self, packed: bytes) -> "zlib._Decompress":
        if self.coding == "gzip":
            return zlib.decompressobj(_GZIP)
        bare = packed[0] & 0xF != _DEFLATED
        return zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS)
