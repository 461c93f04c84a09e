"""The rules which a vendor's list of models keeps: it is asked for where it is, and read whole."""

import json
from typing import Any
from urllib.parse import urlsplit

import trial
from recordings import Exchange

from modelmesh.connectors import registry
from modelmesh.probe import names_in
from modelmesh.types import Secret


def complaints(exchange: Exchange) -> list[str]:
    """Return what is wrong with the request for a list, and with what is read of it."""
    vendor = registry.find("providers", trial.connector_of(exchange))("vendor")
    asked = vendor.models_request(Secret("key"))
    there = urlsplit(exchange.content["request"]["url_path"]).path
    found = [] if urlsplit(asked.url).path == there else [f"it is asked for at {asked.url}"]
    read, listed = names_in(exchange.body), _listed(json.loads(exchange.body))
    return found + ([] if read == listed else [f"{len(read)} models are read of {len(listed)}"])


def _listed(body: dict[str, Any]) -> list[str]:
    """Return the names as the vendor's pages say where they stand."""
    if "models" in body:
        return [model["name"].removeprefix("models/") for model in body["models"]]
    return [model["id"] for model in body["data"]]
