"""The guides show what there is: configurations that load, and names that exist."""

import json
import logging
import re
from pathlib import Path

import pytest
import yaml
from attrs import fields

from modelmesh import events
from modelmesh.config.load import load
from modelmesh.proxy.standing import ServerStatus

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = {
    name: (DOCS / f"{name}.md").read_text()
    for name in ("budgets", "several-hosts", "browser", "troubleshooting", "faq", "failover")
    if (DOCS / f"{name}.md").exists()
}
EXAMPLES = [
    pytest.param(text, id=f"{name}-{number}")
    for name, page in GUIDES.items()
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL), 1)
]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_taken_and_all_of_it_heeded(
    example: str, caplog: pytest.LogCaptureFixture
) -> None:
    shown = {"providers": {"p": {"connector": "openai-compatible", "base_url": "http://p.test"}}}
    keys = dict.fromkeys(re.findall(r"secrets:(\w+)", example), "k")
    with caplog.at_level(logging.WARNING):
        load({**shown, **yaml.safe_load(example)}, environ=keys)
    assert caplog.messages == []


def test_health_tells_what_is_shown() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", GUIDES["several-hosts"], re.DOTALL)
    told = {field.name for field in fields(ServerStatus)} | {"config_version"}
    assert json.loads(text).keys() == told


def test_events_and_metrics_that_are_named_exist() -> None:
    kinds = {kind.name for kind in vars(events).values() if hasattr(kind, "name")}
    page = GUIDES["budgets"]
    named = set(re.findall(r"`((?:limit|store|pool|cooldown)\.\w+)`", page))
    assert named
    assert named <= kinds
    metrics = (DOCS / "metrics.md").read_text()  # which a test of its own compares to the exporter
    assert all(f"`{name}`" in metrics for name in re.findall(r"`(modelmesh_\w+_total)`", page))
