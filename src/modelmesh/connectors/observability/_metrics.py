"""The metrics there are: what each is called and counts, and by what it is told apart.

Names and units are as Prometheus has them: https://prometheus.io/docs/practices/naming/. Labels
have names of the configuration and words of ours only, so there are as many series as that makes,
whatever clients and vendors say.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from attrs import frozen

PREFIX: Final = "modelmesh_"

_DURATIONS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_WAITS: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 4.0, 7.0, 12.0, 20.0, 40.0)
"""Bounds, in seconds: for an embedding as for the answer of a model that thinks for minutes."""

_REQUEST: Final = ("pool", "endpoint")
_TARGET: Final = ("target", "provider")
_ATTEMPT: Final = ("pool", *_TARGET)


@frozen
class Metric:
    """One metric.

    Attributes:
        says: what it tells, in a sentence.
        unit: the end of its name; empty for a plain count.
        buckets: upper bounds of a histogram.
        among: what a gauge is of the values of workers that are alive.

    """

    kind: Literal["counter", "gauge", "histogram"]
    says: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()
    among: Literal["livesum", "livemin", "livemax"] = "livemax"

    def family(self, name: str) -> str:
        """Return what the metric of this name is called, its unit included."""
        unit = f"_{self.unit}" if self.unit and self.unit != name else ""
        return f"{PREFIX}{name}{unit}"

    def exposed(self, name: str) -> str:
        """Return what Prometheus calls it."""
        return f"{self.family(name)}_total" if self.kind == "counter" else self.family(name)


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        "requests": Metric("counter", "Requests that ended.", (*_REQUEST, "outcome", "status")),
        "requests_in_flight": Metric(
            "gauge", "Requests that are being answered.", _REQUEST, among="livesum"
        ),
        "request_duration": Metric(
            "histogram",
            "From a request to the end of its answer.",
            (*_REQUEST, "outcome"),
            "seconds",
            _DURATIONS,
        ),
        "request_first_token": Metric(
            "histogram",
            "From a request to the first content of its streamed answer, failed attempts included.",
            _REQUEST,
            "seconds",
            _WAITS,
        ),
        "attempts": Metric(
            "counter", "Targets asked for a request.", (*_ATTEMPT, "outcome", "cause")
        ),
        "attempt_duration": Metric(
            "histogram",
            "From asking a target to the end of its answer.",
            _ATTEMPT,
            "seconds",
            _DURATIONS,
        ),
        "attempt_first_token": Metric(
            "histogram",
            "From asking a target to the first content of its streamed answer.",
            _ATTEMPT,
            "seconds",
            _WAITS,
        ),
        "tokens": Metric("counter", "Tokens in and out.", (*_ATTEMPT, "direction"), "tokens"),
        "cost": Metric("counter", "What answers cost, in US dollars.", _ATTEMPT, "dollars"),
        "rotations": Metric("counter", "Times another target came in front.", ("pool",)),
        "target_ready": Metric(
            "gauge",
            "1 if a target may be asked, 0 while it is left alone or in maintenance.",
            _TARGET,
            among="livemin",
        ),
        "provider_availability": Metric(
            "gauge",
            "Share of the last probes that a provider answered; it has none where nobody probes.",
            ("provider",),
            "ratio",
            among="livemin",
        ),
        "cooldowns": Metric(
            "counter",
            "Times a target, model, key or provider was left alone, in each process that knew.",
            ("of", "id", "cause"),
        ),
        "recoveries": Metric(
            "counter", "Times it answered again, in each process that knew.", ("of", "id")
        ),
        "limit_taken": Metric(
            "gauge",
            "Share of a limit that is taken, requests under way included.",
            ("limit",),
            "ratio",
        ),
        "limit_refusals": Metric(
            "counter", "Times a limit began to refuse, in each process.", ("limit",)
        ),
        "limit_resets": Metric(
            "counter", "Times a limit that refused was free again, in each process.", ("limit",)
        ),
        "store_up": Metric(
            "gauge", "1 if the store of state answers, else 0.", ("store",), among="livemin"
        ),
        "observer_dropped_events": Metric(
            "counter", "Events that an observer could not keep up with.", ("observer",)
        ),
        "config_info": Metric("gauge", "1, for the configuration that is served.", ("version",)),
        "build_info": Metric("gauge", "1, for the program that serves.", ("version", "python")),
    }
)
"""By name; Prometheus's has the prefix, the unit and for a counter `_total` besides."""
