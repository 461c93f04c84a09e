"""Who may use the proxy: clients with a token, and web pages of which origins."""

import json
from typing import Any

import pytest
from proxy_calls import (
    CHAT,
    JSON,
    ScriptedVendor,
    ask,
    endpoints,
    error,
)

from modelmesh.config.schema import Auth, Cors
from modelmesh.types import Secret

# Tokens


GUARDED: dict[str, Any] = {"auth": Auth(tokens=(Secret("one"), Secret("two")))}


@pytest.mark.parametrize("token", ["Bearer one", "bearer two", "Bearer three"])
async def test_any_of_the_tokens_opens(token: str) -> None:
    served = endpoints(**GUARDED, token=Secret("three"))
    assert (await ask(served, headers={**JSON, "authorization": token})).status == 200


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer ", "Bearer on", "Basic one", "one"])
@pytest.mark.parametrize("path", [CHAT, "/v1/models", "/health", "/nowhere"])
async def test_without_a_right_token_nothing_opens(token: str | None, path: str) -> None:
    headers = JSON if token is None else {**JSON, "authorization": token}
    came = await ask(endpoints(**GUARDED), path=path, headers=headers, body=b"never read")
    assert (came.status, error(came)["code"]) == (401, "invalid_api_key")
    assert came.headers["www-authenticate"] == "Bearer"
    assert error(came)["message"].startswith("Invalid token")


async def test_probes_of_life_need_no_token_and_say_nothing_else() -> None:
    for path in ("/livez", "/readyz"):
        came = await ask(endpoints(**GUARDED), "GET", path, headers={})
        assert (came.status, json.loads(came.body)) == (200, {"status": "ok"})


async def test_auth_that_is_on_without_tokens_lets_nobody_in() -> None:
    served = endpoints(auth=Auth(enabled=True))
    assert (await ask(served, headers={**JSON, "authorization": "Bearer "})).status == 401


async def test_auth_that_is_off_asks_for_no_token() -> None:
    served = endpoints(auth=Auth(enabled=False, tokens=(Secret("one"),)))
    assert (await ask(served)).status == 200


# Web pages


PAGE = {**JSON, "origin": "https://page"}


async def test_by_default_any_web_page_may_use_the_proxy_without_credentials() -> None:
    for path in (CHAT, "/nowhere"):
        came = await ask(endpoints(), path=path, headers=PAGE)
        assert came.headers["access-control-allow-origin"] == "*"
        assert "x-modelmesh-provider" in came.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in came.headers


async def test_a_preflight_is_answered_without_a_token() -> None:
    headers = {
        "origin": "https://page",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-stainless-lang",
    }
    came = await ask(endpoints(**GUARDED), "OPTIONS", headers=headers, body=b"")
    assert (came.status, came.body) == (204, b"")
    assert came.headers["access-control-allow-origin"] == "*"
    assert "POST" in came.headers["access-control-allow-methods"]
    assert came.headers["access-control-allow-headers"] == "authorization, x-stainless-lang"


RESTRICTED: dict[str, Any] = {"cors": Cors(origins=("https://page",))}


async def test_a_page_of_a_configured_origin_may_read_the_reply() -> None:
    came = await ask(endpoints(**RESTRICTED), headers=PAGE)
    assert (came.status, came.headers["access-control-allow-origin"]) == (200, "https://page")
    assert came.headers["vary"] == "Origin"


async def test_a_foreign_page_may_neither_act_nor_read() -> None:
    vendor, foreign = ScriptedVendor(), {**JSON, "origin": "https://evil"}
    served = endpoints(vendor, **RESTRICTED)
    for came, status in (
        (await ask(served, headers=foreign), 403),
        (await ask(served, "GET", "/v1/models", headers=foreign), 200),
        (await ask(served, "OPTIONS", headers=foreign), 204),
    ):
        assert came.status == status
        assert "access-control-allow-origin" not in came.headers
    assert vendor.requests == []


async def test_a_token_lets_a_foreign_page_act_but_not_read() -> None:
    served = endpoints(**RESTRICTED, **GUARDED)
    headers = {**JSON, "origin": "https://evil", "authorization": "Bearer one"}
    came = await ask(served, headers=headers)
    assert (came.status, "access-control-allow-origin" in came.headers) == (200, False)


async def test_without_cors_no_page_may_act() -> None:
    came = await ask(endpoints(cors=Cors(enabled=False)), headers=PAGE)
    assert (came.status, "access-control-allow-origin" in came.headers) == (403, False)


@pytest.mark.parametrize("settings", [GUARDED, RESTRICTED])
async def test_where_not_everybody_may_act_the_body_must_be_declared_json(
    settings: dict[str, Any],
) -> None:
    headers = {"content-type": "text/plain", "authorization": "Bearer one"}
    assert (await ask(endpoints(**settings), headers=headers)).status == 415
