"""What a request to each endpoint has to say before any vendor could make sense of it. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from modelmesh.errors import RequestError
from modelmesh.types import Endpoint

LEAST: Final[Mapping[Endpoint, Mapping[str, Any]]] = {
    "chat": {"messages": []},
    "embeddings": {"input": ""},
    "speech": {"input": ""},
    "transcriptions": {},
    "images": {"prompt": ""},
}
"""What every request says, with nothing said in it."""


def check(endpoint: Endpoint, body: Mapping[str, Any]) -> None:
    """Raise RequestError for a body that makes no sense at an endpoint."""
    _CHECKS[endpoint](body)


def _check_chat(body: Mapping[str, Any]) -> None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        example = '[{"role": "user", "content": "Hello!"}]'
        raise RequestError(
            f"`messages` must be a list with at least one message, such as {example}.",
            param="messages",
        )


def _check_embeddings(body: Mapping[str, Any]) -> None:
    asked = body.get("input")
    if not asked or not isinstance(asked, str | list):
        raise RequestError("`input` must be a text, a list of texts, or tokens.", param="input")
    if body.get("encoding_format") not in (None, "float", "base64"):
        raise RequestError("`encoding_format` must be float or base64.", param="encoding_format")
    if body.get("stream"):
        raise RequestError("Embeddings are not streamed.", param="stream")


def _check_speech(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("input"), str) or not body["input"]:
        raise RequestError("`input` must be the text to speak.", param="input")
    if body.get("stream_format") not in (None, "audio", "sse"):
        raise RequestError("`stream_format` must be audio or sse.", param="stream_format")


def _check_images(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("prompt"), str) or not body["prompt"]:
        raise RequestError("`prompt` must be the description of an image.", param="prompt")


def _check_transcriptions(body: Mapping[str, Any]) -> None:
    for name in ("language", "prompt", "response_format"):
        if not isinstance(body.get(name) or "", str):
            raise RequestError(f"`{name}` must be a text.", param=name)
    name, wanted = "timestamp_granularities", body.get("timestamp_granularities") or []
    texts = wanted if isinstance(wanted, list) else [wanted]
    if not all(isinstance(text, str) for text in texts):
        raise RequestError(f"`{name}` must be a list of texts.", param=name)


_CHECKS: Final[Mapping[Endpoint, Callable[[Mapping[str, Any]], None]]] = {
    "chat": _check_chat,
    "embeddings": _check_embeddings,
    "speech": _check_speech,
    "transcriptions": _check_transcriptions,
    "images": _check_images,
}
