"""The rules which embeddings keep, and the requests for them, whichever vendor makes them.

Each function returns complaints, as those in `judge` do. The measure is what OpenAI itself sends
(https://platform.openai.com/docs/api-reference/embeddings) and what vendors' pages name.
"""

import base64
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import trial
from openai.types import CreateEmbeddingResponse
from pydantic import ValidationError
from recordings import Exchange
from request_rules_openai import words

from modelmesh.errors import ProviderError
from modelmesh.types import Answer, HttpReply, HttpRequest, Request

Body = Mapping[str, Any]

FORMS: Final = (None, "float", "base64")
"""What a client may ask for as `encoding_format`."""

_OPENAI: Final = words("model input encoding_format dimensions user")
_TAKEN: Final[Mapping[str, frozenset[str]]] = {
    "cloudflare.workersai.v1": words("model input"),
    "cohere.api.v1": words(
        "model texts input_type embedding_types output_dimension truncate max_tokens priority"
    ),
    "fireworks.api.v1": words("model input dimensions prompt_template return_logits normalize"),
    "jina.embed.v1": words(
        "model input embedding_type task dimensions normalized late_chunking truncate"
    ),
    "llamacpp.local.v1": words("model input encoding_format user"),
    "mistral.api.v1": words("model input encoding_format output_dimension output_dtype metadata"),
    "nvidia.nim.v1": _OPENAI | words("input_type truncate modality"),
    "openrouter.api.v1": _OPENAI | words("input_type provider"),
    "perplexity.api.v1": words("model input dimensions"),
    "sambanova.api.v1": words("model input"),
    "together.api.v1": words("model input"),
    "voyage.api.v1": words(
        "model input encoding_format input_type output_dimension output_dtype truncation"
    ),
}
_NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "cohere.api.v1": words("input_type embedding_types texts"),
    "nvidia.nim.v1": words("input_type"),
}
_PATHS: Final[Mapping[str, str]] = {
    "cohere.api.v1": "/v2/embed",
    "google.gemini.v1": ":batchEmbedContents",
}

_request = partial(trial.request_of, endpoint="embeddings")


def complaints(exchange: Exchange) -> list[str]:
    """Judge what a recorded answer is translated to, and what is sent for its request."""
    found = sent_complaints(exchange)
    for form in FORMS:
        try:
            answer = answer_of(exchange, asked(exchange, form))
        except Exception as raised:  # noqa: BLE001 - whatever a translator raises is told
            found.append(f"{form}: it raises {raised!r}")
        else:
            found += [f"{form}: {text}" for text in answer_complaints(answer, exchange, form)]
    return [*found, *_missing_complaints(exchange)]


def answer_complaints(answer: Answer, exchange: Exchange, form: str | None) -> Iterator[str]:
    """Judge an answer by what the vendor sent."""
    said, told = json.loads(exchange.body), json.loads(answer.body)
    for entry in told["data"]:
        if isinstance(entry["embedding"], str) is not (form == "base64"):
            yield "an embedding is not in the form that was asked for"
            return
        if form == "base64":
            entry["embedding"] = read(entry["embedding"])
    try:
        CreateEmbeddingResponse.model_validate_json(json.dumps(told), strict=True)
    except ValidationError as error:
        yield from (f"{fault['loc']}: {fault['msg']}" for fault in error.errors())
        return
    if [entry["index"] for entry in told["data"]] != list(range(len(told["data"]))):
        yield "the embeddings are not in order"
    vectors = vectors_in(said, exchange)
    kept = [entry["embedding"] for entry in told["data"]]
    if not vectors or kept != (
        [rounded(each) for each in vectors] if form == "base64" else vectors
    ):
        yield "the embeddings are not the vendor's"
    yield from _usage_complaints(answer, told["usage"], tokens_in(said))


def sent_complaints(exchange: Exchange) -> list[str]:
    """Judge what is sent for the request of an exchange, in each form."""
    connector, found = trial.connector_of(exchange), []
    for form in FORMS:
        made = sent(connector, asked(exchange, form).body, exchange.model)
        if made is None:
            found.append("the model cannot take the request")
        else:
            found += request_complaints(connector, made)
    return found


def sent(connector: str, body: Body, model: str) -> HttpRequest | None:
    """Return what the library sends; None where the model cannot take the request."""
    return trial.sent_by(trial.translator(connector), _request(body, model))


def request_complaints(connector: str, made: HttpRequest) -> list[str]:
    """Judge what is sent to the vendor of a connector."""
    if not made.url.partition("?")[0].endswith(_PATHS.get(connector, "/embeddings")):
        return [f"{made.url} embeds nothing"]
    body = json.loads(made.body)
    if connector == "google.gemini.v1":
        return list(_gemini(body))
    return list(body_complaints(connector, body))


def body_complaints(connector: str, body: Body) -> Iterator[str]:
    """Judge the body of a request to a vendor whose wire is like OpenAI's."""
    allowed = _TAKEN.get(connector, _OPENAI)
    yield from (f"{name} is unknown" for name in body.keys() - allowed)
    yield from (f"{name} is missing" for name in _NEEDED.get(connector, set()) - body.keys())
    forms = ("base64",) if connector == "voyage.api.v1" else ("float", "base64")
    if body.get("encoding_format", "base64") not in forms:
        yield f"encoding_format is {body['encoding_format']!r}"
    if "texts" in body and not all(isinstance(text, str) for text in body["texts"]):
        yield "texts holds what is none"


def answer_of(exchange: Exchange, request: Request, body: bytes | None = None) -> Answer:
    """Return what an answer is translated to; `body` is another than the one that was recorded."""
    answer = trial.provider(exchange).answer(
        HttpReply(status=200, headers=exchange.headers, body=body or exchange.body),
        request=request,
        model=exchange.model,
        wall=0.0,
    )
    assert isinstance(answer, Answer)
    return answer


def asked(exchange: Exchange, form: str | None) -> Request:
    """Return a request in OpenAI's shape which the exchange may answer."""
    body = exchange.asked or {"input": ["a text"] * len(_embeddings(json.loads(exchange.body)))}
    own = _CLIENTS.get(exchange.vendor)
    told = dict(own(body) if own and exchange.asked else body)
    told.pop("encoding_format", None)
    return _request({**told, **({"encoding_format": form} if form else {})}, exchange.model)


def vectors_in(said: Body, exchange: Exchange) -> list[list[float]]:
    """Return the embeddings that a vendor sent, as numbers."""
    kind = "b" if exchange.vendor == "perplexity" else "f"
    return [read(one, kind) if isinstance(one, str) else one for one in _embeddings(said)]


def tokens_in(said: Body) -> int:
    """Return a vendor's own count; 0 where it counts nothing."""
    if "meta" in said:
        return int(said["meta"]["billed_units"].get("input_tokens", 0))
    if "usageMetadata" in said:
        return int(said["usageMetadata"]["promptTokenCount"])
    return int(said.get("usage", {}).get("prompt_tokens", 0))


def read(text: str, kind: str = "f") -> list[float]:
    """Return the numbers in base64: floats of four bytes, or integers of one."""
    content = base64.b64decode(text, validate=True)
    return [float(number) for (number,) in struct.iter_unpack(f"<{kind}", content)]


def rounded(numbers: Sequence[float]) -> list[float]:
    """Return numbers as precise as four bytes hold them."""
    return [struct.unpack("<f", struct.pack("<f", number))[0] for number in numbers]


def _missing_complaints(exchange: Exchange) -> Iterator[str]:
    """Judge that an answer without an embedding for each input is none."""
    request = asked(exchange, None)
    texts = request.body["input"]
    more = {**request.body, "input": [*([texts] if isinstance(texts, str) else texts), "one more"]}
    try:
        answer_of(exchange, _request(more, exchange.model))
    except ProviderError as failed:
        if not failed.rule.next_target:
            yield f"a missing embedding is {failed.kind}, which leads to no other target"
    else:
        yield "a missing embedding is not noticed"


def _usage_complaints(answer: Answer, counted: Body, tokens: int) -> Iterator[str]:
    if (answer.usage.prompt if answer.usage else 0) != tokens:
        yield f"the library counts {answer.usage}, the vendor {tokens}"
    if (counted["prompt_tokens"], counted["total_tokens"]) != (tokens, tokens):
        yield f"the client is told of {counted}, the vendor counts {tokens}"


def _gemini(body: Body) -> Iterator[str]:
    yield from (f"{name} is unknown" for name in body.keys() - {"requests"})
    known = words("model content taskType title outputDimensionality")
    for one in body["requests"]:
        yield from (f"{name} is unknown" for name in one.keys() - known)
        if not one["model"].startswith("models/"):
            yield f"the model is {one['model']!r}"
        if [list(part) for part in one["content"]["parts"]] != [["text"]]:
            yield "a content is not one text"


def _embeddings(said: Body) -> list[Any]:
    """Return the embeddings that a vendor sent, as it sent them."""
    if "data" in said:
        return [entry["embedding"] for entry in said["data"]]
    if "embedding" in said:
        return [said["embedding"]["values"]]
    came = said["embeddings"]
    if isinstance(came, dict):
        return list(next(iter(came.values())))
    return [one["values"] if isinstance(one, dict) else one for one in came]


def _client_of_cohere(body: Body) -> Body:
    """Return what a client asks who means this; an image is a text to it, there is nothing else."""
    types = body.get("embedding_types") or ["float"]
    told = {
        "input": body.get("texts") or body["images"],
        "dimensions": body.get("output_dimension"),
        "embedding_types": None if types == ["float"] else types,
    }
    kept = {name: body.get(name) for name in ("input_type", "truncate")}
    return {name: value for name, value in {**told, **kept}.items() if value is not None}


def _client_of_gemini(body: Body) -> Body:
    requests = body.get("requests", [body])
    texts = [" ".join(part["text"] for part in one["content"]["parts"]) for one in requests]
    extra = {name: requests[0][name] for name in ("taskType", "title") if name in requests[0]}
    return {"input": texts, **extra}


_CLIENTS: Final = {"cohere": _client_of_cohere, "gemini": _client_of_gemini}
