"""`${secrets:NAME}` in a configuration, replaced by what the secret store has."""

import re
from typing import Any, Final

from modelmesh.config.faults import Fault, Path
from modelmesh.connectors.secrets import SecretStore

_SECRET: Final = re.compile(r"\$\{secrets:([^}]*)\}")
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

# Anything shorter keeps nobody out, and may well be part of a plain word.
_SECRET_LENGTH: Final = 6


class Interpolation:
    """One pass over a configuration. `values` are the secrets it brought in."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store
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
                self.faults.append(Fault(path, "the secret store's own settings have no secrets"))
            return text
        for name in _VARIABLE.findall(text):
            self.faults.append(Fault(path, f"write ${{secrets:{name}}} instead of ${{{name}}}"))
        return _SECRET.sub(lambda match: self._secret(match, path), text)

    def _secret(self, match: re.Match[str], path: Path) -> str:
        name = match[1].strip()
        found = self._store.get(name) if name else None
        if found is None:
            looked = f"looked in {self._store.described}"
            self.faults.append(Fault(path, f"secret {name!r} is not set ({looked})"))
            return match[0]
        value = found.reveal()
        self.values.add(value)
        return value

    def hidden(self, text: str) -> str:
        """Return a message without the secrets some validator may have put into it."""
        long = [value for value in self.values if len(value) >= _SECRET_LENGTH]
        for value in sorted(long, key=len, reverse=True):
            for spelt in (value, repr(value)[1:-1]):
                text = text.replace(spelt, "***")
        return text
