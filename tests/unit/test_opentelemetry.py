import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, fields
from happened import attempt, began, ended
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NoOpTracer, SpanKind, StatusCode

from modelmesh.connectors import registry
from modelmesh.connectors.observability.opentelemetry import attributes, measures, messages
from modelmesh.connectors.observability.opentelemetry.measures import Measure
from modelmesh.connectors.observability.opentelemetry.options import Options
from modelmesh.connectors.observability.opentelemetry.spans import Spans
from modelmesh.events import (
    CooldownBegan,
    LimitReached,
    RequestBegan,
    RequestEnded,
    Rotated,
    StoreBack,
)
from modelmesh.rules import ErrorKind
from modelmesh.types import Request
from modelmesh.usage import Usage

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "vendor=1"}

BEGAN = began(at=100.0)
ANSWERED = attempt(
    at=102.0,
    target="openai/gpt",
    provider="openai",
    model="gpt-x",
    seconds=1.5,
    connector="openai.llm.v1",
    server="api.openai.com:443",
    first_token=0.5,
    usage=Usage(prompt=10, completion=4),
    cost=0.25,
)
FAILED = evolve(
    ANSWERED,
    at=100.5,
    seconds=0.4,
    end="failed",
    cause=ErrorKind.RATE_LIMIT,
    status=429,
    usage=None,
    cost=None,
    first_token=None,
)
ENDED = ended(at=102.0, seconds=2.0, attempts=(FAILED, ANSWERED))


class Traced:
    """Spans as they are sent, to a list."""

    def __init__(self, *, level: str = "metadata", sample: float = 1.0) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider(ParentBased(TraceIdRatioBased(sample)), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.spans = Spans(provider.get_tracer("modelmesh"), level)

    @property
    def sent(self) -> Sequence[ReadableSpan]:
        return self._kept.get_finished_spans()

    def run(self, began: RequestBegan = BEGAN, ended: RequestEnded = ENDED) -> None:
        self.spans.begin(began)
        self.spans.end(ended)


def request(headers: Mapping[str, str]) -> Request:
    return Request(id="r1", model="chat", body={}, headers=headers)


def named(found: Sequence[Measure]) -> dict[str, list[tuple[float, dict[str, Any]]]]:
    by_name: dict[str, list[tuple[float, dict[str, Any]]]] = {}
    for one in found:
        by_name.setdefault(one.name, []).append((one.value, one.attributes))
    return by_name


@pytest.mark.parametrize(
    ("connector", "name"),
    [
        ("openai.llm.v1", "openai"),
        ("anthropic.claude.v1", "anthropic"),
        ("azure.openai.v1", "azure.ai.openai"),
        ("google.gemini.v1", "gcp.gemini"),
        ("mistral.api.v1", "mistral_ai"),
        ("xai.api.v1", "x_ai"),
        ("groq.api.v1", "groq"),
        ("ollama.local.v1", "ollama"),
        ("openai-compatible", "mine"),
        ("my_vendors.acme:Provider", "mine"),
    ],
)
def test_a_vendor_is_called_as_the_conventions_call_it(connector: str, name: str) -> None:
    attempt = evolve(ANSWERED, connector=connector, provider="mine")
    assert attributes.provider(attempt) == name


def test_the_conventions_names_are_of_connectors_that_there_are() -> None:
    known = {*registry.available("providers"), "aws.bedrock.v1", "google.vertex.v1"}
    assert known.issuperset(attributes.WELL_KNOWN)


def test_an_attempt_tells_whom_it_asked_and_what_came_of_it() -> None:
    assert attributes.attempted(ANSWERED, ENDED) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-x",
        "server.address": "api.openai.com",
        "server.port": 443,
        "modelmesh.pool": "chat",
        "modelmesh.target": "openai/gpt",
        "modelmesh.provider": "openai",
        "modelmesh.end": "answered",
        "modelmesh.cost": 0.25,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 4,
    }
    told = attributes.attempted(FAILED, ENDED)
    assert (told["error.type"], told["http.response.status_code"]) == ("rate_limit", 429)
    assert not any(name.startswith("gen_ai.usage") for name in told)


def test_all_of_a_usage_is_told_and_what_is_estimated_as_such() -> None:
    usage = Usage(
        prompt=100,
        completion=50,
        cached=1,
        stored=2,
        stored_1h=3,
        reasoning=4,
        heard=5,
        seen=6,
        spoken=7,
        drawn=8,
        estimated=True,
    )
    told = attributes.attempted(evolve(ANSWERED, usage=usage), evolve(ENDED, stream=True))
    assert {name: told[name] for name in attributes.USAGE} == {
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 1,
        "gen_ai.usage.cache_write.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 4,
        "gen_ai.usage.audio.input_tokens": 5,
        "gen_ai.usage.audio.output_tokens": 7,
        "gen_ai.usage.image.input_tokens": 6,
        "gen_ai.usage.image.output_tokens": 8,
    }
    assert told["modelmesh.estimated"] is True
    assert told["gen_ai.request.stream"] is True
    assert told["gen_ai.response.time_to_first_chunk"] == 0.5


def test_a_request_tells_who_answered_and_what_all_of_it_cost() -> None:
    assert attributes.ended(ENDED) == {
        "http.response.status_code": 200,
        "modelmesh.end": "answered",
        "modelmesh.request.attempts": 2,
        "modelmesh.request.cost": 0.25,
        "gen_ai.response.model": "gpt-x",
    }


@pytest.mark.parametrize(
    ("ended", "type_"),
    [
        (evolve(ENDED, end="failed", status=429, attempts=(FAILED,)), "rate_limit"),
        (evolve(ENDED, end="failed", status=404, code="a word", attempts=()), "404"),
        (evolve(ENDED, end="cancelled", status=499), "cancelled"),
    ],
)
def test_what_went_wrong_is_a_word_of_ours_or_a_status(ended: RequestEnded, type_: str) -> None:
    assert attributes.ended(ended)["error.type"] == type_


def test_a_name_that_is_no_models_and_parameters_are_told_by_level() -> None:
    body = {"temperature": 0.5, "max_tokens": 9, "n": 2, "stop": "secret", "user": "me"}
    began = evolve(BEGAN, model="a prompt", pool="", body=body)
    told = attributes.began(began, level="metadata")
    assert "gen_ai.request.model" not in told
    told = attributes.began(began, level="summary")
    assert told["gen_ai.request.model"] == "a prompt"
    assert "gen_ai.request.temperature" not in told
    told = attributes.began(began, level="full")
    assert told["gen_ai.request.temperature"] == 0.5
    assert told["gen_ai.request.max_tokens"] == 9
    assert told["gen_ai.request.choice.count"] == 2
    assert "secret" not in told.values()


@pytest.mark.parametrize(
    ("endpoint", "operation", "output"),
    [
        ("chat", "chat", None),
        ("embeddings", "embeddings", None),
        ("speech", "generate_content", "speech"),
        ("transcriptions", "generate_content", "text"),
        ("images", "generate_content", "image"),
    ],
)
def test_an_endpoint_is_one_of_the_known_operations(
    endpoint: str, operation: str, output: str | None
) -> None:
    told = attributes.began(evolve(BEGAN, endpoint=endpoint), level="metadata")
    assert told["gen_ai.operation.name"] == operation
    assert told.get("gen_ai.output.type") == output


def test_attempts_are_within_their_request_and_one_after_another() -> None:
    traced = Traced()
    traced.run(evolve(BEGAN, headers=SAMPLED))
    first, second, whole = traced.sent
    assert [span.name for span in traced.sent] == ["chat gpt-x", "chat gpt-x", "chat chat"]
    assert [span.kind for span in traced.sent] == [*[SpanKind.CLIENT] * 2, SpanKind.SERVER]
    assert whole.parent is not None
    assert (f"{whole.parent.trace_id:032x}", f"{whole.parent.span_id:016x}") == (TRACE, CALLER)
    for each in (first, second):
        assert each.parent == whole.context
    assert (first.start_time, first.end_time) == (100_100_000_000, 100_500_000_000)
    assert (whole.start_time, whole.end_time) == (100_000_000_000, 102_000_000_000)
    assert first.status.status_code is StatusCode.ERROR
    assert second.status.status_code is StatusCode.UNSET
    assert first.status.description is None
    (link,) = second.links
    assert link.context == first.context
    assert link.attributes == {"error.type": "rate_limit"}


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "nonsense",
        f"00-{'0' * 32}-{CALLER}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{CALLER}-01",
        f"00-{TRACE}-{CALLER}-01-more",
        "€",
    ],
)
def test_a_traceparent_that_is_none_is_passed_by_and_its_state_with_it(traceparent: str) -> None:
    traced = Traced()
    headers = {"traceparent": traceparent, "tracestate": "vendor=1"}
    traced.spans.begin(evolve(BEGAN, headers=headers))
    sent = traced.spans.headers(request(headers))
    traced.spans.end(ENDED)
    whole = traced.sent[-1]
    assert whole.parent is None
    assert whole.kind is SpanKind.INTERNAL
    own = whole.context
    assert own is not None
    ids = f"{own.trace_id:032x}-{own.span_id:016x}"
    assert sent == {"traceparent": f"00-{ids}-{own.trace_flags:02x}"}


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_header_of_a_client_breaks_a_span(traceparent: str, tracestate: str) -> None:
    traced = Traced()
    headers = {"traceparent": traceparent, "tracestate": tracestate}
    traced.spans.begin(evolve(BEGAN, headers=headers))
    assert set(traced.spans.headers(request(headers))) <= {"traceparent", "tracestate"}
    traced.spans.end(ENDED)
    assert len(traced.sent) == 3


def test_vendors_are_told_of_the_requests_span_and_the_rest_of_its_trace() -> None:
    traced = Traced()
    headers = {**SAMPLED, "x-client-request-id": "mine"}
    traced.spans.begin(evolve(BEGAN, headers=headers))
    sent = traced.spans.headers(request(headers))
    traced.spans.end(ENDED)
    assert traced.sent[-1].context is not None
    span = f"{traced.sent[-1].context.span_id:016x}"
    assert sent == {
        "x-client-request-id": "mine",
        "traceparent": f"00-{TRACE}-{span}-01",
        "tracestate": "vendor=1",
    }


def test_what_a_client_does_not_trace_is_not_traced_and_vendors_know() -> None:
    traced = Traced()
    unsampled = {"traceparent": f"00-{TRACE}-{CALLER}-00"}
    traced.spans.begin(evolve(BEGAN, headers=unsampled))
    sent = traced.spans.headers(request(unsampled))["traceparent"]
    traced.spans.end(ENDED)
    assert traced.sent == ()
    assert sent.startswith(f"00-{TRACE}-")
    assert sent.endswith("-00")


def test_a_share_of_requests_is_traced_and_those_of_whom_traces_all_are() -> None:
    traced = Traced(sample=1e-9)
    traced.run()
    assert traced.sent == ()
    traced.run(evolve(BEGAN, headers=SAMPLED))
    assert len(traced.sent) == 3


def test_in_process_a_request_is_within_the_span_that_runs() -> None:
    traced = Traced()
    around = TracerProvider(shutdown_on_exit=False).get_tracer("app").start_span("app")
    token = context.attach(trace.set_span_in_context(around))
    try:
        traced.run(evolve(BEGAN, headers=SAMPLED))
    finally:
        context.detach(token)
    whole = traced.sent[-1]
    assert whole.parent == around.get_span_context()
    assert whole.kind is SpanKind.INTERNAL


def test_switched_off_it_passes_on_what_the_client_sent() -> None:
    spans = Spans(NoOpTracer(), "metadata")
    spans.begin(BEGAN)
    assert spans.headers(request({"x-other": "1"})) == {"x-other": "1"}
    spans.end(ENDED)


def test_requests_with_one_id_have_spans_of_their_own() -> None:
    traced = Traced()
    for _ in range(2):
        traced.spans.begin(BEGAN)
    for _ in range(3):
        traced.spans.end(evolve(ENDED, attempts=()))
    assert len({span.context.span_id for span in traced.sent if span.context}) == 2


def test_what_was_said_is_told_as_it_is_shown_and_pictures_are_only_named() -> None:
    body = {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "data:..."}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
            "no message",
        ]
    }
    assert messages.asked(body) == (
        '[{"role":"system","parts":[{"type":"text","content":"Be kind."}]},'
        '{"role":"user","parts":[{"type":"text","content":"What is it?"},'
        '{"type":"generic","generic_type":"image_url"}]},'
        '{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"f","arguments":"{}"}]},'
        '{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"42"}]}]'
    )
    assert messages.asked({"temperature": 1}) == ""
    said = '[{"role":"user","parts":[{"type":"text","content":"a cat"}]}]'
    assert messages.asked({"prompt": "a cat"}) == said
    assert messages.asked({"input": ["a cat"]}) == said
    assert messages.answered("") == ""
    assert messages.answered("Hi") == said.replace("user", "assistant").replace("a cat", "Hi")


def test_spans_have_what_was_said_only_where_events_have_it() -> None:
    traced = Traced(level="full")
    traced.run()
    assert not any("messages" in name for span in traced.sent for name in span.attributes or ())
    said = evolve(BEGAN, body={"messages": [{"role": "user", "content": "hello"}]})
    traced.run(said, evolve(ENDED, answer="Hi"))
    told = traced.sent[-1].attributes or {}
    assert "hello" in str(told["gen_ai.input.messages"])
    assert "Hi" in str(told["gen_ai.output.messages"])


def test_what_a_client_waits_for_is_measured_apart_from_what_vendors_take() -> None:
    found = named(list(measures.of_request(evolve(ENDED, stream=True))))
    ours = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "modelmesh",
        "gen_ai.request.model": "chat",
    }
    vendor = attributes.asked(ANSWERED, ENDED)
    assert found["gen_ai.server.request.duration"] == [(2.0, ours)]
    # It was asked half a second after the request came, and its first word took as long.
    assert found["gen_ai.server.time_to_first_token"] == [(1.0, ours)]
    failed = vendor | {"error.type": "rate_limit"}
    assert found["gen_ai.client.inference.duration"] == [(0.4, failed), (1.5, vendor)]
    assert found["gen_ai.client.inference.time_to_first_chunk"] == [(0.5, vendor)]
    unknown = vendor | {"gen_ai.token.modality": "unknown"}
    assert found["gen_ai.client.inference.usage.input_tokens"] == [(0, unknown), (10, unknown)]
    assert found["gen_ai.client.inference.operation.output_tokens"] == [(0, failed), (4, vendor)]
    assert found["modelmesh.cost"] == [(0.25, vendor | {"modelmesh.pool": "chat"})]


def test_tokens_are_counted_by_what_they_stand_for_and_estimates_are_not() -> None:
    usage = Usage(prompt=10, completion=8, heard=3, cached=2, drawn=8, reasoning=1, stored_1h=4)
    heard = evolve(ENDED, attempts=(evolve(ANSWERED, usage=usage),))
    found = {
        (one.name.removeprefix("gen_ai.client.inference.usage."), kind): one.value
        for one in measures.of_request(heard)
        if (kind := one.attributes.get("gen_ai.token.modality"))
    }
    assert found == {
        ("input_tokens", "text"): 7,
        ("input_tokens", "audio"): 3,
        ("output_tokens", "image"): 8,
        ("cache_read.input_tokens", "unknown"): 2,
        ("cache_write.input_tokens", "unknown"): 4,
        ("reasoning.output_tokens", "unknown"): 1,
    }
    guessed = evolve(ANSWERED, usage=evolve(usage, estimated=True))
    counted = [
        one.value
        for one in measures.of_request(evolve(ENDED, attempts=(guessed,)))
        if "token" in measures.INSTRUMENTS[one.name].unit
    ]
    assert counted == [0, 0, 0, 0]


def test_embeddings_have_measures_of_their_own() -> None:
    embedded = evolve(ENDED, endpoint="embeddings", attempts=(ANSWERED,))
    assert [one.name for one in measures.of_request(embedded)] == [
        "gen_ai.server.request.duration",
        "gen_ai.server.time_to_first_token",
        "gen_ai.client.embeddings.duration",
        "gen_ai.client.embeddings.operation.input_tokens",
        "modelmesh.cost",
    ]
    assert "gen_ai.usage.output_tokens" not in attributes.attempted(
        evolve(ANSWERED, usage=Usage(prompt=3)), embedded
    )


def test_names_that_clients_make_up_make_no_series() -> None:
    lost = evolve(ENDED, model="made up", pool="", end="failed", status=404, attempts=())
    (one,) = measures.of_request(lost)
    assert "made up" not in one.attributes.values()


def test_changes_are_counted() -> None:
    cooled = CooldownBegan(at=1.0, of="target", id="a/b", cause=ErrorKind.TIMEOUT, seconds=9.0)
    reached = LimitReached(at=1.0, limit="rpm", pool="chat", target="a/b", seconds=None)
    events = [Rotated(at=1.0, pool="chat", before="a", after="b"), cooled, reached]
    assert [next(measures.of_change(event)) for event in events] == [
        Measure("modelmesh.rotations", 1, {"modelmesh.pool": "chat"}),
        Measure(
            "modelmesh.cooldowns",
            1,
            {"modelmesh.of": "target", "modelmesh.id": "a/b", "modelmesh.cause": "timeout"},
        ),
        Measure(
            "modelmesh.limits.reached",
            1,
            {"modelmesh.limit": "rpm", "modelmesh.pool": "chat", "modelmesh.target": "a/b"},
        ),
    ]
    assert list(measures.of_change(StoreBack(at=1.0, store="redis"))) == []


def test_every_measure_has_an_instrument() -> None:
    events = [ENDED, evolve(ENDED, endpoint="embeddings"), evolve(ENDED, stream=True)]
    found = {one.name for event in events for one in measures.of_request(event)}
    changes = {name for name, _ in measures.OF_CHANGES.values()}
    rare = {"cache_read.input_tokens", "cache_write.input_tokens", "reasoning.output_tokens"}
    rare = {f"gen_ai.client.inference.usage.{name}" for name in rare}
    assert found | changes | rare == set(measures.INSTRUMENTS)


def test_the_page_has_every_setting_and_every_metric() -> None:
    page = (Path(__file__).parents[2] / "docs/traces.md").read_text()
    settings = {each.name for each in fields(Options)}
    assert {name for name in settings if f"    {name}: " not in page} == set()
    assert {name for name in measures.INSTRUMENTS if f"`{name}`" not in page} == set()


def test_without_its_libraries_it_says_what_to_install() -> None:
    code = """
import sys
sys.modules["opentelemetry.exporter"] = None
from modelmesh.config import schema
from modelmesh.connectors import registry
from modelmesh.errors import ConfigError
try:
    registry.find("observability", "modelmesh.opentelemetry.v1")(schema.Observer())
except ConfigError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'modelmesh-lite[opentelemetry]'" in ran.stdout


def test_nothing_of_it_is_imported_before_somebody_names_it() -> None:
    code = """
import sys
import modelmesh.connectors.observability.opentelemetry
print([name for name in sys.modules if name.split(".")[0] in ("opentelemetry", "google")])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
