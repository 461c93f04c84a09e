"""Looking inside: what the proxy tells of itself, and whom."""

import json
from pathlib import Path
from typing import Any

import pytest
from proxy_calls import BODY, CHAT, JSON, ask, endpoints, error, text

from modelmesh.config.schema import MANAGEMENT, Auth, Cors
from modelmesh.proxy import routes
from modelmesh.proxy.access import is_local
from modelmesh.proxy.endpoints import Endpoints
from modelmesh.proxy.gate import Gate
from modelmesh.types import Secret

STATUS, EVENTS, EXPLAIN, RELOAD, METRICS, PAGE = MANAGEMENT
LOCAL = {"host": "localhost:8080"}
TOLD = (STATUS, EVENTS, EXPLAIN, RELOAD, METRICS, "/v1/mesh/nothing")
FILES = [*routes.FILES.glob("*.js"), *routes.FILES.glob("*.css")]


def method(path: str) -> str:
    return "POST" if path == EXPLAIN else "GET"


async def status_of(served: Endpoints, path: str, peer: str = "127.0.0.1", **sent: str) -> int:
    headers = {name.replace("_", "-"): text for name, text in sent.items()}
    came = await ask(served, method(path), path, headers={**JSON, **headers}, peer=peer)
    await came.close()
    return came.status


# Who may look inside, where nobody has a token


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8080", "127.0.0.1:80", "[::1]", "[::1]:8080", "127.1.2.3"]
)
def test_this_machine_is_local_by_every_address_of_its_own(peer: str, host: str) -> None:
    assert is_local({"host": host}, peer)


@pytest.mark.parametrize(
    "peer", ["10.0.0.1", "192.168.1.2", "::ffff:10.0.0.1", "fe80::1%eth0", "::", "0.0.0.0", "", "x"]
)
def test_another_machine_is_not_local(peer: str) -> None:
    assert not is_local(LOCAL, peer)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "localhost@evil.example",
        "localhost:8080, evil.example",
        "127.0.0.1.evil.example",
        "localhost:8080.evil",
        "0.0.0.0:8080",
        "192.168.1.2",
        "[::2]",
        "::1",
        "localhost\n",
        "",
    ],
)
def test_a_name_that_somebody_had_lead_here_is_not_local(host: str) -> None:
    assert not is_local({"host": host}, "127.0.0.1")
    assert not is_local({"host": host, "origin": f"http://{host}"}, "127.0.0.1")


def test_without_a_host_nobody_is_local() -> None:
    assert not is_local({}, "127.0.0.1")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://localhost",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "file://",
        "http://localhost:8080.evil.example",
    ],
)
def test_a_page_of_another_origin_is_not_local(origin: str) -> None:
    assert not is_local({**LOCAL, "origin": origin}, "127.0.0.1")


@pytest.mark.parametrize("origin", ["http://localhost:8080", "https://localhost:8080"])
def test_our_own_page_is_local(origin: str) -> None:
    own = {**LOCAL, "origin": origin, "sec-fetch-site": "same-origin", "sec-fetch-dest": "empty"}
    assert is_local(own, "127.0.0.1")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "new-sort"])
def test_what_a_foreign_page_loads_is_not_local_but_a_link_may_be_followed(site: str) -> None:
    for loaded in ("script", "image", "iframe", "empty", ""):
        headers = {**LOCAL, "sec-fetch-site": site, "sec-fetch-dest": loaded}
        assert not is_local(headers, "127.0.0.1")
    assert is_local({**LOCAL, "sec-fetch-site": site, "sec-fetch-dest": "document"}, "127.0.0.1")


@pytest.mark.parametrize(
    "header",
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"],
)
def test_what_another_proxy_passed_on_is_not_local(header: str) -> None:
    assert not is_local({**LOCAL, header: "127.0.0.1"}, "127.0.0.1")


@pytest.mark.parametrize("path", [*TOLD, PAGE])
async def test_without_any_token_only_this_machine_looks_inside(path: str) -> None:
    served = endpoints()
    for foreign in (
        {"peer": "10.0.0.1", "host": "localhost"},
        {"host": "evil.example"},
        {"host": "localhost", "origin": "https://evil.example"},
    ):
        assert await status_of(served, path, **foreign) == 403
    refused = await ask(served, method(path), path, headers={**JSON, "host": "evil.example"})
    assert error(refused)["code"] == "local_only"
    assert "proxy.auth.admin_tokens" in error(refused)["message"]
    assert await status_of(served, path, host="localhost") != 403


# Who may look inside, where there are tokens

ONE = Auth(tokens=(Secret("one"),))
BOTH = Auth(tokens=(Secret("one"),), admin_tokens=(Secret("two"), Secret("three")))
ADMIN = Auth(admin_tokens=(Secret("two"),))


@pytest.mark.parametrize("path", TOLD)
@pytest.mark.parametrize(
    ("auth", "token", "opens"),
    [
        (ONE, "one", True),
        (ONE, "two", False),
        (ONE, "", False),
        (BOTH, "two", True),
        (BOTH, "three", True),
        (BOTH, "one", False),
        (ADMIN, "two", True),
        (ADMIN, "one", False),
        (Auth(enabled=True), "", False),
    ],
)
async def test_an_admin_token_opens_where_there_is_one_and_else_the_ordinary(
    path: str, auth: Auth, token: str, opens: bool
) -> None:
    served = endpoints(auth=auth)
    given = {"authorization": f"Bearer {token}"} if token else {}
    for peer, host in (("10.0.0.1", "mesh.example"), ("127.0.0.1", "localhost")):
        assert (await status_of(served, path, peer, host=host, **given) != 401) is opens


async def test_an_admin_token_opens_everything_else_as_well() -> None:
    served = endpoints(auth=BOTH)
    for token, status in (("one", 200), ("two", 200), ("four", 401)):
        headers = {**JSON, "authorization": f"Bearer {token}"}
        assert (await ask(served, headers=headers)).status == status


async def test_an_admin_token_alone_asks_nobody_else_for_one() -> None:
    assert (await ask(endpoints(auth=ADMIN))).status == 200


async def test_auth_that_is_off_leaves_what_is_inside_to_this_machine() -> None:
    served = endpoints(auth=Auth(enabled=False, tokens=(Secret("one"),), admin_tokens=BOTH.tokens))
    assert await status_of(served, STATUS, host="localhost") == 200
    away = {"host": "localhost", "authorization": "Bearer one"}
    assert await status_of(served, STATUS, "10.0.0.1", **away) == 403


async def test_the_page_needs_no_token_to_ask_for_one() -> None:
    served = endpoints(auth=BOTH)
    for path in (PAGE, *(f"/{file.name}" for file in FILES)):
        assert await status_of(served, path, "10.0.0.1", host="mesh.example") == 200


# What no other page may read


@pytest.mark.parametrize("path", [*TOLD, PAGE, "/page.js"])
@pytest.mark.parametrize("settings", [{}, {"auth": BOTH}, {"cors": Cors(origins=("https://a",))}])
async def test_no_page_of_another_origin_is_ever_let_in(
    path: str, settings: dict[str, Any]
) -> None:
    served = endpoints(**settings)
    preflight = {"access-control-request-method": "GET"}
    for asked in (method(path), "OPTIONS"):
        for token in ("two", "wrong"):
            headers = {**JSON, **LOCAL, "origin": "https://a", "authorization": f"Bearer {token}"}
            came = await ask(served, asked, path, headers={**headers, **preflight})
            await came.close()
            assert not [name for name in came.headers if name.startswith("access-control-")]
            assert came.headers["cross-origin-resource-policy"] == "same-origin"


async def test_every_reply_from_inside_is_kept_from_frames_caches_and_guesses() -> None:
    served = endpoints()
    for path, host in ((PAGE, "localhost"), (STATUS, "localhost"), (STATUS, "evil.example")):
        headers = (await ask(served, "GET", path, headers={"host": host})).headers
        policy = headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= {*policy}
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-request-id"] == "req_fresh"


# What is told


async def test_the_status_tells_of_the_worker_the_store_and_the_pools() -> None:
    told = json.loads((await ask(endpoints(), "GET", STATUS, headers=LOCAL)).body)
    assert told["at"] > 1_700_000_000
    assert told["uptime_seconds"] == 1.5
    assert told["worker"] == {"number": 1, "of": 1}
    assert told["store"] is None
    assert len(told["config_version"]) == 12
    assert [target["target"] for target in told["pools"]["chat"]["targets"]] == ["fake/org/real"]


async def test_the_status_has_the_sums_of_what_became_of_requests() -> None:
    served = endpoints()
    for _ in range(3):
        await (await ask(served)).close()
    sums = json.loads((await ask(served, "GET", STATUS, headers=LOCAL)).body)["stats"]
    for of, id_ in (("pools", "chat"), ("providers", "fake"), ("targets", "fake/org/real")):
        assert (sums[of][id_]["requests"], sums[of][id_]["answers"]) == (3, 3)
        assert sums[of][id_]["latency"]["p50"] >= 0


async def test_the_feed_tells_of_requests_while_somebody_listens() -> None:
    served = endpoints()
    came = await ask(served, "GET", EVENTS, headers=LOCAL)
    assert came.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "no-transform" in came.headers["cache-control"]
    assert came.stream is not None
    assert await anext(came.stream) == b": ping\n"
    await (await ask(served, headers={**JSON, "x-request-id": "mine"})).close()
    told = (await anext(came.stream)).decode()
    assert [line for line in told.splitlines() if line.startswith("event: ")] == [
        "event: request.began",
        "event: attempt.ended",
        "event: request.ended",
    ]
    assert '"request":"mine"' in told
    assert "Hello!" not in told
    await came.close()


async def test_the_feed_ends_when_the_server_is_about_to_stop() -> None:
    gate = Gate()
    served = endpoints(gate=gate)
    came = await ask(served, "GET", EVENTS, headers=LOCAL)
    gate.drain(30)
    assert await text(came) == ": ping\n"
    assert (await ask(served, "GET", EVENTS, headers=LOCAL)).status == 503


async def test_one_listener_too_many_is_sent_away_with_a_word_on_when_to_come_back() -> None:
    served = endpoints()
    listening = [await ask(served, "GET", EVENTS, headers=LOCAL) for _ in range(32)]
    assert {came.status for came in listening} == {200}
    refused = await ask(served, "GET", EVENTS, headers=LOCAL)
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert error(refused)["code"] == "too_many_listeners"
    # Who only looks at the head does not listen.
    assert (await ask(served, "HEAD", EVENTS, headers=LOCAL)).status == 200
    await listening[0].close()
    assert (await ask(served, "GET", EVENTS, headers=LOCAL)).status == 200


@pytest.mark.parametrize("body", [BODY, {"model": "chat"}, {**BODY, "endpoint": "chat"}])
async def test_it_is_explained_where_a_request_would_go(body: dict[str, Any]) -> None:
    came = await ask(endpoints(), "POST", EXPLAIN, body=body, headers={**JSON, **LOCAL})
    told = json.loads(came.body)
    assert (came.status, told["pool"]) == (200, "chat")
    (target,) = told["targets"]
    assert (target["target"], target["eligible"]) == ("fake/org/real", True)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"[]", JSON, 400),
        ({}, JSON, 400),
        ({"model": "nothing"}, JSON, 404),
        ({"model": "chat", "endpoint": "dreams"}, JSON, 400),
        (BODY, {"content-type": "text/plain"}, 415),
        (BODY, {}, 415),
        (BODY, {**JSON, "content-length": "99999999999"}, 413),
    ],
)
async def test_what_cannot_be_explained_is_refused(
    body: Any, headers: dict[str, str], status: int
) -> None:
    came = await ask(endpoints(), "POST", EXPLAIN, body=body, headers={**headers, **LOCAL})
    assert came.status == status


async def test_where_nobody_counts_there_are_no_metrics_and_a_word_on_how_to_have_some() -> None:
    came = await ask(endpoints(), "GET", METRICS, headers=LOCAL)
    assert came.status == 404
    assert "modelmesh.prometheus.v1" in error(came)["message"]


# The page


async def test_the_page_and_its_files_are_served_by_their_kinds() -> None:
    served = endpoints()
    kinds = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
    page = await ask(served, "GET", PAGE, headers=LOCAL)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.body == (routes.FILES / "page.html").read_bytes()
    assert FILES
    for file in FILES:
        came = await ask(served, "GET", f"/{file.name}", headers=LOCAL)
        assert (came.status, came.body) == (200, file.read_bytes())
        assert came.headers["content-type"] == kinds[file.suffix]


@pytest.mark.parametrize(
    ("settings", "there"),
    [
        ({"page": False}, {STATUS}),
        ({"endpoints": (CHAT, PAGE)}, {PAGE, "/page.js"}),
        ({"endpoints": (CHAT, STATUS)}, {STATUS}),
        ({"endpoints": (CHAT, PAGE), "page": False}, set()),
        ({}, {PAGE, "/page.js", STATUS}),
    ],
)
async def test_the_page_can_be_left_out(settings: dict[str, Any], there: set[str]) -> None:
    served = endpoints(**settings)
    for path in (PAGE, "/page.js", STATUS):
        came = await status_of(served, path, host="localhost")
        assert came == (200 if path in there else 404)


@pytest.mark.parametrize(
    "path", ["/page.html", "/static/page.js", "/../access.py", "/access.py", "//", "/page.js/"]
)
async def test_no_other_file_is_served(path: str) -> None:
    assert await status_of(endpoints(), path, host="localhost") == 404


@pytest.mark.parametrize(
    ("asked", "path", "allow"),
    [
        ("POST", STATUS, "GET, HEAD, OPTIONS"),
        ("GET", EXPLAIN, "POST, OPTIONS"),
        ("PUT", PAGE, "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_method_is_told_the_right_one(asked: str, path: str, allow: str) -> None:
    came = await ask(endpoints(), asked, path, headers={**JSON, **LOCAL})
    assert (came.status, came.headers["allow"]) == (405, allow)


def test_every_file_of_the_page_has_a_kind() -> None:
    assert {file.suffix for file in Path(routes.FILES).iterdir()} <= {".html", ".js", ".css"}
