"""The page about metrics: they are those there are, and its examples work."""

import re

import pytest
import yaml

from modelmesh.config.load import load
from modelmesh.connectors.observability._metrics import METRICS
from modelmesh.connectors.observability.prometheus import FOLDER
from scripts.metrics import PAGE, main, page

WRITTEN = PAGE.read_text()
MESH, SCRAPE = re.findall(r"```yaml\n(.*?)```", WRITTEN, re.DOTALL)


def test_the_table_has_all_metrics_there_are() -> None:
    assert page(WRITTEN) == WRITTEN, "write it anew: python -m scripts.metrics"
    assert main(["--check"]) == 0
    for name, metric in METRICS.items():
        assert f"\n| `{metric.exposed(name)}` | {metric.kind} |" in WRITTEN


def test_what_is_asked_of_prometheus_is_what_it_is_told() -> None:
    named = set(re.findall(r"modelmesh_[a-z_]+", WRITTEN))
    told = {metric.exposed(name) for name, metric in METRICS.items()}
    told |= {f"{name}_bucket" for name in told}
    assert named <= told


def test_the_configuration_is_taken_and_all_of_it_heeded(caplog: pytest.LogCaptureFixture) -> None:
    config = {"providers": {"openai.llm.v1": {"api_key": "k"}}, **yaml.safe_load(MESH)}
    loaded = load(config, environ={"MODELMESH_ADMIN_TOKEN": "t"})
    assert loaded.observability.statistics.connector == "modelmesh.prometheus.v1"
    assert caplog.messages == []


def test_prometheus_is_told_a_job_with_a_token() -> None:
    [job] = yaml.safe_load(SCRAPE)["scrape_configs"]
    assert job["authorization"] == {"credentials_file": "/etc/prometheus/modelmesh-token"}
    assert job["static_configs"][0]["targets"] == ["localhost:8080"]


def test_the_folder_is_called_as_the_library_calls_it() -> None:
    assert f"`{FOLDER}`" in WRITTEN
