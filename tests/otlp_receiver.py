"""A collector for tests: it takes OTLP over HTTP, as protobuf, and keeps what it is told.

async with OtlpReceiver() as receiver:
    ...
    span = receiver.span("chat ok")
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from aiohttp import web
from attrs import define, field, frozen
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

Attributes = Mapping[str, Any]


@frozen
class Span:
    """A span as it arrived; ids in hexadecimal, times in seconds since 1970."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    state: str
    status: str
    began: float
    ended: float
    attributes: Attributes
    links: Sequence[tuple[str, Attributes]]
    resource: Attributes


@frozen
class Point:
    """What one series of a metric has come to: its sum, and how many values of a histogram."""

    value: float
    count: int
    bounds: Sequence[float]
    attributes: Attributes


@define(eq=False)
class OtlpReceiver:
    """Listens on the loopback, on a free port unless it is given one.

    `bodies` are what came, `headers` what came along.
    """

    port: int = 0
    spans: list[Span] = field(factory=list, init=False)
    metrics: dict[str, list[Point]] = field(factory=dict, init=False)
    units: dict[str, str] = field(factory=dict, init=False)
    bodies: list[bytes] = field(factory=list, init=False)
    headers: list[Mapping[str, str]] = field(factory=list, init=False)
    url: str = field(default="", init=False)
    _runner: web.AppRunner = field(init=False)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take_spans)
        app.router.add_post("/v1/metrics", self._take_metrics)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def span(self, name: str) -> Span:
        """Return the only span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def within(self, span: Span) -> list[Span]:
        """Return what is directly within a span, from the first to the last."""
        inner = [one for one in self.spans if (one.trace, one.parent) == (span.trace, span.id)]
        return sorted(inner, key=lambda one: one.began)

    async def _take_spans(self, request: web.Request) -> web.Response:
        told = ExportTraceServiceRequest.FromString(await self._body(request))
        for group in told.resource_spans:
            resource = _plain(group.resource.attributes)
            for scope in group.scope_spans:
                assert scope.scope.name == "modelmesh"
                self.spans += [_span(span, resource) for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")

    async def _take_metrics(self, request: web.Request) -> web.Response:
        told = ExportMetricsServiceRequest.FromString(await self._body(request))
        for group in told.resource_metrics:
            for metric in [one for scope in group.scope_metrics for one in scope.metrics]:
                kind = metric.WhichOneof("data")
                points = getattr(metric, kind).data_points
                self.metrics[metric.name] = [_POINTS[kind](point) for point in points]
                self.units[metric.name] = metric.unit
        return web.Response(content_type="application/x-protobuf")

    async def _body(self, request: web.Request) -> bytes:
        self.headers.append(request.headers)
        self.bodies.append(await request.read())
        return self.bodies[-1]


def _span(span: trace_pb2.Span, resource: Attributes) -> Span:
    return Span(
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        state=span.trace_state,
        status=trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        began=span.start_time_unix_nano / 1e9,
        ended=span.end_time_unix_nano / 1e9,
        attributes=_plain(span.attributes),
        links=[(link.span_id.hex(), _plain(link.attributes)) for link in span.links],
        resource=resource,
    )


def _sum(point: Any) -> Point:
    value = getattr(point, point.WhichOneof("value"))
    return Point(value, 1, (), _plain(point.attributes))


def _histogram(point: Any) -> Point:
    bounds = tuple(point.explicit_bounds)
    return Point(point.sum, point.count, bounds, _plain(point.attributes))


_POINTS = {"sum": _sum, "histogram": _histogram}


def _plain(pairs: Sequence[KeyValue]) -> Attributes:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "") for pair in pairs}
