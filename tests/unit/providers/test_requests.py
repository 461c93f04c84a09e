"""What a vendor is sent."""

import json
from importlib import import_module
from typing import Any

import pytest

from modelmesh.types import HttpRequest, Request, Secret

USER = {"role": "user", "content": "Hello"}
KEY = Secret("the-key")


def provider(vendor: str, **settings: Any) -> Any:
    cls = import_module(f"modelmesh.connectors.providers.{vendor}").Provider
    if "options" in settings:
        settings["options"] = cls.Options(**settings["options"])
    else:
        settings.setdefault("base_url", "http://vendor.test/v1")
    return cls("vendor", **settings)


def sent(
    vendor: str,
    parameters: dict[str, Any],
    *,
    model: str = "some-model",
    drop: frozenset[str] = frozenset(),
) -> Any:
    body = {"model": "virtual", "messages": [USER], **parameters}
    request = Request(id="r", model="virtual", body=body, raw=json.dumps(body).encode())
    made: HttpRequest = provider(vendor).request(request, model=model, key=KEY, drop=drop)
    return json.loads(made.body)


def lacks(vendor: str, parameters: dict[str, Any], model: str = "some-model") -> set[str]:
    body = {"model": "virtual", "messages": [USER], **parameters}
    return set(provider(vendor).lacks(Request(id="r", model="virtual", body=body), model))


EVERYTHING: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "frequency_penalty": 0.5,
    "logit_bias": {"1": 2},
    "logprobs": True,
    "max_completion_tokens": 9,
    "metadata": {"a": "b"},
    "modalities": ["text", "audio"],
    "n": 2,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": 0.25,
    "prompt_cache_key": "k",
    "reasoning_effort": "low",
    "response_format": {"type": "json_object"},
    "safety_identifier": "s",
    "seed": 7,
    "service_tier": "flex",
    "stop": ["x"],
    "store": True,
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "tool_choice": "auto",
    "tools": [{"type": "function", "function": {"name": "f", "strict": True}}],
    "top_logprobs": 3,
    "top_p": 0.5,
    "user": "u",
    "verbosity": "low",
    "web_search_options": {},
    "x_unknown": {"deep": [1.50, "é"]},
}


@pytest.mark.parametrize("vendor", ["openai_compatible", "openai", "vllm", "openrouter"])
def test_every_parameter_goes_through_byte_by_byte(vendor: str) -> None:
    body = {"model": "virtual", "messages": [USER], **EVERYTHING}
    raw = json.dumps(body, indent=1).encode()
    request = Request(id="r", model="virtual", body=body, raw=raw)
    made = provider(vendor).request(request, model="real/model", key=None, drop=frozenset())
    assert made.body == raw.replace(b'"virtual"', b'"real/model"')
    assert made.stream
    assert provider(vendor).lacks(request, "real/model") == frozenset()


def test_a_body_made_in_process_is_written() -> None:
    request = Request(id="r", model="v", body={"model": "v", "messages": [], "stop": "é\ud800"})
    made = provider("openai").request(request, model="real", key=None, drop=frozenset())
    assert json.loads(made.body) == {"model": "real", "messages": [], "stop": "é\ud800"}


def test_headers_are_the_clients_then_the_configured_then_the_key() -> None:
    vendor = provider("openai", headers={"X-Team": "search", "OpenAI-Beta": "ours"})
    forwarded = {"openai-beta": "theirs", "traceparent": "00-1"}
    request = Request(id="r", model="v", body={"model": "v"}, headers=forwarded)
    made = vendor.request(request, model="real", key=KEY, drop=frozenset())
    assert made.headers == {
        "openai-beta": "ours",
        "traceparent": "00-1",
        "x-team": "search",
        "authorization": "Bearer the-key",
        "content-type": "application/json",
    }
    assert made.url == "http://vendor.test/v1/chat/completions"
    assert "the-key" not in f"{made.url} {made!r} {vendor.request!r}"


def test_a_local_server_is_sent_no_key_where_there_is_none() -> None:
    request = Request(id="r", model="v", body={"model": "v"})
    made = provider("ollama").request(request, model="real", key=None, drop=frozenset())
    assert "authorization" not in made.headers


def test_openai_is_told_who_is_billed() -> None:
    vendor = provider("openai", options={"organization": "org-1", "project": "proj_1"})
    made = vendor.models_request(KEY)
    assert made.url == "https://api.openai.com/v1/models"
    assert made.method == "GET"
    assert made.headers == {
        "openai-organization": "org-1",
        "openai-project": "proj_1",
        "authorization": "Bearer the-key",
    }


@pytest.mark.parametrize(
    ("vendor", "missing"),
    [
        ("deepseek", {"n"}),
        (
            "perplexity",
            {"logit_bias", "logprobs", "n", "seed", "tool_choice", "tools", "top_logprobs"},
        ),
        ("ollama", {"logit_bias", "n", "user"}),
        (
            "sambanova",
            {"frequency_penalty", "logit_bias", "logprobs", "n", "presence_penalty"}
            | {"top_logprobs"},
        ),
        ("fireworks", {"response_format"}),
        ("lmstudio", {"response_format"}),
        (
            "mistral",
            {"audio", "logit_bias", "logprobs", "modalities", "safety_identifier"}
            | {"service_tier", "store", "top_logprobs", "user", "verbosity", "x_unknown"},
        ),
    ],
)
def test_a_vendor_lacks_what_it_would_refuse(vendor: str, missing: set[str]) -> None:
    assert lacks(vendor, EVERYTHING) == missing
    without = sent(vendor, EVERYTHING, drop=frozenset(missing))
    assert missing.isdisjoint(without)
    assert (
        lacks(vendor, {name: EVERYTHING[name] for name in EVERYTHING if name not in missing})
        == set()
    )


@pytest.mark.parametrize(
    "idle",
    [
        {"n": 1},
        {"n": None},
        {"logprobs": False, "top_logprobs": 0},
        {"tools": [], "tool_choice": None},
        {"logit_bias": {}},
        {"seed": None},
    ],
)
def test_what_asks_for_nothing_is_not_lacking_and_left_out(idle: dict[str, Any]) -> None:
    assert lacks("perplexity", idle) == set()
    assert sent("perplexity", idle) == {"model": "some-model", "messages": [USER]}


def test_mistral_gets_no_parameter_it_does_not_know_not_even_an_empty_one() -> None:
    assert sent("mistral", {"x_new": None, "stream_options": {"include_usage": True}, "n": 2}) == {
        "model": "some-model",
        "messages": [USER],
        "n": 2,
    }
    assert lacks("mistral", {"x_new": None, "stream_options": {"include_usage": True}}) == set()


@pytest.mark.parametrize(
    ("vendor", "model", "old", "new"),
    [
        ("openai", "gpt-6-luna", "max_tokens", "max_completion_tokens"),
        ("openai", "gpt-4.1-mini", "max_tokens", "max_tokens"),
        ("openai", "gpt-5-not-in-the-catalogue", "max_tokens", "max_completion_tokens"),
        ("azure_openai", "o3-deployment", "max_tokens", "max_completion_tokens"),
        ("azure_openai", "chat-deployment", "max_tokens", "max_tokens"),
        ("deepseek", "deepseek-v4-pro", "max_completion_tokens", "max_tokens"),
        ("together", "x", "max_completion_tokens", "max_tokens"),
        ("fireworks", "x", "max_completion_tokens", "max_tokens"),
        ("mistral", "x", "max_completion_tokens", "max_tokens"),
        ("mistral", "x", "seed", "random_seed"),
        ("groq", "x", "max_completion_tokens", "max_completion_tokens"),
    ],
)
def test_a_parameter_has_the_name_the_vendor_knows(
    vendor: str, model: str, old: str, new: str
) -> None:
    assert sent(vendor, {old: 7}, model=model) == {"model": model, "messages": [USER], new: 7}
    assert lacks(vendor, {old: 7}, model) == set()


def test_of_two_names_for_one_parameter_the_vendors_own_holds() -> None:
    both = {"max_tokens": 5, "max_completion_tokens": 6}
    assert sent("deepseek", both)["max_tokens"] == 5
    assert sent("deepseek", {**both, "max_tokens": None})["max_tokens"] == 6


@pytest.mark.parametrize(
    ("model", "effort", "missing"),
    [
        ("gpt-4.1", None, set()),
        ("gpt-6-luna", None, {"stop", "temperature", "logprobs"}),
        ("gpt-6-luna", "none", {"stop"}),
        ("gpt-5.4", None, {"stop"}),
        ("gpt-5.4", "low", {"stop", "temperature", "logprobs"}),
    ],
)
def test_a_model_that_thinks_lacks_what_it_refuses(
    model: str, effort: str | None, missing: set[str]
) -> None:
    asked = {"stop": "x", "temperature": 0.2, "logprobs": True, "reasoning_effort": effort}
    assert lacks("openai", asked, model) == missing


def test_a_temperature_of_one_is_no_wish() -> None:
    assert lacks("openai", {"temperature": 1, "top_p": 1.0}, "gpt-6-luna") == set()


def test_groq_gets_no_nulls_and_no_names() -> None:
    call = {
        "role": "assistant",
        "content": None,
        "function_call": None,
        "tool_calls": [{"id": "1"}],
    }
    named = {"role": "user", "content": "Hi", "name": "ada"}
    clean = sent("groq", {"messages": [named, call], "stop": None})
    assert clean["messages"] == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [{"id": "1"}]},
    ]
    assert clean["stop"] is None


@pytest.mark.parametrize(
    ("wish", "missing"),
    [
        ({"stream": True}, {"response_format"}),
        ({"tools": [{"type": "function"}]}, {"response_format"}),
        ({"stream": False, "tools": []}, set()),
    ],
)
def test_groq_has_no_schema_for_streams_or_beside_tools(
    wish: dict[str, Any], missing: set[str]
) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    assert lacks("groq", {"response_format": schema, **wish}) == missing
    assert lacks("groq", {"response_format": {"type": "json_object"}, **wish}) == set()


def test_mistral_gets_only_the_fields_of_a_message_it_knows() -> None:
    echoed = {"role": "assistant", "content": "Hi", "refusal": None, "reasoning_content": "…"}
    tool = {"role": "tool", "content": "1", "tool_call_id": "a1B2c3D4e", "name": "f"}
    clean = sent("mistral", {"messages": [{**USER, "name": "ada"}, echoed, tool, "odd"]})
    assert clean["messages"] == [USER, {"role": "assistant", "content": "Hi"}, tool, "odd"]


def test_xai_gets_functions_which_are_not_strict() -> None:
    strict = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {}}}
    plain = {"type": "function", "function": {"name": "g"}}
    assert sent("xai", {"tools": [strict, plain, "odd"]})["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {}}},
        plain,
        "odd",
    ]


def test_what_a_client_sends_is_never_part_of_the_address() -> None:
    body = {"model": "../../evil?x=", "messages": []}
    request = Request(id="r", model="../../evil?x=", body=body, raw=json.dumps(body).encode())
    for vendor in ("openai", "azure_openai", "cloudflare"):
        made = provider(vendor).request(request, model="m", key=None, drop=frozenset())
        assert made.url == "http://vendor.test/v1/chat/completions"
