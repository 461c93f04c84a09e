"""What all commands share: talking to people at a terminal, and ending well."""

import errno
import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import metadata
from typing import Final

from modelmesh.errors import ConfigError, NothingFoundError, RequestError

OK: Final = 0
FAILED: Final = 1
NOTHING_TO_SERVE: Final = 2

FOUND: Final = "modelmesh.yaml in this folder, or else the keys in the environment"
"""What is used where no configuration file is named."""

say = partial(print, flush=True)


def complain(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the command line speaks to people


def attempt(action: Callable[[], int]) -> int:
    """Return the exit code of what is done, or say why it failed."""
    try:
        return action()
    except NothingFoundError as error:
        complain(str(error))
        return NOTHING_TO_SERVE
    except (ConfigError, RequestError) as error:
        complain(str(error))
    except BrokenPipeError:  # whoever reads has seen enough, and Python need not try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        hint = "; choose another port with --port" if error.errno == errno.EADDRINUSE else ""
        what = error.filename or "cannot listen"
        complain(f"{what}: {error.strerror or error}{hint}")
    except KeyboardInterrupt:
        complain("interrupted")
    return FAILED


def version() -> str:
    return f"modelmesh-lite {metadata.version('modelmesh-lite')}"
