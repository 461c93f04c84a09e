import logging
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, get_args

import pytest
from attrs import field, frozen
from guide import configurations, with_guide

from modelmesh.config import later, schema
from modelmesh.config.load import load
from modelmesh.config.schema.values import positive
from modelmesh.connectors import registry
from modelmesh.connectors.providers import openai_compatible
from modelmesh.errors import ConfigError
from modelmesh.types import Secret

SOURCE = Path(registry.__file__).parents[1]
ENVIRON = {
    "OPENAI_API_KEY": "sk-canary-openai",
    "ANTHROPIC_API_KEY": "sk-canary-anthropic",
    "GROQ_API_KEY": "sk-canary-groq",
}


class Vendor(openai_compatible.Provider):
    """A provider of the user's own."""

    connector: ClassVar = "my.vendor"

    @frozen(kw_only=True)
    class Options:
        region: str
        pause: schema.Duration = field(default=1.0, validator=positive)
        password: Secret | None = None
        zones: list[str] = field(factory=list)

        def __attrs_post_init__(self) -> None:
            if self.region == "moon":
                raise ValueError("there is no vendor on the moon")

    def __init__(
        self, name: str, *, base_url: str | None, headers: Mapping[str, str], options: Any
    ) -> None:
        url = base_url or "http://vendor.test"
        super().__init__(name, base_url=url, headers=headers, options=options)


OWN = {"connectors": {"my.vendor": f"{__name__}:Vendor"}}


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "mesh.yaml"
    file.write_text(text)
    return file


def mistakes(source: Any, environ: Mapping[str, str] = ENVIRON) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(source, environ=environ)
    return [str(problem) for problem in caught.value.problems]


def provider(**entry: Any) -> dict[str, Any]:
    return {"providers": {"openai.llm.v1": entry}}


def chat_pool(**pool: Any) -> dict[str, Any]:
    return {**provider(), "pools": {"chat": {"capability": "chat-completion", **pool}}}


@with_guide
def test_the_short_example_of_the_guide_loads(tmp_path: Path) -> None:
    config = load(written(tmp_path, configurations()[0]), environ=ENVIRON)
    assert config.providers["openai.llm.v1"].api_key == Secret("sk-canary-openai")
    assert config.providers["openai.llm.v1"].connector == "openai.llm.v1"
    assert config.models["gpt-4o-mini"].provider == "openai.llm.v1"
    assert config.pools["chat"].strategy == "stick-until-failure"


@with_guide
def test_the_long_example_of_the_guide_loads_and_all_of_it_is_heeded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="modelmesh"):
        config = load(str(written(tmp_path, configurations()[1])), environ=ENVIRON)
    assert list(config.providers) == ["openai.llm.v1", "anthropic.claude.v1", "groq.api.v1"]
    assert config.providers["openai.llm.v1"].budget.daily_limit == 5.0
    assert config.models["llama-3.3-70b"].constraints.context_window == 131072
    assert config.models["gpt-4o-mini"].features.structured_output is True
    assert caplog.messages == []


def test_every_mistake_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """\
providers:
  openai.llm.v1:
    api_key: ${secrets:MISSING}
    base_ur: http://127.0.0.1:1/v1
    timeout: 5 parsecs
  groqq:
    api_key: x
models:
  fast:
    provider: openai.llm
    weight: -1
  fast:
    provider: openai.llm.v1
pools:
  chat:
    stratgy: round-robin
    models: [fast, fsat]
    retry: {max_attempts: "3", backoff: expo}
    recovery: {probe_on_start: "false"}
  text-generatoin: {}
  mixed:
    capability: [chat-completion, chatcompletion]
proxy:
  port: 99999
""",
    )
    with pytest.raises(ConfigError) as caught:
        load(file, environ={})
    assert str(caught.value).splitlines() == [
        f"{file}: 15 problems",
        (
            "  line 3: providers.openai.llm.v1.api_key: secret 'MISSING' is not set "
            "(looked in the environment)"
        ),
        (
            "  line 4: providers.openai.llm.v1.base_ur: unknown key 'base_ur'; "
            "did you mean 'base_url'?"
        ),
        (
            "  line 5: providers.openai.llm.v1.timeout: expected a number of seconds or a duration "
            "such as 500ms, 60s, 5m, 1h, 1d, got '5 parsecs'"
        ),
        (
            "  line 6: providers.groqq.connector: unknown connector 'groqq'; "
            "did you mean 'groq.api.v1'?"
        ),
        "  line 9: models.fast: given twice, here and on line 12",
        (
            "  line 10: models.fast.provider: unknown provider 'openai.llm'; "
            "did you mean 'openai.llm.v1'?"
        ),
        "  line 11: models.fast.weight: must be more than 0, not -1.0",
        "  line 16: pools.chat.stratgy: unknown key 'stratgy'; did you mean 'strategy'?",
        "  line 17: pools.chat.models[1]: unknown model 'fsat'; did you mean 'fast'?",
        "  line 18: pools.chat.retry.max_attempts: expected a whole number, got text",
        (
            "  line 18: pools.chat.retry.backoff: expected exponential, linear, constant or none, "
            "got 'expo'"
        ),
        "  line 19: pools.chat.recovery.probe_on_start: expected true or false, got text",
        (
            "  line 20: pools.text-generatoin: needs `capability` or `models`: unknown capability "
            "'text-generatoin'; did you mean 'text-generation' or 'code-generation' or "
            "'generation'?"
        ),
        (
            "  line 22: pools.mixed.capability[1]: unknown capability 'chatcompletion'; "
            "did you mean 'chat-completion' or 'text-completion'?"
        ),
        "  line 24: proxy.port: must be a port from 0 to 65535, not 99999",
    ]


def test_a_dict_is_checked_like_a_file() -> None:
    assert mistakes({"pools": {"chat-completion": {"retries": 3}}}) == [
        "pools.chat-completion.retries: unknown key 'retries'; did you mean 'retry'?"
    ]


def test_a_made_configuration_is_checked_too() -> None:
    pools = {"chat": schema.Pool(models=("fast",))}
    assert mistakes(schema.MeshConfig(pools=pools)) == [
        "pools.chat.models[0]: unknown model 'fast'; there are none"
    ]


def test_a_made_configuration_comes_back_as_it_is() -> None:
    config = schema.MeshConfig(providers={"openai.llm.v1": schema.Provider()})
    assert load(config, environ={}) is config


def test_a_file_that_is_not_there_is_a_plain_error(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path / "none.yaml")
    assert mistake.startswith(f"cannot be read: No such file or directory (in {tmp_path}); name")
    (mistake,) = mistakes(tmp_path)
    assert mistake == (
        "cannot be read: Is a directory; Docker creates a folder if the file to mount does not "
        "exist"
    )


def test_where_a_file_that_is_not_there_was_looked_for_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (mistake,) = mistakes(Path("sub/none.yaml"))
    assert f"(in {tmp_path}/sub)" in mistake


def test_a_file_that_is_no_text_is_a_plain_error(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    assert mistakes(file) == ["cannot be read: it is not UTF-8 text"]


def test_an_empty_file_is_an_empty_configuration(tmp_path: Path) -> None:
    assert load(written(tmp_path, "# nothing yet\n"), environ={}) == schema.MeshConfig()


def test_a_section_left_empty_is_as_if_left_out() -> None:
    assert load({"providers": None, "proxy": None}, environ={}) == schema.MeshConfig()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"enabled": "false"}, "enabled: expected true or false, got text"),
        ({"enabled": 1}, "enabled: expected true or false, got a number"),
        ({"tier": 1}, "tier: expected text, got a number; put it in quotes"),
        ({"rate_limits": {"rpm": True}}, ("rate_limits.rpm: expected a whole number, "
         "got true or false")),
        ({"rate_limits": {"rpm": 1.5}}, "rate_limits.rpm: expected a whole number, got a number"),
        ({"rate_limits": {"rpm": 0}}, "rate_limits.rpm: must be more than 0, not 0"),
        ({"rate_limits": []}, "rate_limits: expected a section, got a list"),
        ({"budget": {"daily_limit": float("nan")}}, ("budget.daily_limit: expected a number, "
         "got an infinite one")),
        ({"budget": {"alert_threshold": 2}}, ("budget.alert_threshold: must be more than 0 "
         "and at most 1, not 2.0")),
        ({"timeout": -1}, "timeout: must be more than 0, not -1.0"),
        ({"timeouts": {"conect": 1}}, ("timeouts.conect: unknown key 'conect'; "
         "did you mean 'connect'?")),
        ({"api_keys": "sk-in-the-wrong-place"}, "api_keys: expected a list, got text"),
        ({"api_key": ["sk-in-the-wrong-place"]}, "api_key: expected text, got a list"),
        ({"api_key": ""}, "api_key: is empty; leave it out where none is needed"),
        ({"api_key": "sk\nx-evil: 1"}, ("api_key: has a line break or a character that no key "
                                        "has; was something else copied?")),
        ({"base_url": "127.0.0.1:80"}, ("base_url: must be an address such as "
         "https://example.com/v1; it begins with http:// or https:// and has no user name, "
         "query or blanks")),
        ({"headers": {"x-a": "1\r\nx-b: 2"}}, ("headers: must fit into a header; the value of "
         "'x-a' has a line break or a character that a header cannot carry")),
        ({"headers": {"x a": "1"}}, "headers: must have header names, and 'x a' is none"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_for_what_it_is(entry: dict[str, Any], message: str) -> None:
    assert mistakes(provider(**entry)) == [f"providers.openai.llm.v1.{message}"]


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ({"fallback_strategy": "round-robbin"}, ("fallback_strategy: unknown connector "
         "'round-robbin'; did you mean 'modelmesh.round-robin.v1'?")),
        ({"strategy": "cost-first", "options": {"by": "weight"}}, ("options.by: expected "
         "accumulated or expected, got 'weight'")),
        ({"providers": ["openai"]}, ("providers[0]: unknown provider 'openai'; "
         "did you mean 'openai.llm.v1'?")),
        ({"capability": "chat"}, "capability: unknown capability 'chat'"),
        ({"deactivation": {"error_codes": [429, 42]}}, ("deactivation.error_codes: "
         "must be HTTP statuses from 100 to 599, not (429, 42)")),
        ({"deactivation": {"maintenance_window": {"start": "22:00", "end": "25:00"}}},
         "deactivation.maintenance_window.end: must be a time such as 02:30, not '25:00'"),
        ({"deactivation": {"maintenance_window": {"start": "22:00"}}},
         "deactivation.maintenance_window.end: missing"),
        ({"deactivation": {"maintenance_window": {"start": "22:00", "end": "22:00"}}},
         "deactivation.maintenance_window: start and end must differ, and both are 22:00"),
        ({"capability": 5}, "capability: expected text, got a number; put it in quotes"),
        ({"capability": ["ocr", []]}, "capability[1]: expected text, got a list"),
        ({"max_wait": "soon"}, ("max_wait: expected a number of seconds or a duration such as "
         "500ms, 60s, 5m, 1h, 1d, got 'soon'")),
    ],
)  # fmt: skip
def test_a_pools_mistake_is_found(pool: dict[str, Any], message: str) -> None:
    assert [line for line in mistakes(chat_pool(**pool)) if message in line] == [
        f"pools.chat.{message}"
    ]


def test_a_strategy_that_does_not_exist_is_a_mistake_with_a_suggestion() -> None:
    (message,) = mistakes(chat_pool(strategy="round-robbin"))
    assert message == (
        "pools.chat.strategy: unknown connector 'round-robbin'; "
        "did you mean 'modelmesh.round-robin.v1'?"
    )


def test_a_pool_may_mean_the_capability_it_is_named_after() -> None:
    names = ("text-generation", "text-to-speech", "chat-completion", "tts")
    config = load({**provider(), "pools": dict.fromkeys(names)}, environ={})
    assert tuple(config.pools) == names


def test_a_capability_of_ones_own_can_be_named() -> None:
    own = "understanding.text-understanding.spam-detection"
    pools = {"mine": {"capability": "spam-detection"}}
    config = load({**provider(), "capabilities": [own], "pools": pools}, environ={})
    assert config.capabilities == (own,)


def test_a_malformed_capability_is_told_at_its_place() -> None:
    (message,) = mistakes({"capabilities": ["representation.tokenization", "Evil Capability"]})
    assert message.startswith("capabilities[1]: capability 'Evil Capability'")


def test_every_endpoint_of_the_guide_may_be_named() -> None:
    paths = [
        *schema.ENDPOINTS,
        "/v1/models",
        "/openapi.json",
        "/health",
        "/livez",
        "/readyz",
        *schema.MANAGEMENT,
    ]
    assert load({"proxy": {"endpoints": paths}}, environ={}).proxy.endpoints == tuple(paths)


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1/chat/completion", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("v1/models", "/v1/models"),
        ("/v1/models/", "/v1/models"),
        ("/v1/image/generations", "/v1/images/generations"),
        ("/v1/audio/transcription", "/v1/audio/transcriptions"),
    ],
)
def test_a_misspelt_endpoint_is_a_mistake(path: str, meant: str) -> None:
    assert mistakes({"proxy": {"endpoints": ["/v1/embeddings", path]}}) == [
        f"proxy.endpoints[1]: unknown path {path!r}; did you mean {meant!r}?"
    ]


def test_one_broken_provider_hides_no_mistake_of_another() -> None:
    mine = {"connector": "my.vendor", "regoin": "eu", "tmeout": 1}
    tree = {**OWN, "providers": {"mine": mine, "bare": {"connector": "openai-compatible"}}}
    assert mistakes(tree) == [
        "providers.mine.regoin: unknown key 'regoin'; did you mean 'region'?",
        "providers.mine.tmeout: unknown key 'tmeout'; did you mean 'timeout'?",
        "providers.mine.region: missing",
        "providers.bare: openai-compatible needs a base_url",
    ]


def test_names_of_entries_with_mistakes_of_their_own_still_count() -> None:
    tree = {
        **provider(),
        "models": {"fast": {"weight": 2}},
        "pools": {"chat": {"models": ["fast"], "providers": ["openai.llm.v1"]}},
    }
    assert mistakes(tree) == ["models.fast.provider: missing"]


def test_both_forms_of_a_provider_mean_the_same() -> None:
    flat = {"connector": "my.vendor", "region": "eu", "pause": "2s", "timeout": "1m"}
    nested = {"connector": "my.vendor", "config": {"region": "eu", "pause": "2s", "timeout": 60}}
    options = {"connector": "my.vendor", "timeout": 60, "options": {"region": "eu", "pause": 2}}
    found = [
        load({**OWN, "providers": {"mine": entry}}, environ={}).providers["mine"]
        for entry in (flat, nested, options)
    ]
    assert found[0] == found[1] == found[2]
    assert found[0].options == {"region": "eu", "pause": 2.0}
    assert found[0].timeout == 60.0


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"region": "eu", "regoin": "eu"}, "regoin: unknown key 'regoin'; did you mean 'region'?"),
        ({"region": "eu", "tmeout": 1}, "tmeout: unknown key 'tmeout'; did you mean 'timeout'?"),
        ({"config": {"region": "eu", "puase": 1}}, ("config.puase: unknown key 'puase'; "
         "did you mean 'pause'?")),
        ({"region": "eu", "config": {"region": "us"}}, "config.region: given twice"),
        ({"region": "eu", "config": 5}, "config: expected a section, got a number"),
        ({"region": "eu", "pause": 0}, "pause: must be more than 0, not 0.0"),
        ({"region": "eu", "zones": ["a", 1]}, ("zones[1]: expected text, got a number; "
         "put it in quotes")),
        ({}, "region: missing"),
        ({"region": "moon"}, "there is no vendor on the moon"),
    ],
)  # fmt: skip
def test_a_connectors_own_settings_are_checked_by_its_options(
    entry: dict[str, Any], message: str
) -> None:
    (found,) = mistakes({**OWN, "providers": {"mine": {"connector": "my.vendor", **entry}}})
    assert found.removeprefix("providers.mine").lstrip(".: ") == message


def test_settings_of_a_connector_to_come_are_kept_unless_they_look_misspelt() -> None:
    entry = {"region": "eu-north-1"}
    config = load({"providers": {"aws.bedrock.v1": entry}}, environ={})
    assert config.providers["aws.bedrock.v1"].options == entry
    assert mistakes({"providers": {"aws.bedrock.v1": {"api_kye": "x"}}}) == [
        "providers.aws.bedrock.v1.api_kye: unknown key 'api_kye'; did you mean 'api_key'?"
    ]


def test_a_provider_that_needs_an_address_says_so() -> None:
    assert mistakes({"providers": {"mine": {"connector": "openai-compatible"}}}) == [
        "providers.mine: openai-compatible needs a base_url"
    ]


def test_a_connector_that_cannot_be_loaded_is_a_mistake() -> None:
    (message,) = mistakes({"providers": {"mine": {"connector": "no.such.module:Provider"}}})
    assert message.startswith("providers.mine.connector: 'no.such.module:Provider' cannot be load")
    assert mistakes({"connectors": {"my.vendor": "vendor.Provider"}}) == [
        "connectors.my.vendor: expected package.module:Class, got 'vendor.Provider'"
    ]


def test_either_one_key_or_several_are_given() -> None:
    assert mistakes(provider(api_key="a", api_keys=["b"])) == [
        "providers.openai.llm.v1.api_keys: give either api_key or api_keys"
    ]


def test_whole_schema_is_accepted_before_all_of_it_is_built(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = load(
        {
            **provider(tier="free", rate_limits={"rpm": 30}),
            "storage": {"connector": "redis.redis.v1", "url": "redis://h/0", "prefix": "mine"},
            "observability": {"logging": {"connector": "console", "level": "full"}},
            "discovery": {"sync": {"enabled": True, "providers": ["openai.llm.v1"]}},
            "proxy": {"max_body": "1GiB", "drain_timeout": "500ms"},
        },
        environ={},
    )
    assert config.storage.options == {"prefix": "mine"}
    assert config.proxy.max_body == 1 << 30
    assert config.proxy.drain_timeout == 0.5
    assert config.discovery.sync.providers == ("openai.llm.v1",)
    assert caplog.messages == []


def test_a_setting_nothing_heeds_is_told_where_it_stands(caplog: pytest.LogCaptureFixture) -> None:
    model = {"provider": "openai.llm.v1", "delivery": {"batch": True}}
    load({**provider(), "models": {"m": model}}, environ={})
    assert caplog.messages == ["this version accepts but ignores: models.m.delivery.batch"]


def test_nothing_that_is_known_by_name_only_exists() -> None:
    for kind in get_args(registry.Kind):
        for id_ in later.later(kind):
            with pytest.raises(registry.UnknownConnector) as caught:
                registry.find(kind, id_)
            assert caught.type is registry.UnknownConnector, id_
    sources = [path for path in SOURCE.rglob("*.py") if path.parent.name != "schema"]
    for entry, settings in later.UNHEEDED.items():
        for setting in settings:
            heeded = f"{entry.__name__.lower()}.{setting}"
            assert not [path for path in sources if heeded in path.read_text()], heeded


def test_every_connector_of_ours_is_accepted_by_its_id() -> None:
    vendors = [
        id_
        for id_, vendor in registry.available("providers").items()
        if vendor.base_url and "{" not in vendor.base_url
    ]
    config = load({"providers": dict.fromkeys(vendors)}, environ={})
    assert list(config.providers) == vendors
    assert "openai.llm.v1" in vendors


def test_only_files_need_yaml() -> None:
    program = (
        "import sys\n"
        "from modelmesh.config.load import load\n"
        "load({'providers': {'openai.llm.v1': {}}}, environ={})\n"
        "sys.exit('yaml' in sys.modules or 'aiohttp' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
