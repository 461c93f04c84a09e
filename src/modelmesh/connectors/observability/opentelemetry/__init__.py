"""Spans and metrics for OpenTelemetry, by its conventions for generative AI, sent by OTLP.

A request is one span, and what is asked of vendors for it are spans within. The trace is that of
the client if it names one (https://www.w3.org/TR/trace-context/), and vendors are told of the
request's span. It needs OpenTelemetry's libraries, the extra `opentelemetry`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from modelmesh.config import schema
from modelmesh.connectors.observability.opentelemetry import measures
from modelmesh.connectors.observability.opentelemetry.options import Options
from modelmesh.errors import ConfigError, Problem
from modelmesh.events import Event, RequestBegan, RequestEnded
from modelmesh.types import Request

if TYPE_CHECKING:
    from modelmesh.connectors.observability.opentelemetry.otlp import Sdk
    from modelmesh.connectors.observability.opentelemetry.spans import Spans


class Observer:
    """Tells a collector of requests, attempts and changes."""

    connector: ClassVar = "modelmesh.opentelemetry.v1"
    Options: ClassVar = Options
    everything: ClassVar = True
    _sdk: "Sdk"
    _spans: "Spans"

    def __init__(self, settings: schema.Observer) -> None:
        """Make sure of the libraries.

        Raises:
            ConfigError: they are not there.

        """
        try:
            # Only who is told of events this way needs them.
            from modelmesh.connectors.observability.opentelemetry import (  # noqa: PLC0415 - see above
                otlp,
                spans,
            )
        except ImportError:
            message = "OpenTelemetry needs libraries: pip install 'modelmesh-lite[opentelemetry]'"
            raise ConfigError([Problem("observability", message)]) from None
        self._options = Options(**settings.options)
        self._level = settings.level
        self._libraries = otlp, spans

    @property
    def lost(self) -> int:
        """How many spans could not be sent. Those a full queue had no place for are not counted."""
        return self._sdk.lost

    async def start(self) -> None:
        """Begin to send, in threads of this process."""
        otlp, spans = self._libraries
        self._sdk = otlp.Sdk(self._options)
        self._spans = spans.Spans(self._sdk.tracer, self._level)

    def __call__(self, event: Event) -> None:
        """Take an event in. It is sent later, beside requests."""
        if isinstance(event, RequestBegan):
            self._spans.begin(event)
        elif isinstance(event, RequestEnded):
            self._spans.end(event)
            for measure in measures.of_request(event):
                self._sdk.measure(measure)
        else:
            for measure in measures.of_change(event):
                self._sdk.measure(measure)

    def marks(self, request: Request) -> Mapping[str, str]:
        """Return the headers that vendors are sent: they name the request's span."""
        return self._spans.headers(request)

    async def close(self) -> None:
        """Send what is left, for a few seconds."""
        await self._sdk.close()
