"""What the files of the vendors say, and where they lead."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from modelmesh import catalogue
from modelmesh.connectors import registry

ROOT = Path(__file__).parents[3]
VENDORS = registry.available("providers")
EVERY = pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
HERE = "openai-compatible"


def test_all_vendors_of_the_first_version_are_there() -> None:
    assert set(VENDORS) >= {
        HERE,
        "azure.openai.v1",
        "cerebras.api.v1",
        "cloudflare.workersai.v1",
        "deepseek.api.v1",
        "fireworks.api.v1",
        "groq.api.v1",
        "huggingface.router.v1",
        "llamacpp.local.v1",
        "lmstudio.local.v1",
        "localai.local.v1",
        "mistral.api.v1",
        "nvidia.nim.v1",
        "ollama.local.v1",
        "openai.llm.v1",
        "openrouter.api.v1",
        "perplexity.api.v1",
        "sambanova.api.v1",
        "together.api.v1",
        "vllm.local.v1",
        "xai.api.v1",
    }


@EVERY
def test_a_vendor_is_found_by_its_id_and_knows_its_variables(vendor: Any) -> None:
    assert registry.find("providers", vendor.connector) is vendor
    assert vendor.local or vendor.key_names or vendor.connector == HERE
    names = (*vendor.key_names, *vendor.url_names, *vendor.option_names.values())
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]+", name) for name in names)
    assert set(vendor.option_names) <= set(vendor.Options.__annotations__)


@EVERY
def test_the_usual_models_are_known_current_and_chat_comes_first(vendor: Any) -> None:
    known = [catalogue.find(vendor.connector, name) for name in vendor.models]
    assert len(known) <= 4
    chats = [facts is not None and facts.kind == "chat" for facts in known]
    assert chats == sorted(chats, reverse=True)
    assert all(facts is not None and facts.retires is None for facts in known)


def test_no_variable_is_two_vendors() -> None:
    names = sorted(name for vendor in VENDORS.values() for name in vendor.key_names)
    assert all(one != another for one, another in pairwise(names))


@pytest.mark.parametrize(
    ("vendor", "settings", "url"),
    [
        ("openai.llm.v1", {}, "https://api.openai.com/v1/chat/completions"),
        ("deepseek.api.v1", {}, "https://api.deepseek.com/chat/completions"),
        ("ollama.local.v1", {}, "http://localhost:11434/v1/chat/completions"),
        (
            HERE,
            {"base_url": "http://127.0.0.1:9/any/path/"},
            "http://127.0.0.1:9/any/path/chat/completions",
        ),
        (
            "cloudflare.workersai.v1",
            {"account_id": "abc123"},
            "https://api.cloudflare.com/client/v4/accounts/abc123/ai/v1/chat/completions",
        ),
        (
            "azure.openai.v1",
            {"resource": "mine"},
            "https://mine.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            "azure.openai.v1",
            {"base_url": "https://mine.openai.azure.com/"},
            "https://mine.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            "azure.openai.v1",
            {"base_url": "https://gateway.test/azure/v1"},
            "https://gateway.test/azure/v1/chat/completions",
        ),
        (
            "azure.openai.v1",
            {"resource": "mine", "api_version": "1"},
            "https://mine.openai.azure.com/openai/deployments/x%2Fy/chat/completions?api-version=1",
        ),
    ],
)
def test_requests_go_where_the_vendor_is(vendor: str, settings: dict[str, str], url: str) -> None:
    assert _made(vendor, settings)._at("/chat/completions", "x/y") == url


@pytest.mark.parametrize(
    ("vendor", "settings", "url"),
    [
        ("perplexity.api.v1", {}, "https://api.perplexity.ai/v1/models"),
        (
            "cloudflare.workersai.v1",
            {"account_id": "abc123"},
            "https://api.cloudflare.com/client/v4/accounts/abc123/ai/models/search",
        ),
        (
            "azure.openai.v1",
            {"resource": "mine", "api_version": "2024-10-21"},
            "https://mine.openai.azure.com/openai/models?api-version=2024-10-21",
        ),
    ],
)
def test_lists_of_models_are_where_the_vendor_has_them(
    vendor: str, settings: dict[str, str], url: str
) -> None:
    assert _made(vendor, settings).models_request(None).url == url


@pytest.mark.parametrize(
    ("vendor", "settings", "problem"),
    [
        (HERE, {}, "needs a base_url"),
        ("azure.openai.v1", {}, r"needs a resource \(AZURE_RESOURCE_NAME\) or a base_url"),
        (
            "cloudflare.workersai.v1",
            {},
            r"needs an account_id \(CLOUDFLARE_ACCOUNT_ID\) or a base_url",
        ),
        ("cloudflare.workersai.v1", {"account_id": "a/b"}, "account_id"),
        ("azure.openai.v1", {"resource": "evil.test/"}, "resource"),
    ],
)
def test_a_vendor_without_an_address_says_what_it_needs(
    vendor: str, settings: dict[str, str], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        _made(vendor, settings)


@EVERY
def test_a_vendor_has_its_line_in_the_documentation(vendor: Any) -> None:
    page = (ROOT / "docs" / "providers.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith(f"| `{vendor.connector}` |")]
    assert len(lines) == 1
    for name in (*vendor.key_names, *vendor.url_names, *vendor.option_names.values()):
        assert f"`{name}`" in lines[0]
    chats = issubclass(vendor, VENDORS[HERE])
    lacking = vendor.refuses if chats and vendor.accepts is None else ()
    for name in lacking:
        assert f"`{name}`" in lines[0]


def _made(vendor: str, settings: dict[str, str]) -> Any:
    cls = VENDORS[vendor]
    options = {name: text for name, text in settings.items() if name != "base_url"}
    return cls("v", base_url=settings.get("base_url"), options=cls.Options(**options))
