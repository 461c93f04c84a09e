"""What a vendor said of a failure, out of the many shapes in which vendors say it.

{"error": {"message", "type", "code", "param"}}     OpenAI and most others
{"error": "text", "code": "text"}                   xAI
{"message", "type", "code"}                         Mistral, Cerebras
{"detail": "text"}, {"detail": [{"loc", "msg"}]}    FastAPI: Mistral, vLLM
{"title", "detail", "status"}                       RFC 9457: NVIDIA
{"errors": [{"code", "message"}]}                   Cloudflare
{"error": {"status", "details": [{"reason"}, …]}}   Google, in a list or not
{"message", "error_type"}                           Cohere
{"detail": {"status", "message"}}                   ElevenLabs
{"err_code", "err_msg"}, {"category", "message"}    Deepgram
anything else                                       load balancers
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from modelmesh.redaction import redacted

_LONGEST: Final = 2000
_HTML: Final = re.compile(r"^\s*<(!doctype|html|head|body|\?xml)", re.IGNORECASE)
_ERROR_STATUS: Final = range(400, 600)
_REDIRECTS: Final = range(300, 400)

_NAMED: Final = ("code", "type", "error_type", "status", "err_code", "category")


@frozen(kw_only=True)
class Said:
    """A vendor's words about a failure.

    Attributes:
        status: the HTTP status; where the reply had none of an error, the one named in the body.
        words: the codes and types it gave, the most exact first, in lower case.
        message: for people; anything that looks like a key is blotted out.
        more: what else may hold a clue, such as the words of the vendor behind a gateway.
        headers: the reply's, and those which the body reports.

    """

    status: int | None
    message: str
    words: tuple[str, ...] = ()
    type: str | None = None
    code: str | None = None
    param: str | None = None
    more: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)


def tells_of_failure(body: Mapping[str, Any]) -> bool:
    """Whether an object which came as an answer, or as a piece of one, is an error instead."""
    if body.get("error") or "error" in (body.get("object"), body.get("type")):
        return True
    return "choices" not in body and any(body.get(k) for k in ("detail", "message", "errors"))


def said(body: bytes, status: int | None, headers: Mapping[str, str]) -> Said:
    """Read the body of an error."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        text = body.decode(errors="replace").strip()
        return Said(status=status, message=_plain(text, status), headers=headers)
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        return Said(status=status, message=_plain("", status), headers=headers)
    return _from_object(parsed, status, headers)


def _from_object(body: Mapping[str, Any], status: int | None, headers: Mapping[str, str]) -> Said:
    error = _error_in(body)
    inner = _object(error.get("innererror"))
    metadata = _object(error.get("metadata"))
    details = [_object(detail) for detail in _list(error.get("details"))]
    named = [error.get(name) for name in _NAMED]
    named += [inner.get("code"), metadata.get("provider_code")]
    named += [detail.get("reason") for detail in details]
    named.append(_object(error.get("details")).get("error_code"))
    words = tuple(str(word).lower() for word in named if word)
    text = _text(error)
    behind = _behind(metadata)
    code = error.get("code")
    repeated = isinstance(code, int) and code in _ERROR_STATUS
    if status is None:
        named_status = (code, error.get("status_code"))
        status = next((n for n in named_status if isinstance(n, int) and n in _ERROR_STATUS), None)
    return Said(
        status=status,
        message=_plain(f"{text}: {behind}" if behind and behind not in text else text, status),
        words=words,
        type=_name(error.get("type")),
        code=None if repeated else _name(code),
        param=_name(error.get("param")),
        more=f"{behind} {' '.join([*metadata, *_quotas(details)])}",
        headers={**_asked_for(details), **headers, **_reported(metadata)},
    )


def _error_in(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a body which has the message, the type and the code."""
    error = body.get("error")
    if isinstance(error, Mapping):
        return error
    if isinstance(error, str):
        return {**body, "message": error}
    errors = body.get("errors")
    if isinstance(errors, list) and errors:
        return _object(errors[0]) or {"message": str(errors[0])}
    return _object(body.get("detail")) or body


def _text(error: Mapping[str, Any]) -> str:
    said = (error.get(name) for name in ("message", "detail", "title", "err_msg"))
    message = next(filter(None, said), "")
    if isinstance(message, list):
        return "; ".join(_fault(item) for item in message)
    if isinstance(message, Mapping):
        return str(message.get("message") or message.get("msg") or "")
    return str(message)


def _fault(item: Any) -> str:
    """Word one entry of a list such as FastAPI's: the place, and what is wrong there."""
    fault = _object(item)
    place = fault.get("loc")
    where = ".".join(map(str, place)) if isinstance(place, list) else ""
    what = str(fault.get("msg") or fault.get("message") or item)
    return f"{where}: {what}" if where else what


def _behind(metadata: Mapping[str, Any]) -> str:
    """Return what the vendor behind a gateway said (OpenRouter's `metadata.raw`)."""
    raw = metadata.get("raw")
    if not isinstance(raw, str):
        return ""
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        return raw
    return _text(_error_in(parsed)) or raw if isinstance(parsed, dict) else raw


def _reported(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): str(text) for name, text in _object(metadata.get("headers")).items()}


def _quotas(details: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the quotas which Google says are used up (google.rpc.QuotaFailure)."""
    violations = [_object(one) for each in details for one in _list(each.get("violations"))]
    return [str(violation.get("quotaId")) for violation in violations]


def _asked_for(details: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the pause which Google asks for, as the header others have (google.rpc.RetryInfo)."""
    pauses = [str(each["retryDelay"]) for each in details if each.get("retryDelay")]
    return {"retry-after": pauses[0]} if pauses else {}


def _plain(text: str, status: int | None) -> str:
    if not text.strip() or _HTML.match(text):
        if status in _REDIRECTS:
            return f"the vendor redirects ({status}), which we do not follow; is base_url right?"
        return f"the vendor answered {status} without a reason" if status else "no reason given"
    return redacted(text[:_LONGEST])


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _name(value: Any) -> str | None:
    return str(value) if value and isinstance(value, str | int) else None
