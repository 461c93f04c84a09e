"""Every recorded embedding there is, through its vendor's translator, judged by rules."""

import json
from typing import Any

import judge_embeddings
import pytest
import trial
from judge_embeddings import request_complaints, sent
from recordings import CONNECTORS, Exchange, each, judged

ASKED: dict[str, dict[str, Any]] = {
    "a text": {"input": "A lighthouse."},
    "texts": {"input": ["A lighthouse.", "A pier."]},
    "numbers": {"input": ["A lighthouse."], "encoding_format": "float"},
    "base64": {"input": ["A lighthouse."], "encoding_format": "base64"},
    "everything": {"input": ["A lighthouse."], "encoding_format": "base64", "user": "u-1"},
    "nothing": {"input": "A lighthouse.", "encoding_format": None, "dimensions": None},
}
EMBEDDING = sorted(
    id_ for id_ in trial.BY_MODULE.values() if "embeddings" in trial.translator(id_).endpoints
)


RECORDED = judged("embeddings")


@each(RECORDED)
def test_embeddings_keep_the_rules(exchange: Exchange) -> None:
    assert judge_embeddings.complaints(exchange) == []


@each([one for one in RECORDED if one.vendor == "openai"])
def test_embeddings_of_openai_pass_as_they_came(exchange: Exchange) -> None:
    form = "base64" if "embedding:base64" in exchange.traits else "float"
    request = judge_embeddings.asked(exchange, form)
    assert judge_embeddings.answer_of(exchange, request).body == exchange.body


@each([one for one in RECORDED if b'"index"' in one.body and "embedding:many" in one.traits])
def test_embeddings_are_put_in_order(exchange: Exchange) -> None:
    said = json.loads(exchange.body)
    mixed = json.dumps({**said, "data": said["data"][::-1]}).encode()
    request = judge_embeddings.asked(exchange, None)
    answer = judge_embeddings.answer_of(exchange, request, mixed)
    assert list(judge_embeddings.answer_complaints(answer, exchange, None)) == []


@each([one for one in RECORDED if one.vendor in ("openai", "mistral", "openrouter", "azure")])
def test_what_a_vendor_accepted_keeps_the_rules_of_embeddings(exchange: Exchange) -> None:
    body = {"model": exchange.model, **(exchange.asked or {})}
    connector = CONNECTORS[exchange.vendor]
    assert list(judge_embeddings.body_complaints(connector, body)) == []


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("connector", EMBEDDING)
def test_embeddings_are_asked_for_by_the_rules(connector: str, asked: str) -> None:
    made = sent(connector, ASKED[asked], "an-embedder")
    assert made is not None
    assert request_complaints(connector, made) == []
    assert "A lighthouse." in json.dumps(json.loads(made.body))
