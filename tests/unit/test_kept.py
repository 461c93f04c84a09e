"""What is kept of what clients and vendors say, to be quick the next time, is little."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from modelmesh.proxy.direct.reading import LINE, _header, _path
from modelmesh.transport.address import find
from modelmesh.transport.head import head
from modelmesh.transport.reading import HEAD, _name
from modelmesh.types import HttpRequest

MEBIBYTE = 1 << 20


def send(url: str, **headers: str) -> None:
    head(HttpRequest(url=url, headers=headers, body=b"{}"), find(url))


def a_long_url(number: int) -> None:
    send(f"https://vendor.test/v1/listen?language={number}{'x' * 100_000}")


def a_long_header_for_vendors(number: int) -> None:
    send("https://vendor.test/v1/chat", traceparent=f"{number}{'x' * LINE}")


def a_long_path(number: int) -> None:
    _path(b"/v1/%d%b" % (number, b"x" * LINE))


def a_long_header(number: int) -> None:
    _header(b"x-any", b"%d%b" % (number, b"x" * LINE))


def a_long_name_of_a_vendors_header(number: int) -> None:
    _name(b"x-%d%b" % (number, b"x" * (HEAD // 2)))


@pytest.mark.parametrize(
    "say",
    [
        a_long_url,
        a_long_header_for_vendors,
        a_long_path,
        a_long_header,
        a_long_name_of_a_vendors_header,
    ],
)
def test_a_thousand_long_texts_leave_a_few_mebibytes(say: Callable[[int], None]) -> None:
    count = 1000 if say is not a_long_url else 200  # which would be 40 MiB and more
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(count):
            say(number)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10 * MEBIBYTE
