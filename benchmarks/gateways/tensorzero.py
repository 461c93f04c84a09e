"""TensorZero's gateway, which its Python package starts on a port; no database, no token."""

from typing import Final

from benchmarks import answers
from benchmarks.doors import Door
from benchmarks.programs import Program
from benchmarks.pythons import INSTALLED, module, version

PYTHON: Final = INSTALLED / "tensorzero" / "bin" / "python"
_SERVER: Final = "benchmarks.gateways._tensorzero_server"


def available() -> str:
    return version(PYTHON, "tensorzero")


def start(_: int, vendor_url: str) -> tuple[Door, Program]:
    """Start the gateway. It chooses its port itself and says which."""
    files = {"tensorzero.toml": configuration(vendor_url)}
    program = module(_SERVER, python=PYTHON, files=files)
    port = program.says(r"listens at \S+:(\d+)")
    door = Door(
        port=int(port),
        path="/openai/v1/chat/completions",
        model="tensorzero::model_name::{}",
        exact=False,
    )
    return door, program


def configuration(vendor_url: str) -> str:
    """Return a configuration with all models of the vendor's."""
    return "\n".join(_model(name, vendor_url) for name in answers.MODELS)


def _model(name: str, vendor_url: str) -> str:
    return f"""
[models.{name}]
routing = ["vendor"]
[models.{name}.providers.vendor]
type = "openai"
api_base = "{vendor_url}/v1"
model_name = "{name}"
api_key_location = "none"
"""
