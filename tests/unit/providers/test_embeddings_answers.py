"""What is made of the answers to requests for embeddings, vendor by vendor."""

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any

import pytest
import trial
from embeddings_wire import (
    AZURE,
    COHERE,
    GEMINI,
    JINA,
    OPENAI,
    PERPLEXITY,
    VOYAGE,
    answer,
    entries,
    request,
    said,
    vectors,
)
from hypothesis import given
from hypothesis import strategies as st
from judge_embeddings import read

from modelmesh.connectors.providers._vectors import numbers_in, packed
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.types import HttpReply
from modelmesh.usage import Usage


def test_an_answer_as_it_was_asked_for_passes_as_it_came() -> None:
    body = json.dumps(said([1, 0.5], [0, 1], vendors="own"), indent=2).encode()
    assert answer(OPENAI, b"\n" + body).body == body


@pytest.mark.parametrize("connector", [OPENAI, VOYAGE, JINA])
def test_numbers_are_packed_and_base64_is_unpacked(connector: str) -> None:
    numbers = [[0.25, -1.0], [0.5, 2.0]]
    texts = [packed(each) for each in numbers]
    assert vectors(answer(connector, said(*numbers), encoding_format="base64")) == texts
    assert vectors(answer(connector, said(*texts), encoding_format="float")) == numbers
    assert vectors(answer(connector, said(*texts), encoding_format="base64")) == texts
    assert [read(text) for text in texts] == numbers


def test_perplexitys_base64_is_bytes_and_is_made_floats() -> None:
    made = said("AX//gA==", "AAECAw==")  # 1 127 -1 -128, 0 1 2 3
    numbers = [[1.0, 127.0, -1.0, -128.0], [0.0, 1.0, 2.0, 3.0]]
    assert vectors(answer(PERPLEXITY, made)) == numbers
    as_base64 = vectors(answer(PERPLEXITY, made, encoding_format="base64"))
    assert [read(text) for text in as_base64] == numbers


@pytest.mark.parametrize(("dtype", "last"), [("int8", -128.0), ("ubinary", 128.0)])
def test_smaller_numbers_in_base64_are_made_floats_as_well(dtype: str, last: float) -> None:
    made = answer(
        VOYAGE, said("AX8AgA==", "AX8AgA=="), encoding_format="base64", output_dtype=dtype
    )
    assert [read(text) for text in vectors(made)] == [[1.0, 127.0, 0.0, last]] * 2


def test_what_a_vendor_says_besides_is_kept() -> None:
    usage = {"prompt_tokens": 3, "total_tokens": 3, "cost": 0.1}
    made = answer(OPENAI, said([1.0], [2.0], id="e-1", usage=usage), encoding_format="base64")
    body = json.loads(made.body)
    assert (body["id"], body["usage"]["cost"], body["model"]) == ("e-1", 0.1, "real")


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"total_tokens": 4}, 4),
        ({"prompt_tokens": 4}, 4),
        ({"prompt_tokens": 4, "total_tokens": None}, 4),
        ({"prompt_tokens": 0, "total_tokens": 0}, 0),
        (None, 0),
    ],
)
def test_the_usage_is_where_clients_look_for_it(counts: Any, told: int) -> None:
    made = answer(OPENAI, said([1.0], [2.0], usage=counts))
    usage = json.loads(made.body)["usage"]
    assert usage == {"prompt_tokens": told, "total_tokens": told}
    assert made.usage == (Usage(prompt=told) if told else None)


def test_the_model_asked_for_is_named_where_the_vendor_names_none() -> None:
    assert json.loads(answer(OPENAI, entries((0, [1.0]), (1, [2.0]))).body)["model"] == "m"


def test_embeddings_go_by_their_indexes() -> None:
    assert vectors(answer(OPENAI, entries((1, [2.0]), (0, [1.0])))) == [[1.0], [2.0]]


@pytest.mark.parametrize("index", [0, None])
def test_indexes_that_say_nothing_leave_the_order_as_it_is(index: Any) -> None:
    made = answer(OPENAI, entries((index, [2.0]), (index, [1.0])))
    assert vectors(made) == [[2.0], [1.0]]
    assert [entry["index"] for entry in json.loads(made.body)["data"]] == [0, 1]


def test_cohere_may_be_asked_for_other_numbers() -> None:
    made = {
        "embeddings": {"int8": [[1, -2], [3, 4]]},
        "meta": {"billed_units": {"input_tokens": 5}},
    }
    told = answer(COHERE, made, embedding_types=["int8"])
    assert vectors(told) == [[1, -2], [3, 4]]
    assert told.usage == Usage(prompt=5)


def test_gemini_may_count_nothing() -> None:
    made = answer(GEMINI, {"embeddings": [{"values": [1.0]}, {"values": [2.0]}]})
    assert json.loads(made.body)["usage"] == {"prompt_tokens": 0, "total_tokens": 0}
    assert made.usage is None


OWN: Mapping[str, Callable[[list[Any]], Any]] = {
    COHERE: lambda each: {"embeddings": {"float": each}},
    GEMINI: lambda each: {"embeddings": [{"values": one} for one in each]},
    OPENAI: lambda each: said(*each),
    JINA: lambda each: said(*each),
    PERPLEXITY: lambda each: said(*each),
}
UNSOUND: Mapping[str, Any] = {
    "none": [],
    "one too few": [[1.0]],
    "one too many": [[1.0], [2.0], [3.0]],
    "empty": [[1.0], []],
    "null": [[1.0], None],
    "null among them": [[1.0], [None]],
    "text among them": [[1.0], ["2"]],
    "lists": [[1.0], [[2.0]]],
    "too large": [[1.0], [1e308, 1e308]],
    "objects": [[1.0], {"float": [1.0]}],
    "no base64": [[1.0], "?"],
    "an empty text": [[1.0], ""],
}


@pytest.mark.parametrize("connector", OWN)
@pytest.mark.parametrize("embeddings", UNSOUND)
def test_embeddings_that_are_none_fail_over(connector: str, embeddings: str) -> None:
    with pytest.raises(ProviderError) as raised:
        answer(connector, OWN[connector](UNSOUND[embeddings]))
    assert raised.value.kind is ErrorKind.BAD_ANSWER
    assert raised.value.rule.next_target


@pytest.mark.parametrize("connector", [COHERE, GEMINI, OPENAI, VOYAGE])
@pytest.mark.parametrize(
    "body",
    [b"", b"null", b'""', b"[]", b"{}", b"<html>", b'{"data": null}', b'{"data": [1, 2]}', b"{"],
)
def test_what_is_no_answer_at_all_fails_over(connector: str, body: bytes) -> None:
    with pytest.raises(ProviderError) as raised:
        answer(connector, body)
    assert raised.value.rule.next_target


@pytest.mark.parametrize("connector", [COHERE, GEMINI, OPENAI, VOYAGE, AZURE])
def test_an_error_that_is_called_a_success_is_an_error(connector: str) -> None:
    with pytest.raises(ProviderError) as raised:
        answer(connector, {"error": {"message": "slow down", "code": 429}})
    assert raised.value.kind is ErrorKind.RATE_LIMIT


@pytest.mark.parametrize("indexes", [(0, 2), (1, 2), ("0", "1"), (0, None), (-1, 0)])
def test_indexes_that_fit_no_inputs_fail_over(indexes: tuple[Any, Any]) -> None:
    with pytest.raises(ProviderError, match="whose they are"):
        answer(OPENAI, entries((indexes[0], [1.0]), (indexes[1], [2.0])))


def test_a_size_that_was_not_heeded_fails_over() -> None:
    with pytest.raises(ProviderError, match="of 3 numbers instead of 2"):
        answer(OPENAI, said([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), dimensions=2)


def test_base64_that_was_cut_fails_over() -> None:
    with pytest.raises(ProviderError, match="cut"):
        answer(OPENAI, said("AAAA", "AAAA"))


@pytest.mark.parametrize(
    ("connector", "status", "body", "kind"),
    [
        (
            VOYAGE,
            400,
            {"detail": "Model x is not supported. Supported models are ['voyage-4']."},
            ErrorKind.MODEL_NOT_FOUND,
        ),
        (VOYAGE, 401, {"detail": "Provided API key is invalid."}, ErrorKind.BAD_KEY),
        (VOYAGE, 429, {"detail": "Too many requests."}, ErrorKind.RATE_LIMIT),
        (VOYAGE, 503, {"detail": "Busy."}, ErrorKind.OVERLOADED),
        (JINA, 401, {"detail": "Invalid API key"}, ErrorKind.BAD_KEY),
        (JINA, 402, {"detail": "Pay."}, ErrorKind.QUOTA_EXHAUSTED),
        (JINA, 403, {"detail": "Insufficient account balance"}, ErrorKind.QUOTA_EXHAUSTED),
        (JINA, 422, {"detail": [{"msg": "no", "loc": ["input"]}]}, ErrorKind.INVALID_REQUEST),
    ],
)
def test_errors_mean_what_their_vendor_says(
    connector: str, status: int, body: Any, kind: ErrorKind
) -> None:
    reply = HttpReply(status=status, headers={}, body=json.dumps(body).encode())
    assert trial.translator(connector).error(reply, wall=0.0).kind is kind


@given(st.lists(st.floats(width=32, min_value=-(2.0**100), max_value=2.0**100), min_size=1))
def test_numbers_of_four_bytes_come_through_base64_unharmed(numbers: list[float]) -> None:
    assert numbers_in(packed(numbers), request()) == numbers


@given(st.text() | st.binary().map(lambda content: base64.b64encode(content).decode()))
def test_any_text_is_numbers_or_a_failure(text: str) -> None:
    with suppress(ProviderError):
        numbers = numbers_in(text, request())
        assert numbers
        assert all(map(isfinite, numbers))
