"""Which bodies are understood, and which are refused before any vendor hears of them."""

import gzip
import json
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxy_calls import (
    BODY,
    CHAT,
    JSON,
    ScriptedVendor,
    ask,
    endpoints,
    error,
)

from modelmesh.proxy.bodies import parse
from modelmesh.proxy.errors import Refused


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"\xff", None),
        (b'{"model": NaN}', None),
        (b"[" * 100_000, None),
        ([], None),
        ("text", None),
        ({"messages": BODY["messages"]}, "model"),
        ({**BODY, "model": ""}, "model"),
        ({**BODY, "model": 3}, "model"),
        ({"model": "chat"}, "messages"),
        ({**BODY, "messages": []}, "messages"),
        ({**BODY, "stream": "true"}, "stream"),
        ({**BODY, "api_base": "http://evil"}, "api_base"),
        ({**BODY, "base_url": None}, "base_url"),
        ({**BODY, "api_key": "x"}, "api_key"),
        ({**BODY, "headers": {}}, "headers"),
        ({**BODY, "extra_headers": {}}, "extra_headers"),
        ({**BODY, "extra_body": {}}, "extra_body"),
    ],
)
async def test_a_body_without_sense_is_refused_before_any_vendor_hears_of_it(
    body: Any, param: str | None
) -> None:
    vendor = ScriptedVendor()
    came = await ask(endpoints(vendor), body=body)
    assert (came.status, error(came)["param"]) == (400, param)
    assert vendor.requests == []


@pytest.mark.parametrize("body", [b"", b"model=chat"])
async def test_a_body_of_another_type_is_refused_naming_the_header(body: bytes) -> None:
    came = await ask(endpoints(), body=body, headers={"content-type": "text/plain"})
    assert came.status == 400
    assert "Content-Type: application/json" in error(came)["message"]


async def test_json_of_another_type_is_taken_where_the_proxy_is_open_to_all() -> None:
    assert (await ask(endpoints(), headers={})).status == 200


async def test_a_null_stream_is_a_plain_request() -> None:
    assert (await ask(endpoints(), body={**BODY, "stream": None})).stream is None


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)],
)
async def test_a_compressed_body_is_understood(encoding: str, pack: Any) -> None:
    packed = pack(json.dumps(BODY).encode())
    came = await ask(endpoints(), body=packed, headers={**JSON, "content-encoding": encoding})
    assert came.status == 200


@pytest.mark.parametrize(
    "body",
    [b"not compressed", gzip.compress(b"x" * 100)[:-9], gzip.compress(b"{}") + b"more"],
    ids=["not compressed", "cut", "followed by more"],
)
async def test_a_badly_compressed_body_is_refused(body: bytes) -> None:
    came = await ask(endpoints(), body=body, headers={**JSON, "content-encoding": "gzip"})
    assert came.status == 400


async def test_a_body_is_limited_after_decompression() -> None:
    bomb = gzip.compress(b"[" * 100_000)
    served = endpoints(max_body=10_000)
    came = await ask(served, body=bomb, headers={**JSON, "content-encoding": "gzip"})
    assert (len(bomb) < 10_000, came.status) == (True, 413)


async def test_a_body_is_limited_while_it_is_read() -> None:
    assert (await ask(endpoints(max_body=10_000), body=b"[" * 20_000)).status == 413


async def test_a_body_announced_too_large_is_not_read() -> None:
    came = await ask(endpoints(max_body=1000), headers={**JSON, "content-length": "1001"})
    assert came.status == 413


async def test_an_unknown_compression_is_refused() -> None:
    came = await ask(endpoints(), headers={**JSON, "content-encoding": "br"})
    assert came.status == 415


@given(st.binary())
def test_whatever_the_body_it_is_an_object_or_refused(raw: bytes) -> None:
    with suppress(Refused):
        assert isinstance(parse(raw, JSON), dict)


async def test_the_place_where_json_goes_wrong_is_named_and_nothing_else_is_blamed() -> None:
    came = await ask(
        endpoints(), body=b'{"model": "chat",\n "x" }', headers={"content-type": "text/plain"}
    )
    assert error(came)["message"] == "The request body is not valid JSON at line 2, column 6."


@pytest.mark.parametrize(
    ("path", "body", "kind", "words"),
    [
        (CHAT, b"model=m", "text/plain", "`Content-Type: application/json`; not `text/plain`."),
        (CHAT, b"model=m", "", "it is missing."),
        (CHAT, b"model=m", "text/\udc80", "not `text/?`."),
        (CHAT, b'{"model": "\xff"}', "application/json", ": byte 11 is not UTF-8."),
        (
            "/v1/audio/transcriptions",
            b"RIFF",
            "audio/wav",
            "`Content-Type: multipart/form-data` or `Content-Type: application/json`; not `audio/",
        ),
    ],
)
async def test_what_cannot_be_read_is_refused_with_what_was_expected(
    path: str, body: bytes, kind: str, words: str
) -> None:
    came = await ask(endpoints(), path=path, body=body, headers={"content-type": kind})
    assert came.status == 400
    assert words in error(came)["message"]
