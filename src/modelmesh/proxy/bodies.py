"""The body of a request: read within its limit, decompressed, parsed once, and checked."""

import json
import zlib
from collections.abc import AsyncIterable, Collection, Mapping
from typing import Any, Final, NoReturn

from modelmesh import sanity
from modelmesh.config.schema import MODELS_PATH
from modelmesh.json_text import loads
from modelmesh.proxy.errors import Refused
from modelmesh.types import Endpoint

JSON: Final = "application/json"
# SDKs put these into a body where they are meant for the SDK itself. Obeying them would let any
# client send the operator's keys wherever it likes.
NOT_THE_CLIENTS: Final = frozenset(
    {"api_base", "base_url", "api_key", "headers", "extra_headers", "extra_body"}
)
ENCODINGS: Final = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
_AUTOMATIC: Final = 32 + zlib.MAX_WBITS  # gzip or zlib, whichever it is
_RAW_DEFLATE: Final = -zlib.MAX_WBITS


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def check_headers(headers: Mapping[str, str], limit: int, kinds: Collection[str]) -> None:
    """Refuse by its headers a body which need not be read. Of no kinds at all, any will do."""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    if headers.get("content-encoding", "").strip().lower() not in ENCODINGS:
        raise Refused(415, "The body may be compressed only with gzip or deflate.")
    if kinds and _kind(headers) not in kinds:
        raise Refused(415, f"{_must_be(kinds)}.")


async def read(pieces: AsyncIterable[bytes], headers: Mapping[str, str], limit: int) -> bytes:
    """Return the whole body, decompressed."""
    read: list[bytes] = []
    size = 0
    async for piece in pieces:
        read.append(piece)
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
    body = read[0] if len(read) == 1 else b"".join(read)
    encoding = headers.get("content-encoding", "").strip().lower()
    # A host application which the proxy is mounted in may have decompressed it already; nothing
    # that is compressed begins like an object.
    if encoding in ("", "identity") or body[:1] == b"{":
        return body
    return _decompress(body, encoding, limit)


def parse(
    raw: bytes, headers: Mapping[str, str], kinds: Collection[str] = (JSON,)
) -> dict[str, Any]:
    """Return the JSON object which a body is. `kinds` are all that the endpoint takes."""
    try:
        body = loads(raw, _read_strictly)
    except json.JSONDecodeError as fault:
        place = f" at line {fault.lineno}, column {fault.colno}"
        raise _unreadable(raw, headers, kinds, place) from None
    except UnicodeDecodeError as fault:
        raise _unreadable(raw, headers, kinds, f": byte {fault.start} is not UTF-8") from None
    except (ValueError, RecursionError):
        raise _unreadable(raw, headers, kinds) from None
    if not isinstance(body, dict):
        raise Refused(400, "The request body must be a JSON object.")
    return body


def check(endpoint: Endpoint, body: Mapping[str, Any]) -> None:
    """Refuse a body that makes no sense at an endpoint. Raises RequestError."""
    if not NOT_THE_CLIENTS.isdisjoint(body):
        name = next(name for name in body if name in NOT_THE_CLIENTS)
        raise Refused(400, f"`{name}` cannot be set by a request.", param=name)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        message = f"`model` must be the name of a pool, as a string; {MODELS_PATH} lists them."
        raise Refused(400, message, param="model")
    sanity.check(endpoint, body)


def _unreadable(
    raw: bytes, headers: Mapping[str, str], kinds: Collection[str], place: str = ""
) -> Refused:
    wrong = f"not valid JSON{place}" if raw.strip() else "empty"
    kind = _kind(headers)
    looks_right = kind == JSON or raw.lstrip()[:1] in (b"{", b"[")
    said = f"not `{kind}`" if kind else "it is missing"
    hint = "" if looks_right else f" {_must_be(kinds)}; {said}."
    return Refused(400, f"The request body is {wrong}.{hint}")


def _must_be(kinds: Collection[str]) -> str:
    return "The header must be " + " or ".join(f"`Content-Type: {kind}`" for kind in kinds)


def _read_strictly(raw: bytes) -> Any:
    return _DECODER.decode(raw.decode())


def _decompress(body: bytes, encoding: str, limit: int) -> bytes:
    zlib_wrapped = encoding != "deflate" or body[:1] == b"\x78"
    opened = zlib.decompressobj(_AUTOMATIC if zlib_wrapped else _RAW_DEFLATE)
    try:
        plain = opened.decompress(body, limit + 1)
    except zlib.error:
        raise Refused(400, f"The request body is not valid {encoding}.") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not opened.eof or opened.unused_data:
        raise Refused(400, f"The request body is not valid {encoding}.")
    return plain


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _too_large(limit: int) -> Refused:
    return Refused(413, f"The request body is larger than the {limit} bytes allowed.")
