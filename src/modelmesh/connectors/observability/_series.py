"""The metrics as the Prometheus library keeps and writes them; imported where they are wanted."""

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, exposition
from prometheus_client.core import Metric as Family
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from modelmesh.connectors.observability._metrics import METRICS, Metric

_OPENMETRICS: Final = "application/openmetrics-text"
_PLAIN: Final = "text/plain"


class Series(dict[tuple[str, ...], Any]):
    """The values of one metric by its labels. One is made when it is first wanted."""

    def __init__(self, made: Any) -> None:
        super().__init__()
        self._made = made

    def __missing__(self, labels: tuple[str, ...]) -> Any:
        one = self[labels] = self._made.labels(*labels)
        return one

    def begin(self, *labels: str) -> None:
        """Have a counter at 0, so that a step to its first value is seen as one."""
        _ = self[labels]


class Metrics(dict[str, Series], Collector):
    """All metrics by name, in a registry of their own, or in a folder that processes share."""

    def __init__(self, folder: str | None) -> None:
        registry = CollectorRegistry()
        self._source = MultiProcessCollector(None, folder) if folder else registry
        own = None if folder else registry
        super().__init__({name: Series(_make(name, one, own)) for name, one in METRICS.items()})

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return all of them, and their content type: OpenMetrics for who accepts that."""
        if _OPENMETRICS in accept:
            text, kind, version = openmetrics.generate_latest(self), _OPENMETRICS, "1.0.0"
        else:
            text, kind, version = exposition.generate_latest(self), _PLAIN, "0.0.4"
        return text, f"{kind}; version={version}; charset=utf-8"

    def collect(self) -> Iterator[Family]:
        """Give ours of what there is, added up over the processes, and not when each began."""
        units = {one.family(name): one.unit for name, one in METRICS.items()}
        for family in self._source.collect():
            if family.name in units:
                family.unit = units[family.name]
                began = f"{family.name}_created"
                family.samples = [sample for sample in family.samples if sample.name != began]
                yield family


def _make(name: str, metric: Metric, registry: CollectorRegistry | None) -> Any:
    common: dict[str, Any] = {
        "labelnames": metric.labels,
        "unit": metric.unit,
        "registry": registry,
    }
    full = metric.family(name)
    if metric.kind == "counter":
        return Counter(full, metric.says, **common)
    if metric.kind == "gauge":
        return Gauge(full, metric.says, multiprocess_mode=metric.among, **common)
    return Histogram(full, metric.says, buckets=metric.buckets, **common)
