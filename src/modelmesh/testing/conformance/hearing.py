"""A stream of a vendor's bytes, played to the library in whichever pieces."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from attrs import define, field

from modelmesh.errors import ProviderError, as_failure
from modelmesh.stream import Stream, splitter
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import ScriptedTransport, Step, stream
from modelmesh.timers import Timers
from modelmesh.types import HttpRequest, Provider, Request
from modelmesh.usage import Usage

# https://www.rfc-editor.org/rfc/rfc3629: how the bytes of a character begin, but for its first.
_CONTINUED: Final = 0b1000_0000
_TIMERS: Final = Timers(first=60, deadline=600, idle=60)


@define(eq=False)
class Heard:
    """What a client of the library hears of a stream, and what the pool is told."""

    payloads: list[bytes] = field(factory=list)
    usage: Usage | None = None
    raised: Exception | None = None
    succeeded: bool = False
    content_type: str = ""

    @property
    def gives_reason(self) -> bool:
        return any(re.search(rb'"finish_reason": ?"', payload) for payload in self.payloads)

    def succeed(self, now: float, usage: Usage | None) -> None:  # noqa: ARG002 - as an Outcome has it
        self.succeeded = True

    def fail(self, now: float, error: ProviderError, usage: Usage | None) -> None: ...

    def cancel(self, usage: Usage | None) -> None: ...


async def hear(
    provider: Provider,
    steps: Sequence[Step],
    *,
    request: Request,
    model: str,
    wall: float,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Heard:
    """Play a stream to the library, and return what comes of it.

    It is one of events, unless its `headers` say that it is something else.
    """
    heard, clock = Heard(), FakeClock()
    sent = HttpRequest(url="http://vendor.test", headers={})
    script = [stream(steps, headers=headers)]
    reply = await ScriptedTransport(script, clock).send(sent, connect=1)
    split = splitter(request, reply)
    assert split is not None, "it is no stream"
    try:
        decoder = provider.decoder(request=request, model=model, wall=wall)
        playing = Stream(reply, split, decoder, clock, _TIMERS, clock.timer(), heard)
        await playing.begin()
        async for payload in playing:
            heard.payloads.append(payload)
        heard.usage, heard.content_type = playing.usage, playing.content_type
    except Exception as raised:  # noqa: BLE001 - whatever a translator raises is told
        heard.raised = as_failure(raised)
    await reply.close()
    return heard


def awkward_pieces(body: bytes) -> list[bytes]:
    """Cut a stream within every character, line end, event end and field name that can be cut."""
    places = {at for at, byte in enumerate(body) if byte & 0b1100_0000 == _CONTINUED}
    for mark, shift in ((b"\n", 0), (b"\n", 1), (b"data:", 2), (b"data:", 5), (b'":', 1)):
        at = body.find(mark)
        while at >= 0:
            places.add(at + shift)
            at = body.find(mark, at + 1)
    return _cut(body, sorted(places - {0, len(body)}))


def crumbs(body: bytes, size: int) -> list[bytes]:
    """Cut a stream into pieces of `size` bytes."""
    return _cut(body, list(range(size, len(body), size)))


def other_framings(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the same events as other servers frame them."""
    plain = body.replace(b"\r\n", b"\n")
    yield "CRLF", plain.replace(b"\n", b"\r\n")
    yield "comments", b": one\n\n" + plain.replace(b"\n\n", b"\n\n: alive\n\n")
    yield "no space after the colon", plain.replace(b"data: ", b"data:")
    yield "no last line", plain.rstrip(b"\n")


def ways(body: bytes, *, bytewise: int) -> dict[str, list[bytes]]:
    """Return the pieces in which a stream may come, each way with its name.

    Streams up to `bytewise` bytes come byte by byte as well.
    """
    found = {"awkward pieces": awkward_pieces(body), "crumbs": crumbs(body, 7)}
    if len(body) <= bytewise:
        found["single bytes"] = crumbs(body, 1)
    return found | {f"framing with {name}": [other] for name, other in other_framings(body)}


def _cut(body: bytes, places: Sequence[int]) -> list[bytes]:
    bounds = [0, *places, len(body)]
    return [body[start:end] for start, end in pairwise(bounds)]
