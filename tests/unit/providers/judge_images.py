"""The rules which images keep, and the requests for them, whichever vendor makes them.

Each function returns complaints, as those in `judge` do. The measure is what OpenAI itself sends
(https://platform.openai.com/docs/api-reference/images) and what vendors' pages name.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import trial
from openai.types import ImagesResponse
from pydantic import ValidationError
from recordings import Exchange
from request_rules_openai import words

from modelmesh.errors import ProviderError
from modelmesh.types import Answer, HttpRequest, Request
from modelmesh.usage import Usage

Body = Mapping[str, Any]

_OPENAI: Final = words(
    """model prompt n size quality background moderation output_format output_compression stream
    partial_images response_format style user safety_identifier"""
)
_TOGETHER: Final = words(
    """model prompt n width height steps seed image_url negative_prompt response_format
    guidance_scale output_format image_loras disable_safety_checker"""
)
_XAI: Final = words("model prompt n aspect_ratio resolution quality response_format user")
_BASE64_ONLY: Final = ("gpt-image", "chatgpt-image")
_RATIOS: Final[Mapping[str, frozenset[str]]] = {
    "xai.api.v1": words("1:1 3:4 4:3 9:16 16:9 2:3 3:2 9:19.5 19.5:9 9:20 20:9 1:2 2:1 auto"),
    "google.gemini.v1": words("1:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9"),
}

_request = partial(trial.request_of, endpoint="images")


def complaints(exchange: Exchange) -> list[str]:
    """Judge what a recorded answer is translated to, and what is sent for its request."""
    try:
        answer = answer_of(exchange)
    except ProviderError as failed:
        made = list(_images(json.loads(exchange.body)))
        return [f"it fails: {failed}"] if made or not failed.rule.next_target else []
    except Exception as raised:  # noqa: BLE001 - whatever a translator raises is told
        return [f"it raises {raised!r}"]
    return [*answer_complaints(answer, exchange), *sent_complaints(exchange)]


def answer_complaints(answer: Answer, exchange: Exchange) -> Iterator[str]:
    """Judge an answer by what the vendor sent."""
    said, told = json.loads(exchange.body), json.loads(answer.body)
    try:
        ImagesResponse.model_validate_json(answer.body, strict=True)
    except ValidationError as error:
        yield from (f"{fault['loc']}: {fault['msg']}" for fault in error.errors())
    kept = [(image.get("url"), image.get("b64_json")) for image in told["data"]]
    if not kept or kept != list(_images(said)):
        yield "the images are not the vendor's"
    usage = _usage(said)
    if answer.usage != usage:
        yield f"the library counts {answer.usage}, the vendor {usage}"
    counted = told.get("usage")
    if usage and (counted["input_tokens"], counted["output_tokens"]) != (
        usage.prompt,
        usage.completion,
    ):
        yield f"the client is told of {counted}, the vendor counts {usage}"


def sent_complaints(exchange: Exchange) -> list[str]:
    """Judge what is sent for the request of an exchange, if that was not for an edit."""
    if "images" in exchange.asked:
        return []
    connector = trial.connector_of(exchange)
    made = sent(connector, asked(exchange).body, exchange.model)
    return request_complaints(connector, made) if made else []


def sent(connector: str, body: Body, model: str) -> HttpRequest | None:
    """Return what the library sends; None where the model cannot take the request."""
    return trial.sent_by(trial.translator(connector), _request(body, model))


def request_complaints(connector: str, made: HttpRequest) -> list[str]:
    """Judge what is sent to the vendor of a connector."""
    path = made.url.partition("?")[0]
    if connector == "google.gemini.v1":
        if not path.endswith((":generateContent", ":streamGenerateContent")):
            return [f"{made.url} makes no images"]
        return list(_gemini(json.loads(made.body)))
    if not path.endswith("/images/generations"):
        return [f"{made.url} makes no images"]
    return list(body_complaints(connector, json.loads(made.body)))


def body_complaints(connector: str, body: Body) -> Iterator[str]:
    """Judge the body of a request to a vendor whose wire is OpenAI's."""
    allowed = {"together.api.v1": _TOGETHER, "xai.api.v1": _XAI}.get(connector, _OPENAI)
    yield from (f"{name} is unknown" for name in body.keys() - allowed)
    if str(body["model"]).startswith(_BASE64_ONLY):
        yield from (f"{name} is refused" for name in {"response_format", "style"} & body.keys())
    formats = ("base64", "url") if connector == "together.api.v1" else ("b64_json", "url")
    if body.get("response_format", "url") not in formats:
        yield f"response_format is {body['response_format']!r}"
    ratio = body.get("aspect_ratio", "1:1")
    if ratio not in _RATIOS.get(connector, {"1:1"}):
        yield f"aspect_ratio is {ratio!r}"
    if body.get("resolution", "1k") not in ("1k", "2k"):
        yield f"resolution is {body['resolution']!r}"


def answer_of(exchange: Exchange) -> Answer:
    """Return what an answer is translated to."""
    answer = trial.provider(exchange).answer(
        trial.reply_of(exchange),
        request=asked(exchange),
        model=exchange.model,
        wall=trial.wall(exchange),
    )
    assert isinstance(answer, Answer)
    return answer


def asked(exchange: Exchange) -> Request:
    """Return a request in OpenAI's shape which the exchange may answer."""
    body = exchange.asked
    if "contents" in body:
        texts = [part["text"] for turn in body["contents"] for part in turn["parts"]]
        body = {"prompt": " ".join(texts)}
    return _request({**body, "model": exchange.model}, exchange.model)


def _gemini(body: Body) -> Iterator[str]:
    yield from (f"{name} is unknown" for name in body.keys() - {"contents", "generationConfig"})
    config = body["generationConfig"]
    known = {"responseModalities", "imageConfig", "seed"}
    yield from (f"{name} is unknown" for name in config.keys() - known)
    if config.get("responseModalities") != ["IMAGE"]:
        yield "it asks for more than images"
    sized = config.get("imageConfig", {})
    if sized.get("aspectRatio", "1:1") not in _RATIOS["google.gemini.v1"]:
        yield f"aspectRatio is {sized['aspectRatio']!r}"
    if sized.get("imageSize", "1K") not in ("1K", "2K", "4K"):
        yield f"imageSize is {sized['imageSize']!r}"


def _images(said: Body) -> Iterator[tuple[str | None, str | None]]:
    """Give the address or the base64 of each image that a vendor sent."""
    for image in said.get("data", []):
        yield image.get("url"), image.get("b64_json")
    for candidate in said.get("candidates", []):
        parts: Sequence[Body] = candidate.get("content", {}).get("parts", [])
        for part in parts:
            if "inlineData" in part and not part.get("thought"):
                yield None, part["inlineData"]["data"]


def _usage(said: Body) -> Usage | None:
    """Return a vendor's own figures; None where it counts no tokens."""
    if counts := said.get("usageMetadata"):
        made = counts["totalTokenCount"] - counts["promptTokenCount"]
        thoughts = counts.get("thoughtsTokenCount", 0)
        drawn = {"drawn": counts["candidatesTokensDetails"][0]["tokenCount"]}
        prompt = counts["promptTokenCount"]
        return Usage(prompt=prompt, completion=made, reasoning=thoughts, **drawn)
    counts = said.get("usage", {})
    if "input_tokens" not in counts:
        return None
    return Usage(
        prompt=counts["input_tokens"],
        completion=counts["output_tokens"],
        seen=counts.get("input_tokens_details", {}).get("image_tokens", 0),
        drawn=counts.get("output_tokens_details", {}).get("image_tokens", 0),
    )
