"""The settings that only OpenTelemetry has."""

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import optional

from modelmesh.config.schema.values import Duration, header_fields, positive, share, web_address


@frozen(kw_only=True)
class Options:
    """The observer's own settings. What is left out, OpenTelemetry's `OTEL_*` variables say."""

    # Where a collector takes OTLP over HTTP. By default http://localhost:4318.
    endpoint: str | None = field(default=None, validator=web_address)
    # Headers sent with everything, such as an authorization.
    headers: Mapping[str, str] = field(factory=dict, validator=header_fields, repr=False)
    # What this mesh is called among services. By default modelmesh.
    service_name: str | None = None
    # The share of requests that are traced; a client's own choice comes first. By default all.
    sample: float | None = field(default=None, validator=optional(share))
    # How often metrics are sent. By default once a minute.
    metrics_interval: Duration | None = field(default=None, validator=optional(positive))
