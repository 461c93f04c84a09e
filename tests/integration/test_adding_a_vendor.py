"""Adding a vendor takes a file in the folder of vendors, and no edit elsewhere."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelmesh import create
from modelmesh.connectors import providers, registry
from modelmesh.testing.fake_provider import FakeProvider

MESSAGES = [{"role": "user", "content": "Hello!"}]
ACME = '''"""Acme."""

from modelmesh.connectors.providers import openai_compatible


class Provider(openai_compatible.Provider):
    connector = "acme.api.v1"
    name = "Acme"
    key_names = ("ACME_API_KEY",)
    refuses = frozenset({"seed"})
'''


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A vendor nobody here has heard of: its file in the folder of vendors, and its server."""
    (tmp_path / "acme.py").write_text(ACME)
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])
    with FakeProvider() as running:
        yield running
    sys.modules.pop(f"{providers.__name__}.acme", None)


def test_a_file_in_the_folder_is_all_that_a_new_vendor_takes(acme: FakeProvider) -> None:
    settings = {"api_key": "k", "base_url": acme.url}
    config = {
        "providers": {"acme.api.v1": settings},
        "models": {"ok": {"provider": "acme.api.v1"}},
        "pools": {"chat": {"models": ["ok"], "parameters": "lenient"}},
    }
    with create(config=config, pool="chat") as client:
        answer = client.chat.completions.create(messages=MESSAGES, seed=7)
    assert answer.choices[0].message.content
    assert "acme.api.v1" in registry.available("providers")
    [received] = acme.received
    assert received.json == {"model": "ok", "messages": MESSAGES}
    assert received.key == "k"
