"""What every transport keeps to: how much, how long, which codings."""

from typing import Final

PER_HOST: Final = 512
"""Connections to one host; one that hangs keeps no other waiting."""

KEPT: Final = 15.0
"""Seconds that an idle connection is kept."""

DRAIN: Final = 0.1
"""Seconds for the rest of a body whose end marker was seen."""

CODINGS: Final = frozenset({"", "identity", "gzip", "deflate"})
"""The content codings that are undone."""

FRAMING: Final = ("content-encoding", "content-length", "transfer-encoding")
"""Headers which describe a body as it was on the wire, where nobody sees it."""
