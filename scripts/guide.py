"""The proxy guide: the contract with users. It stays where it is, and nothing of it is here."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

from scripts.commands import commands
from scripts.cookbook import Command, File

PATH: Final = Path(__file__).parents[2] / "shared/seeds/proxy-guide.txt"
GUIDE: Final = PATH.read_text() if PATH.exists() else ""
BESIDE_CHAT: Final = {
    "embeddings": ("text-embedding-3-small", "text-embeddings"),
    "text-to-speech": ("gpt-4o-mini-tts", "text-to-speech"),
    "speech-to-text": ("gpt-transcribe", "speech-to-text"),
    "image-generation": ("gpt-image-2", "image-generation"),
}
"""The pools which later commands ask beside those for chats: their models and capabilities."""

_CONFIG: Final = "# modelmesh.yaml"
_PROGRAM: Final = re.compile(
    r"(curl|pip|git|cd|export|python -m|docker|cat >|\./scripts/\S+)(?= |$)"
)
_USAGE: Final = "[OPTIONS]"


def configurations() -> list[str]:
    """Return the guide's configurations. The stored text has lost their indentation."""
    sections = ("secrets", "providers", "models", "pools")
    outer = ("api_key", "budget", "capabilities", "capability", "constraints", "delivery")
    depths = {
        **dict.fromkeys(sections, 0),
        **dict.fromkeys((*outer, "features", "provider", "strategy"), 2),
        **dict.fromkeys(("daily_limit", "synchronous", "streaming", "tool_calling"), 3),
        **dict.fromkeys(("structured_output", "json_mode", "system_prompt"), 3),
        **dict.fromkeys(("context_window", "max_output_tokens", "- generation"), 3),
    }
    found = []
    for block in re.findall(r"^# modelmesh\.yaml\n((?:[^|#\n]+(?:#.*)?\n)+)", GUIDE, re.MULTILINE):
        lines = [line for line in block.splitlines() if re.match(r"[\w.-]+:|- ", line.strip())]
        indented = ("  " * depths.get(re.split("[:.]", line.strip())[0], 1) for line in lines)
        found.append("\n".join(map("".join, zip(indented, map(str.strip, lines), strict=True))))
    return found


def served(config: dict[str, Any], address: str) -> dict[str, Any]:
    """Return a configuration over a vendor elsewhere, with all pools which commands ask."""
    models, pools = {**config["models"]}, {**config["pools"]}
    for pool in ("chat-completion", "text-generation"):
        pools.setdefault(pool, next(iter(config["pools"].values())))
    for pool, (model, capability) in BESIDE_CHAT.items():
        models[model] = {"provider": "openai.llm.v1", "capabilities": [capability]}
        pools[pool] = {"capability": capability}
    providers = {id_: {**one, "base_url": address} for id_, one in config["providers"].items()}
    return {**config, "providers": providers, "models": models, "pools": pools}


def steps() -> Iterator[list[File | Command]]:
    """Give what the guide has its reader write and type, in this order; a list stands together."""
    left = iter(configurations())
    block: list[File | Command] = []
    lines = iter(GUIDE.splitlines())
    for line in lines:
        if line == _CONFIG:
            block.append(File("modelmesh.yaml", next(left)))
        elif _PROGRAM.match(line) and _USAGE not in line:
            block.append(Command(next(commands(chain([line], lines)))))
        elif block and not line.startswith("#"):
            yield block
            block = []
