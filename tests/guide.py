"""The proxy guide: the contract with users. It stays where it is, and nothing of it is here."""

import re
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "shared/seeds/proxy-guide.txt"
GUIDE = PATH.read_text() if PATH.exists() else ""

with_guide = pytest.mark.skipif(not GUIDE, reason="the guide is not here (../shared/seeds)")


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
