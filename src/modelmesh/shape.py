"""What a request asks of whoever serves it: abilities, room, parameters. Pure, and cheap."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from modelmesh.types import ModelCard

# Text usually has fewer characters a token. With more nothing is turned away that might fit; what
# does not fit after all, the vendor refuses and a target with more room gets.
_CHARACTERS_PER_TOKEN: Final = 5

_PARTS: Final[Mapping[str, str]] = {
    "image_url": "vision",
    "input_audio": "audio_input",
    "file": "pdf",
}
_FORMATS: Final[Mapping[str, str]] = {
    "json_schema": "structured_output",
    "json_object": "json_mode",
}
_ASKED: Final[Mapping[str, str]] = {
    "tools": "tool_calling",
    "functions": "tool_calling",
    "logprobs": "logprobs",
    "web_search_options": "web_search",
}
_UNASKED: Final[Sequence[Any]] = (None, False, [])

# What models do at endpoints of their own; all else is asked for in a chat.
_ELSEWHERE: Final = (
    "evaluation.content-moderation",
    "generation.audio-generation",
    "generation.image-generation",
    "generation.video-generation",
    "representation.",
    "retrieval.reranking",
    "understanding.audio-understanding",
)

DECISIVE: Final = frozenset(
    {
        "audio",
        "function_call",
        "functions",
        "logprobs",
        "modalities",
        "n",
        "prediction",
        "response_format",
        "tool_choice",
        "tools",
        "top_logprobs",
        "web_search_options",
    }
)
"""Parameters that change what the answer is. Others are hints, and may be left out with notice."""


@frozen(kw_only=True)
class Shape:
    """What a request needs: features by their names in the configuration, and tokens at least."""

    features: frozenset[str]
    tokens: int
    stream: bool


def shape_of(body: Mapping[str, Any]) -> Shape:
    """Return what a chat request asks of a model. A malformed body asks nothing; vendors judge."""
    features = set()
    characters = 0
    for kind, text in _pieces(body):
        characters += len(text)
        if kind in _PARTS:
            features.add(_PARTS[kind])
    answer_format = body.get("response_format")
    wanted = answer_format.get("type") if isinstance(answer_format, dict) else None
    if isinstance(wanted, str) and wanted in _FORMATS:
        features.add(_FORMATS[wanted])
    features |= {feature for name, feature in _ASKED.items() if body.get(name) not in _UNASKED}
    modalities = body.get("modalities")
    if isinstance(modalities, list) and "audio" in modalities:
        features.add("audio_output")
    return Shape(
        features=frozenset(features),
        tokens=characters // _CHARACTERS_PER_TOKEN,
        stream=body.get("stream") is True,
    )


def misfit(shape: Shape, card: ModelCard) -> str | None:
    """Say why a model is known not to be able to serve a chat; None where it may be."""
    if card.capabilities and all(has.startswith(_ELSEWHERE) for has in card.capabilities):
        return f"it does not chat but does {', '.join(map(_last, sorted(card.capabilities)))}"
    for feature in sorted(shape.features):
        if card.features.get(feature) is False:
            return f"it has no {feature}"
    if card.context is not None and shape.tokens > card.context:
        return f"its context window is {card.context} tokens"
    if shape.stream and card.streaming is False:
        return "it does not stream"
    return None


def _last(capability: str) -> str:
    return capability.rpartition(".")[2]


def _pieces(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the kind and the text of everything that is said in the messages."""
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            yield "text", content
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict):
                text = part.get("text")
                yield str(part.get("type")), text if isinstance(text, str) else ""
