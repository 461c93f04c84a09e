"""A chat request in OpenAI's shape as Gemini takes it. https://ai.google.dev/api/generate-content."""

from collections.abc import Mapping
from typing import Any

from modelmesh.connectors.providers._conversation import read
from modelmesh.connectors.providers.gemini.messages import contents_of
from modelmesh.connectors.providers.gemini.model import Model
from modelmesh.connectors.providers.gemini.parameters import parameters_of


def written(body: Mapping[str, Any], model: Model, drop: frozenset[str]) -> dict[str, Any]:
    """Return the body to send to a model. Raises RequestError (400) where it is malformed."""
    body = {n: v for n, v in body.items() if n == "messages" or n not in drop}
    asked = read(body)
    return {**contents_of(asked.turns, model), **parameters_of(body, asked, model)}
