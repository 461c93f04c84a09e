"""The text of an answer, kept while it passes, for those who asked to see it."""

from collections.abc import Iterable
from typing import Any

from attrs import define, field

from modelmesh.json_text import read_object
from modelmesh.reply import Reply
from modelmesh.types import Answer, Chunk, Event, StreamDecoder


@define(eq=False)
class Excerpt:
    """The beginning of an answer: what it says, and the tools it calls; of several choices one.

    Sounds, images and vectors have no text.
    """

    _pieces: list[str] = field(factory=list, init=False)
    _left: int = field(default=0, init=False)

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def listen(self, reply: Reply, keeps: int) -> None:
        """Keep so many characters of a reply's text: of a stream, as it arrives."""
        self._left = keeps
        if reply.answer:
            self._keep(_whole(reply.answer))
        if stream := reply.stream:
            for payload in stream.ready:
                self.hear(payload)
            stream.decoder = _Listening(stream.decoder, self)

    def hear(self, payload: bytes) -> None:
        """Keep what a payload says, until there is enough."""
        if self._left:
            self._keep(_said(read_object(payload)))

    def _keep(self, said: str) -> None:
        piece = said[: self._left]
        self._left -= len(piece)
        self._pieces.append(piece)


@define(eq=False)
class _Listening:
    """A stream's decoder, whose chunks somebody hears."""

    _decoder: StreamDecoder
    _excerpt: Excerpt

    def feed(self, event: Event) -> Iterable[Chunk]:
        for chunk in self._decoder.feed(event):
            if chunk.payload:
                self._excerpt.hear(chunk.payload)
            yield chunk


def _whole(answer: Answer) -> str:
    if answer.content_type.startswith("text/"):
        return answer.body.decode(errors="replace")
    return _said(read_object(answer.body))


def _said(payload: dict[str, Any] | None) -> str:
    """Return the text in an answer, or in a chunk of one, in OpenAI's shape."""
    if payload is None:
        return ""
    choices = payload.get("choices")
    if isinstance(choices, list):
        first = next((one for one in choices if isinstance(one, dict) and not one.get("index")), {})
        return _of_message(first.get("message") or first.get("delta"))
    told = payload.get("text")
    if payload.get("type") == "transcript.text.delta":
        told = payload.get("delta")
    elif payload.get("type") == "transcript.text.done":
        told = ""
    return told if isinstance(told, str) else ""


def _of_message(message: Any) -> str:
    if not isinstance(message, dict):
        return ""
    words = [message.get("content"), message.get("refusal")]
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            words += [function.get("name"), function.get("arguments")]
    return "".join(word for word in words if isinstance(word, str))
