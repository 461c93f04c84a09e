"""What a mocked vendor says: a response in a few words, made into a reply on the wire.

Replies are in OpenAI's shape, whoever is asked: https://platform.openai.com/docs/api-reference.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from modelmesh.errors import ErrorKind
from modelmesh.testing import transport
from modelmesh.testing.fake_answers import DONE, Reply, event, pieces
from modelmesh.testing.transport import Scripted, Step
from modelmesh.types import Endpoint, Request

Response: TypeAlias = (
    str | bytes | Mapping[str, Any] | Sequence[Any] | ErrorKind | Exception | Scripted
)
"""What a vendor answers, see docs/testing.md."""

_WAITING: Final = (transport.Pause, transport.Failure, transport.Signal)
_SCRIPTED: Final = (transport.Reply, *_WAITING)
_TAKEN: Final[Mapping[Endpoint, tuple[type, ...]]] = {
    "chat": (str, bytes),
    "embeddings": (),
    "speech": (str, bytes),
    "transcriptions": (str,),
    "images": (str, bytes),
}
"""What is an answer at each endpoint, besides what is one everywhere."""
_PARTS: Final[Mapping[Endpoint, tuple[type, ...]]] = {
    "chat": (str, bytes, Mapping, ErrorKind, OSError, *_WAITING),
    "embeddings": (Sequence,),
}
"""What a sequence may consist of, where one is an answer."""


def scripted(response: Response, request: Request, model: str) -> Scripted:
    """Return the reply of a vendor whose `model` was asked.

    Raises:
        Exception: the response, where it is an exception: that is how the vendor fails.

    """
    if isinstance(response, _SCRIPTED):
        return response
    if isinstance(response, ErrorKind | OSError):
        return _failure(response)
    if isinstance(response, Exception):
        raise response
    if isinstance(response, Mapping):
        return transport.reply(body=dict(response))
    return _ANSWERS[request.endpoint](response, request, model)


def check(response: Response, endpoint: Endpoint) -> None:
    """Raise TypeError for a response which says nothing at an endpoint."""
    of_all = (*_SCRIPTED, ErrorKind, Exception, Mapping)
    said = isinstance(response, _TAKEN[endpoint])
    if isinstance(response, Sequence) and not isinstance(response, str | bytes):
        parts = _PARTS.get(endpoint, ())
        said = bool(parts) and all(isinstance(part, parts) for part in response)
    if not (said or isinstance(response, of_all)):
        raise TypeError(f"{response!r} is no response for {endpoint}")


def _failure(response: ErrorKind | OSError) -> transport.Failure:
    if isinstance(response, ErrorKind):
        return transport.fail(response, f"the mocked vendor fails: {response}")
    kind = ErrorKind.TIMEOUT if isinstance(response, TimeoutError) else ErrorKind.UNREACHABLE
    return transport.fail(kind, str(response) or f"the mocked vendor is {kind}")


def _chat(response: Any, request: Request, model: str) -> Scripted:
    """Say a text; a sequence of them, chunks and failures is what comes one after the other."""
    if isinstance(response, bytes):
        return transport.reply(body=response)
    parts = pieces(response) if isinstance(response, str) else list(response)
    if request.stream:
        return transport.stream(list(_steps(parts, request, model)))
    text = "".join(part for part in parts if isinstance(part, str))
    for part in parts:
        if isinstance(part, ErrorKind | OSError):
            return _failure(part)
    return transport.reply(body=_completion([text], request, model).payloads()[0])


def _steps(parts: Sequence[Any], request: Request, model: str) -> Iterator[Step]:
    """Give a stream's bytes; what fails or waits in between does so there."""
    texts = [part for part in parts if isinstance(part, str)]
    said = _completion(texts, request, model)
    role, *deltas = said.payloads()
    ends = deltas[len(texts) :]
    yield event(role)
    for part in parts:
        match part:
            case ErrorKind() | OSError():
                yield _failure(part)
            case str():
                yield event(deltas.pop(0))
            case Mapping():
                yield event(part)
            case _:
                yield part
    yield from map(event, ends)
    yield DONE


def _completion(texts: Sequence[str], request: Request, model: str) -> Reply:
    options = request.body.get("stream_options")
    return Reply(
        id="chatcmpl-mock",
        model=model,
        streaming=request.stream,
        message={"role": "assistant", "content": "".join(texts)},
        deltas=[{"content": text} for text in texts],
        usage=_usage(len(str(request.body.get("messages"))) // 4, len(" ".join(texts).split())),
        usage_chunk=isinstance(options, Mapping) and options.get("include_usage") is True,
    )


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _embeddings(response: Any, _: Request, model: str) -> Scripted:
    """Give one vector for each input."""
    rows = [
        {"object": "embedding", "index": place, "embedding": list(each)}
        for place, each in enumerate(response)
    ]
    usage = {"prompt_tokens": len(rows), "total_tokens": len(rows)}
    return transport.reply(body={"object": "list", "data": rows, "model": model, "usage": usage})


def _speech(response: Any, _: Request, __: str) -> Scripted:
    audio = response.encode() if isinstance(response, str) else response
    return transport.reply(body=audio, headers={"content-type": "audio/mpeg"})


def _transcriptions(response: Any, request: Request, _: str) -> Scripted:
    """Have heard a text. Where it is to come as events, it is all in the last of them."""
    if request.stream:
        steps = [{"type": "transcript.text.delta", "delta": part} for part in pieces(response)]
        done = {"type": "transcript.text.done", "text": response}
        return transport.stream([event(step) for step in (*steps, done)])
    if request.body.get("response_format") in ("text", "srt", "vtt"):
        headers = {"content-type": "text/plain; charset=utf-8"}
        return transport.reply(body=response.encode(), headers=headers)
    return transport.reply(body={"text": response})


def _images(response: Any, _: Request, __: str) -> Scripted:
    """Have made an image: its bytes, or the address where it is."""
    made = {"url": response} if isinstance(response, str) else {"b64_json": _packed(response)}
    return transport.reply(body={"created": 1_700_000_000, "data": [made]})


def _packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


_ANSWERS: Final[Mapping[str, Callable[[Any, Request, str], Scripted]]] = {
    "chat": _chat,
    "embeddings": _embeddings,
    "speech": _speech,
    "transcriptions": _transcriptions,
    "images": _images,
}
