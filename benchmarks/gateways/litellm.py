"""LiteLLM's proxy with a master key, one worker, no database."""

import json

from benchmarks import answers
from benchmarks.doors import TOKEN, Door
from benchmarks.programs import Program
from benchmarks.pythons import INSTALLED, version

_BIN = INSTALLED / "litellm" / "bin"


def available() -> str:
    return version(_BIN / "python", "litellm")


def start(port: int, vendor_url: str) -> tuple[Door, Program]:
    config = {
        "model_list": [
            {
                "model_name": name,
                "litellm_params": {
                    "model": f"openai/{name}",
                    "api_base": f"{vendor_url}/v1",
                    "api_key": "key",
                },
            }
            for name in answers.MODELS
        ],
        "general_settings": {"master_key": TOKEN},
        "litellm_settings": {"telemetry": False},
    }
    flags = ["--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    program = Program(
        [str(_BIN / "litellm"), *flags, "--num_workers", "1"],
        environment={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
        files={"config.yaml": json.dumps(config)},
    )
    return Door(port=port, exact=False), program
