"""The spans of a request and of its attempts, and whose trace they belong to."""

from collections.abc import Mapping
from typing import Final

from attrs import define, field
from opentelemetry import context, trace
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from modelmesh.connectors.observability.opentelemetry import attributes, messages
from modelmesh.connectors.observability.opentelemetry.attributes import Attributes
from modelmesh.events import AttemptEnded, RequestBegan, RequestEnded
from modelmesh.types import Request

_WIRE: Final = TraceContextTextMapPropagator()


@define(eq=False)
class Spans:
    """Those of requests that run, by the requests' ids, which clients may give twice."""

    _tracer: Tracer
    _level: str
    _open: dict[str, list[Span]] = field(factory=dict, init=False)

    def begin(self, event: RequestBegan) -> None:
        """Begin a request's span: within the one that runs here, else within its client's."""
        parent = context.get_current()
        if not trace.get_current_span(parent).get_span_context().is_valid:
            parent = _WIRE.extract(event.headers, parent)
        came_from = trace.get_current_span(parent).get_span_context()
        told = attributes.began(event, level=self._level)
        if said := messages.asked(event.body):
            told["gen_ai.input.messages"] = said
        span = self._tracer.start_span(
            _name(told),
            parent,
            SpanKind.SERVER if came_from.is_remote else SpanKind.INTERNAL,
            told,
            start_time=_nanoseconds(event.at),
        )
        self._open.setdefault(event.request, []).append(span)

    def headers(self, request: Request) -> Mapping[str, str]:
        """Return a request's headers, with its own span in place of its client's."""
        span = self._open[request.id][-1]
        if not span.get_span_context().is_valid:
            return request.headers
        headers = {name: it for name, it in request.headers.items() if name not in _WIRE.fields}
        _WIRE.inject(headers, trace.set_span_in_context(span))
        return headers

    def end(self, event: RequestEnded) -> None:
        """End a request's span, with the spans of its attempts in it."""
        running = self._open.get(event.request)
        if not running:
            return
        span = running.pop(0)
        if not running:
            del self._open[event.request]
        before: list[Link] = []
        for attempt in event.attempts:
            within = self._attempt(attempt, event, span, before)
            before = [Link(within.get_span_context(), attributes.error(attempt))]
        told = attributes.ended(event)
        if said := messages.answered(event.answer):
            told["gen_ai.output.messages"] = said
        span.set_attributes(told)
        _close(span, event)

    def _attempt(
        self, attempt: AttemptEnded, request: RequestEnded, parent: Span, before: list[Link]
    ) -> Span:
        told = attributes.attempted(attempt, request)
        span = self._tracer.start_span(
            _name(told),
            trace.set_span_in_context(parent),
            SpanKind.CLIENT,
            told,
            before,
            start_time=_nanoseconds(attempt.at - attempt.seconds),
        )
        _close(span, attempt)
        return span


def _name(told: Attributes) -> str:
    model = told.get("gen_ai.request.model")
    operation = told["gen_ai.operation.name"]
    return f"{operation} {model}" if model else str(operation)


def _close(span: Span, event: AttemptEnded | RequestEnded) -> None:
    if event.end == "failed":
        span.set_status(StatusCode.ERROR)
    span.end(_nanoseconds(event.at))


def _nanoseconds(moment: float) -> int:
    return int(moment * 1e9)
