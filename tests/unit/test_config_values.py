import tempfile
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.config import schema
from modelmesh.config.faults import Invalid
from modelmesh.config.load import load
from modelmesh.config.units import duration, size
from modelmesh.errors import ConfigError

CANARY = "sk-canary-0123456789"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5), ("60s", 60.0), ("5m", 300.0), ("1h", 3600.0), ("1d", 86400.0),
        ("1.5 h", 5400.0), (" 2s ", 2.0), (0, 0.0), (2.5, 2.5), ("0s", 0.0),
    ],
)  # fmt: skip
def test_durations_are_read(written: Any, seconds: float) -> None:
    assert duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    ["", "5", "-5s", "5 parsecs", "1h30m", "s", "5S", None, True, [5], float("nan"), 10**400,
     float("inf"), "\N{ARABIC-INDIC DIGIT FIVE}s"],
)  # fmt: skip
def test_what_is_no_duration_is_refused(written: Any) -> None:
    with pytest.raises(Invalid):
        duration(written)


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [("64KiB", 65536), ("64MiB", 1 << 26), ("1GiB", 1 << 30), ("1.5MB", 1500000), (7, 7),
     ("10B", 10), ("2kB", 2000), ("1GB", 10**9)],
)  # fmt: skip
def test_sizes_are_read(written: Any, bytes_: int) -> None:
    assert size(written) == bytes_
    assert isinstance(size(written), int)


@pytest.mark.parametrize("written", ["64", "64mib", "64Mib", "-1MiB", None, False])
def test_what_is_no_size_is_refused(written: Any) -> None:
    with pytest.raises(Invalid):
        size(written)


@pytest.mark.parametrize(
    "address",
    ["https://example.com/v1", "http://127.0.0.1:9202/v1", "http://[::1]:80", "https://a.b:1/"],
)
def test_an_address_of_a_server_is_taken(address: str) -> None:
    assert schema.Provider(base_url=address).base_url == address


@pytest.mark.parametrize(
    "address",
    ["", "example.com", "ftp://example.com", "http://", "http://u:p@example.com", "http://a b",
     "http://a/?key=1", "http://a/#x", "http://a:port", "http://a:99999", "http://a\n", "http://["],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="base_url must be an address"):
        schema.Provider(base_url=address)


def test_programs_which_make_the_classes_themselves_have_the_same_rules() -> None:
    with pytest.raises(ValueError, match="max_attempts must be more than 0, not 0"):
        schema.Retry(max_attempts=0)
    with pytest.raises(ValueError, match="start must be a time such as 02:30, not '2:30'"):
        schema.Maintenance(start="2:30", end="03:30")
    with pytest.raises(ValueError, match="timezone must be a time zone"):
        schema.Maintenance(start="02:30", end="03:30", timezone="Mars/Olympus")
    berlin = schema.Maintenance(start="02:30", end="03:30", timezone="Europe/Berlin")
    assert berlin.timezone == "Europe/Berlin"


keys = st.sampled_from(
    [
        "secrets", "store", "path", "providers", "models", "pools", "proxy", "storage", "discovery",
        "observability", "connectors", "capabilities", "openai.llm.v1", "anthropic.claude.v1",
        "chat-completion", "capability", "strategy", "connector", "config", "options", "api_key",
        "api_keys", "headers", "base_url", "timeout", "timeouts", "connect", "budget", "provider",
        "model", "retry", "backoff", "max_attempts", "deactivation", "error_codes", "host", "port",
        "maintenance_window", "start", "end", "timezone", "routing", "max_body", "cors", "origins",
        "sync", "auth", "tokens", "token", "weight", "pricing", "input",
    ]
) | st.text(max_size=6)  # fmt: skip
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "${secrets:CANARY}",
            "x ${secrets:CANARY}",
            "${secrets:NONE}",
            "${secrets:}",
            "5s",
            "openai.llm.v1",
            "chat-completion",
            "env",
            "round-robin",
            "http://a/v1",
            CANARY,
            "a:b",
            "json:loads",
            "os:nothing",
            "..:x",
            ":",
            "groq",
            "22:00",
            "UTC",
            "1MiB",
        ]
    )
)  # fmt: skip
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)


def refusal(source: Any) -> str:
    """Return the mistakes told; nothing where a configuration came out."""
    try:
        config = load(source, environ={"CANARY": CANARY})
    except ConfigError as error:
        return str(error)
    assert isinstance(config, schema.MeshConfig)
    return ""


@given(st.dictionaries(keys | st.integers() | st.none(), trees, max_size=6))
def test_any_mapping_is_loaded_or_refused_and_shows_no_secret(tree: dict[Any, Any]) -> None:
    told = refusal(tree)
    assert CANARY not in told or CANARY in repr(tree)


@given(st.dictionaries(keys, trees, max_size=6))
def test_any_file_is_loaded_or_refused_and_shows_no_secret(tree: dict[str, Any]) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".yaml") as file:
        file.write(yaml.safe_dump(tree))
        file.flush()
        told = refusal(file.name)
    assert CANARY not in told or CANARY in repr(tree)
