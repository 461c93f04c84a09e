"""A real collector is told by the real proxy: of what it does, of nothing else, and beside it."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from otlp_receiver import OtlpReceiver
from proxy_process import MESSAGES, POOL, ProxyProcess, one_vendor, running_proxy, until

import modelmesh
from modelmesh.testing.fake_provider import FakeProvider

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "vendor=1"}
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
PROMPT = "canary-prompt"
KEY = "canary-key-of-a-vendor-0123456789"
TOKEN = "canary-token-of-ours-0123456789"
COLLECTOR = "canary-key-of-a-collector-0123456789"


def traced(config: Mapping[str, Any], endpoint: str, **settings: Any) -> dict[str, Any]:
    """Return a configuration with a collector that is told of everything."""
    options = {"endpoint": endpoint, "metrics_interval": "100ms"} if endpoint else {}
    observer = {"connector": "modelmesh.opentelemetry.v1", "options": options, **settings}
    return {**config, "observability": {"logging": observer}}


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[OtlpReceiver]:
    async with OtlpReceiver() as running:
        yield running


async def arrived(receiver: OtlpReceiver, spans: int) -> None:
    await until(lambda: len(receiver.spans) >= spans)
    assert len(receiver.spans) == spans


async def test_a_request_is_a_span_of_its_clients_trace_and_vendors_go_on_from_it(
    vendor: FakeProvider, receiver: OtlpReceiver
) -> None:
    async with running_proxy(traced(one_vendor(vendor, "ok"), receiver.url), env=SOON) as proxy:
        before = time.time()
        assert (await proxy.chat(headers={**SAMPLED, "x-request-id": "mine"})).status == 200
        await arrived(receiver, 2)
    whole = receiver.span(f"chat {POOL}")
    assert (whole.trace, whole.parent, whole.state) == (TRACE, CALLER, "vendor=1")
    assert (whole.kind, whole.status) == ("SERVER", "UNSET")
    assert before < whole.began < whole.ended < time.time()
    assert whole.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "modelmesh",
        "gen_ai.request.model": POOL,
        "gen_ai.response.model": "ok",
        "http.response.status_code": 200,
        "modelmesh.request.attempts": 1,
        "modelmesh.end": "answered",
        "modelmesh.pool": POOL,
        "modelmesh.request.id": "mine",
    }
    (attempt,) = receiver.within(whole)
    assert (attempt.name, attempt.kind, attempt.status) == ("chat ok", "CLIENT", "UNSET")
    assert whole.began <= attempt.began < attempt.ended <= whole.ended
    told = dict(attempt.attributes)
    assert told.pop("gen_ai.usage.input_tokens") > 0
    assert told.pop("gen_ai.usage.output_tokens") > 0
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "fake",
        "gen_ai.request.model": "ok",
        "modelmesh.end": "answered",
        "modelmesh.pool": POOL,
        "modelmesh.provider": "fake",
        "modelmesh.target": "fake/ok",
        "server.address": vendor.host,
        "server.port": vendor.port,
    }
    assert whole.resource["service.name"] == "modelmesh"
    assert whole.resource["service.instance.id"]
    sent = vendor.received[-1].headers
    assert sent["traceparent"] == f"00-{TRACE}-{whole.id}-01"
    assert sent["tracestate"] == "vendor=1"


async def test_a_stream_tells_when_it_began_to_come(
    vendor: FakeProvider, receiver: OtlpReceiver
) -> None:
    config = traced(one_vendor(vendor, "steady~chunks=3~gap=0.1"), receiver.url)
    async with running_proxy(config, env=SOON) as proxy:
        assert (await proxy.chat(stream=True)).events[-1] == "[DONE]"
        await arrived(receiver, 2)
    whole = receiver.span(f"chat {POOL}")
    assert (whole.parent, whole.kind) == ("", "INTERNAL")
    (attempt,) = receiver.within(whole)
    for span in (whole, attempt):
        assert span.attributes["gen_ai.request.stream"] is True
        assert span.attributes["modelmesh.end"] == "answered"
    assert 0 < attempt.attributes["gen_ai.response.time_to_first_chunk"] < 0.2
    assert attempt.ended - attempt.began > 0.2


async def test_a_failover_is_two_attempts_of_which_the_second_names_the_first(
    vendor: FakeProvider, receiver: OtlpReceiver
) -> None:
    config = traced(one_vendor(vendor, "status~code=500", "ok"), receiver.url)
    async with running_proxy(config, env=SOON) as proxy:
        assert (await proxy.chat()).status == 200
        await arrived(receiver, 3)
    whole = receiver.span(f"chat {POOL}")
    assert (whole.status, whole.attributes["modelmesh.request.attempts"]) == ("UNSET", 2)
    failed, answered = receiver.within(whole)
    assert (failed.status, answered.status) == ("ERROR", "UNSET")
    assert failed.attributes["error.type"] == "server_error"
    assert failed.attributes["http.response.status_code"] == 500
    assert failed.attributes["modelmesh.target"] == "fake/status~code=500"
    assert not any("usage" in name for name in failed.attributes)
    assert answered.links == [(failed.id, {"error.type": "server_error"})]
    assert failed.ended <= answered.began


async def test_a_request_that_fails_says_why_and_what_its_client_was_told(
    vendor: FakeProvider, receiver: OtlpReceiver
) -> None:
    config = traced(one_vendor(vendor, "status~code=429"), receiver.url)
    config["pools"][POOL]["max_wait"] = 0
    async with running_proxy(config, env=SOON) as proxy:
        assert (await proxy.chat()).status == 429
        assert (await proxy.chat(model="made-up")).status == 404
        await arrived(receiver, 3)
    whole = receiver.span(f"chat {POOL}")
    assert whole.status == "ERROR"
    assert whole.attributes["http.response.status_code"] == 429
    assert whole.attributes["error.type"] == "rate_limit"
    assert "gen_ai.response.model" not in whole.attributes
    lost = receiver.span("chat")
    assert lost.attributes["error.type"] == "404"
    assert "made-up" not in str(lost)


async def test_a_client_that_leaves_is_no_error_of_anybodys(
    vendor: FakeProvider, receiver: OtlpReceiver
) -> None:
    config = traced(one_vendor(vendor, "steady~chunks=1000~gap=0.02"), receiver.url)
    async with running_proxy(config, env=SOON) as proxy:
        body = {"model": POOL, "messages": MESSAGES, "stream": True}
        url = f"{proxy.url}/v1/chat/completions"
        async with proxy.client.post(url, json=body) as response:
            await response.content.readline()
        await arrived(receiver, 2)
    for span in receiver.spans:
        assert span.status == "UNSET"
        assert span.attributes["error.type"] == "cancelled"
        assert span.attributes["modelmesh.end"] == "cancelled"
    assert receiver.span(f"chat {POOL}").attributes["http.response.status_code"] == 499


async def test_metrics_come_with_the_bounds_and_units_of_the_conventions(
    vendor: FakeProvider, receiver: OtlpReceiver
) -> None:
    config = traced(one_vendor(vendor, "status~code=500", "ok"), receiver.url)
    config["models"]["ok"]["pricing"] = {"input": 1.0, "output": 2.0}
    async with running_proxy(config) as proxy:
        await proxy.chat(stream=True)
        await until(lambda: "modelmesh.cost" in receiver.metrics)
    failed, answered = receiver.metrics["gen_ai.client.inference.duration"]
    assert failed.attributes["error.type"] == "server_error"
    assert answered.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "fake",
        "gen_ai.request.model": "ok",
        "server.address": vendor.host,
        "server.port": vendor.port,
    }
    assert (answered.count, answered.bounds[0], answered.bounds[-1]) == (1, 0.01, 81.92)
    (waited,) = receiver.metrics["gen_ai.server.time_to_first_token"]
    assert waited.bounds[:2] == (0.001, 0.005)
    assert waited.attributes["gen_ai.request.model"] == POOL
    assert receiver.units["gen_ai.client.inference.usage.output_tokens"] == "{token}"
    (cost,) = receiver.metrics["modelmesh.cost"]
    assert 0 < cost.value < 0.001
    assert {"gen_ai.client.inference.time_to_first_chunk", "modelmesh.rotations"} <= set(
        receiver.metrics
    )


@pytest.mark.parametrize("level", ["metadata", "summary", "full"])
async def test_no_key_and_no_prompt_is_in_anything_sent(
    vendor: FakeProvider, receiver: OtlpReceiver, level: str
) -> None:
    config = traced(one_vendor(vendor, "status~code=500", "echo"), receiver.url, level=level)
    await run_with_secrets(config, receiver)
    assert PROMPT.encode() not in b"".join(receiver.bodies)


async def test_what_was_said_is_sent_where_it_is_asked_for_and_keys_never_are(
    vendor: FakeProvider, receiver: OtlpReceiver
) -> None:
    config = traced(one_vendor(vendor, "status~code=500", "echo"), receiver.url, content={})
    await run_with_secrets(config, receiver)
    told = [span.attributes for span in receiver.spans if span.kind == "INTERNAL"]
    assert len(told) == 2
    for each in told:
        assert (
            f'{{"role":"user","parts":[{{"type":"text","content":"{PROMPT}'
            in (each["gen_ai.input.messages"])
        )
        assert '[{"role":"assistant","parts":' in each["gen_ai.output.messages"]


async def run_with_secrets(config: dict[str, Any], receiver: OtlpReceiver) -> None:
    """Send a chat and a stream that quote keys; no key is in what the collector gets."""
    config["providers"]["fake"]["api_key"] = KEY
    config["observability"]["logging"]["options"]["headers"] = {"authorization": COLLECTOR}
    config["proxy"]["auth"] = {"tokens": [TOKEN]}
    async with running_proxy(config, env=SOON) as proxy:
        said = [{"role": "user", "content": f"{PROMPT} {KEY} {TOKEN}"}]
        key = {"authorization": f"Bearer {TOKEN}"}
        for stream in (False, True):
            came = await proxy.chat(headers=key, messages=said, stream=stream)
            assert came.status == 200
        await until(lambda: sum(span.kind == "INTERNAL" for span in receiver.spans) == 2)
        await until(lambda: receiver.metrics)
    assert {headers["authorization"] for headers in receiver.headers} == {COLLECTOR}
    sent = b"".join(receiver.bodies)
    for secret in (KEY, TOKEN, COLLECTOR):
        assert secret.encode() not in sent
        assert secret not in proxy.logs


async def test_what_settings_leave_open_the_environment_says(
    vendor: FakeProvider, receiver: OtlpReceiver
) -> None:
    env = {
        **SOON,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-team=search",
        "OTEL_SERVICE_NAME": "gateway",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        "OTEL_METRIC_EXPORT_INTERVAL": "100",
    }
    async with running_proxy(traced(one_vendor(vendor, "ok"), ""), env=env) as proxy:
        await proxy.chat()
        await arrived(receiver, 2)
        await until(lambda: receiver.metrics)
    resource = receiver.spans[0].resource
    assert resource["service.name"] == "gateway"
    assert resource["deployment.environment.name"] == "test"
    assert receiver.headers[0]["x-team"] == "search"


async def test_switched_off_by_the_environment_it_changes_nothing(
    vendor: FakeProvider, receiver: OtlpReceiver
) -> None:
    env = {**SOON, "OTEL_SDK_DISABLED": "true"}
    async with running_proxy(traced(one_vendor(vendor, "ok"), receiver.url), env=env) as proxy:
        await proxy.chat(headers=SAMPLED)
        proxy.signal()
        assert await proxy.exit_code() == 0
    assert receiver.bodies == []
    assert vendor.received[-1].headers["traceparent"] == SAMPLED["traceparent"]


async def test_what_is_left_is_sent_at_the_end(
    vendor: FakeProvider, receiver: OtlpReceiver
) -> None:
    slow = {"OTEL_BSP_SCHEDULE_DELAY": "60000"}
    config = traced(one_vendor(vendor, "ok"), receiver.url)
    config["observability"]["logging"]["options"]["metrics_interval"] = "1h"
    async with running_proxy(config, env=slow) as proxy:
        await proxy.chat()
        assert receiver.bodies == []
        proxy.signal()
        assert await proxy.exit_code() == 0
    assert len(receiver.spans) == 2
    assert "gen_ai.server.request.duration" in receiver.metrics


async def test_workers_are_told_apart(vendor: FakeProvider, receiver: OtlpReceiver) -> None:
    config = traced(one_vendor(vendor, "ok", workers=2), receiver.url)
    async with running_proxy(config, env=SOON) as proxy:
        async with asyncio.timeout(10):
            while len(instances(receiver)) < 2:
                await proxy.chat(headers={"connection": "close"})
                await asyncio.sleep(0.02)
        proxy.signal()
        assert await proxy.exit_code() == 0


def instances(receiver: OtlpReceiver) -> set[str]:
    return {span.resource["service.instance.id"] for span in receiver.spans}


@pytest.mark.parametrize("silent", [False, True], ids=["refused", "silent"])
async def test_a_collector_that_is_away_costs_no_request_anything(
    vendor: FakeProvider, *, silent: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        endpoint = f"http://127.0.0.1:{place.getsockname()[1]}"
        if not silent:
            place.close()
        config = traced(one_vendor(vendor, "ok"), endpoint)
        env = {**SOON, "OTEL_BSP_MAX_QUEUE_SIZE": "64", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "16"}
        env["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1"
        async with running_proxy(config, env=env) as proxy:
            await answers_quickly(proxy, 300)
            await proxy.says("OpenTelemetry: spans cannot be sent")
            await answers_quickly(proxy, 100)
            proxy.signal()
            assert await proxy.exit_code(within=8) == 0
        lines = [line for line in proxy.logs.splitlines() if "WARNING" in line or "ERROR" in line]
        assert len([line for line in lines if "spans cannot be sent" in line]) == 1
        assert len(lines) < 8, lines
        assert "Traceback" not in proxy.logs


async def answers_quickly(proxy: ProxyProcess, count: int) -> None:
    for _ in range(count):
        before = time.monotonic()
        assert (await proxy.chat()).status == 200
        assert time.monotonic() - before < 0.5


async def test_a_collector_that_comes_back_is_told_again(vendor: FakeProvider) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    config = traced(one_vendor(vendor, "ok"), f"http://127.0.0.1:{port}")
    env = {**SOON, "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5"}
    async with running_proxy(config, env=env) as proxy:
        await proxy.chat()
        await proxy.says("OpenTelemetry: spans cannot be sent, and are dropped until they can")
        async with OtlpReceiver(port) as receiver:
            await proxy.chat()
            await proxy.says("OpenTelemetry: spans are sent again")
            await arrived(receiver, 2)


@pytest.mark.parametrize("waits", [False, True], ids=["async", "sync"])
async def test_in_process_a_request_is_within_the_span_of_who_asks(
    vendor: FakeProvider, receiver: OtlpReceiver, *, waits: bool
) -> None:
    config = traced(one_vendor(vendor, "ok"), receiver.url)
    around = TracerProvider(shutdown_on_exit=False).get_tracer("app").start_span("app")
    with trace.use_span(around):
        if waits:
            await asyncio.to_thread(ask_and_wait, config)
        else:
            async with modelmesh.create_async(config=config) as client:
                await client.chat.completions.create(model=POOL, messages=MESSAGES)
    whole = receiver.span(f"chat {POOL}")
    assert whole.parent == f"{around.get_span_context().span_id:016x}"
    assert whole.kind == "INTERNAL"
    assert len(receiver.within(whole)) == 1
    assert vendor.received[-1].headers["traceparent"].split("-")[2] == whole.id


async def test_spans_that_cannot_be_sent_are_counted(
    vendor: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    with socket.create_server(("127.0.0.1", 0)) as place:
        endpoint = f"http://127.0.0.1:{place.getsockname()[1]}"
    config = traced(one_vendor(vendor, "ok"), endpoint)
    async with modelmesh.create_async(config=config) as client:
        await client.chat.completions.create(model=POOL, messages=MESSAGES)
        (observer,) = client.mesh.observers
    assert getattr(observer, "lost", 0) == 2


def ask_and_wait(config: dict[str, Any]) -> None:
    with modelmesh.create(config=config) as client:
        client.chat.completions.create(model=POOL, messages=MESSAGES)


async def test_a_program_that_ends_without_closing_its_client_has_sent_everything(
    vendor: FakeProvider, receiver: OtlpReceiver
) -> None:
    program = f"""
import modelmesh
client = modelmesh.create(config={traced(one_vendor(vendor, "ok"), receiver.url)!r})
client.chat.completions.create(model={POOL!r}, messages={MESSAGES!r})
"""
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await ended.wait() == 0
    assert {span.name for span in receiver.spans} == {f"chat {POOL}", "chat ok"}
    assert "gen_ai.server.request.duration" in receiver.metrics
