"""The guides show what there is, by names that exist."""

import json
import re
from pathlib import Path

from attrs import fields

from modelmesh import events
from modelmesh.proxy.status import ServerStatus

DOCS = Path(__file__).parents[2] / "docs"
BUDGETS = (DOCS / "budgets.md").read_text()
SEVERAL_HOSTS = (DOCS / "several-hosts.md").read_text()


def test_health_tells_what_is_shown() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", SEVERAL_HOSTS, re.DOTALL)
    told = {field.name for field in fields(ServerStatus)} | {"config_version"}
    assert json.loads(text).keys() == told


def test_events_and_metrics_that_are_named_exist() -> None:
    kinds = {kind.name for kind in vars(events).values() if hasattr(kind, "name")}
    named = set(re.findall(r"`((?:limit|store|pool|cooldown)\.\w+)`", BUDGETS))
    assert named
    assert named <= kinds
    metrics = (DOCS / "metrics.md").read_text()  # which a test of its own compares to the exporter
    assert all(f"`{name}`" in metrics for name in re.findall(r"`(modelmesh_\w+_total)`", BUDGETS))
