"""Whether what a proxy replies is as its OpenAPI document says."""

import json
import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from jsonschema import Draft202012Validator as Validator


@frozen
class Described:
    """A document, to hold replies against."""

    document: Mapping[str, Any]

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """Return an operation with what it refers to at hand."""
        found: dict[str, Any] = self.document["paths"][path][method.lower()]
        return found

    def check(
        self,
        method: str,
        path: str,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        """Assert that this may come back from an operation."""
        responses = self.operation(method, path)["responses"]
        key = str(status) if str(status) in responses else f"{status // 100}XX"
        assert key in responses, f"{status} is not told of; there are: {', '.join(responses)}"
        self.check_reply(self.resolved(responses[key]), headers, body)

    def check_reply(self, told: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> None:
        """Assert that a reply is one that is told of."""
        for name, header in told.get("headers", {}).items():
            self._check_header(name, self.resolved(header), headers.get(name))
        unknown = {
            name.lower()
            for name in headers
            if name.lower().startswith(("x-modelmesh-", "x-ratelimit-", "retry-", "x-should"))
        } - told.get("headers", {}).keys()
        assert unknown == set()
        kind = headers.get("content-type", "").partition(";")[0]
        schema = self._content(told["content"], kind).get("schema", {})
        if kind == "text/event-stream":
            for event in events(body):
                self.validate(event, schema)
                self._check_data(event["data"], schema)
        else:
            self.validate(json.loads(body) if kind == "application/json" else str(body), schema)

    def resolved(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in found:
            return found
        _, _, *place = found["$ref"].split("/")
        whole: Any = self.document["components"]
        for step in place:
            whole = whole[step]
        return dict(whole)

    def validate(self, value: Any, schema: Mapping[str, Any]) -> None:
        Validator({"components": self.document["components"], **schema}).validate(value)

    def _check_header(self, name: str, header: Mapping[str, Any], text: str | None) -> None:
        if text is None:
            assert not header.get("required"), f"{name} is missing"
            return
        number = header["schema"].get("type") in ("integer", "number")
        self.validate(json.loads(text) if number else text, header["schema"])

    def _content(self, content: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
        found = content.get(kind, content.get(f"{kind.partition('/')[0]}/*"))
        assert found is not None, f"{kind} is not told of; there are: {', '.join(content)}"
        return dict(found)

    def _check_data(self, data: str, schema: Mapping[str, Any]) -> None:
        """Assert that the data of an event is as told. Validators leave out `contentSchema`."""
        end, said = schema["properties"]["data"]["anyOf"]
        if data != end["const"]:
            self.validate(json.loads(data), said["contentSchema"])


def events(body: bytes) -> list[dict[str, str]]:
    """Return the fields of each event."""
    pieces = re.split(r"\n\n", re.sub(r"(?m)^:.*\n", "", body.decode()))
    return [dict(line.split(": ", 1) for line in piece.splitlines()) for piece in pieces if piece]
