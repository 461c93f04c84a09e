"""What is sent for embeddings, and to whom not, vendor by vendor."""

import json
from typing import Any

import pytest
import trial
from embeddings_wire import (
    COHERE,
    GEMINI,
    JINA,
    MISTRAL,
    NVIDIA,
    OPENAI,
    PERPLEXITY,
    TEXTS,
    VOYAGE,
    lacks,
    request,
    sent,
)

from modelmesh.errors import RequestError
from modelmesh.shape import SO_MANY, TOKENS
from modelmesh.types import Request


def test_a_request_in_openais_shape_keeps_every_byte_but_the_models_name() -> None:
    raw = b'{ "input":"\\u00e9",  "model":"vectors", "dimensions": 8 }'
    asked = Request(id="r", model="vectors", body=json.loads(raw), raw=raw, endpoint="embeddings")
    provider = trial.translator(OPENAI)
    made = provider.request(asked, model="small", key=None, drop=frozenset())
    assert made.body == raw.replace(b"vectors", b"small")


def test_cohere_is_told_what_embeddings_are_for_and_cuts_no_text() -> None:
    assert sent(COHERE, dimensions=256) == {
        "model": "m",
        "texts": TEXTS,
        "input_type": "search_document",
        "embedding_types": ["float"],
        "truncate": "NONE",
        "output_dimension": 256,
    }


def test_a_client_may_say_what_they_are_for() -> None:
    told = sent(COHERE, input="one", input_type="search_query", truncate="END")
    assert (told["texts"], told["input_type"], told["truncate"]) == (["one"], "search_query", "END")
    assert sent(NVIDIA)["input_type"] == "passage"
    assert sent(NVIDIA, input_type="query")["input_type"] == "query"
    assert sent(VOYAGE, input_type="query")["input_type"] == "query"


def test_each_text_is_a_request_of_its_own_at_gemini() -> None:
    told = sent(GEMINI, model="models/gemini-embedding-001", dimensions=768, task_type="CLUSTERING")
    assert told == {
        "requests": [
            {
                "model": "models/gemini-embedding-001",
                "content": {"parts": [{"text": text}]},
                "outputDimensionality": 768,
                "taskType": "CLUSTERING",
            }
            for text in TEXTS
        ]
    }


@pytest.mark.parametrize("model", ["gemini-embedding-2", "models/gemini-embedding-2"])
def test_geminis_model_is_named_in_the_path(model: str) -> None:
    provider = trial.translator(GEMINI)
    made = provider.request(request(), model=model, key=None, drop=frozenset())
    assert made.url.endswith("/models/gemini-embedding-2:batchEmbedContents")


def test_a_size_is_told_by_the_vendors_own_word() -> None:
    assert sent(MISTRAL, dimensions=256)["output_dimension"] == 256
    assert sent(VOYAGE, dimensions=256)["output_dimension"] == 256
    assert sent(JINA, dimensions=256)["dimensions"] == 256


def test_the_form_is_told_only_to_those_who_know_it() -> None:
    assert "encoding_format" not in sent(VOYAGE, encoding_format="float")
    assert sent(VOYAGE, encoding_format="base64")["encoding_format"] == "base64"
    assert sent(JINA, encoding_format="base64")["embedding_type"] == "base64"
    assert "encoding_format" not in sent(PERPLEXITY, encoding_format="base64")
    assert sent(MISTRAL, encoding_format="base64")["encoding_format"] == "base64"


@pytest.mark.parametrize("connector", [COHERE, GEMINI, MISTRAL, VOYAGE, JINA, PERPLEXITY])
@pytest.mark.parametrize("tokens", [[1, 2], [[1, 2], [3]]])
def test_tokens_are_not_for_those_who_take_texts(connector: str, tokens: Any) -> None:
    assert lacks(connector, input=tokens) == {TOKENS}
    assert lacks(OPENAI, input=tokens) == frozenset()


@pytest.mark.parametrize(
    ("connector", "most"),
    [(COHERE, 96), (GEMINI, 100), (VOYAGE, 1000), (PERPLEXITY, 512), (OPENAI, 2048)],
)
def test_more_inputs_than_a_vendor_takes_are_not_for_it(connector: str, most: int) -> None:
    assert lacks(connector, input=["a"] * most) == frozenset()
    assert lacks(connector, input=["a"] * (most + 1)) == {SO_MANY}


def test_the_tokens_of_one_text_are_one_input() -> None:
    assert lacks(OPENAI, input=[7] * 5000) == frozenset()
    assert lacks(OPENAI, input=[[7]] * 5000) == {SO_MANY}


@pytest.mark.parametrize(
    ("connector", "model", "size"),
    [
        (OPENAI, "text-embedding-ada-002", 1536),
        (MISTRAL, "mistral-embed", 1024),
        (COHERE, "embed-english-v3.0", 1024),
    ],
)
def test_a_model_of_one_size_has_no_other(connector: str, model: str, size: int) -> None:
    assert lacks(connector, model, dimensions=size - 1) == {"dimensions"}
    assert lacks(connector, model, dimensions=size) == frozenset()
    told = sent(connector, model, dimensions=size)
    assert {"dimensions", "output_dimension"}.isdisjoint(told)


def test_what_a_vendor_does_not_know_is_left_out_and_named() -> None:
    assert lacks(COHERE, user="ada") == {"user"}
    assert "user" not in sent(COHERE, user="ada")
    assert lacks("together.api.v1", dimensions=8, user="ada") == {"dimensions", "user"}
    assert lacks(MISTRAL, user=None) == frozenset()


@pytest.mark.parametrize("connector", [COHERE, GEMINI])
@pytest.mark.parametrize("wanted", [[1, 2], [{"text": "a"}], 7, None])
def test_what_is_no_text_is_refused_where_it_cannot_be_told(connector: str, wanted: Any) -> None:
    with pytest.raises(RequestError) as raised:
        sent(connector, input=wanted)
    assert (raised.value.status, raised.value.param) == (400, "input")
