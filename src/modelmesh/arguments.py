"""A client call's arguments, turned into a request. Pure.

As in OpenAI's library: what is not given is not sent, what is given as None is sent as null.
Messages may hold results and models of other libraries; they become plain JSON here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from modelmesh.errors import RequestError
from modelmesh.types import FORWARDED_HEADERS, SESSION_HEADER, Endpoint, Request, Upload


def build(
    parameters: Mapping[str, Any],
    *,
    id_: str,
    default_model: str | None,
    forwarded: Iterable[str] = (),
    endpoint: Endpoint = "chat",
    upload: Upload | None = None,
) -> Request:
    """Return the request that a call with these parameters asks for.

    `timeout` is in seconds, `extra_body` goes over the other parameters, and of `extra_headers`
    those go out which a client's headers may (`forwarded` are allowed as well).

    Raises:
        RequestError: a parameter cannot be sent.

    """
    body = dict(parameters)
    timeout = _timeout(body.pop("timeout", None))
    given = body.pop("extra_headers", None) or {}
    headers = {name.lower(): value for name, value in given.items()}
    allowed = FORWARDED_HEADERS | {name.lower() for name in forwarded}
    if body.pop("extra_query", None):
        raise RequestError("extra_query is of no use here: vendors differ", param="extra_query")
    body |= body.pop("extra_body", None) or {}
    body["model"] = model = body.get("model") or default_model
    if not isinstance(model, str):
        raise RequestError("say which model is to answer: model=…", param="model")
    sent = {name: plain(value, name) for name, value in body.items() if not _omitted(value)}
    return Request(
        id=id_,
        model=model,
        body=sent,
        headers={name: value for name, value in headers.items() if name in allowed},
        session=headers.get(SESSION_HEADER, ""),
        endpoint=endpoint,
        upload=upload,
        timeout=timeout,
    )


def plain(value: Any, place: str) -> Any:
    """Return JSON made of dicts and lists. `place` tells where in the body it is.

    Raises:
        RequestError: something in it is not JSON.

    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {
            str(name): item if type(item) is str else plain(item, f"{place}.{name}")
            for name, item in value.items()
            if not _omitted(item)
        }
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json", exclude_unset=True), place)
    if hasattr(value, "to_dict"):
        return plain(value.to_dict(), place)
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(item, f"{place}[{number}]") for number, item in enumerate(value)]
    raise RequestError(f"{place}: {type(value).__name__} cannot be sent as JSON", param=place)


def _omitted(value: Any) -> bool:
    """Whether it is OpenAI's word for an argument that was not given."""
    return type(value).__name__ in ("NotGiven", "Omit")


def _timeout(value: Any) -> float | None:
    if value is None or _omitted(value):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise RequestError(
            f"timeout must be a number of seconds above 0: {value!r}", param="timeout"
        )
    return float(value)
