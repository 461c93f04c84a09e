"""A distribution of somebody else's, built and installed, adds connectors by entry points."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from proxy_process import running_proxy

from modelmesh.testing.fake_provider import FakeProvider

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-modelmesh"
version = "1.0"
dependencies = ["modelmesh-lite"]

[project.entry-points."modelmesh.providers"]
"acme.api.v1" = "acme_modelmesh:Provider"

[project.entry-points."modelmesh.strategies"]
"acme.last-first.v1" = "acme_modelmesh:Strategy"

[project.entry-points."modelmesh.storage"]
"acme.noting.v1" = "acme_modelmesh:Storage"
"acme.broken.v1" = "acme_modelmesh:Missing"
"""
MODULE = '''
"""Three connectors of Acme's."""

from pathlib import Path
from types import MappingProxyType

from attrs import field, frozen, validators

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.storage import memory


class Provider(openai_compatible.Provider):
    connector = "acme.api.v1"
    name = "Acme"
    auth = ("x-acme-key", "{key}")
    translators = MappingProxyType({})

    @frozen(kw_only=True)
    class Options:
        region: str = "eu"

    def option_headers(self):
        return {"x-acme-region": self.options.region}


class Strategy:
    connector = "acme.last-first.v1"

    @frozen(kw_only=True)
    class Options:
        skip: int = field(default=0, validator=validators.ge(0))

    def __init__(self, settings, fallback=None):
        pass

    def order(self, targets, turn):
        return list(reversed(targets))


class Storage(memory.Storage):
    connector = "acme.noting.v1"
    described = "memory, noted"

    @frozen(kw_only=True)
    class Options:
        notebook: str

    def __init__(self, settings):
        super().__init__(settings)
        self.notebook = Path(self.Options(**settings.options).notebook)

    async def claim(self, holder, claims, wall):
        with self.notebook.open("a") as file:
            file.writelines(f"{claim.limit}\\n" for claim in claims)
        return await super().claim(holder, claims, wall)
'''


def run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=ALONE)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


# No index is asked, and nothing of this checkout is found by accident.
ALONE = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the distribution and install it into an environment of its own; return its Python."""
    pytest.importorskip("hatchling", reason="the wheel is built with hatchling, without a network")
    source = tmp_path_factory.mktemp("acme")
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "acme_modelmesh").mkdir()
    (source / "acme_modelmesh/__init__.py").write_text(MODULE)
    pip = (sys.executable, "-m", "pip")
    run(*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", ".", cwd=source)
    (wheel,) = (source / "dist").glob("*.whl")
    home = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=source)
    place = home / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    run(*pip, "install", "-q", "--no-deps", "--target", place, wheel, cwd=source)
    # What is installed for the tests is found there as well: nothing has to be downloaded.
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (place / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    return home / "bin/python"


def checked(python: Path, text: str, folder: Path) -> str:
    (folder / "mesh.yaml").write_text(text)
    flags = ("--check", "--config", "mesh.yaml")
    return run(python, "-m", "modelmesh.proxy", *flags, cwd=folder, code=1)


def configured(url: str, notebook: Path) -> dict[str, Any]:
    return {
        "providers": {
            "acme.api.v1": {
                "base_url": url,
                "api_key": "sk-acme",
                "region": "us",
                "rate_limits": {"rpm": 100},
            }
        },
        "models": {
            name: {"provider": "acme.api.v1", "capabilities": ["chat-completion"]}
            for name in ("first", "last")
        },
        "pools": {"chat": {"models": ["first", "last"], "strategy": "acme.last-first.v1"}},
        "storage": {"connector": "acme.noting.v1", "notebook": str(notebook)},
    }


async def test_a_proxy_serves_with_what_was_installed(python: Path, tmp_path: Path) -> None:
    notebook = tmp_path / "notebook"
    async with FakeProvider(models=["first", "last"]) as vendor:
        config = configured(vendor.url, notebook)
        async with running_proxy(config, python=str(python)) as proxy:
            assert (await proxy.chat()).status == 200
    (sent,) = vendor.received
    assert sent.json["model"] == "last"
    assert sent.headers["x-acme-key"] == "sk-acme"
    assert sent.headers["x-acme-region"] == "us"
    assert "acme.api.v1" in notebook.read_text()


MISTAKES = [
    ("providers:\n  acme.api.v1:\n    base_url: http://a.test\n    regoin: us\n",
     "line 4: providers.acme.api.v1.regoin: unknown key 'regoin'; did you mean 'region'?"),
    ("pools:\n  chat:\n    strategy: acme.last-first.v1\n    options:\n      skip: -1\n",
     "line 5: pools.chat.options.skip: 'skip' must be >= 0: -1"),
    ("storage:\n  connector: acme.noting.v1\n",
     "line 1: storage.notebook: missing"),
    ("storage:\n  connector: acme.notting.v1\n",
     "unknown connector 'acme.notting.v1'; did you mean 'acme.noting.v1'?"),
    ("storage:\n  connector: acme.broken.v1\n",
     "which acme-modelmesh has installed, cannot be loaded: there is no 'Missing' in "),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), MISTAKES)
def test_a_mistake_in_its_settings_is_told_with_line_and_path(
    text: str, told: str, python: Path, tmp_path: Path
) -> None:
    said = checked(python, text, tmp_path)
    assert told in said


def test_its_names_are_listed_where_none_is_near(python: Path, tmp_path: Path) -> None:
    text = "pools:\n  chat:\n    strategy: zzz\n"
    said = checked(python, text, tmp_path)
    assert "line 3: pools.chat.strategy: unknown connector 'zzz'; there are: acme.last-" in said
