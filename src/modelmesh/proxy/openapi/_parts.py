"""The YAML beside, and what is put together from it and the code's own tables."""

from copy import deepcopy
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import yaml

from modelmesh.proxy.bodies import ENCODINGS, NOT_THE_CLIENTS
from modelmesh.rules import ErrorKind
from modelmesh.sanity import LEAST

_SCHEMAS: Final = ("requests.yaml", "answers.yaml", "inside.yaml")


def words(file: str) -> Any:
    """Return what is in a file, for the caller to keep."""
    return deepcopy(_read(file))


@lru_cache
def _read(file: str) -> Any:
    return yaml.safe_load(files(__package__).joinpath(file).read_text(encoding="utf-8"))


def schemas() -> dict[str, Any]:
    """Return the schemas by name, with the names that a request may not have and all choices."""
    found: dict[str, Any] = {}
    for file in _SCHEMAS:
        found |= words(file)
    kinds = {"type": "string", "enum": list(map(str, ErrorKind))}
    found["ErrorKind"] = {**kinds, "description": "Why a vendor failed."}
    found["ExplainRequest"]["properties"]["endpoint"]["enum"] = [*LEAST, None]
    for name, schema in found.items():
        if name.endswith("Request") and name != "ExplainRequest":
            schema["propertyNames"] = {"not": {"enum": sorted(NOT_THE_CLIENTS)}}
    return found


def headers() -> dict[str, Any]:
    """Return the headers of replies by name."""
    told = words("headers.yaml")["replies"]
    return {name: {"schema": {"type": "string"}, **said} for name, said in told.items()}


def header_parameters(names: list[str]) -> list[dict[str, Any]]:
    """Return the parameters which are these headers of a request."""
    told = words("headers.yaml")["requests"]
    told["content-encoding"]["schema"] = {"type": "string", "enum": sorted(ENCODINGS)}
    usual = {"description": "Passed on to the vendor.", "schema": {"type": "string"}}
    return [{"name": name, "in": "header", **usual, **told.get(name, {})} for name in names]


def schema(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def header(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}


def events(of: dict[str, str]) -> dict[str, Any]:
    """Return the schema of an event: its data is `of` that schema, an error, or the end."""
    said = {
        "contentMediaType": "application/json",
        "contentSchema": {"anyOf": [of, schema("Error")]},
    }
    data = {"type": "string", "anyOf": [{"const": "[DONE]"}, said]}
    return {"type": "object", "required": ["data"], "properties": {"data": data}}
