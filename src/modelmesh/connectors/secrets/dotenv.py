"""Secrets in a `.env` file, and in the environment what the file does not have.

They are written into the file alone, which otherwise stays as it is: comments, order, other lines.
"""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final, Self

from modelmesh.config.schema import Secrets
from modelmesh.connectors.secrets import SecretError
from modelmesh.connectors.secrets._dotenv import is_name, parse, with_value
from modelmesh.errors import ConfigError, Problem
from modelmesh.types import Secret

_OWN: Final = 0o600
"""Who may read a file that is made here: its owner."""


class SecretStore:
    connector: ClassVar = "modelmesh.dotenv.v1"

    def __init__(
        self, settings: Secrets, environ: Mapping[str, str], *, text: str | None = None
    ) -> None:
        """Take the file's path, or what is to be taken for its text."""
        self.described = f"{settings.path} and the environment"
        self._path = settings.path
        self._environ = environ
        self._values = parse(read(self._path) if text is None else text, self._path)

    @classmethod
    def to_write(cls, settings: Secrets) -> Self:
        """Open the file alone. It need not be there: the first secret that is set makes it."""
        there = Path(settings.path).expanduser().exists()
        store = cls(settings, {}, text=None if there else "")
        store.described = settings.path
        return store

    def get(self, name: str) -> Secret | None:
        value = self._values.get(name, self._environ.get(name, "")).strip()
        return Secret(value) if value else None

    def names(self) -> list[str]:
        """Return the names in the file: what else the environment has is no secret of ours."""
        return sorted(name for name, value in self._values.items() if value.strip())

    def set(self, name: str, value: Secret) -> None:
        if not is_name(name):
            raise SecretError(f"{name!r} cannot be a name in a .env file")
        file = Path(self._path).expanduser().resolve()
        try:
            text = with_value(read(self._path) if file.exists() else "", name, value.reveal())
            self._values = parse(text, self._path)
            _replace(file, text.encode())
        except ConfigError:
            raise SecretError(f"{self._path} has changed, and cannot be read now") from None
        except OSError as error:
            raise SecretError(f"{self._path} cannot be written: {error.strerror}") from None
        except ValueError:
            raise SecretError("a value in a .env file must be text") from None


def read(path: str) -> str:
    """Return the text of a `.env` file. Raises ConfigError if it cannot be read."""
    try:
        with Path(path).expanduser().open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError([Problem("", _unreadable(error))], path) from None


def _unreadable(error: Exception) -> str:
    words = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read: {words or 'it is not UTF-8 text'}"


def _replace(file: Path, content: bytes) -> None:
    """Write a file whole, or leave it as it was; who may read it stays, too."""
    before = file.stat() if file.exists() else None
    made, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    aside = Path(name)
    try:
        with open(made, "wb") as out:  # noqa: PTH123 - it is open already
            out.write(content)
            out.flush()
            os.fsync(made)
        aside.chmod(stat.S_IMODE(before.st_mode) if before else _OWN)
        if before and os.name == "posix":
            os.chown(aside, before.st_uid, before.st_gid)
        aside.replace(file)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
