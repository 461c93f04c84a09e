"""The aiohttp transport without a socket; what it does on one is in the integration tests."""

from collections.abc import Iterator

import aiohttp
import pytest
from aiohttp.http_exceptions import HttpProcessingError
from aioresponses import aioresponses
from wire import whole

from modelmesh.errors import ErrorKind, TransportError
from modelmesh.transport.aiohttp import FAILURES, AiohttpTransport, transport_error
from modelmesh.types import HttpRequest

REQUEST = HttpRequest(
    url="https://vendor.test/v1/chat/completions", headers={"authorization": "Bearer k"}, body=b"{}"
)


def every_kind(root: type[BaseException]) -> Iterator[type[BaseException]]:
    yield root
    for kind in root.__subclasses__():
        yield from every_kind(kind)


RAISED = {
    kind
    for root in (aiohttp.ClientError, HttpProcessingError)
    for kind in every_kind(root)
    if kind is not aiohttp.ClientError
}


def made(kind: type[BaseException]) -> BaseException:
    """Make an error without what its constructor asks for."""
    error = kind.__new__(kind)
    assert isinstance(error, BaseException)
    return error


@pytest.mark.parametrize("kind", sorted(RAISED, key=str))
def test_every_error_of_aiohttp_has_a_meaning(kind: type[BaseException]) -> None:
    told = transport_error(made(kind))
    assert (told.kind, str(told)) in FAILURES.values()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (aiohttp.ConnectionTimeoutError, ErrorKind.TIMEOUT),
        (aiohttp.SocketTimeoutError, ErrorKind.TIMEOUT),
        (TimeoutError, ErrorKind.TIMEOUT),
        (aiohttp.ClientConnectorDNSError, ErrorKind.UNREACHABLE),
        (aiohttp.ClientConnectorCertificateError, ErrorKind.UNREACHABLE),
        (aiohttp.ServerDisconnectedError, ErrorKind.UNREACHABLE),
        (ConnectionResetError, ErrorKind.UNREACHABLE),
        (aiohttp.ClientPayloadError, ErrorKind.STREAM_INCOMPLETE),
        (aiohttp.ClientResponseError, ErrorKind.BAD_ANSWER),
        (aiohttp.ClientError, ErrorKind.BAD_ANSWER),
    ],
)
def test_errors_are_told_by_their_nearest_class(
    error: type[BaseException], kind: ErrorKind
) -> None:
    assert transport_error(made(error)).kind is kind


def test_every_row_of_the_table_is_about_something_that_exists() -> None:
    known = {kind.__name__ for kind in RAISED} | {"TimeoutError", "OSError"}
    assert set(FAILURES) - known <= {"UploadAbortedError"}  # which came with aiohttp 3.14


async def test_a_reply_made_by_aioresponses_is_read_like_any_other(
    mended_response: type[aiohttp.ClientResponse],
) -> None:
    transport = AiohttpTransport()
    with aioresponses() as vendor:
        vendor.post(REQUEST.url, payload={"fine": True}, status=202, response_class=mended_response)
        reply = await transport.send(REQUEST, connect=5.0)
        assert (reply.status, await whole(reply)) == (202, b'{"fine": true}')
        await reply.close()
        assert len(vendor.requests) == 1
    await transport.close()


async def test_an_error_raised_by_aioresponses_is_told_in_our_words() -> None:
    transport = AiohttpTransport()
    with aioresponses() as vendor:
        vendor.post(REQUEST.url, exception=aiohttp.ServerDisconnectedError("Bearer k"))
        with pytest.raises(TransportError) as failed:
            await transport.send(REQUEST, connect=5.0)
    assert failed.value.kind is ErrorKind.UNREACHABLE
    assert "Bearer k" not in repr(failed.value)
    await transport.close()
