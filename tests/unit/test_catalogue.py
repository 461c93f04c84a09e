import subprocess
import sys
from datetime import date
from random import Random

import pytest
from attrs import asdict, evolve
from hypothesis import given
from hypothesis import strategies as st

from modelmesh import catalogue
from modelmesh.capabilities import TREE
from modelmesh.catalogue import ModelFacts, Retirement
from modelmesh.catalogue.facts import CAPABILITIES, FEATURE_CAPABILITIES, FEATURES
from modelmesh.catalogue.models import _shared

OPENAI = "openai.llm.v1"
CHAT = "generation.text-generation.chat-completion"


def every_model() -> list[ModelFacts]:
    return [facts for name in catalogue.providers() for facts in catalogue.models_of(name)]


def found(provider: str, model: str) -> ModelFacts:
    facts = catalogue.find(provider, model)
    assert facts is not None
    return facts


def test_nothing_is_read_before_the_first_question() -> None:
    code = (
        "import modelmesh, modelmesh.client\n"
        "from modelmesh.catalogue import as_of, reading\n"
        "print(reading.catalogue.cache_info().currsize)\n"
        "as_of()\n"
        "print(reading.catalogue.cache_info().currsize)\n"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    assert output.split() == [b"0", b"1"]


def test_a_models_facts_are_found_by_provider_and_id() -> None:
    facts = found(OPENAI, "gpt-4o-mini")
    assert (facts.provider, facts.id, facts.kind) == (OPENAI, "gpt-4o-mini", "chat")
    assert (facts.context, facts.max_output) == (128_000, 16_384)
    assert facts.price is not None
    assert (facts.price.input, facts.price.output, facts.price.cached_input) == (0.15, 0.6, 0.075)
    assert CHAT in facts.capabilities


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("ollama.local.v1", "llama3.1:8b"),
        ("anthropic.claude.v1", "claude-3-5-haiku"),
        ("groq.api.v1", "llama-3.3-70b"),
        ("azure.openai.v1", "my-deployment"),
        ("github.models.v1", "openai/gpt-4o"),
        (OPENAI, "gpt-4o-mini-2024"),
        (OPENAI, "gpt-4o-mini-2024-13-41"),
        (OPENAI, "models/gpt-4o-mini"),
        (OPENAI, ""),
    ],
)
def test_nothing_is_known_of_a_model_which_is_not_listed(provider: str, model: str) -> None:
    assert catalogue.find(provider, model) is None


@given(st.randoms(use_true_random=False))
def test_letter_case_does_not_matter(random: Random) -> None:
    facts = random.choice(every_model())
    spelt = "".join(random.choice((letter.lower(), letter.upper())) for letter in facts.id)
    assert catalogue.find(facts.provider, spelt) is facts


def test_every_model_is_found_by_its_own_id() -> None:
    assert all(catalogue.find(facts.provider, facts.id) is facts for facts in every_model())


@pytest.mark.parametrize(
    ("provider", "snapshot", "model"),
    [
        (OPENAI, "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("anthropic.claude.v1", "claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("anthropic.claude.v1", "claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("google.gemini.v1", "models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("google.gemini.v1", "models/gemini-2.5-flash-001", "gemini-2.5-flash"),
        ("xai.api.v1", "grok-4.6-latest", "grok-4.6"),
        ("openrouter.api.v1", "cohere/command-a:nitro", "cohere/command-a"),
        ("aws.bedrock.v1", "us.anthropic.claude-opus-5", "anthropic.claude-opus-5"),
        ("aws.bedrock.v1", "global.anthropic.claude-opus-5", "anthropic.claude-opus-5"),
    ],
)
def test_another_spelling_has_the_facts_of_its_model(
    provider: str, snapshot: str, model: str
) -> None:
    assert found(provider, snapshot) is found(provider, model)


def test_a_listed_snapshot_has_facts_of_its_own() -> None:
    assert found(OPENAI, "omni-moderation-2024-09-26").id == "omni-moderation-2024-09-26"


def test_a_retired_snapshot_does_not_have_the_facts_of_its_successors() -> None:
    assert catalogue.find(OPENAI, "gpt-4o-2024-05-13") is None
    assert catalogue.retirement(OPENAI, "gpt-4o-2024-05-13") == Retirement(
        "2026-10-23", "gpt-5.6-sol"
    )


@pytest.mark.parametrize(
    ("provider", "model", "day"),
    [
        ("groq.api.v1", "llama-3.3-70b-versatile", "2026-08-16"),
        ("groq.api.v1", "Llama-3.3-70B-Versatile", "2026-08-16"),
        ("google.gemini.v1", "models/gemini-omni-flash-preview", "2026-10-22"),
        ("github.models.v1", "any-model", "2026-07-30"),
        (OPENAI, "gpt-6-luna", None),
        ("azure.openai.v1", "o3", "2026-11-19"),
        ("anthropic.claude.v1", "claude-3-7-sonnet-latest", "2026-02-19"),
        ("ollama.local.v1", "llama3.1:8b", None),
    ],
)
def test_a_retired_model_has_its_last_day(provider: str, model: str, day: str | None) -> None:
    end = catalogue.retirement(provider, model)
    assert (end and end.day) == day


def test_a_model_to_be_retired_has_its_day_and_its_successor_by_every_name() -> None:
    end = Retirement("2026-12-11", "gpt-6.1-sol")
    assert catalogue.retirement(OPENAI, "gpt-5") == end
    assert catalogue.retirement(OPENAI, "GPT-5-2025-08-07") == end
    assert found(OPENAI, "gpt-5").retirement == end


def test_a_retirement_is_told_in_words() -> None:
    assert Retirement("2026-12-11").describe() == "its vendor's last day for it is 2026-12-11"
    assert Retirement("2026-12-11", "m2").describe() == (
        "its vendor's last day for it is 2026-12-11; its successor is m2"
    )


def test_a_successor_is_a_model_of_the_same_provider_and_not_retired_itself() -> None:
    ends = [facts for facts in every_model() if facts.successor]
    assert ends
    for facts in ends:
        assert catalogue.find(facts.provider, str(facts.successor))


def test_a_long_prompt_has_a_price_of_its_own() -> None:
    price = found("google.gemini.v1", "gemini-2.5-pro").price
    assert price is not None
    assert price.above is not None
    assert (price.input, price.above.prompt_tokens, price.above.input) == (1.25, 200_000, 2.5)


def test_a_zero_that_only_means_unlisted_is_no_price() -> None:
    assert found("cohere.api.v1", "command-a-plus-05-2026").price is None
    assert found("google.gemini.v1", "gemma-4-31b-it").price is None


def test_only_what_is_known_to_be_free_costs_nothing() -> None:
    free = [
        facts.id
        for facts in every_model()
        if facts.price and 0 in (facts.price.input, facts.price.output)
    ]
    assert free
    assert all(name.endswith(":free") or name.startswith("omni-moderation") for name in free)


@pytest.mark.parametrize(
    ("provider", "model", "quirk", "value"),
    [
        ("anthropic.claude.v1", "claude-opus-5", "supports_sampling_params", False),
        ("anthropic.claude.v1", "claude-opus-5", "supports_assistant_prefill", False),
        ("anthropic.claude.v1", "claude-opus-5", "supports_mid_conversation_system", True),
        ("anthropic.claude.v1", "claude-opus-5", "supports_native_structured_output", True),
        ("anthropic.claude.v1", "claude-opus-5", "thinking", "adaptive"),
        ("anthropic.claude.v1", "claude-opus-5-5", "supports_forced_tool_use", False),
        ("anthropic.claude.v1", "claude-opus-5-5", "thinking_always_on", True),
        ("anthropic.claude.v1", "claude-haiku-4-5-20251001", "thinking", "budget"),
        ("anthropic.claude.v1", "claude-haiku-4-5", "thinking_budget", {"min": 1024}),
        ("google.gemini.v1", "gemini-2.5-flash", "thinking", "budget"),
        ("google.gemini.v1", "gemini-3.8-flash", "thinking", "level"),
        ("cohere.api.v1", "command-a-plus-05-2026", "thinking", "budget"),
        (OPENAI, "text-embedding-3-small", "dimensions", {"min": 1, "max": 1536}),
        ("voyage.api.v1", "voyage-4", "dimensions", [256, 512, 1024, 2048]),
        ("azure.openai.v1", "gpt-5.1", "default_reasoning_effort", "none"),
    ],
)
def test_translators_are_told_of_quirks(
    provider: str, model: str, quirk: str, value: object
) -> None:
    assert found(provider, model).quirks[quirk] == value


@pytest.mark.parametrize(
    ("provider", "model", "feature", "answer"),
    [
        (OPENAI, "gpt-4o-mini", "tools", True),
        (OPENAI, "gpt-4o-mini", "vision", True),
        (OPENAI, "gpt-4o-mini", "audio_in", False),
        (OPENAI, "gpt-4o-mini", "reasoning", False),
        (OPENAI, "gpt-4o-mini", "web_search", None),
        ("perplexity.api.v1", "sonar-pro", "tools", False),
        ("perplexity.api.v1", "sonar-pro", "json_schema", None),
        ("groq.api.v1", "openai/gpt-oss-120b", "vision", False),
        ("groq.api.v1", "openai/gpt-oss-120b", "pdf", None),
        ("cohere.api.v1", "command-a-03-2025", "json_schema", None),
        ("openai.llm.v1", "gpt-6.2-sol", "tools", None),
    ],
)
def test_a_feature_is_denied_on_evidence_only(
    provider: str, model: str, feature: str, answer: bool | None
) -> None:
    assert found(provider, model).supports(feature) is answer


def test_a_model_nobody_described_has_unknown_features() -> None:
    assert found(OPENAI, "gpt-6.2-sol").features is None


def test_features_are_known_words_and_never_denied_as_well() -> None:
    for facts in every_model():
        features = facts.features or frozenset()
        assert features | facts.lacks <= FEATURES
        assert not features & facts.lacks


def test_capabilities_are_leaves_of_the_standard_tree() -> None:
    tables = [*CAPABILITIES.values(), *FEATURE_CAPABILITIES.values()]
    for path in frozenset.union(*tables):
        assert TREE.leaves(path) == {path}


@pytest.mark.parametrize(
    ("provider", "model", "aliases"),
    [
        (OPENAI, "text-embedding-3-small", {"text-embeddings"}),
        (
            "google.gemini.v1",
            "gemini-embedding-2",
            {"text-embeddings", "image-embeddings", "multimodal-embeddings"},
        ),
        (OPENAI, "tts-1", {"text-to-speech"}),
        (OPENAI, "whisper-1", {"speech-to-text"}),
        (OPENAI, "gpt-image-2", {"text-to-image", "image-to-image"}),
        (OPENAI, "omni-moderation-latest", {"content-moderation"}),
        (OPENAI, "gpt-5-pro", set()),
        ("cohere.api.v1", "rerank-v3.5", {"reranking"}),
        ("mistral.api.v1", "mistral-ocr-latest", {"ocr", "document-parsing"}),
        ("groq.api.v1", "meta-llama/llama-prompt-guard-2-22m", {"classification"}),
        ("cohere.api.v1", "c4ai-aya-expanse-32b", {"chat-completion", "multi-turn-conversation"}),
    ],
)
def test_capabilities_follow_from_kind_and_features(
    provider: str, model: str, aliases: set[str]
) -> None:
    assert set(map(TREE.alias, found(provider, model).capabilities)) == aliases


def test_a_chat_model_with_tools_schemas_and_eyes_can_be_asked_for_them() -> None:
    assert set(map(TREE.alias, found(OPENAI, "gpt-4o-mini").capabilities)) == {
        "chat-completion",
        "multi-turn-conversation",
        "tool-calling",
        "function-call-generation",
        "json-generation",
        "schema-constrained-output",
        "image-captioning",
    }


def test_limits_agree_with_one_another() -> None:
    for facts in every_model():
        if facts.context is not None:
            assert 0 < (facts.max_output or 1) <= facts.context
            assert 0 < (facts.max_input or 1) <= facts.context
        assert facts.max_input is None or facts.context is not None


def test_days_are_days() -> None:
    for facts in every_model():
        if facts.retires:
            date.fromisoformat(facts.retires)
    assert date.fromisoformat(catalogue.as_of()) > date(2026, 1, 1)


def test_facts_of_any_provider_leave_out_what_is_the_providers_own() -> None:
    facts = catalogue.find_anywhere("gpt-4o-mini-transcribe")
    own = found(OPENAI, "gpt-4o-mini-transcribe")
    assert own.price
    assert own.retires
    assert own.sources
    assert facts == evolve(own, provider="*", price=None, retires=None, sources=())


def test_facts_of_any_provider_are_those_which_all_agree_on() -> None:
    shared = catalogue.find_anywhere("openai/gpt-oss-120b")
    own = [facts for facts in every_model() if facts.id == "openai/gpt-oss-120b"]
    assert len(own) > 1
    assert shared is not None
    assert shared.features == frozenset.intersection(*(f.features or frozenset() for f in own))
    assert shared.context in {facts.context for facts in own}


def test_what_providers_disagree_on_is_unknown() -> None:
    here = ModelFacts(
        provider="here",
        id="m",
        kind="chat",
        context=8,
        max_output=4,
        features=frozenset({"tools", "vision"}),
        lacks=frozenset({"audio_in"}),
        quirks={"thinking_always_on": True, "supports_sampling_params": False},
        retires="2027-01-01",
    )
    there = evolve(
        here,
        provider="there",
        context=16,
        features=frozenset({"tools", "audio_in"}),
        lacks=frozenset({"vision"}),
        quirks={"supports_sampling_params": False},
    )
    shared = _shared([here, there])
    assert shared is not None
    assert (shared.context, shared.max_output, shared.retires) == (None, 4, None)
    assert shared.features == frozenset({"tools"})
    assert shared.lacks == frozenset()
    assert shared.quirks == {"supports_sampling_params": False}
    assert "interaction.tool-calling" in shared.capabilities


def test_a_provider_without_a_word_on_features_has_no_say_in_them() -> None:
    here = ModelFacts(provider="here", id="m", kind="chat", features=frozenset({"tools"}))
    there = evolve(here, provider="there", features=None)
    shared = _shared([there, here])
    assert shared is not None
    assert shared.features == frozenset({"tools"})


def test_providers_which_disagree_on_the_kind_say_nothing() -> None:
    here = ModelFacts(provider="here", id="m", kind="chat")
    assert _shared([here, evolve(here, provider="there", kind="embedding")]) is None


def test_nobody_lists_an_unheard_of_model() -> None:
    assert catalogue.find_anywhere("my-own-finetune") is None


def test_every_connector_of_ours_with_models_of_its_own_is_known() -> None:
    assert len(catalogue.providers()) == 26
    assert sum(len(catalogue.models_of(name)) for name in catalogue.providers()) == 627


def test_every_fact_has_its_sources() -> None:
    known = catalogue.sources()
    for facts in every_model():
        assert facts.sources
        assert set(facts.sources) <= known.keys()


def test_facts_can_be_members_of_sets() -> None:
    assert len(set(every_model())) == len(every_model())


def test_prices_are_never_negative() -> None:
    for facts in every_model():
        if facts.price:
            rates = asdict(facts.price, filter=lambda _, value: isinstance(value, int | float))
            assert min(rates.values(), default=0) >= 0


@pytest.mark.parametrize(
    ("model", "capability"),
    [
        ("llama3.2", CHAT),
        ("my-own-finetune", CHAT),
        ("nomic-embed-text", "representation.embeddings.text-embeddings"),
        ("BAAI/bge-m3", "representation.embeddings.text-embeddings"),
        ("all-minilm:l6", "representation.embeddings.text-embeddings"),
        ("jina-reranker-v3", "retrieval.reranking"),
        ("Systran/faster-whisper-large-v3", "understanding.audio-understanding.speech-to-text"),
        ("hexgrad/Kokoro-82M", "generation.audio-generation.text-to-speech"),
        ("stable-diffusion-3", "generation.image-generation.text-to-image"),
    ],
)
def test_what_nobody_lists_is_guessed_by_its_name(model: str, capability: str) -> None:
    assert capability in catalogue.capabilities("ollama.local.v1", model)
