"""Transcriptions as OpenAI has them: a form goes out, JSON or text comes back.

https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors.providers._errors import Sign, failure, failure_in_stream
from modelmesh.connectors.providers._form import form
from modelmesh.connectors.providers._said import tells_of_failure
from modelmesh.connectors.providers._vendor import NONE, Call
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.json_text import loads
from modelmesh.types import Answer, Chunk, Event, HttpReply, Request, StreamDecoder, Usage

TEXTS: Final = frozenset({"text", "srt", "vtt"})
"""The formats which are no JSON."""
PLAIN: Final = "text/plain; charset=utf-8"


@frozen(kw_only=True)
class Transcriptions:
    """OpenAI's wire, and how a vendor's departs from it."""

    path: str = "/audio/transcriptions"
    refuses: frozenset[str] = frozenset()
    """Parameters which it does not take."""
    renamed: Mapping[str, str] = NONE
    """Parameters which it knows by another name."""
    signs: tuple[Sign, ...] = ()
    """What failures look like here and nowhere else."""

    def lacks(self, request: Request, model: str) -> frozenset[str]:  # noqa: ARG002 - some tell models apart
        """Return those parameters of a request which this model's vendor does not take."""
        return self.refuses & request.body.keys()

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Call:
        """Return the form to send: the file's bytes as they came."""
        assert request.upload is not None
        fields = {self.renamed.get(n, n): v for n, v in request.body.items() if n not in drop}
        written = form({**fields, "model": model}, request.upload, seed=request.id)
        return Call(path=self.path, body=written.body, content_type=written.content_type)

    def answer(
        self,
        reply: HttpReply,
        *,
        request: Request,
        model: str,  # noqa: ARG002 - some tell models apart
        wall: float,
    ) -> Answer:
        """Return the reply's bytes, if they hold a transcript."""
        body = read_object(reply.body)
        if request.body.get("response_format") in TEXTS and body is None:
            return Answer(body=reply.body, content_type=PLAIN)
        if body is not None and tells_of_failure(body):
            raise failure(reply, wall=wall, own=self.signs)
        if body is None or not isinstance(body.get("text"), str):
            raise ProviderError(ErrorKind.BAD_ANSWER, "the vendor answered with no transcript")
        return Answer(body=reply.body, usage=usage_of(body))

    def decoder(self, *, request: Request, model: str, wall: float) -> StreamDecoder:  # noqa: ARG002
        """Return the decoder for one stream."""
        return Decoder(self.signs)


class Decoder:
    """Decodes one stream: its events pass through as they are."""

    def __init__(self, own: Sequence[Sign] = ()) -> None:
        self._own = own

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunk an event stands for; raise ProviderError for a failure."""
        payload = event.data.replace(b"\n", b" ").strip()
        if not payload or payload == b"[DONE]":
            return ()
        body = read_object(payload)
        if event.name == "error" or (body is not None and tells_of_failure(body)):
            raise failure_in_stream(payload, own=self._own)
        if body is None:
            raise ProviderError(ErrorKind.BAD_ANSWER, "the stream holds something that is no JSON")
        kind = body.get("type")
        return (
            Chunk(
                payload=payload,
                content=kind in ("transcript.text.delta", "transcript.text.segment"),
                finished=kind == "transcript.text.done",
                usage=usage_of(body),
            ),
        )


def read_object(text: bytes) -> Mapping[str, Any] | None:
    """Return the JSON object which a text is; None where it is something else."""
    try:
        body = loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def usage_of(body: Mapping[str, Any]) -> Usage | None:
    """Return the tokens a transcript took; None where seconds were counted, or nothing was."""
    counts = body.get("usage")
    if not isinstance(counts, dict) or not isinstance(counts.get("input_tokens"), int):
        return None
    return Usage(prompt=counts["input_tokens"], completion=counts.get("output_tokens") or 0)
