"""Who wants colours."""

import os
from typing import TextIO


def wanted(stream: TextIO) -> bool:
    """Whether a person reads it at a terminal, who wants colours: https://no-color.org."""
    return stream.isatty() and not os.environ.get("NO_COLOR")
