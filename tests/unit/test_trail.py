"""The trail of an answer, as a header tells it."""

import json
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxy_calls import BODY, JSON, ScriptedReply, ScriptedVendor, ask, endpoints, streaming
from scene import error

from modelmesh.config.schema import Proxy
from modelmesh.errors import Attempt, ErrorKind, ProviderError
from modelmesh.proxy.access import Access
from modelmesh.proxy.trail import trail


def attempt(target: str, seconds: float = 0.25, failed: ProviderError | None = None) -> Attempt:
    return Attempt(target=target, provider="a", model="m", seconds=seconds, error=failed)


def test_attempts_are_told_in_their_order() -> None:
    limited = attempt("a/one", 0.0382, error(ErrorKind.RATE_LIMIT, 429))
    silent = attempt("b/two", 30.0, error(ErrorKind.TIMEOUT))
    assert trail([limited, silent, attempt("c/three")]) == (
        "a/one;rate_limit;429;38.2, b/two;timeout;-;30000.0, c/three;ok;-;250.0"
    )


def test_of_many_attempts_the_last_ten_are_told() -> None:
    told = trail([attempt(f"a/{number}") for number in range(12)])
    assert [each.partition(";")[0] for each in told.split(", ")] == [
        f"a/{number}" for number in range(2, 12)
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a/org/model:free", "a/org/model:free"),
        ("a/one, b;two", "a/one%2C%20b%3Btwo"),
        ("a/100%", "a/100%25"),
        ("a/ü\r\nset-cookie: x", "a/%C3%BC%0D%0Aset-cookie:%20x"),
        ("a" * 149 + "ü", "a" * 149),
        ("a" * 148 + "ü", "a" * 148),
        ("a" * 147 + "ü", "a" * 147 + "%C3"),
        ("a" * 151, "a" * 150),
    ],
)
def test_a_name_cannot_be_mistaken_for_something_else(name: str, told: str) -> None:
    assert trail([attempt(name)]) == f"{told};ok;-;250.0"


@given(
    st.lists(
        st.tuples(
            st.text(),
            st.floats(0, 1e6),
            st.none() | st.sampled_from(ErrorKind),
            st.none() | st.integers(100, 599),
        ),
        max_size=30,
    )
)
def test_whatever_the_attempts_were_a_header_holds_them(
    attempts: list[tuple[str, float, ErrorKind | None, int | None]],
) -> None:
    told = trail(
        [
            attempt(name, seconds, error(kind, status) if kind else None)
            for name, seconds, kind, status in attempts
        ]
    )
    assert len(told) < 2048
    assert re.fullmatch(r"[\x20-\x7e]*", told)
    rows = [each.split(";") for each in told.split(", ")] if told else []
    assert len(rows) == min(10, len(attempts))
    for (_, cause, status, milliseconds), (_, seconds, kind, vendors) in zip(
        rows, attempts[-10:], strict=True
    ):
        assert cause == (kind or "ok")
        assert status == (str(vendors) if kind and vendors else "-")
        assert float(milliseconds) == pytest.approx(seconds * 1000, abs=0.06)


def rows(headers: Mapping[str, str]) -> list[list[str]]:
    return [each.split(";")[:3] for each in headers["x-modelmesh-trail"].split(", ")]


@pytest.mark.parametrize("stream", [False, True])
async def test_every_answer_has_its_trail(stream: bool) -> None:
    vendor = streaming(b'{"choices":[{"index":0,"delta":{"content":"Hi"}}]}') if stream else None
    came = await ask(endpoints(vendor), body={**BODY, "stream": stream})
    assert (came.status, rows(came.headers)) == (200, [["fake/org/real", "ok", "-"]])
    await came.close()


async def test_an_error_has_the_trail_which_is_in_its_body() -> None:
    vendor = ScriptedVendor(ScriptedReply(401, JSON, (b'{"error":{"message":"no"}}',)))
    came = await ask(endpoints(vendor))
    [one] = json.loads(came.body)["error"]["attempts"]
    assert rows(came.headers) == [["fake/org/real", "bad_key", "401"]]
    assert came.headers["x-modelmesh-trail"].endswith(f";{one['milliseconds']}")


async def test_where_nobody_was_asked_there_is_no_trail() -> None:
    served = endpoints(ScriptedVendor(ScriptedReply(401, JSON, (b"{}",))))
    await ask(served)
    for body in (BODY, {**BODY, "model": "nothing"}):
        came = await ask(served, body=body)
        assert came.status >= 400
        assert "x-modelmesh-trail" not in came.headers


def test_pages_may_read_the_trail() -> None:
    exposed = Access(Proxy()).cors_headers("https://page.example")["access-control-expose-headers"]
    assert "x-modelmesh-trail" in exposed.split(", ")
