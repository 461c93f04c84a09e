import logging
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.build import build
from modelmesh.config import schema
from modelmesh.config.address import server_address
from modelmesh.config.detect import detect
from modelmesh.connectors import registry
from modelmesh.errors import ConfigError
from modelmesh.state import State
from modelmesh.types import Secret

CHAT = "generation.text-generation.chat-completion"


def refusal(environ: dict[str, str], **arguments: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        detect(environ, **arguments)
    return str(caught.value)


def test_a_vendors_key_gives_its_provider_its_models_and_pools() -> None:
    config = detect({"OPENAI_API_KEY": "sk-1"})
    vendor = registry.find("providers", "openai.llm.v1")
    assert config.providers == {
        "openai.llm.v1": schema.Provider(connector="openai.llm.v1", api_key=Secret("sk-1"))
    }
    names = [model.model for model in config.models.values()]
    assert names == [*vendor.models, "gpt-4o-mini-tts", "tts-1", "tts-1-hd"]
    assert config.pools["chat-completion"].capability == CHAT
    assert config.pools["embeddings"].capability == "representation.embeddings"


def test_the_first_variable_that_is_set_wins() -> None:
    environ = {"TOGETHERAI_API_KEY": "second", "TOGETHER_API_KEY": "first"}
    assert detect(environ).providers["together.api.v1"].api_key == Secret("first")
    environ["TOGETHER_API_KEY"] = "  "
    assert detect(environ).providers["together.api.v1"].api_key == Secret("second")


def test_several_vendors_share_the_chat_pool() -> None:
    config = detect({"OPENAI_API_KEY": "a", "GROQ_API_KEY": "b"})
    assert set(config.providers) == {"openai.llm.v1", "groq.api.v1"}
    assert {model.provider for model in config.models.values()} == set(config.providers)
    assert config.pools["chat-completion"].providers == ()


def test_models_of_one_name_at_two_vendors_are_told_apart() -> None:
    config = detect({"GROQ_API_KEY": "a", "TOGETHER_API_KEY": "b"}, models=["openai/gpt-oss-120b"])
    assert {name: model.provider for name, model in config.models.items()} == {
        "openai/gpt-oss-120b": "groq.api.v1",
        "together/openai/gpt-oss-120b": "together.api.v1",
    }
    assert {model.model for model in config.models.values()} == {"openai/gpt-oss-120b"}


def test_an_address_and_options_are_taken_from_the_environment() -> None:
    config = detect(
        {
            "OPENAI_API_KEY": "a",
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
            "OPENAI_ORG_ID": "org-1",
        }
    )
    entry = config.providers["openai.llm.v1"]
    assert entry.base_url == "http://127.0.0.1:9/v1"
    assert entry.options == {"organization": "org-1"}


def test_a_local_server_needs_its_address_only() -> None:
    config = detect({"OLLAMA_HOST": "127.0.0.1:11434"})
    assert config.providers["ollama.local.v1"].base_url == "http://127.0.0.1:11434/v1"
    assert config.providers["ollama.local.v1"].api_key is None
    assert config.pools["chat-completion"].capability == CHAT


def test_a_local_server_asked_for_by_name_is_at_its_usual_address() -> None:
    config = detect({}, providers=["ollama"])
    assert config.providers["ollama.local.v1"].base_url is None


def test_a_vendor_that_lacks_more_than_a_key_is_left_out_with_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="modelmesh"):
        config = detect({"OPENAI_API_KEY": "a", "CLOUDFLARE_API_TOKEN": "b"})
    assert list(config.providers) == ["openai.llm.v1"]
    (message,) = caplog.messages
    assert message.startswith("Cloudflare Workers AI is left out: ")


def test_a_key_that_cannot_be_sent_is_told_without_the_key() -> None:
    told = refusal({}, providers=["openai"], api_keys={"openai": "sk-canary\nx"})
    assert "its key has a line break" in told
    assert "canary" not in told


def test_keys_can_be_given_by_short_names() -> None:
    for name in ("openai", "openai.llm", "openai.llm.v1"):
        config = detect({}, api_keys={name: "sk-1"})
        assert config.providers["openai.llm.v1"].api_key == Secret("sk-1")


def test_a_key_given_goes_before_the_environments() -> None:
    config = detect({"OPENAI_API_KEY": "theirs"}, api_keys={"openai": "ours"})
    assert config.providers["openai.llm.v1"].api_key == Secret("ours")


def test_only_the_providers_asked_for_are_used() -> None:
    config = detect({"OPENAI_API_KEY": "a", "GROQ_API_KEY": "b"}, providers=["groq"])
    assert list(config.providers) == ["groq.api.v1"]


def test_a_provider_asked_for_without_a_key_is_a_mistake() -> None:
    assert "no key for Groq: set GROQ_API_KEY, or pass api_keys={'groq': …}" in refusal(
        {"OPENAI_API_KEY": "a"}, providers=["openai", "groq"]
    )


def test_only_the_models_asked_for_are_used() -> None:
    config = detect(
        {"OPENAI_API_KEY": "a", "GROQ_API_KEY": "b"}, models=["gpt-4o-mini", "groq/some-model"]
    )
    assert config.models == {
        "gpt-4o-mini": schema.Model(provider="openai.llm.v1", model="gpt-4o-mini"),
        "groq/some-model": schema.Model(provider="groq.api.v1", model="some-model"),
    }


def test_providers_of_no_model_asked_for_are_left_out() -> None:
    config = detect({"OPENAI_API_KEY": "a", "OLLAMA_HOST": "x"}, models=["gpt-4o-mini"])
    assert list(config.providers) == ["openai.llm.v1"]


def test_a_single_provider_takes_any_model() -> None:
    config = detect({"OPENAI_API_KEY": "a"}, models=["of-tomorrow"])
    assert config.models["of-tomorrow"].provider == "openai.llm.v1"


def test_a_model_nobody_lists_gets_the_pool_its_name_tells_of() -> None:
    found = detect({"OLLAMA_HOST": "127.0.0.1:11434"}, models=["nomic-embed-text"])
    assert list(found.pools) == ["embeddings"]
    assert list(build(found, state=State(), rng=Random(), wall=lambda: 0.0).pools) == ["embeddings"]


def test_a_model_that_might_be_anybodys_is_a_mistake() -> None:
    told = refusal({"OPENAI_API_KEY": "a", "GROQ_API_KEY": "b"}, models=["of-tomorrow"])
    assert "of-tomorrow: which provider has it? write groq/of-tomorrow or the like" in told


def test_a_capability_asked_for_gets_its_pool() -> None:
    config = detect({"OPENAI_API_KEY": "a"}, capabilities=["ocr", "chat-completion", "tts"])
    assert config.pools["ocr"].capability == "understanding.vision-understanding.ocr"
    assert config.pools["text-to-speech"].capability == (
        "generation.audio-generation.text-to-speech"
    )
    assert "tts" not in config.pools


@pytest.mark.parametrize(
    ("capability", "pool", "variable", "model"),
    [
        ("text-embeddings", "text-embeddings", "OPENAI_API_KEY", "text-embedding-3-small"),
        ("embeddings", "embeddings", "COHERE_API_KEY", "embed-v4.0"),
        ("text-to-speech", "text-to-speech", "OPENAI_API_KEY", "gpt-4o-mini-tts"),
        ("tts", "text-to-speech", "GROQ_API_KEY", "canopylabs/orpheus-v1-english"),
        ("speech-to-text", "speech-to-text", "GROQ_API_KEY", "whisper-large-v3-turbo"),
        ("stt", "speech-to-text", "OPENAI_API_KEY", "gpt-transcribe"),
        ("stt", "speech-to-text", "MISTRAL_API_KEY", "voxtral-mini-latest"),
        ("text-to-image", "text-to-image", "OPENAI_API_KEY", "gpt-image-2"),
        ("image-generation", "image-generation", "XAI_API_KEY", "grok-imagine-image"),
    ],
)
def test_a_capability_beside_chat_finds_the_models_of_whose_key_is_there(
    capability: str, pool: str, variable: str, model: str
) -> None:
    config = detect({variable: "a"}, capabilities=[capability])
    found = build(config, state=State(), rng=Random(), wall=lambda: 0.0).pools[pool]
    assert found.targets[0].upstream == model


def test_models_which_nobody_withdraws_go_before_those_that_end() -> None:
    config = detect({"GEMINI_API_KEY": "a"}, capabilities=["image-generation"])
    found = build(config, state=State(), rng=Random(), wall=lambda: 0.0).pools["image-generation"]
    ends = [bool(target.card.retirement) for target in found.targets]
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    ("variables", "speaker"),
    [
        (["OPENAI_API_KEY"], "gpt-4o-mini-tts"),
        (["MISTRAL_API_KEY"], "voxtral-mini-tts-latest"),
        (["OPENAI_API_KEY", "GROQ_API_KEY"], "canopylabs/orpheus-v1-english"),
    ],
)
def test_a_key_alone_is_enough_for_whatever_its_vendor_can(
    variables: list[str], speaker: str
) -> None:
    config = detect(dict.fromkeys(variables, "a"))
    parts = build(config, state=State(), rng=Random(), wall=lambda: 0.0)
    found = parts.pools["text-to-speech"]
    assert found.targets[0].upstream == speaker


def test_the_catalogues_models_are_used_only_for_what_usual_ones_cannot() -> None:
    both = detect({"OPENAI_API_KEY": "a"}, capabilities=["text-embeddings"])
    assert "text-embedding-3-large" not in both.models
    assert "gpt-4o-mini-tts" not in detect({"OPENAI_API_KEY": "a", "GROQ_API_KEY": "b"}).models


def test_a_vendor_that_is_asked_for_its_models_gets_none_of_the_catalogue() -> None:
    azure = {"AZURE_OPENAI_API_KEY": "a", "AZURE_RESOURCE_NAME": "mine"}
    assert detect(azure, capabilities=["text-to-speech"]).models == {}


def test_a_capability_that_nobody_here_has_is_a_mistake_which_names_it() -> None:
    config = detect({"ANTHROPIC_API_KEY": "a"}, capabilities=["text-to-speech"])
    with pytest.raises(ConfigError, match=r"pools\.text-to-speech: no model fits"):
        build(config, state=State(), rng=Random(), wall=lambda: 0.0)


def test_an_unknown_capability_is_a_mistake_with_a_suggestion() -> None:
    told = refusal({"OPENAI_API_KEY": "a"}, capabilities=["chat-completoin"])
    assert "unknown capability 'chat-completoin'; did you mean 'chat-completion'" in told


def test_a_strategy_is_every_pools() -> None:
    config = detect({"OPENAI_API_KEY": "a"}, strategy="stick-until-failure")
    assert {pool.strategy for pool in config.pools.values()} == {"stick-until-failure"}
    assert "did you mean 'modelmesh.round-robin.v1'?" in refusal(
        {"OPENAI_API_KEY": "a"}, strategy="round-robbin"
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("opneai", "unknown connector 'opneai'; did you mean 'openai.llm.v1'?"),
        ("aws.bedrock.v1", "'aws.bedrock.v1' is not available in this version"),
        ("aws", "'aws.bedrock.v1' is not available in this version"),
        ("no.such:Provider", "'no.such:Provider' cannot be loaded"),
    ],
)
def test_a_provider_that_does_not_exist_is_a_mistake(name: str, told: str) -> None:
    assert told in refusal({"OPENAI_API_KEY": "a"}, providers=[name])
    assert told in refusal({"OPENAI_API_KEY": "a"}, api_keys={name: "x"})


def test_an_address_that_is_none_is_told_where_it_was_asked_for() -> None:
    assert "is no address such as" in refusal({"OLLAMA_HOST": "ftp://x"}, providers=["ollama"])


def test_where_nothing_is_found_everything_looked_for_is_named() -> None:
    told = refusal({})
    for vendor in registry.available("providers").values():
        names = vendor.url_names if vendor.local else vendor.key_names
        assert all(name in told for name in names)
    assert "--config" in told
    assert "--demo" in told


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        ("box", "http://box:11434/v1"),
        (":8000", "http://localhost:8000/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000/v1"),
        ("http://box:8000", "http://box:8000/v1"),
        ("http://box:8000/", "http://box:8000/v1"),
        ("http://box:8000/v1", "http://box:8000/v1"),
        ("http://box:8000/v1/", "http://box:8000/v1"),
        ("box:8000/v1", "http://box:8000/v1"),
        ("https://box", "https://box/v1"),
        ("https://box/ollama/v1", "https://box/ollama/v1"),
        ("::1", "http://[::1]:11434/v1"),
        ("[::1]:8000", "http://[::1]:8000/v1"),
        ("  box  ", "http://box:11434/v1"),
    ],
)
def test_an_address_is_completed(text: str, address: str) -> None:
    assert server_address(text, "http://localhost:11434/v1") == address


@pytest.mark.parametrize("text", ["ftp://box", "http://u:p@box", "a b", "box:port", "box?x=1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        server_address(text, "http://localhost:11434/v1")


@given(st.text(alphabet="ab:/[]1.@?# %\\"))
def test_any_address_is_completed_or_refused(text: str) -> None:
    try:
        address = server_address(text, "http://localhost:11434/v1")
    except ValueError:
        return
    assert address.startswith("http")
    assert server_address(address, "http://localhost:11434/v1") == address
