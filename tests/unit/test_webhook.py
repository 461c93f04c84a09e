"""The webhook observer: what it sends, what it sends again, what it says when it cannot."""

import asyncio
import base64
import hmac
import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest
from happened import began

from modelmesh.config import schema
from modelmesh.config.faults import Invalid
from modelmesh.config.structure import Structure
from modelmesh.connectors.observability._signature import signature, signing_key
from modelmesh.connectors.observability.webhook import Observer, Options
from modelmesh.errors import ErrorKind
from modelmesh.events import LimitNear
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import (
    Script,
    Scripted,
    ScriptedTransport,
    fail,
    reply,
    until,
)
from modelmesh.types import HttpRequest, Secret

URL = "https://hooks.example.com/services/canary-in-the-path?token=canary-in-the-query"
NEAR = LimitNear(at=1_800_000_000.0, limit="rpm of groq", share=0.8)
TURNS = 20


def made(script: Script, **options: Any) -> tuple[Observer, ScriptedTransport]:
    clock = FakeClock()
    transport = ScriptedTransport(script, clock)
    settings = schema.Observer(options={"url": Secret(URL), "wait": 0.0, **options})
    return Observer(settings, clock=clock, rng=Random(1), transport=transport), transport


async def turns() -> None:
    """Let everybody do what there is to do without time passing."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def sent(script: Script, events: int = 1, **options: Any) -> ScriptedTransport:
    """Return what was sent of some events until the observer is closed."""
    observer, transport = made(script, **options)
    for _ in range(events):
        observer(NEAR)
    await observer.start()
    await turns()
    await observer.close()
    return transport


def body(request: HttpRequest) -> Any:
    return json.loads(request.body)


async def test_a_record_is_posted_as_json_in_a_batch() -> None:
    transport = await sent([reply()])
    (request,) = transport.requests
    assert (request.method, request.url) == ("POST", URL)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-timestamp"] == "1800000000"
    assert body(request) == {
        "dropped": 0,
        "records": [
            {
                "event": "limit.near",
                "time": "2027-01-15T08:00:00.000Z",
                "limit": "rpm of groq",
                "share": 0.8,
            }
        ],
    }


async def test_records_go_in_batches_one_after_the_other() -> None:
    transport = await sent(lambda _: reply(), events=7, batch=3)
    assert [len(body(request)["records"]) for request in transport.requests] == [3, 3, 1]
    assert len({request.headers["webhook-id"] for request in transport.requests}) == 3
    assert transport.open == 0
    assert transport.closed


async def test_nothing_is_sent_where_nothing_happened() -> None:
    assert (await sent([], events=0)).requests == []


async def test_one_batch_is_on_its_way_at_a_time() -> None:
    come = asyncio.Event()
    observer, transport = made(lambda _: until(come), batch=1)
    await observer.start()
    for _ in range(5):
        observer(NEAR)
    await turns()
    assert len(transport.requests) == 1


async def test_starting_again_changes_nothing() -> None:
    observer, transport = made(lambda _: reply(), batch=1)
    await observer.start()
    await observer.start()
    observer(NEAR)
    await turns()
    await observer.close()
    assert len(transport.requests) == 1


def ids(requests: Sequence[HttpRequest]) -> list[tuple[str, bytes]]:
    return [(request.headers["webhook-id"], request.body) for request in requests]


AGAIN: list[Scripted] = [reply(status) for status in (408, 429, 500, 502, 503, 529)]
AGAIN += [fail(ErrorKind.UNREACHABLE), fail(ErrorKind.TIMEOUT), fail(ErrorKind.BAD_ANSWER)]


@pytest.mark.parametrize("first", AGAIN, ids=str)
async def test_what_did_not_arrive_is_sent_again_under_the_same_id(first: Scripted) -> None:
    # Closing cuts the pause short, for one last try.
    transport = await sent([first, reply()])
    one, two = ids(transport.requests)
    assert one == two


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 410, 413, 422])
async def test_what_is_refused_is_not_sent_again_and_counted(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    transport = await sent([reply(status, headers={"location": "https://elsewhere"})])
    assert len(transport.requests) == 1
    assert caplog.messages == [
        f"the webhook at hooks.example.com does not take records: it answered {status}",
        "records for the webhook at hooks.example.com are dropped from now on",
        "the webhook at hooks.example.com did not get all records (missing: 1)",
    ]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_every_kind_of_success_is_one(status: int, caplog: pytest.LogCaptureFixture) -> None:
    transport = await sent([reply(status)])
    assert len(transport.requests) == 1
    assert caplog.messages == []


async def test_the_next_batch_tells_what_was_dropped_and_the_log_says_it_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    observer, transport = made([reply(503), reply(), reply(), reply()], batch=2, queue=4)
    await observer.start()
    observer(NEAR)
    observer(NEAR)
    await turns()
    for _ in range(10):
        observer(NEAR)
    await observer.close()
    counts = [(body(one)["dropped"], len(body(one)["records"])) for one in transport.requests]
    assert counts == [(0, 2), (0, 2), (6, 2), (0, 2)]
    assert caplog.messages == [
        "the webhook at hooks.example.com does not take records: it answered 503",
        "records for the webhook at hooks.example.com are dropped from now on",
        "the webhook at hooks.example.com takes records again (dropped meanwhile: 6)",
    ]


async def test_a_receiver_that_comes_back_is_told_so_where_nothing_was_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await sent([fail(ErrorKind.UNREACHABLE), reply()])
    assert caplog.messages == [
        "the webhook at hooks.example.com does not take records: unreachable",
        "the webhook at hooks.example.com takes records again (dropped meanwhile: 0)",
    ]


async def test_a_bug_on_the_way_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    said = "canary"

    def script(_: HttpRequest) -> Scripted:
        if len(transport.requests) == 1:
            raise ZeroDivisionError(said)
        return reply()

    observer, transport = made(script, batch=1)
    observer(NEAR)
    observer(NEAR)
    await observer.start()
    await turns()
    await observer.close()
    assert len(transport.requests) == 2
    assert "a webhook broke: ZeroDivisionError" in caplog.text
    assert "Error: canary" not in caplog.text


async def test_headers_of_the_configuration_are_sent_and_replace_none_of_ours() -> None:
    headers = {"Authorization": "Bearer it", "Content-Type": "text/plain", "X-Team": "search"}
    (request,) = (await sent([reply()], headers=headers)).requests
    assert request.headers["authorization"] == "Bearer it"
    assert request.headers["x-team"] == "search"
    assert request.headers["content-type"] == "application/json"
    assert len({name.lower() for name in request.headers}) == len(request.headers)


async def test_a_batch_is_signed_where_there_is_a_secret() -> None:
    (request,) = (await sent([reply()], secret=Secret("any words"))).requests
    said = request.headers
    signed = f"{said['webhook-id']}.{said['webhook-timestamp']}.".encode() + request.body
    digest = hmac.new(b"any words", signed, "sha256").digest()
    assert said["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert "webhook-signature" not in (await sent([reply()])).requests[0].headers


def test_a_signature_is_the_one_that_the_standards_own_libraries_give() -> None:
    key = signing_key(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    given = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert given == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("level", ["metadata", "summary", "full"])
async def test_neither_keys_nor_words_are_in_a_record_a_log_or_a_repr(
    level: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = FakeClock()
    transport = ScriptedTransport([reply(503), reply(401)], clock)
    options: dict[str, Any] = {
        "url": Secret(URL),
        "secret": Secret("canary-that-signs"),
        "headers": {"authorization": "Bearer canary-in-a-header"},
        "wait": 0.0,
    }
    settings = schema.Observer(level=level, options=options)
    observer = Observer(settings, clock=clock, transport=transport)
    observer(
        began(
            request="req_1",
            body={"messages": [{"role": "user", "content": "canary-in-a-prompt"}], "n": 1},
        )
    )
    await observer.start()
    await turns()
    await observer.close()
    assert len(transport.requests) == 2
    seen = [*(one.body.decode() for one in transport.requests), caplog.text]
    seen += [repr(settings), repr(Options(**options)), repr(observer)]
    assert not [text for text in seen if "canary" in text]


GOOD = {"url": "https://hooks.example.com/x?key=1"}


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({}, "url: missing"),
        ({"url": "canary"}, "url: must be an address such as https://example.com/events"),
        ({"url": "ftp://canary.example.com/"}, "url: must be an address such as"),
        ({"url": "https://canary:word@example.com/"}, "url: must be an address such as"),
        ({**GOOD, "secret": "whsec_canary!"}, "secret: must have base64 behind whsec_"),
        ({**GOOD, "headers": {"a": "canary\r\nb: c"}}, "headers: must fit into a header"),
        ({**GOOD, "batch": 0}, "batch: must be more than 0"),
        ({**GOOD, "queue_size": 0}, "queue_size: must be more than 0"),
        ({**GOOD, "retries": 3}, "retries: unknown key"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_shown(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(Invalid) as failure:
        Structure({})(settings, Options)
    (found,) = failure.value.faults
    assert f"{'.'.join(map(str, found.path))}: {found.message}".startswith(fault)
    assert "canary" not in found.message


def test_settings_are_written_as_everywhere() -> None:
    made = Structure({})({**GOOD, "wait": "500ms", "queue_size": "1MiB", "give_up": "1h"}, Options)
    assert (made.wait, made.queue_size, made.give_up) == (0.5, 1 << 20, 3600.0)


PAGE = (Path(__file__).parents[2] / "docs/observability.md").read_text()
SECTION = PAGE.partition("\n## Webhooks\n")[2].partition("\n## ")[0]


def test_the_page_has_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| (`.+?) \| ([^|]+) \|", SECTION, re.MULTILINE)
    told = {
        name: default
        for names, defaults in rows
        for name, default in zip(re.findall(r"`(\w+)`", names), defaults.split(", "), strict=True)
    }
    assert list(told) == [one.name for one in attrs.fields(Options)]
    written = {name: told[name] for name in ("wait", "queue_size", "timeout", "give_up")}
    counted = {name: int(told[name].replace(",", "")) for name in ("batch", "queue")}
    assert Structure({})({**GOOD, **written, **counted}, Options) == Structure({})(GOOD, Options)


@pytest.mark.parametrize("secret", ["any words", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
async def test_what_the_page_has_for_receivers_takes_what_is_ours_and_nothing_else(
    secret: str,
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    (request,) = (await sent([reply()], secret=Secret(secret))).requests
    headers = dict(request.headers)
    assert names["is_ours"](headers, request.body, secret)
    assert not names["is_ours"](headers, request.body + b" ", secret)
    assert not names["is_ours"](headers, request.body, "another")
    assert not names["is_ours"]({**headers, "webhook-timestamp": "1"}, request.body, secret)
