"""What may go wrong where, as replies of the document."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from attrs import frozen

from modelmesh.proxy.openapi._parts import header, schema, words
from modelmesh.proxy.rate_limits import RATE_LIMIT_HEADERS
from modelmesh.rules import RULES, ErrorKind

ANYWHERE: Final = frozenset({"anywhere"})
"""The groups of failures which belong to no operation."""

_VENDORS: Final = "4XX"
_ASKING: Final = "asking"
# These are told by us alone; any other status of its client's fault may be a vendor's as well.
_OURS: Final = frozenset({"401", "429"})
_ALSO: Final = "- A vendor's refusal may also have this status; see `4XX`."
_USUAL: Final = ("x-request-id", "x-modelmesh-config", "x-should-retry", "retry-after")
_OF_STATUS: Final = {
    "401": ("www-authenticate",),
    "405": ("allow",),
    "429": RATE_LIMIT_HEADERS,
}


@frozen
class Failure:
    """One thing that may go wrong `by` doing something. The status is as the document keys it."""

    by: str
    status: str
    code: str | None
    words: str


def failures() -> Iterator[Failure]:
    """Give all of them: first those of the proxy itself, then those of vendors."""
    told = words("errors.yaml")
    for row in told["rows"]:
        yield Failure(**{**row, "status": str(row["status"])})
    for kind in ErrorKind:
        rule = RULES[kind]
        yield Failure(_ASKING, str(rule.status or _VENDORS), rule.code, told["kinds"][kind])


def responses_of(groups: frozenset[str]) -> dict[str, Any]:
    """Return references to the replies of an operation, by status."""
    found = _by_status(groups)
    return {
        status: {"$ref": f"#/components/responses/{_name(status, found[status])}"}
        for status in sorted(found)
    }


def components_of(operations: Iterable[frozenset[str]]) -> dict[str, Any]:
    """Return the replies which those refer to, by name."""
    components = {}
    for groups in operations:
        for status, found in _by_status(groups).items():
            components[_name(status, found)] = _response(status, found)
    return dict(sorted(components.items()))


def _by_status(groups: frozenset[str]) -> dict[str, list[Failure]]:
    found: dict[str, list[Failure]] = {}
    for failure in failures():
        if failure.by in groups:
            found.setdefault(failure.status, []).append(failure)
    if _ASKING in groups:
        for status in filter(_may_be_a_vendors, found):
            found[status] += found[_VENDORS]
    return found


def _may_be_a_vendors(status: str) -> bool:
    return status[0] == "4" and status not in {_VENDORS, *_OURS}


def _name(status: str, found: Iterable[Failure]) -> str:
    return "-".join([status, *sorted({failure.by for failure in found})])


def _response(status: str, found: list[Failure]) -> dict[str, Any]:
    groups = {failure.by for failure in found}
    # Of what is no HTTP nobody knows a name.
    names = [*_USUAL] if groups != ANYWHERE or status != "400" else ["x-should-retry"]
    if _ASKING in groups:
        names += ["x-modelmesh-attempts", "x-modelmesh-trail"]
    names += _OF_STATUS.get(status, ())
    own = [one for one in found if status == _VENDORS or one.status != _VENDORS]
    told = [f"- {f'`{one.code}`: ' if one.code else ''}{one.words}" for one in own]
    if len(own) < len(found):
        told.append(_ALSO)
    error = schema("Error") | _codes(status, found)
    return {
        "description": "\n".join(told),
        "headers": {name: header(name) for name in names},
        "content": {"application/json": {"schema": error}},
    }


def _codes(status: str, found: list[Failure]) -> dict[str, Any]:
    """Return what narrows the code of an error where nobody else may have one of their own."""
    if status not in _OURS and any(one.status == _VENDORS for one in found):
        return {}
    codes = list(dict.fromkeys(one.code for one in found))
    return {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}
