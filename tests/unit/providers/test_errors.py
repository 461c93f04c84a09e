import json
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.types import HttpReply

WALL = 1_790_000_000.0


def error(
    status: int, body: Any, vendor: str = "openai_compatible", **headers: str
) -> ProviderError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given_headers = {name.replace("_", "-"): text for name, text in headers.items()}
    module = import_module(f"modelmesh.connectors.providers.{vendor}")
    provider = module.Provider("v", base_url="http://vendor.test")
    failed: ProviderError = provider.error(
        HttpReply(status=status, headers=given_headers, body=raw), wall=WALL
    )
    return failed


def openai(message: str = "", type: str | None = None, code: str | None = None) -> Any:  # noqa: A002 - the wire's name
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ErrorKind.INVALID_REQUEST),
        (401, ErrorKind.BAD_KEY),
        (402, ErrorKind.QUOTA_EXHAUSTED),
        (403, ErrorKind.NO_PERMISSION),
        (404, ErrorKind.MODEL_NOT_FOUND),
        (408, ErrorKind.TIMEOUT),
        (409, ErrorKind.SERVER_ERROR),
        (410, ErrorKind.MODEL_NOT_FOUND),
        (413, ErrorKind.INVALID_REQUEST),
        (415, ErrorKind.INVALID_REQUEST),
        (422, ErrorKind.INVALID_REQUEST),
        (425, ErrorKind.SERVER_ERROR),
        (429, ErrorKind.RATE_LIMIT),
        (498, ErrorKind.OVERLOADED),
        (500, ErrorKind.SERVER_ERROR),
        (502, ErrorKind.SERVER_ERROR),
        (503, ErrorKind.OVERLOADED),
        (504, ErrorKind.TIMEOUT),
        (522, ErrorKind.TIMEOUT),
        (524, ErrorKind.TIMEOUT),
        (529, ErrorKind.OVERLOADED),
        (599, ErrorKind.SERVER_ERROR),
    ],
)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"<html>oops</html>"])
def test_a_status_alone_has_a_meaning(status: int, kind: ErrorKind, body: bytes) -> None:
    failed = error(status, body)
    assert failed.kind is kind
    assert str(failed) == f"the vendor answered {status} without a reason"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_asks_whether_the_address_is_right(status: int) -> None:
    failed = error(status, b"<html>moved</html>")
    assert failed.kind is ErrorKind.BAD_ANSWER
    assert f"redirects ({status})" in str(failed)
    assert "is base_url right?" in str(failed)


@pytest.mark.parametrize(
    ("vendor", "status", "body", "kind"),
    [
        (
            "openai",
            429,
            openai("Rate limit reached for gpt on tokens per min (TPM). Add a payment method to "
                   "your account at https://platform.openai.com/account/billing.", "tokens",
                   "rate_limit_exceeded"),
            ErrorKind.RATE_LIMIT,
        ),
        ("openai", 429, openai("x", "insufficient_quota", "insufficient_quota"),
         ErrorKind.QUOTA_EXHAUSTED),
        ("openai", 403, openai("x", "unsupported_country_region_territory"),
         ErrorKind.NO_PERMISSION),
        ("openai", 400, openai("x", "invalid_request_error", "content_policy_violation"),
         ErrorKind.CONTENT_FILTERED),
        ("openai", 400, openai("Invalid schema for function 'get_billing_limit'"),
         ErrorKind.INVALID_REQUEST),
        ("openai_compatible", 400,
         openai("You have reached your specified API usage limits. You regain access in May."),
         ErrorKind.QUOTA_EXHAUSTED),
        ("openai_compatible", 401, openai("No money", "insufficient_quota"),
         ErrorKind.QUOTA_EXHAUSTED),
        ("openai_compatible", 403, openai("Insufficient credits"), ErrorKind.QUOTA_EXHAUSTED),
        ("openai_compatible", 429, openai("You exceeded your current quota, please check your "
                                          "plan and billing details."), ErrorKind.QUOTA_EXHAUSTED),
        ("openai_compatible", 429, openai("The engine is currently overloaded"),
         ErrorKind.OVERLOADED),
        ("openai_compatible", 404, openai('model "x" not found, try pulling it first'),
         ErrorKind.MODEL_NOT_FOUND),
        ("xai", 400, {"code": "invalid-argument", "error": "Incorrect API key provided: ab***cd."},
         ErrorKind.BAD_KEY),
        ("xai", 403, {"code": "permission-denied", "error": "Your team has either used all "
                      "available credits or reached its monthly spending limit."},
         ErrorKind.QUOTA_EXHAUSTED),
        ("openai_compatible", 400, [{"error": {"code": 400, "message": "API key not valid.",
                                               "status": "INVALID_ARGUMENT"}}], ErrorKind.BAD_KEY),
        ("fireworks", 412, openai("suspended"), ErrorKind.QUOTA_EXHAUSTED),
        ("fireworks", 403, openai("unauthorized"), ErrorKind.BAD_KEY),
        ("together", 403, openai("input token count + max_tokens must be less than the limit"),
         ErrorKind.CONTEXT_TOO_LONG),
        ("together", 403, openai("This key may not use that model"), ErrorKind.NO_PERMISSION),
        ("together", 429, openai("Credit limit exceeded", "credit_limit"),
         ErrorKind.QUOTA_EXHAUSTED),
        ("nvidia", 400, {"title": "Bad Request", "detail": "DEGRADED function cannot be invoked"},
         ErrorKind.OVERLOADED),
        ("mistral", 429, {"object": "error", "message": "x", "type": "t", "code": "1300"},
         ErrorKind.RATE_LIMIT),
        ("mistral", 429, {"object": "error", "message": "x", "type": "t", "code": "3505"},
         ErrorKind.OVERLOADED),
        ("mistral", 400, {"object": "error", "message": "x", "type": "t", "code": "1500"},
         ErrorKind.MODEL_NOT_FOUND),
        ("mistral", 400, openai("Prompt has 9 tokens, too large for model with 8 maximum context "
                                "length"), ErrorKind.CONTEXT_TOO_LONG),
        ("cerebras", 429, {"message": "x", "code": "token_quota_exceeded"}, ErrorKind.RATE_LIMIT),
        ("cerebras", 429, {"message": "x", "code": "queue_exceeded"}, ErrorKind.OVERLOADED),
        ("cerebras", 401, {"message": "Wrong API Key", "code": "wrong_api_key"}, ErrorKind.BAD_KEY),
        ("cerebras", 400, {"message": "Current length is 9 while limit is 8"},
         ErrorKind.CONTEXT_TOO_LONG),
        ("cloudflare", 429, {"errors": [{"code": 3036, "message": "x"}]},
         ErrorKind.QUOTA_EXHAUSTED),
        ("cloudflare", 429, {"errors": [{"code": 3040, "message": "x"}]}, ErrorKind.OVERLOADED),
        ("cloudflare", 400, {"errors": [{"code": 5007, "message": "x"}]},
         ErrorKind.MODEL_NOT_FOUND),
        ("azure_openai", 400,
         {"error": {"code": "content_filter", "message": "filtered",
                    "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
         ErrorKind.CONTENT_FILTERED),
        ("openrouter", 403, {"error": {"code": 403, "message": "Input was flagged",
                                       "metadata": {"flagged_input": "…"}}},
         ErrorKind.CONTENT_FILTERED),
        ("openrouter", 402, {"error": {"code": 402, "message": "This request requires more "
                                       "credits, or fewer max_tokens."}},
         ErrorKind.QUOTA_EXHAUSTED),
        ("openrouter", 402, openai("x", code="in_flight_budget_exhausted"), ErrorKind.RATE_LIMIT),
        ("openrouter", 403, openai("Key limit exceeded (total limit)."),
         ErrorKind.QUOTA_EXHAUSTED),
        ("openai_compatible", 400, openai("The model `x/y:z` does not exist"),
         ErrorKind.MODEL_NOT_FOUND),
        ("openai_compatible", 400, openai("Unknown model: x"), ErrorKind.MODEL_NOT_FOUND),
        ("openrouter", 404, {"error": {"code": 404, "message": "No endpoints found for x/y"}},
         ErrorKind.MODEL_NOT_FOUND),
        ("perplexity", 401, openai("You exceeded your quota", "insufficient_quota"),
         ErrorKind.QUOTA_EXHAUSTED),
        ("perplexity", 400, openai("long", "too_many_prompt_tokens"), ErrorKind.CONTEXT_TOO_LONG),
        ("llamacpp", 400, openai("exceeds the available context size", "exceed_context_size_error"),
         ErrorKind.CONTEXT_TOO_LONG),
        ("groq", 400, openai("x", "invalid_request_error", "tool_use_failed"),
         ErrorKind.BAD_ANSWER),
        ("groq", 400, openai("x", "invalid_request_error", "json_validate_failed"),
         ErrorKind.BAD_ANSWER),
        ("groq", 400, openai("x", "invalid_request_error", "output_parse_failed"),
         ErrorKind.BAD_ANSWER),
        ("groq", 400, openai("x", "invalid_request_error", "organization_restricted"),
         ErrorKind.BAD_KEY),
        ("groq", 400, openai("x", "invalid_request_error", "model_terms_required"),
         ErrorKind.NO_PERMISSION),
        ("openrouter", 403, {"error": {"code": 403, "message": "a/b requires moderation on B. Your "
                                       "input was flagged. No credits were charged."}},
         ErrorKind.CONTENT_FILTERED),
        ("xai", 403, {"code": "permission-denied", "error": "This team doesn't have any credits or "
                      "licenses yet."}, ErrorKind.QUOTA_EXHAUSTED),
        ("xai", 403, {"code": "permission-denied", "error": "Content violates usage guidelines."},
         ErrorKind.CONTENT_FILTERED),
        ("xai", 400, {"code": "invalid-argument", "error": "This model's maximum prompt length is "
                      "8 but the request contains 9 tokens."}, ErrorKind.CONTEXT_TOO_LONG),
        ("xai", 400, {"code": "invalid-argument", "error": "Model not found: grok-0"},
         ErrorKind.MODEL_NOT_FOUND),
        ("deepseek", 400, openai("Model Not Exist", "invalid_request_error"),
         ErrorKind.MODEL_NOT_FOUND),
        ("deepseek", 400, openai("Content Exists Risk", "invalid_request_error"),
         ErrorKind.CONTENT_FILTERED),
        ("vllm", 400, openai("The prompt (length 9) is longer than the maximum model length of 8."),
         ErrorKind.CONTEXT_TOO_LONG),
        ("together", 422, openai("Invalid: `inputs` tokens + `max_new_tokens` must be <= 8."),
         ErrorKind.CONTEXT_TOO_LONG),
        ("huggingface", 422, openai("Invalid: `inputs` must have less than 8 tokens. Given: 9"),
         ErrorKind.CONTEXT_TOO_LONG),
        ("together", 400, openai("No access", "invalid_request_error", "model_not_available"),
         ErrorKind.MODEL_NOT_FOUND),
        ("azure_openai", 429, openai("The system is currently experiencing high demand.",
                                     code="too_many"), ErrorKind.OVERLOADED),
        ("lmstudio", 400, {"error": "The model has crashed. (Exit code: 6)"},
         ErrorKind.SERVER_ERROR),
        ("lmstudio", 400, {"error": "Model unloaded."}, ErrorKind.SERVER_ERROR),
        ("lmstudio", 400, {"error": "Load the model with a larger context length"},
         ErrorKind.CONTEXT_TOO_LONG),
        ("groq", 400, openai("x", "invalid_request_error", "model_decommissioned"),
         ErrorKind.MODEL_NOT_FOUND),
    ],
)  # fmt: skip
def test_what_vendors_say_has_a_meaning(
    vendor: str, status: int, body: Any, kind: ErrorKind
) -> None:
    assert error(status, body, vendor).kind is kind


@pytest.mark.parametrize(
    "words",
    [
        "Invalid schema for function 'get_billing_limit'",
        "Invalid schema for function 'is_overloaded'",
        "Invalid schema for function 'get_context_length'",
        "The model's tool call `call_1` was not found in the messages",
        "Web search options not supported with this model.",
        "metadata: key limit exceeded",
        "max_tokens is too large: 99999. This model supports at most 16384 completion tokens",
    ],
)
def test_a_clients_fault_is_not_mistaken_for_the_vendors(words: str) -> None:
    assert error(400, openai(words, "invalid_request_error")).kind is ErrorKind.INVALID_REQUEST


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "one"}}, "one"),
        ({"error": "two", "code": "x"}, "two"),
        ({"message": "three"}, "three"),
        ({"detail": "four"}, "four"),
        ({"detail": [{"loc": ["body", "n"], "msg": "five"}, "six"]}, "body.n: five; six"),
        ({"title": "seven", "status": 400}, "seven"),
        ({"errors": [{"code": 1, "message": "eight"}]}, "eight"),
        ({"errors": ["nine"]}, "nine"),
        ([{"error": {"message": "ten"}}], "ten"),
        ({"detail": {"status": "x", "message": "eleven"}}, "eleven"),
        (b"upstream connect error", "upstream connect error"),
        (
            {"error": {"message": "Provider returned error",
                       "metadata": {"raw": '{"error":{"message":"twelve"}}'}}},
            "Provider returned error: twelve",
        ),
    ],
)  # fmt: skip
def test_the_message_is_found_in_every_shape(body: Any, message: str) -> None:
    assert str(error(400, body)) == message


def test_a_clients_own_fault_is_reported_as_the_vendor_words_it() -> None:
    body = {"error": {"message": "Too hot", "type": "bad_t", "code": "t_max", "param": "t"}}
    failed = error(422, body)
    assert failed.status == 422
    assert failed.body() == {
        "error": {"message": "Too hot", "type": "bad_t", "code": "t_max", "param": "t"}
    }


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefgh12345678",
        "gsk_abcdefgh12345678",
        "xai-abcdefgh12345678",
        "hf_abcdefgh12345678",
        "sk-ab***********************yz",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_whatever_looks_like_a_key_is_blotted_out(secret: str) -> None:
    for words in (f"Incorrect API key provided: {secret}.", f"denied: Bearer {secret}", secret):
        assert secret not in str(error(401, openai(words)))


@pytest.mark.parametrize(
    "words",
    [
        "The model `claude-haiku-4-5-20251001` does not exist",
        "accounts/fireworks/models/deepseek-v4p1-flash-1017 is too busy",
        "See https://platform.openai.com/docs/guides/error-codes/api-errors",
    ],
)
def test_names_and_links_are_left_alone(words: str) -> None:
    assert str(error(400, openai(words))) == words


def test_a_request_too_large_for_the_minute_is_not_held_against_the_key() -> None:
    failed = error(413, openai("Request too large: TPM", "tokens", "rate_limit_exceeded"), "groq")
    assert (failed.kind, failed.retry_after, failed.retryable) == (ErrorKind.RATE_LIMIT, 0.0, False)


@pytest.mark.parametrize(("said", "retryable"), [("true", True), ("false", False), ("?", None)])
def test_the_vendors_word_on_retrying_is_kept(said: str, retryable: bool | None) -> None:
    assert error(500, b"", x_should_retry=said).retryable is retryable


def test_pauses_come_from_headers_and_from_bodies() -> None:
    assert error(429, b"", retry_after="7").retry_after == 7.0
    inside = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int((WALL + 10) * 1000))}
    body = {"error": {"message": "slow", "code": 429, "metadata": {"headers": inside}}}
    assert error(429, body, "openrouter").retry_after == 10.0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "errors", "code", "metadata", "raw"]),
            inner,
        )
    ),
)


@given(st.integers(100, 599), JSON.map(lambda body: json.dumps(body).encode()) | st.binary())
def test_any_body_at_all_becomes_an_error(status: int, body: bytes) -> None:
    failed = error(status, body)
    assert isinstance(failed.kind, ErrorKind)
    assert str(failed)
