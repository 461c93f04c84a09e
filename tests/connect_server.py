"""1Password Connect for tests, as its API is described at
https://developer.1password.com/docs/connect/api-reference
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import define, field
from web_server import Asked, Reply, served

TOKEN: Final = "eyJhbGci.token-of-the-connect-server"
VAULT: Final = "v" * 26
_WHEN: Final = "2026-11-25T04:00:00Z"


@define(eq=False)
class ConnectServer:
    """What a vault keeps, by the ids of items."""

    url: str = ""
    items: dict[str, dict[str, Any]] = field(factory=dict)
    denied: set[str] = field(factory=set)
    """Titles of items that the token may not read."""
    read_only: bool = False
    vaults: list[Mapping[str, Any]] = field(factory=list)
    # What is answered to the next requests instead.
    errors: list[Reply] = field(factory=list)
    asked: list[Asked] = field(factory=list)

    def keep(self, title: str, **fields: str | None) -> None:
        """Keep an item, such as `password="..."`."""
        listed = [
            {"id": f"id-{label}", "label": label, "type": "CONCEALED", "value": value}
            for label, value in fields.items()
        ]
        id_ = f"{len(self.items):026}"
        self.items[id_] = {**_about(id_, title), "fields": listed}

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if self.errors:
            return self.errors.pop(0)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "Invalid token signature")
        if self.read_only and asked.method != "GET":
            return _error(403, "Unauthorized access")
        for method, pattern, act in self._routes():
            match = re.fullmatch(f"/v1/vaults{pattern}", urlsplit(asked.path).path)
            if match and method == asked.method:
                return act(asked, *match.groups())
        return _error(404, "not found")

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., Reply]]]:
        yield "GET", "", lambda _: Reply(200, self.vaults)
        yield "GET", f"/{VAULT}/items", self._list
        yield "POST", f"/{VAULT}/items", self._create
        yield "GET", f"/{VAULT}/items/([a-z0-9]{{26}})", self._item
        yield "PATCH", f"/{VAULT}/items/([a-z0-9]{{26}})", self._patch

    def _list(self, _: Asked) -> Reply:
        shown = [{k: v for k, v in item.items() if k != "fields"} for item in self.items.values()]
        return Reply(200, shown)

    def _item(self, _: Asked, id_: str) -> Reply:
        item = self.items[id_]
        if item["title"] in self.denied:
            return _error(403, "Unauthorized access")
        return Reply(200, item)

    def _create(self, asked: Asked) -> Reply:
        made = json.loads(asked.body)
        assert made["category"] == "API_CREDENTIAL"
        assert made["vault"] == {"id": VAULT}
        self.keep(made["title"], **{each["label"]: each["value"] for each in made["fields"]})
        return Reply(200, list(self.items.values())[-1])

    def _patch(self, asked: Asked, id_: str) -> Reply:
        """Change a field by its id, or add one: all of RFC 6902 that stores need."""
        fields = self.items[id_]["fields"]
        for change in json.loads(asked.body):
            if change["op"] == "add":
                assert change["path"] == "/fields"
                fields.append({"id": f"id-{len(fields)}", **change["value"]})
            else:
                assert change["op"] == "replace"
                (field,) = [f for f in fields if change["path"] == f"/fields/{f['id']}/value"]
                field["value"] = change["value"]
        return Reply(200, self.items[id_])


@contextmanager
def running_connect_server() -> Iterator[ConnectServer]:
    server = ConnectServer()
    with served(server.answer) as server.url:
        yield server


def vault(name: str, id_: str = VAULT) -> Mapping[str, Any]:
    """Tell of a vault as Connect does."""
    return {"id": id_, "name": name, "type": "USER_CREATED", "createdAt": _WHEN, "items": 1}


def _about(id_: str, title: str) -> dict[str, Any]:
    about = {"id": id_, "title": title, "vault": {"id": VAULT}, "category": "API_CREDENTIAL"}
    return {**about, "createdAt": _WHEN, "updatedAt": _WHEN, "version": 1, "urls": []}


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"status": status, "message": message})
