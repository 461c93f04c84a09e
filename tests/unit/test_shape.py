from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.shape import Shape, misfit, shape_of
from modelmesh.types import ModelCard, Request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def asking(body: Any, **more: Any) -> Request:
    return Request(id="r", model="m", body=body, **more)


def said(*content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": each} for each in content]}


@pytest.mark.parametrize(
    ("body", "features"),
    [
        ({}, set()),
        (said("hello"), set()),
        (said([{"type": "image_url", "image_url": {"url": "data:"}}]), {"vision"}),
        (said([{"type": "input_audio"}], "then"), {"audio_input"}),
        (said([{"type": "file"}, {"type": "text", "text": "x"}]), {"pdf"}),
        ({"tools": [{"type": "function"}]}, {"tool_calling"}),
        ({"functions": [{"name": "f"}]}, {"tool_calling"}),
        ({"tools": []}, set()),
        ({"response_format": {"type": "json_schema"}}, {"structured_output"}),
        ({"response_format": {"type": "json_object"}}, {"json_mode"}),
        ({"response_format": {"type": "text"}}, set()),
        ({"modalities": ["text", "audio"]}, {"audio_output"}),
        ({"modalities": ["text"]}, set()),
        ({"logprobs": True}, {"logprobs"}),
        ({"logprobs": False}, set()),
        ({"web_search_options": {}}, {"web_search"}),
    ],
)
def test_what_a_request_asks_of_a_model(body: dict[str, Any], features: set[str]) -> None:
    assert shape_of(asking(body)).features == features


def test_text_is_counted_in_every_message_and_part_and_generously() -> None:
    body = said("x" * 50, [{"type": "text", "text": "y" * 50}, {"type": "image_url"}])
    assert shape_of(asking(body)).tokens == 20


@pytest.mark.parametrize(("stream", "asked"), [(True, True), (False, False), ("yes", False)])
def test_only_true_asks_for_a_stream(stream: Any, *, asked: bool) -> None:
    assert shape_of(asking({"stream": stream})).stream is asked


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "messages": JSON | st.lists(st.fixed_dictionaries({"content": JSON})),
            "response_format": JSON | st.fixed_dictionaries({"type": JSON}),
            "modalities": JSON,
            "tools": JSON,
            "stream": JSON,
        },
    )
)
def test_no_body_however_odd_breaks_it(body: dict[str, Any]) -> None:
    assert shape_of(asking(body)).tokens >= 0


def shape(*features: str, tokens: int = 0, stream: bool = False) -> Shape:
    return Shape(features=frozenset(features), tokens=tokens, stream=stream)


@pytest.mark.parametrize(
    ("asked", "card", "why"),
    [
        (shape("vision"), ModelCard(), None),
        (shape("vision"), ModelCard(features={"vision": True}), None),
        (shape("vision"), ModelCard(features={"vision": False}), "it has no vision"),
        (shape("pdf"), ModelCard(features={"vision": False}), None),
        (
            shape("vision", "pdf"),
            ModelCard(features={"vision": False, "pdf": False}),
            "it has no pdf",
        ),
        (shape(tokens=101), ModelCard(context=100), "its context window is 100 tokens"),
        (shape(tokens=100), ModelCard(context=100), None),
        (shape(tokens=10**9), ModelCard(), None),
        (shape(stream=True), ModelCard(streaming=False), "it cannot stream"),
        (shape(stream=True), ModelCard(), None),
        (shape(), ModelCard(streaming=False), None),
        (shape(), ModelCard(whole=False), "it can only stream"),
        (shape(stream=True), ModelCard(whole=False), None),
    ],
)
def test_a_model_is_passed_over_only_for_what_is_known(
    asked: Shape, card: ModelCard, why: str | None
) -> None:
    assert misfit(asked, card) == why


@pytest.mark.parametrize(
    ("capabilities", "chats"),
    [
        ((), True),
        (("generation.text-generation.chat-completion",), True),
        (("understanding.text-understanding.summarization",), True),
        (("my-own.thing",), True),
        (("representation.embeddings.text-embeddings",), False),
        (("generation.image-generation.text-to-image",), False),
        (("understanding.audio-understanding.speech-to-text",), False),
        (("retrieval.reranking", "evaluation.content-moderation"), False),
        (("retrieval.reranking", "retrieval.rag.grounded-generation"), True),
    ],
)
def test_a_model_for_other_endpoints_serves_no_chat(
    capabilities: tuple[str, ...], *, chats: bool
) -> None:
    why = misfit(shape_of(asking({})), ModelCard(capabilities=frozenset(capabilities)))
    assert (why is None) is chats
