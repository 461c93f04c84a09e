from pathlib import Path

import pytest

from modelmesh.config.load import load
from modelmesh.connectors import providers, registry
from modelmesh.errors import ConfigError

VENDOR = """
from modelmesh.connectors.providers import openai_compatible

class Provider(openai_compatible.Provider):
    connector = "acme.api.v1"
    base_url = "https://api.acme.example/v1"
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with a vendor that works, and one whose module is missing."""
    about = tmp_path / "acme-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[modelmesh.providers]\n"
        "acme.api.v1 = acme_vendor:Provider\n"
        "broken.api.v1 = nowhere:Provider\n"
    )
    (tmp_path / "acme_vendor.py").write_text(VENDOR)
    monkeypatch.syspath_prepend(tmp_path)


def mistake(connector: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load({"providers": {"v": {"connector": connector}}}, environ={})
    return str(caught.value)


@pytest.mark.usefixtures("installed")
def test_an_installed_connector_is_found_by_its_id() -> None:
    assert registry.find("providers", "acme.api.v1").connector == "acme.api.v1"
    assert "acme.api.v1" in registry.ids("providers")
    load({"providers": {"acme.api.v1": {"api_key": "k"}}}, environ={})


@pytest.mark.usefixtures("installed")
def test_an_installed_connector_is_suggested_where_it_is_misspelt() -> None:
    assert "unknown connector 'acme.ap.v1'; did you mean 'acme.api.v1'?" in mistake("acme.ap.v1")


@pytest.mark.usefixtures("installed")
def test_an_installed_connector_that_is_broken_is_a_mistake_that_says_why() -> None:
    assert (
        "'nowhere:Provider', which acme has installed, cannot be loaded: "
        "there is no module 'nowhere'" in mistake("broken.api.v1")
    )


def test_a_connector_nobody_has_is_unknown() -> None:
    with pytest.raises(registry.UnknownConnector, match=r"nobody\.api\.v1"):
        registry.find("providers", "nobody.api.v1")


@pytest.mark.parametrize("name", providers.__all__)
def test_what_authors_of_providers_need_is_given_out(name: str) -> None:
    assert getattr(providers, name)
    assert name in dir(providers)


def test_a_name_that_is_not_given_out_is_an_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Sing'"):
        _ = providers.Sing  # type: ignore[attr-defined]  # that is the test
