"""Asking a vendor to count the tokens of a stream, whether or not the client wants to know.

What a stream took is known exactly only so. Most vendors count if `stream_options` says so
(https://platform.openai.com/docs/api-reference/chat/create#chat_create-stream_options).
"""

from collections.abc import Mapping
from typing import Any, Final

from modelmesh.connectors.providers._usage import wants_usage
from modelmesh.json_text import dumps
from modelmesh.types import HttpReply, Request

OPTIONS: Final = "stream_options"
COUNTED: Final[Mapping[str, Any]] = {OPTIONS: {"include_usage": True}}
_FIELD: Final = dumps(COUNTED)[1:-1] + b","
_UNREADABLE: Final = frozenset({400, 422})
"""How servers refuse a parameter which they do not know."""


def counted(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes]:
    """Return a stream's body with usage asked for, and what its bytes have to begin with for that.

    The body is the same object unless the client has options of its own.
    """
    if OPTIONS not in body:
        return body, _FIELD
    told = body[OPTIONS] or {}
    # What makes no sense is the vendor's to refuse.
    if wants_usage(body) or not isinstance(told, dict):
        return body, b""
    return {**body, OPTIONS: {**told, **COUNTED[OPTIONS]}}, b""


def refuses_to_count(reply: HttpReply, request: Request) -> bool:
    """Whether a reply refuses what only we have asked for."""
    word = OPTIONS.encode()
    refused = request.stream and reply.status in _UNREADABLE and word in reply.body
    return refused and word not in dumps(request.body)
