"""Whose limits vendors have: the model's or the key's, as known of them and as they say."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from modelmesh.connectors import registry
from modelmesh.errors import ErrorKind
from modelmesh.types import HttpReply

VENDORS = registry.available("providers")
PAGE = (Path(__file__).parents[3] / "docs/providers.md").read_text()


def failed(connector: str, error: Mapping[str, Any], status: int = 429) -> tuple[ErrorKind, Any]:
    """Return the kind of an error, and whether it says that the limit is the model's."""
    vendor = registry.find("providers", connector)("v", base_url="http://vendor.test/v1")
    reply = HttpReply(status=status, headers={}, body=json.dumps({"error": error}).encode())
    said = vendor.error(reply, wall=0.0)
    return said.kind, said.per_model


def of_google(quotas: Sequence[str], message: str = "You exceeded your current quota") -> Any:
    violations = [{"quotaId": quota} for quota in quotas]
    details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations}]
    return {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": details}


def test_the_page_names_the_vendors_who_limit_each_model() -> None:
    line = PAGE.partition("Each model has limits of its own at ")[2].partition(";")[0]
    named = line.replace("\n", " ").replace(" and ", ", ").split(", ")
    assert named == sorted(
        (each.name for each in VENDORS.values() if each.per_model), key=str.lower
    )


def test_of_a_server_nobody_knows_nothing_is_assumed() -> None:
    unknown = registry.find("providers", "openai-compatible")
    assert (unknown.per_model, unknown.names_model) == (None, None)


@pytest.mark.parametrize(
    ("connector", "message"),
    [
        (
            "openai.llm.v1",
            "Rate limit reached for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30",
        ),
        (
            "openai.llm.v1",
            "Rate limit reached for gpt-4.1 (for limit gpt-4.1-long) in organization org-1 on RPD",
        ),
        (
            "groq.api.v1",
            "Rate limit reached for model `openai/gpt-oss-20b` in organization `org_1` on TPD",
        ),
        (
            "anthropic.claude.v1",
            "This request would exceed your organization's rate limit (org: 8-4, model: claude-x).",
        ),
        (
            "xai.api.v1",
            "Too many tokens for team e9fe19cb-de96-4c57-9ffb-2f1b9c631ce2 and model grok-4-0709.",
        ),
    ],
)
def test_a_refusal_that_names_a_model_is_of_that_model(connector: str, message: str) -> None:
    words = {"message": message, "type": "tokens", "code": "rate_limit_exceeded"}
    assert failed(connector, words) == (ErrorKind.RATE_LIMIT, True)
    unknown = failed("openai-compatible", words)
    assert unknown == (ErrorKind.RATE_LIMIT, None)


@pytest.mark.parametrize("connector", ["openai.llm.v1", "groq.api.v1", "anthropic.claude.v1"])
def test_money_and_refusals_without_a_name_say_nothing_of_a_model(connector: str) -> None:
    money = {"message": "for model `x` in organization y, model: x", "code": "insufficient_quota"}
    assert failed(connector, money) == (ErrorKind.QUOTA_EXHAUSTED, None)
    assert failed(connector, {"message": "Too many requests"}) == (ErrorKind.RATE_LIMIT, None)


RATE, QUOTA = ErrorKind.RATE_LIMIT, ErrorKind.QUOTA_EXHAUSTED


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (of_google(["GenerateRequestsPerMinutePerProjectPerModel-FreeTier"]), (RATE, True)),
        (of_google(["GenerateRequestsPerDayPerProjectPerModel-FreeTier"]), (QUOTA, True)),
        (of_google(["GenerateContentInputTokensPerModelPerMinute-FreeTier"]), (RATE, True)),
        (of_google(["GenerateRequestsPerDayPerProject"]), (QUOTA, False)),
        (of_google(["RequestsPerMinutePerProject", "TokensPerMinutePerModel"]), (RATE, False)),
        (of_google([], "Quota exceeded for metric: x/requests, limit: 0, model: m"), (QUOTA, True)),
        (of_google([], "Please check your plan and billing details."), (QUOTA, None)),
        (of_google([], "Resource exhausted, try later."), (RATE, None)),
    ],
)
def test_google_names_the_quota_and_with_it_whose_it_is(
    error: Mapping[str, Any], meaning: tuple[ErrorKind, bool | None]
) -> None:
    assert failed("google.gemini.v1", error) == meaning
