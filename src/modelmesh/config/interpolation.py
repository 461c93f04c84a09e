"""`${secrets:NAME}` in a configuration, replaced by what the secret store has."""

import re
from functools import cache
from typing import Any, Final

from modelmesh.config.faults import Fault, Path
from modelmesh.connectors.secrets import (
    Closing,
    SecretError,
    SecretStore,
    StoreUnreachableError,
)
from modelmesh.redaction import HIDDEN, SHORTEST_KEY
from modelmesh.types import Secret

_SECRET: Final = re.compile(r"\$\{secrets:([^}]*)\}")
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Interpolation:
    """One pass over a configuration. `values` are the secrets it brought in."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store
        self._get = cache(self._asked)
        self._unreachable: StoreUnreachableError | None = None
        self.values: set[str] = set()
        self.faults: list[Fault] = []

    def __call__(self, value: Any, path: Path = ()) -> Any:
        """Return the value with its secrets; what is missing stays as written, and is a fault."""
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, dict):
            return {key: self(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self(item, (*path, i)) for i, item in enumerate(value)]
        return value

    def _text(self, text: str, path: Path) -> str:
        if path[:1] == ("secrets",):
            if _SECRET.search(text):
                self.faults.append(
                    Fault(path, "the secret store's own settings cannot contain secrets")
                )
            return text
        for name in _VARIABLE.findall(text):
            self.faults.append(Fault(path, f"write ${{secrets:{name}}} instead of ${{{name}}}"))
        return _SECRET.sub(lambda match: self._secret(match, path), text)

    def _secret(self, match: re.Match[str], path: Path) -> str:
        name = match[1].strip()
        found = self._get(name)
        if isinstance(found, Secret):
            self.values.add(found.reveal())
            return found.reveal()
        looked = f"looked in {self._store.described}"
        why = f"cannot be read: {found}" if found else "is not set"
        self.faults.append(Fault(path, f"secret {name!r} {why} ({looked})"))
        return match[0]

    def _asked(self, name: str) -> Secret | SecretError | None:
        """Ask the store once for each name, and for nothing more once it does not answer."""
        if not name or self._unreachable:
            return self._unreachable
        try:
            return self._store.get(name)
        except StoreUnreachableError as error:
            self._unreachable = error
            return error
        except SecretError as error:
            return error
        except Exception as bug:  # noqa: BLE001 - somebody else's store may fail in any way
            return SecretError(f"the store failed ({type(bug).__name__})")

    def close(self) -> None:
        """Let go of the store."""
        if isinstance(self._store, Closing):
            self._store.close()

    def hidden(self, text: str) -> str:
        """Return a message without the secrets some validator may have put into it."""
        long = [value for value in self.values if len(value) >= SHORTEST_KEY]
        for value in sorted(long, key=len, reverse=True):
            for spelt in (value, repr(value)[1:-1]):
                text = text.replace(spelt, HIDDEN)
        return text
