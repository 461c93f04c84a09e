"""The version of a configuration: it shows what differs, and nothing of what is secret."""

import json
import re
from typing import Any

import pytest

from modelmesh.config.load import load
from modelmesh.config.version import version_of

PROVIDER = {
    "connector": "openai-compatible",
    "base_url": "http://vendor.test/v1",
    "api_key": "sk-one",
    "headers": {"x-team": "search"},
}
PLAIN: dict[str, Any] = {
    "providers": {"ours": PROVIDER},
    "models": {"some": {"provider": "ours", "capabilities": ["chat-completion"]}},
    "pools": {"chat": {"models": ["some"]}},
}


def version(
    config: dict[str, Any], environ: dict[str, str] | None = None, workers: int | None = None
) -> str:
    return version_of(load(config, environ=environ or {}, workers=workers))


def with_provider(**more: Any) -> dict[str, Any]:
    return {**PLAIN, "providers": {"ours": {**PROVIDER, **more}}}


def test_a_configuration_has_the_same_version_however_often_it_is_read() -> None:
    assert version(PLAIN) == version(json.loads(json.dumps(PLAIN)))
    assert re.fullmatch("[0-9a-f]{12}", version(PLAIN))


@pytest.mark.parametrize(
    "other",
    [
        {**PLAIN, "pools": {"chat": {"models": ["some"], "max_wait": "7s"}}},
        {**PLAIN, "pools": {"chat": {"models": ["some"]}, "talk": {"models": ["some"]}}},
        {**PLAIN, "proxy": {"front": "aiohttp"}},
        {**PLAIN, "proxy": {"auth": {"tokens": ["one"]}}},
        with_provider(base_url="http://vendor.test/v2"),
        with_provider(headers={"x-team": "search", "x-more": "yes"}),
        with_provider(api_key=None, api_keys=["sk-one", "sk-two"]),
        with_provider(rate_limits={"rpm": 7}),
    ],
)
def test_whatever_says_something_else_has_another_version(other: dict[str, Any]) -> None:
    assert version(other) != version(PLAIN)


def test_the_order_of_targets_counts_and_that_of_sections_does_not() -> None:
    pools = {"one": {"models": ["a", "b"]}, "two": {"models": ["a"]}}
    model = PLAIN["models"]["some"]
    config = {**PLAIN, "models": {"a": model, "b": model}, "pools": pools}
    turned = {**config, "pools": dict(reversed(pools.items()))}
    swapped = {**config, "pools": {**pools, "one": {"models": ["b", "a"]}}}
    assert version(turned) == version(config) != version(swapped)


def test_where_a_server_listens_and_with_how_many_workers_is_no_part_of_it() -> None:
    proxy = {"host": "127.0.0.1", "port": 9000}
    assert version({**PLAIN, "proxy": proxy}, workers=4) == version(PLAIN)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (with_provider(api_key="sk-two"), PLAIN),
        (with_provider(headers={"x-team": "another"}), PLAIN),
        ({**PLAIN, "proxy": {"token": "one"}}, {**PLAIN, "proxy": {"token": "two"}}),
        (
            {**PLAIN, "proxy": {"auth": {"tokens": ["one"]}}},
            {**PLAIN, "proxy": {"auth": {"tokens": ["two"]}}},
        ),
        (
            {**PLAIN, "storage": {"connector": "redis.redis.v1", "url": "redis://:one@host"}},
            {**PLAIN, "storage": {"connector": "redis.redis.v1", "url": "redis://:two@host"}},
        ),
    ],
)
def test_secrets_cannot_be_found_by_trying_until_the_version_fits(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert version(one) == version(other)


def test_where_a_secret_comes_from_does_not_matter() -> None:
    named = with_provider(api_key="${secrets:OURS}")
    assert version(named, {"OURS": "sk-three"}) == version(PLAIN)
