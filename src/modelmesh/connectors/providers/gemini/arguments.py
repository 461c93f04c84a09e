"""The arguments of a call that come in pieces, as Vertex AI streams them where it is asked to.

Each piece is one value within the arguments and the path to it (RFC 9535), such as
`$.places[0].name`. A text grows with every piece for its path.

https://googleapis.github.io/js-genai/release_docs/interfaces/types.PartialArg.html
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

from modelmesh.errors import ProviderError, bad_answer

_VALUES: Final = ("stringValue", "numberValue", "boolValue")
_STEP: Final = re.compile(
    r"""\.(?P<name>[^.\[\]]+)|\[(?P<place>\d{1,9})\]|\[(?P<mark>['"])(?P<quoted>.*?)(?P=mark)\]""",
    re.DOTALL,
)


@define
class Arguments:
    """Puts the arguments of one call together; `begun` came with its name."""

    begun: Mapping[str, Any]
    # Objects and lists alike by name or place, until all is there.
    _tree: dict[str | int, Any] = field(factory=dict, init=False)

    def add(self, piece: Mapping[str, Any]) -> None:
        """Add a piece. Raises ProviderError for one that has no place."""
        *outer, last = _steps(piece.get("jsonPath"))
        inner = self._tree
        for step in outer:
            inner = inner.setdefault(step, {})
            if not isinstance(inner, dict):
                raise _misplaced()
        value = next((piece[name] for name in _VALUES if name in piece), None)
        before = inner.get(last)
        if isinstance(before, str) and isinstance(value, str):
            value = before + value
        inner[last] = value

    @property
    def whole(self) -> Mapping[str, Any]:
        """The arguments, so far as they have come."""
        return {**self.begun, **{str(name): _plain(inner) for name, inner in self._tree.items()}}


def _steps(path: Any) -> list[str | int]:
    """Return the names and places on a path; there is one at least."""
    text = path if isinstance(path, str) else ""
    found = [*_STEP.finditer(text)]
    if not found or "$" + "".join(step[0] for step in found) != text:
        raise _misplaced()
    return [
        int(step["place"]) if step["place"] else step["name"] or step["quoted"] for step in found
    ]


def _plain(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if all(isinstance(step, int) for step in node):
        return [_plain(node[place]) for place in sorted(node)]
    return {str(name): _plain(inner) for name, inner in node.items()}


def _misplaced() -> ProviderError:
    return bad_answer("a piece of arguments that has no place")
