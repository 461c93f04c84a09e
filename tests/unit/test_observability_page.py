"""What the page about observing shows is what there is."""

import json
import re
from pathlib import Path

import attrs
import pytest

from modelmesh.connectors import registry
from modelmesh.connectors.observability import record
from modelmesh.events import AttemptEnded, CooldownBegan, Event, RequestBegan, RequestEnded
from modelmesh.rules import ErrorKind

PAGE = (Path(__file__).parents[2] / "docs/observability.md").read_text()
ROWS = dict(re.findall(r"^\| `([a-z]+\.[a-z]+)` \| [^|]+ \| (.+) \|$", PAGE, re.MULTILINE))
TOLD = {kind.name: kind for kind in Event.__subclasses__() if kind.__module__ == Event.__module__}
SAID = {"body", "headers", "answer", "usage", "at"}
"""What is not in a record, or by another name."""


def test_every_event_is_there_with_all_that_its_record_has() -> None:
    assert set(ROWS) == set(TOLD)
    for name, event in TOLD.items():
        fields = {field.name for field in attrs.fields(event)} - SAID
        assert set(re.findall(r"`(\w+)`", ROWS[name])) - {"cost"} == fields - {"cost"}, name


@pytest.mark.parametrize("event", [AttemptEnded, RequestEnded])
def test_tokens_and_cost_are_told_of_what_took_some(event: type[Event]) -> None:
    assert "tokens" in ROWS[event.name]
    assert "`cost`" in ROWS[event.name]


def test_every_connector_is_there_with_its_settings() -> None:
    for id_, observer in registry.available("observability").items():
        (row,) = re.findall(rf"^\| `{re.escape(id_)}` \|.*\|(.*)\|$", PAGE, re.MULTILINE)
        named = set(re.findall(r"`(\w+)[:`]", row))
        options = getattr(observer, "Options", None)
        fields = {field.name for field in attrs.fields(options)} if options else set()
        assert named <= fields
        assert named == fields or "…" in row


def test_the_line_of_a_file_is_one() -> None:
    (line,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    event = CooldownBegan(
        at=1_795_569_314.25, of="key", id="groq", cause=ErrorKind.RATE_LIMIT, seconds=30.0
    )
    assert json.loads(line) == record(event)


def test_what_begins_has_no_cost() -> None:
    assert "cost" not in ROWS[RequestBegan.name]
