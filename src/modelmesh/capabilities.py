"""The capability tree: what an application may ask for, and the names it may use to ask.

A capability is a path such as `generation.text-generation.chat-completion`. Which models have which
capabilities is the catalogue's and the configuration's to say, not this module's.
"""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Final, Self

from attrs import field, frozen

_STANDARD: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "generation": {
        "text-generation": ("chat-completion", "text-completion", "code-generation"),
        "structured-generation": (
            "json-generation",
            "schema-constrained-output",
            "function-call-generation",
        ),
        "image-generation": ("text-to-image", "image-to-image", "inpainting"),
        "audio-generation": ("text-to-speech", "music-generation"),
        "video-generation": ("text-to-video", "image-to-video"),
    },
    "understanding": {
        "text-understanding": (
            "summarization",
            "classification",
            "sentiment-analysis",
            "entity-extraction",
        ),
        "vision-understanding": ("image-captioning", "object-detection", "ocr"),
        "audio-understanding": ("speech-to-text", "speaker-identification", "audio-classification"),
        "document-understanding": ("document-parsing", "table-extraction", "form-extraction"),
    },
    "transformation": {
        "translation": (),
        "rewriting": (),
        "style-transfer": (),
        "image-editing": ("background-removal", "upscaling", "format-conversion"),
        "audio-processing": ("noise-reduction", "voice-cloning", "audio-separation"),
    },
    "representation": {
        "embeddings": ("text-embeddings", "image-embeddings", "multimodal-embeddings"),
        "tokenization": (),
        "feature-extraction": (),
    },
    "retrieval": {
        "search": ("semantic-search", "web-search", "image-search", "code-search"),
        "knowledge-graph": ("graph-query", "entity-linking", "relation-extraction"),
        "rag": ("retrieval-augmented-generation", "grounded-generation"),
        "reranking": (),
    },
    "interaction": {
        "tool-calling": (),
        "agent-execution": ("single-step-agent", "multi-step-agent"),
        "multi-turn-conversation": (),
    },
    "evaluation": {
        "content-moderation": (),
        "toxicity-detection": (),
        "factuality-checking": (),
        "quality-scoring": (),
    },
}

CHAT: Final = "generation.text-generation.chat-completion"
"""What nearly everybody asks for."""

PREDEFINED_POOLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "text-generation": "generation.text-generation",
        "structured-generation": "generation.structured-generation",
        "image-generation": "generation.image-generation",
        "embeddings": "representation.embeddings",
        "text-to-speech": "generation.audio-generation.text-to-speech",
        "speech-to-text": "understanding.audio-understanding.speech-to-text",
        "vision-understanding": "understanding.vision-understanding",
    }
)
"""Pool ids with a meaning of their own, and the capability each pool stands for."""


def meant_by_pool(id_: str) -> str:
    """Return the capability, by path or alias, that a pool called so stands for by its name."""
    return PREDEFINED_POOLS.get(id_, id_)


ABBREVIATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tts": "generation.audio-generation.text-to-speech",
        "stt": "understanding.audio-understanding.speech-to-text",
    }
)
"""Names besides the last parts of paths."""

_PART: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class UnknownCapability(ValueError):  # noqa: N818 - it reads as what it is
    """A name that is neither a capability's path nor an alias of one.

    Attributes:
        name: the name that was asked for.
        suggestions: the nearest names that exist, best first; may be empty.

    """

    def __init__(self, name: str, suggestions: list[str]) -> None:
        hint = f"; did you mean {_either(suggestions)}?" if suggestions else ""
        super().__init__(f"unknown capability {name!r}{hint}")
        self.name = name
        self.suggestions = suggestions


@frozen
class CapabilityTree:
    """All capabilities there are. Iterates over full paths, parents first, added ones last."""

    _paths: tuple[str, ...] = field(repr=lambda paths: f"{len(paths)} capabilities")
    _aliases: Mapping[str, str] = field(repr=False, hash=False)

    @classmethod
    def standard(cls) -> Self:
        """Return the tree that everybody has."""
        paths: list[str] = []
        for category, nodes in _STANDARD.items():
            paths.append(category)
            for node, leaves in nodes.items():
                paths.append(f"{category}.{node}")
                paths += [f"{category}.{node}.{leaf}" for leaf in leaves]
        return cls(tuple(paths), _named(paths, {}) | dict(ABBREVIATIONS))

    def extended(self, paths: Iterable[str]) -> Self:
        """Return a tree which has these capabilities as well, and every node on the way to them.

        Names keep their meaning: a new node's last part becomes its alias only where nothing else
        is called so.

        Raises:
            ValueError: a path is malformed, or begins with an alias of an existing capability.

        """
        added: dict[str, None] = {}
        for path in paths:
            for node in self._nodes(path):
                if node not in self._paths:
                    added[node] = None
        every = (*self._paths, *added)
        return type(self)(every, _named(every, self._aliases))

    def resolve(self, name: str) -> str:
        """Return the full path that a path or an alias stands for.

        Raises:
            UnknownCapability: there is no such capability; the error names the nearest.

        """
        if name in self._paths:
            return name
        try:
            return self._aliases[name]
        except KeyError:
            raise UnknownCapability(name, self._nearest(name)) from None

    def leaves(self, path: str) -> frozenset[str]:
        """Return all leaves at or below a capability; a leaf gives itself.

        Raises:
            UnknownCapability: there is no such capability.

        """
        node = self.resolve(path)
        inner = {path.rpartition(".")[0] for path in self._paths}
        return frozenset(p for p in self._paths if self.covers(node, p) and p not in inner)

    def covers(self, node: str, capability: str) -> bool:
        """Whether `capability` is `node` or lies below it; both are full paths."""
        return capability == node or capability.startswith(f"{node}.")

    def alias(self, path: str) -> str:
        """Return the short name of a capability: its last part where that is unambiguous.

        Raises:
            UnknownCapability: there is no such capability.

        """
        node = self.resolve(path)
        last = _last_part(node)
        return last if self._aliases.get(last) == node else node

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def _nodes(self, path: str) -> list[str]:
        """Every node from the category down to `path`."""
        parts = path.split(".")
        for part in parts:
            if not _PART.fullmatch(part):
                raise ValueError(
                    f"capability {path!r}: {_fault(part)}; write lower-case letters, digits and "
                    "single hyphens in parts joined by dots, such as "
                    "'understanding.text-understanding.spam-detection'"
                )
        if parts[0] in self._aliases:
            raise ValueError(
                f"capability {path!r}: {parts[0]!r} already stands for "
                f"{self._aliases[parts[0]]!r}; write the full path or another category"
            )
        return list(accumulate(parts, "{}.{}".format))

    def _nearest(self, name: str) -> list[str]:
        plain = name.strip().lower().replace("_", "-").replace(" ", "-")
        names = [*self._aliases, *self._paths]
        return difflib.get_close_matches(plain, names, n=3)


def _named(paths: Iterable[str], existing: Mapping[str, str]) -> dict[str, str]:
    """Existing aliases, and the last part of every path which shares it with no other."""
    every = tuple(paths)
    count = Counter(map(_last_part, every))
    own = {_last_part(path): path for path in every if "." in path and count[_last_part(path)] == 1}
    return own | dict(existing)


def _last_part(path: str) -> str:
    return path.rpartition(".")[2]


def _fault(part: str) -> str:
    if not part:
        return "it has an empty part"
    if re.search(r"\s", part):
        return f"there is white space in {part!r}"
    if part != part.lower():
        return f"there are upper-case letters in {part!r}"
    return f"{part!r} is not a name"


def _either(names: list[str]) -> str:
    return " or ".join(map(repr, names))


TREE: Final = CapabilityTree.standard()
"""The standard tree."""
