"""What is known about one model, and which capabilities follow from it. Nothing is read here."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import field, frozen

from modelmesh.catalogue.prices import Price

CAPABILITIES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "chat": frozenset(
            {
                "generation.text-generation.chat-completion",
                "interaction.multi-turn-conversation",
            }
        ),
        "completion": frozenset({"generation.text-generation.text-completion"}),
        # Answers only at OpenAI's Responses endpoint, so no chat pool may choose it unasked.
        "responses": frozenset(),
        # Served at the chat endpoint, but its answer is a verdict on the text and not a reply.
        "classifier": frozenset({"understanding.text-understanding.classification"}),
        "embedding": frozenset({"representation.embeddings.text-embeddings"}),
        "rerank": frozenset({"retrieval.reranking"}),
        "moderation": frozenset({"evaluation.content-moderation"}),
        "ocr": frozenset(
            {
                "understanding.vision-understanding.ocr",
                "understanding.document-understanding.document-parsing",
            }
        ),
        "image": frozenset({"generation.image-generation.text-to-image"}),
        "tts": frozenset({"generation.audio-generation.text-to-speech"}),
        "stt": frozenset({"understanding.audio-understanding.speech-to-text"}),
    }
)
"""The capabilities every model of a kind has."""

FEATURE_CAPABILITIES: Final[Mapping[tuple[str, str], frozenset[str]]] = MappingProxyType(
    {
        ("chat", "tools"): frozenset(
            {
                "interaction.tool-calling",
                "generation.structured-generation.function-call-generation",
            }
        ),
        ("chat", "json_schema"): frozenset(
            {
                "generation.structured-generation.json-generation",
                "generation.structured-generation.schema-constrained-output",
            }
        ),
        ("chat", "vision"): frozenset({"understanding.vision-understanding.image-captioning"}),
        ("image", "vision"): frozenset({"generation.image-generation.image-to-image"}),
        ("embedding", "vision"): frozenset(
            {
                "representation.embeddings.image-embeddings",
                "representation.embeddings.multimodal-embeddings",
            }
        ),
    }
)
"""The capabilities a model of a kind has besides, where it has a feature."""


FEATURES: Final = frozenset(
    {"tools", "json_schema", "reasoning", "web_search", "vision", "audio_in", "audio_out", "pdf"}
)
"""What a model may be known to do, or not to; `vision` reads images."""


@frozen
class Retirement:
    """The end of a model: the vendor's last `day` (YYYY-MM-DD) for it, and what it names instead.

    It is over from that day on.
    """

    day: str
    successor: str | None = None

    def describe(self) -> str:
        instead = f"; its successor is {self.successor}" if self.successor else ""
        return f"its vendor's last day for it is {self.day}{instead}"


@frozen(kw_only=True)
class ModelFacts:
    """What is known about a model at a provider.

    Attributes:
        provider: connector id; "*" where the facts are those that all its providers share.
        id: the id sent to the vendor.
        kind: what it answers to: chat, responses, completion, classifier, embedding, rerank,
            moderation, ocr, image, tts or stt.
        context: tokens of prompt and answer together.
        max_input: tokens of the prompt, where fewer than `context`.
        max_output: tokens of the answer.
        dims: length of an embedding.
        capabilities: full paths in the capability tree, following from kind and features.
        features: some of `FEATURES`; None where nothing is known about features at all.
        lacks: features which it is known not to have.
        price: None where unknown.
        quirks: how it departs from its vendor's other models on the wire, for instance
            `supports_sampling_params: False` (refuses temperature and top_p) or
            `reasoning_effort_values` (the accepted ones); facts/README.md lists them all.
        retires: the day the vendor withdraws it, YYYY-MM-DD.
        successor: what the vendor names instead.
        sources: where this is from, by names in the catalogue's `sources`.

    """

    provider: str
    id: str
    kind: str
    context: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    dims: int | None = None
    capabilities: frozenset[str] = frozenset()
    features: frozenset[str] | None = None
    lacks: frozenset[str] = frozenset()
    price: Price | None = None
    quirks: Mapping[str, Any] = field(default=MappingProxyType({}), hash=False)
    retires: str | None = None
    successor: str | None = None
    sources: tuple[str, ...] = ()

    @property
    def retirement(self) -> Retirement | None:
        return Retirement(self.retires, self.successor) if self.retires else None

    def supports(self, feature: str) -> bool | None:
        """Whether it has a feature; None where that is not known, and trying is the way to know.

        A "no" needs evidence, since lists of abilities are seldom complete. `vision`, `audio_in`
        and `audio_out` are denied where the media a model reads (or makes) are listed without them.
        `tools` and `reasoning` are denied where both of the sources which answer that question
        leave them out. The others are never denied: structured output is missing from the lists
        of models that have it, and gateways read PDF files for models that cannot.
        """
        if self.features is not None and feature in self.features:
            return True
        return False if feature in self.lacks else None


def capabilities_of(kind: str, features: frozenset[str]) -> frozenset[str]:
    """Return the capabilities of a model of this kind with these features."""
    more = (FEATURE_CAPABILITIES.get((kind, feature), frozenset()) for feature in features)
    return CAPABILITIES[kind].union(*more)


_NAMES: Final = (
    ("embedding", re.compile(r"embed|minilm|\b(bge|gte|e5)\b")),
    ("rerank", re.compile(r"rerank")),
    ("stt", re.compile(r"whisper|transcri")),
    ("tts", re.compile(r"\btts\b|kokoro")),
    ("image", re.compile(r"diffusion|\bflux|\bsdxl")),
)


def guess_capabilities(model: str) -> frozenset[str]:
    """Return what a model nobody lists can probably do, going by its name: mostly it chats."""
    name = model.lower()
    kind = next((kind for kind, sign in _NAMES if sign.search(name)), "chat")
    return CAPABILITIES[kind]
