"""Makes docs/http-api.md from the document at /openapi.json: `python -m scripts.http_api`.

With `--check` nothing is written, and it fails where the page is another one.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from modelmesh.proxy.openapi import document
from scripts import pages

PAGE: Final = Path(__file__).parents[1] / "docs/http-api.md"
_VENDORS: Final = "`4XX`"
_SERVER: Final = "http://localhost:8080"
_MADE: Final = re.compile(r"(?<=<!-- made -->\n).*", re.DOTALL)
_ACCESS: Final = {"client": "a token, where one is set", "inside": "a token, or this machine"}


def page(written: str) -> str:
    """Return the page with what follows its introduction as it must be."""
    return _MADE.sub(lambda _: "\n".join(_lines(document(server=_SERVER))), written)


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    for tag in told["tags"]:
        yield f"## {tag['name']}\n\n{tag['description']}\n"
        for method, path, operation in _operations(told):
            if operation["tags"] == [tag["name"]]:
                yield from _operation(method, path, operation)
    yield "## Headers\n"
    yield from _headers(told)
    yield "## Errors\n"
    yield from _errors(told)
    yield "## Shapes\n"
    for name, schema in told["components"]["schemas"].items():
        yield from _shape(name, schema)


def _operations(told: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in told["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def _operation(method: str, path: str, told: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{method} {path}`\n"
    yield f"{told['summary']}. {told.get('description', '')}".strip() + "\n"
    body = told.get("requestBody", {})
    if body:
        kinds = " or ".join(f"`{kind}` ({_type(each['schema'])})" for kind, each in _content(body))
        yield f"**Body:** {kinds}. {body['description']}\n"
    named = [each["name"] for each in told["parameters"] if each["in"] == "header"]
    yield f"**Headers:** {', '.join(f'`{name}`' for name in named)}.\n"
    yield f"**Needs:** {_needs(told)}.\n"
    for _, each in _content(body):
        if "example" in each:
            yield _asked(method, path, each["example"])
    ok = told["responses"]["200"]
    kinds = ", ".join(f"`{kind}`{_of(each.get('schema', {}))}" for kind, each in _content(ok))
    yield f"**200:** {ok['description']} {kinds}, with {_names(ok['headers'])}.\n"
    for _, each in _content(ok):
        if "example" in each:
            yield f"```json\n{json.dumps(each['example'], indent=2)}\n```\n"
    failing = (f"[{status}](#{_anchor(status)})" for status in told["responses"] if status != "200")
    yield f"**Errors:** {', '.join(failing)}.\n"


def _content(told: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(told.get("content", {}).items())


def _needs(told: Mapping[str, Any]) -> str:
    if not told["security"]:
        return "no token"
    elsewhere = any("local" in each["$ref"] for each in _refs(told))
    return _ACCESS["inside" if elsewhere else "client"]


def _refs(told: Mapping[str, Any]) -> list[dict[str, str]]:
    return [each for each in told["responses"].values() if "$ref" in each]


def _asked(method: str, path: str, body: Any) -> str:
    return (
        f"```console\ncurl -X {method} {_SERVER}{path} \\\n"
        f"  -H \"Content-Type: application/json\" \\\n  -d '{json.dumps(body)}'\n```\n"
    )


def _of(schema: Mapping[str, Any]) -> str:
    data = schema.get("properties", {}).get("data", {}).get("anyOf")
    if data and "contentSchema" in data[-1]:
        return f" (events, each a {_type(data[-1]['contentSchema']['anyOf'][0])})"
    return f" ({_type(schema)})" if "$ref" in schema else ""


def _names(headers: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in headers)


def _headers(told: Mapping[str, Any]) -> Iterator[str]:
    sent = {
        each["name"]: each["description"]
        for _, _, operation in _operations(told)
        for each in operation["parameters"]
        if each["in"] == "header"
    }
    yield "| of a request | |\n| --- | --- |"
    yield from (f"| `{name}` | {_cell(words)} |" for name, words in sent.items())
    yield "\n| of a reply | |\n| --- | --- |"
    for name, header in told["components"]["headers"].items():
        yield f"| `{name}` | {_cell(header['description'])} |"
    yield ""


def _errors(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"Each is JSON, an {_type({'$ref': '/Error'})}. [What fails](failures.md) tells more.\n"
    rows: dict[str, list[str]] = {}
    for name, response in told["components"]["responses"].items():
        for line in response["description"].splitlines():
            known = rows.setdefault(name.partition("-")[0], [])
            if line not in known:
                known.append(line)
    for status, lines in rows.items():
        yield f"### {_status(status)}\n"
        lines.sort(key=lambda line: _VENDORS in line)  # what is told elsewhere comes last
        yield "\n".join(lines).replace(_VENDORS, f"[another status](#{_anchor('4XX')})") + "\n"


def _status(status: str) -> str:
    return "Another status of a vendor's" if status == "4XX" else f"Status {status}"


def _anchor(status: str) -> str:
    return re.sub(r"[^\w-]", "", _status(status).lower().replace(" ", "-"))


def _shape(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if "description" in schema:
        yield schema["description"] + "\n"
    for more in schema.get("allOf", ()):
        yield f"It has all of {_type(more)}, and:\n"
    if fields := schema.get("properties"):
        yield "| field | type | |\n| --- | --- | --- |"
        required = schema.get("required", ())
        for field, told in fields.items():
            must = ", required" if field in required else ""
            words = _cell(told.get("description", ""))
            yield f"| `{field}` | {_cell(_type(told))}{must} | {words} |"
        yield ""
    elif "enum" in schema:
        yield ", ".join(f"`{each}`" for each in schema["enum"]) + "\n"


def _type(schema: Mapping[str, Any]) -> str:
    """Return what a value may be, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(each)}`" for each in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(filter(None, map(_type, schema["anyOf"])))
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(_listed(schema) if kind == "array" else kind for kind in kinds)


def _listed(schema: Mapping[str, Any]) -> str:
    inner = _type(schema.get("items", {}))
    return f"array of {inner}" if inner else "array"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the page, or check it. Returns the exit code."""
    return pages.write(PAGE, page, arguments, prog="python -m scripts.http_api", about=__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
