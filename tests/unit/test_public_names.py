import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest

import modelmesh


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", modelmesh.__all__)
def test_every_public_name_is_there(name: str) -> None:
    found: Any = getattr(modelmesh, name)

    assert name in dir(modelmesh)
    assert name in ("__version__", getattr(found, "__name__", None))


def test_type_checkers_see_the_names_that_are_there() -> None:
    homes = modelmesh._HOMES

    assert sorted([*homes, "__version__"]) == sorted(modelmesh.__all__)


def test_the_version_is_the_distributions() -> None:
    assert modelmesh.__version__ == version("modelmesh-lite")


def test_a_name_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'creat'"):
        _ = modelmesh.creat  # type: ignore[attr-defined]  # that is the test


def test_importing_loads_no_part_of_it_and_opens_no_socket() -> None:
    loaded = _python("""
import sys
before = set(sys.modules)
def refuse(event, args):
    if event.startswith("socket.") or event == "open" and "w" in str(args[1]):
        raise RuntimeError(event)
sys.addaudithook(refuse)
import modelmesh
print(*sorted(set(sys.modules) - before))
""").split()

    ours = {name for name in loaded if name.partition(".")[0] == "modelmesh"}
    assert ours == {"modelmesh"}
    heavy = {"aiohttp", "asyncio", "attr", "attrs", "cattrs", "importlib.metadata", "yaml", "ssl"}
    assert not heavy & set(loaded)


def test_a_client_needs_no_openai_library() -> None:
    loaded = _python("""
import sys
sys.modules["openai"] = None
import modelmesh
modelmesh.create
print(*sys.modules)
""").split()

    assert "modelmesh.client" in loaded
    assert "pydantic" not in loaded
