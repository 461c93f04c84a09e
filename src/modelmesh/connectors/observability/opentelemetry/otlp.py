"""OpenTelemetry's own library as it is set up here: what is told is sent beside requests.

Only who is told of events this way needs it. Nothing of it is global: a program that uses
OpenTelemetry itself keeps its own set-up. What settings leave open, the library reads from the
variables `OTEL_*`: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from importlib.metadata import version
from typing import Any, Final, TypeVar

from attrs import define
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from modelmesh.connectors.observability.opentelemetry.measures import (
    INSTRUMENTS,
    Instrument,
    Measure,
)
from modelmesh.connectors.observability.opentelemetry.options import Options

log: Final = logging.getLogger("modelmesh")

R = TypeVar("R", SpanExportResult, MetricExportResult)

_NAME: Final = "modelmesh"

_CLOSING: Final = 4.0
"""Seconds for what is left, when the mesh closes."""


class Sdk:
    """Where spans are begun and measures are taken, until it is closed."""

    def __init__(self, options: Options) -> None:
        """Begin to send: a thread does it for spans, and one for measures."""
        resource = _resource(options.service_name)
        sample = options.sample
        self._traces = TracerProvider(
            None if sample is None else ParentBased(TraceIdRatioBased(sample)),
            resource,
            shutdown_on_exit=False,
        )
        self._spans = _Spans(_at(options, "traces"), headers=options.headers)
        self._traces.add_span_processor(BatchSpanProcessor(self._spans))
        interval = options.metrics_interval
        metrics = _Metrics(_at(options, "metrics"), headers=dict(options.headers))
        reader = PeriodicExportingMetricReader(metrics, interval and interval * 1000)
        self._meters = MeterProvider([reader], resource, shutdown_on_exit=False)
        ours = version("modelmesh-lite")
        self.tracer = self._traces.get_tracer(_NAME, ours)
        meter = self._meters.get_meter(_NAME, ours)
        self._instruments = {name: _made(meter, name, it) for name, it in INSTRUMENTS.items()}
        self._closing = threading.Event()
        self._to_tell: Callable[[], None] = lambda: None
        # It waits from the start: a program that ends can begin no thread any more.
        threading.Thread(target=self._send_the_rest, daemon=True).start()

    @property
    def lost(self) -> int:
        """How many spans were in batches that could not be sent."""
        return self._spans.lost

    def measure(self, measure: Measure) -> None:
        """Count a measure in."""
        self._instruments[measure.name](measure.value, measure.attributes)

    async def close(self) -> None:
        """Send what is left, as far as that goes in a few seconds."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # nobody waits any more, and the loop is gone
                loop.call_soon_threadsafe(sent.set)

        self._to_tell = tell
        self._closing.set()
        try:
            async with asyncio.timeout(_CLOSING):
                await sent.wait()
        except TimeoutError:
            log.warning("OpenTelemetry: not all spans and metrics could be sent before the end")

    def _send_the_rest(self) -> None:
        self._closing.wait()
        self._traces.shutdown()
        self._meters.shutdown()
        self._to_tell()


def _resource(service_name: str | None) -> Resource:
    """Say who sends: settings come before the environment, and that before our own name."""
    resource = Resource.create({SERVICE_VERSION: version("modelmesh-lite")})
    known = str(resource.attributes.get(SERVICE_NAME, ""))
    unknown = not known or known.startswith("unknown_service")
    name = service_name or (_NAME if unknown else None)
    return resource.merge(Resource({SERVICE_NAME: name})) if name else resource


def _at(options: Options, signal: str) -> str | None:
    """Return where one signal goes; None where the environment says, or the library."""
    return f"{options.endpoint.rstrip('/')}/v1/{signal}" if options.endpoint else None


def _made(
    meter: Meter, name: str, instrument: Instrument
) -> Callable[[float, Mapping[str, Any]], None]:
    """Return what takes values for an instrument."""
    if instrument.kind == "counter":
        return meter.create_counter(name, instrument.unit, instrument.says).add
    return meter.create_histogram(
        name,
        instrument.unit,
        instrument.says,
        explicit_bucket_boundaries_advisory=instrument.bounds,
    ).record


_sending: Final = ContextVar("_sending", default=False)


def _others(_: logging.LogRecord) -> bool:
    """Whether a line of the library's is of somebody else's spans: of ours we tell once."""
    return not _sending.get()


@define(eq=False)
class _Receiver:
    """Whether what takes spans, or metrics, is there."""

    _what: str
    _away: bool = False

    def sent(self, send: Callable[[], R], success: R) -> R:
        """Send, and tell once that nothing arrives, and once that it does again."""
        token = _sending.set(True)
        try:
            result = send()
        finally:
            _sending.reset(token)
        if self._away != (result is not success):
            self._away = not self._away
            say = (
                "cannot be sent, and are dropped until they can" if self._away else "are sent again"
            )
            log.warning("OpenTelemetry: %s %s", self._what, say)
        return result


class _Spans(OTLPSpanExporter):
    def __init__(self, endpoint: str | None, headers: Mapping[str, str]) -> None:
        super().__init__(endpoint, headers=headers)
        logging.getLogger(OTLPSpanExporter.__module__).addFilter(_others)
        self._receiver = _Receiver("spans")
        self.lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        send = super().export
        result = self._receiver.sent(lambda: send(spans), SpanExportResult.SUCCESS)
        if result is not SpanExportResult.SUCCESS:
            self.lost += len(spans)
        return result


class _Metrics(OTLPMetricExporter):
    def __init__(self, endpoint: str | None, headers: dict[str, str]) -> None:
        super().__init__(endpoint, headers=headers)
        logging.getLogger(OTLPMetricExporter.__module__).addFilter(_others)
        self._receiver = _Receiver("metrics")

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **more: Any
    ) -> MetricExportResult:
        send = super().export
        return self._receiver.sent(
            lambda: send(metrics_data, timeout_millis, **more), MetricExportResult.SUCCESS
        )
