"""Makes what docs/cli.md shows of commands, by running them: `python -m scripts.command_line`.

With `--check` nothing is written, and it fails where the page shows something else.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Final

from modelmesh import cli
from modelmesh.cli.checked import table_of
from modelmesh.online import Probed
from scripts import pages

PAGE: Final = Path(__file__).parents[1] / "docs/cli.md"
_CONFIG: Final = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
_SHOWN: Final = re.compile(
    r"(```console\nmodelmesh (.*?)\n```\n\n```text\n)(.*?)(?=```)", re.DOTALL
)
_ONLINE: Final = re.compile(r"(Then comes a table:\n\n```text\n)(.*?)(?=```)", re.DOTALL)

_GROQ: Final = "groq.api.v1"
_AWAY: Final = "the vendor could not be connected to"
PROBED: Final = (
    Probed(provider=_GROQ, key=1, state="answers", milliseconds=182.4, unlisted=["old"]),
    Probed(provider=_GROQ, key=2, state="refused", milliseconds=97.0, why="Invalid API Key"),
    Probed(provider="local", key=None, state="unreachable", milliseconds=1.0, why=_AWAY),
)
"""An example: what vendors really answer depends on the day."""


def page(written: str) -> str:
    """Return the page with what its commands say of its configuration."""
    [config] = _CONFIG.findall(written)
    online = "".join(f"{line}\n" for line in table_of(PROBED))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "modelmesh.yaml").write_text(config)
        written = _SHOWN.sub(lambda shown: shown[1] + _said(shown[2], folder), written)
    return _ONLINE.sub(lambda shown: shown[1] + online, written)


def _said(command: str, folder: str) -> str:
    """Run a command in a folder, and where no key is in the environment; return what it said."""
    around = dict(os.environ)
    os.environ.clear()
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as said:
            cli.main(command.split())
    finally:
        os.environ.update(around)
    return said.getvalue()


def main(arguments: list[str]) -> int:
    """Write the page, or check it. Returns the exit code."""
    return pages.write(PAGE, page, arguments, prog="python -m scripts.command_line", about=__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
