"""What a request asks of whoever serves it: abilities, room, parameters. Pure, and cheap."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from modelmesh.types import Endpoint, ModelCard, Request
from modelmesh.values import value

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

# What each endpoint is for, in a word and by the capabilities it serves.
_SERVED: Final[Mapping[Endpoint, tuple[str, tuple[str, ...]]]] = {
    "embeddings": ("embed", ("representation.",)),
    "speech": ("speak", ("generation.audio-generation",)),
    "transcriptions": ("transcribe", ("understanding.audio-understanding",)),
    "images": ("make images", ("generation.image-generation",)),
}
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

TOKENS: Final = "tokens for an input"
SO_MANY: Final = "so many inputs"
SO_LONG: Final = "so long an input"
SO_LARGE: Final = "so large a file"
WITHIN: Final[Mapping[str, str]] = {
    TOKENS: "input",
    SO_MANY: "input",
    SO_LONG: "input",
    SO_LARGE: "file",
}
"""What a vendor may lack that is no parameter but what one holds, and which."""

ALWAYS: Final = frozenset({*WITHIN, "stream", "stream_format"})
"""What counts in lenient pools, too: an answer that comes whole cannot be given as events."""

DECISIVE: Final = frozenset(
    {
        *ALWAYS,
        "audio",
        "background",
        "dimensions",
        "function_call",
        "functions",
        "include",
        "logprobs",
        "messages",
        "modalities",
        "n",
        "output_format",
        "prediction",
        "response_format",
        "size",
        "timestamp_granularities",
        "tool_choice",
        "tools",
        "top_logprobs",
        "web_search_options",
    }
)
"""Parameters that change what the answer is. Others are hints, and may be left out with notice.

A vendor lacks `messages` where they hold what it cannot be told, such as a file out of its reach.
"""


@value(kw_only=True)
class Shape:
    """What a request needs: features by their names in the configuration, and tokens at least."""

    features: frozenset[str] = frozenset()
    tokens: int = 0
    stream: bool
    endpoint: Endpoint = "chat"


def shape_of(request: Request) -> Shape:
    """Return what a request asks of a model. A malformed body asks nothing; vendors judge."""
    if request.endpoint != "chat":
        return Shape(stream=request.stream, endpoint=request.endpoint)
    body = request.body
    kinds, characters = _said(body)
    features = {_PARTS[kind] for kind in _PARTS.keys() & kinds}
    answer_format = body.get("response_format")
    wanted = answer_format.get("type") if isinstance(answer_format, dict) else None
    if isinstance(wanted, str) and wanted in _FORMATS:
        features.add(_FORMATS[wanted])
    features |= {_ASKED[name] for name in _ASKED.keys() & body.keys() if body[name] not in _UNASKED}
    modalities = body.get("modalities")
    if isinstance(modalities, list) and "audio" in modalities:
        features.add("audio_output")
    return Shape(
        features=frozenset(features),
        tokens=characters // _CHARACTERS_PER_TOKEN,
        stream=request.stream,
    )


def misfit(shape: Shape, card: ModelCard) -> str | None:
    """Say why a model is known not to be able to serve a request; None where it may be."""
    if not _may_serve(shape.endpoint, card.capabilities):
        verb, _ = _SERVED.get(shape.endpoint, ("chat", ()))
        return f"it cannot {verb}; it is for {', '.join(map(_last, sorted(card.capabilities)))}"
    if shape.features:
        for feature in sorted(shape.features):
            if card.features.get(feature) is False:
                return f"it has no {feature}"
    if card.context is not None and shape.tokens > card.context:
        return f"its context window is {card.context} tokens"
    if shape.stream and card.streaming is False:
        return "it cannot stream"
    if not shape.stream and card.whole is False:
        return "it can only stream"
    return None


def endpoint_of(capabilities: Iterable[str]) -> Endpoint:
    """Return where those capabilities are asked for, which is a chat unless it is elsewhere."""
    for capability in capabilities:
        for endpoint, (_, served) in _SERVED.items():
            if f"{capability}.".startswith(served):
                return endpoint
    return "chat"


@lru_cache(maxsize=1024)
def _may_serve(endpoint: Endpoint, capabilities: frozenset[str]) -> bool:
    """Whether one of the capabilities is for an endpoint. Who has none may have any."""
    if not capabilities:
        return True
    if endpoint == "chat":
        return not all(has.startswith(_ELSEWHERE) for has in capabilities)
    _, served = _SERVED[endpoint]
    return any(has.startswith(served) for has in capabilities)


def _last(capability: str) -> str:
    return capability.rpartition(".")[2]


def _said(body: Mapping[str, Any]) -> tuple[set[str], int]:
    """Return the kinds of all that is said in the messages, and the characters of its text."""
    kinds: set[str] = set()
    characters = 0
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            characters += len(content)
        elif isinstance(content, list):
            parts = [part for part in content if isinstance(part, dict)]
            kinds.update(str(part.get("type")) for part in parts)
            texts = (part.get("text") for part in parts)
            characters += sum(len(text) for text in texts if isinstance(text, str))
    return kinds, characters
