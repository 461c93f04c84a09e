"""Makes the dashboard for Grafana, deploy/grafana/modelmesh.json: `python -m scripts.dashboard`.

With `--check` nothing is written, and it fails where the file is another one. The model of a
dashboard: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from scripts import pages

FILE: Final = Path(__file__).parents[1] / "deploy/grafana/modelmesh.json"

_SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
_POOL: Final = 'pool=~"$pool"'
_PROVIDER: Final = 'provider=~"$provider"'
_BOTH: Final = f"{_POOL}, {_PROVIDER}"
_WIDTH, _HEIGHT, _ACROSS = 8, 8, 3


@frozen
class Panel:
    """A picture of one thing: queries by what their lines are called.

    Attributes:
        says: what it tells, for who asks the panel.
        unit: Grafana's word for it.

    """

    title: str
    says: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: str = "timeseries"


def _rate(metric: str, by: str, where: str) -> str:
    return f"sum by ({by}) (rate(modelmesh_{metric}{{{where}}}[$__rate_interval]))"


def _slowest(share: float, metric: str, by: str, where: str) -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', f'le, {by}', where)})"


def _grown(metric: str, by: str, where: str, time: str = "$__rate_interval") -> str:
    return f"sum by ({by}) (increase(modelmesh_{metric}{{{where}}}[{time}]))"


_FAILED: Final = (
    f'sum(rate(modelmesh_requests_total{{{_POOL}, status="5xx"}}[$__rate_interval]))'
    f" / sum(rate(modelmesh_requests_total{{{_POOL}}}[$__rate_interval]))"
)

ROWS: Final[Mapping[str, tuple[Panel, ...]]] = {
    "Requests": (
        Panel(
            "Requests",
            "How many end in a second, by pool.",
            {"{{pool}}": _rate("requests_total", "pool", _POOL)},
            "reqps",
        ),
        Panel(
            "Failed for us",
            "The share that was answered with a status of 500 or more.",
            {"failed": _FAILED},
            "percentunit",
        ),
        Panel(
            "In flight",
            "Requests that are being answered.",
            {"{{pool}}": f"sum by (pool) (modelmesh_requests_in_flight{{{_POOL}}})"},
        ),
        Panel(
            "Time to the end",
            "From a request to the end of its answer: the middle one, and the slowest twentieth.",
            {
                "{{pool}}, half": _slowest(0.5, "request_duration_seconds", "pool", _POOL),
                "{{pool}}, 95 %": _slowest(0.95, "request_duration_seconds", "pool", _POOL),
            },
            "s",
        ),
        Panel(
            "Time to the first token",
            "Of streamed answers, failed attempts included: the slowest twentieth.",
            {"{{pool}}": _slowest(0.95, "request_first_token_seconds", "pool", _POOL)},
            "s",
        ),
        Panel(
            "Statuses",
            "As clients were told them.",
            {"{{status}}": _rate("requests_total", "status", _POOL)},
            "reqps",
        ),
    ),
    "Targets": (
        Panel(
            "Who answers",
            "Answers in a second, by target.",
            {"{{target}}": _rate("attempts_total", "target", f'{_BOTH}, outcome="answered"')},
            "reqps",
        ),
        Panel(
            "Who fails, and why",
            "Attempts that failed, in a second.",
            {
                "{{target}}: {{cause}}": _rate(
                    "attempts_total", "target, cause", f'{_BOTH}, outcome="failed"'
                )
            },
            "reqps",
        ),
        Panel(
            "Ready",
            "0 while a target is left alone or in maintenance.",
            {"{{target}}": f"min by (target) (modelmesh_target_ready{{{_PROVIDER}}})"},
            kind="state-timeline",
        ),
        Panel(
            "Time to the end, by target",
            "The slowest twentieth of its answers.",
            {"{{target}}": _slowest(0.95, "attempt_duration_seconds", "target", _BOTH)},
            "s",
        ),
        Panel(
            "Time to the first token, by target",
            "The slowest twentieth of its streamed answers.",
            {"{{target}}": _slowest(0.95, "attempt_first_token_seconds", "target", _BOTH)},
            "s",
        ),
        Panel(
            "Left alone, back, and another in front",
            "How often, in the time between two points.",
            {
                "{{id}} left alone: {{cause}}": _grown("cooldowns_total", "id, cause", ""),
                "{{id}} back": _grown("recoveries_total", "id", ""),
                "{{pool}}: another in front": _grown("rotations_total", "pool", _POOL),
            },
        ),
        Panel(
            "Providers that are there",
            "The share of the last probes they answered, where there are any.",
            {
                "{{provider}}": "min by (provider)"
                f" (modelmesh_provider_availability_ratio{{{_PROVIDER}}})"
            },
            "percentunit",
        ),
    ),
    "Money and limits": (
        Panel(
            "Dollars in an hour",
            "What the last hour's answers cost, by target.",
            {"{{target}}": _grown("cost_dollars_total", "target", _BOTH, "1h")},
            "currencyUSD",
        ),
        Panel(
            "Tokens",
            "In and out, in a second.",
            {"{{direction}}": _rate("tokens_total", "direction", _BOTH)},
        ),
        Panel(
            "Dollars in a day",
            "What the last 24 hours cost, by provider.",
            {"{{provider}}": _grown("cost_dollars_total", "provider", _BOTH, "1d")},
            "currencyUSD",
            "stat",
        ),
        Panel(
            "Limits taken",
            "The share of each limit that is taken, requests under way included.",
            {"{{limit}}": "max by (limit) (modelmesh_limit_taken_ratio)"},
            "percentunit",
            "bargauge",
        ),
        Panel(
            "Limits that refuse",
            "How often one began to, and was free again.",
            {
                "{{limit}} refuses": _grown("limit_refusals_total", "limit", ""),
                "{{limit}} is free": _grown("limit_resets_total", "limit", ""),
            },
        ),
    ),
    "The servers": (
        Panel(
            "Store",
            "1 if the store of state answers.",
            {"{{store}}": "min by (store) (modelmesh_store_up)"},
            kind="stat",
        ),
        Panel(
            "Configurations",
            "How many different ones are served; after a rollout it should be one.",
            {"different ones": "count(count by (version) (modelmesh_config_info))"},
            kind="stat",
        ),
        Panel(
            "Versions",
            "How many processes of which program, on which Python.",
            {"{{version}}, Python {{python}}": "count by (version, python) (modelmesh_build_info)"},
            kind="stat",
        ),
        Panel(
            "Events that observers lost",
            "They could not keep up.",
            {"{{observer}}": _grown("observer_dropped_events_total", "observer", "")},
        ),
    ),
}
"""What the dashboard shows, row by row."""


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana takes it."""
    return {
        "uid": "modelmesh",
        "title": "ModelMesh",
        "tags": ["modelmesh"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source(), _choice("pool"), _choice("provider")]},
        "panels": list(_panels()),
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _choice(label: str) -> dict[str, Any]:
    """Have people choose among the values of a label; at first it is all."""
    return {
        "name": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": f"label_values(modelmesh_attempts_total, {label})", "refId": label},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels() -> Iterator[dict[str, Any]]:
    number = top = 0
    for title, row in ROWS.items():
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "gridPos": {"x": 0, "y": top, "w": _WIDTH * _ACROSS, "h": 1},
        }
        for place, panel in enumerate(row):
            number += 1
            x, y = place % _ACROSS * _WIDTH, top + 1 + place // _ACROSS * _HEIGHT
            at = {"x": x, "y": y, "w": _WIDTH, "h": _HEIGHT}
            yield {"id": number, "gridPos": at, **_shown(panel)}
        top += 1 + -(-len(row) // _ACROSS) * _HEIGHT


def _shown(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": query, "legendFormat": legend}
            for place, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def main(arguments: list[str]) -> int:
    """Write the dashboard, or check it. Returns the exit code."""
    text = json.dumps(dashboard(), indent=2) + "\n"
    return pages.write(
        FILE, lambda _: text, arguments, prog="python -m scripts.dashboard", about=__doc__
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
