"""Images, by OpenAI's own wire, and how a vendor's departs from it.

https://platform.openai.com/docs/api-reference/images/create,
https://platform.openai.com/docs/api-reference/images-streaming for what comes as events.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import define, field, frozen

from modelmesh.connectors.providers._errors import Sign, failure, failure_in_stream
from modelmesh.connectors.providers._said import tells_of_failure
from modelmesh.connectors.providers._splice import spliced
from modelmesh.connectors.providers._vendor import NONE, Call
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.json_text import dumps, loads
from modelmesh.types import Answer, Chunk, Event, HttpReply, Request, Usage

Json = Mapping[str, Any]
Sized = Callable[[str], Json | None]
"""How a vendor is told of a size such as `1024x1536`; None for one which it cannot make."""

_NOTHING_ASKED: Final[Json] = MappingProxyType(
    {
        "background": "auto",
        "moderation": "auto",
        "n": 1,
        "partial_images": 0,
        "quality": "auto",
        "size": "auto",
        "stream": False,
    }
)
"""Values which say what holds anyway."""

_DONE: Final = b"[DONE]"


def asks_something(name: str, value: Any) -> bool:
    """Whether a parameter with this value asks for anything that would not happen without it."""
    if value is None or value == "":
        return False
    return name not in _NOTHING_ASKED or bool(_NOTHING_ASKED[name] != value)


@frozen(kw_only=True)
class Images:
    """OpenAI's own wire, as a vendor has it.

    Attributes:
        path: where images are asked for.
        refuses: parameters which it refuses.
        words: parameters which it has other words for, and these.
        sized: how it is told of the size, where that is not by `size`.
        always_base64: how the names of those models begin which give base64 and nothing else, and
            refuse to be asked for it.
        signs: what failures look like here and nowhere else.

    """

    path: str = "/images/generations"
    refuses: frozenset[str] = frozenset()
    words: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    sized: Sized | None = None
    always_base64: tuple[str, ...] = ()
    signs: Sequence[Sign] = ()

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return those parameters of a request which this model's vendor does not take."""
        body = request.body
        refused = {name for name in self._refused(body, model) if asks_something(name, body[name])}
        if self._is_told_apart(body) and self._told_size(body) is None:
            refused.add("size")
        if self._gives_base64(model) and body.get("response_format") == "b64_json":
            refused.discard("response_format")
        return frozenset(refused)

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Call:
        """Translate a request: only the model's name is replaced where that is all it takes."""
        body = request.body
        without = drop | self._refused(body, model)
        new = {name: self._worded(name, value) for name, value in body.items()}
        if self._is_told_apart(body):
            new |= self._told_size(body) or {}
        if self.sized:
            without |= {"size"}
        new = {name: value for name, value in new.items() if name not in without}
        sent = spliced(request.raw, model) if new == body else None
        return Call(path=self.path, body=sent or dumps({**new, "model": model}))

    def answer(self, reply: HttpReply, *, request: Request, model: str, wall: float) -> Answer:  # noqa: ARG002 - as every translator
        """Return the reply's bytes, if they hold images; mended where a date or counts lack."""
        try:
            body = loads(reply.body)
        except (ValueError, RecursionError):
            raise _bad_answer("something that is no JSON") from None
        if not isinstance(body, dict):
            raise _bad_answer("JSON that is no object")
        if tells_of_failure(body):
            raise failure(reply, wall=wall, own=self.signs)
        made = body.get("data")
        if not isinstance(made, list) or not made or not all(map(_is_image, made)):
            raise _bad_answer("no images")
        new = mended(body, wall)
        return Answer(body=reply.body if new is body else dumps(new), usage=usage_of(body))

    def decoder(self, *, request: Request, model: str, wall: float) -> "Decoder":  # noqa: ARG002 - as every translator
        """Return the decoder for one stream."""
        wanted = request.body.get("n")
        return Decoder(self.signs, wanted if isinstance(wanted, int) else 1)

    def _refused(self, body: Json, model: str) -> frozenset[str]:
        """Return the parameters in the body which are refused, whatever their values."""
        refused = self.refuses | ({"response_format"} if self._gives_base64(model) else set())
        return frozenset(refused & body.keys())

    def _gives_base64(self, model: str) -> bool:
        return bool(self.always_base64) and model.startswith(self.always_base64)

    def _is_told_apart(self, body: Json) -> bool:
        """Whether there is a size that this vendor is told of in a way of its own."""
        return self.sized is not None and asks_something("size", body.get("size"))

    def _told_size(self, body: Json) -> Json | None:
        assert self.sized is not None
        return self.sized(str(body["size"]))

    def _worded(self, name: str, value: Any) -> Any:
        words = self.words.get(name, NONE)
        return words.get(value, value) if isinstance(value, str) else value


@define(eq=False)
class Decoder:
    """Decodes one stream: sketches of an image, then the image, as often as was asked for.

    A sketch is something of the answer. The events' bytes pass through as they are.
    """

    _own: Iterable[Sign]
    _wanted: int
    _completed: int = field(default=0, init=False)

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunks an event stands for, or none; raise ProviderError for a failure."""
        payload = event.data.replace(b"\n", b" ").strip()
        if not payload:
            return ()
        if payload == _DONE:
            return (Chunk(finished=self._completed > 0),)
        body = self._read(event.name, payload)
        kind = str(body.get("type") or event.name)
        self._completed += kind.endswith(".completed")
        return (
            Chunk(
                payload=payload,
                content=bool(body.get("b64_json") or body.get("url")),
                finished=self._completed >= self._wanted,
                usage=usage_of(body),
            ),
        )

    def _read(self, name: str, payload: bytes) -> Json:
        try:
            body = loads(payload)
        except (ValueError, RecursionError):
            body = None
        if name == "error" or (isinstance(body, dict) and tells_of_failure(body)):
            raise failure_in_stream(payload, own=self._own)
        if not isinstance(body, dict):
            raise ProviderError(ErrorKind.BAD_ANSWER, "the stream holds something that is no JSON")
        return body


def usage_of(body: Json) -> Usage | None:
    """Return the tokens that images took; None where they are not counted in tokens."""
    counts = body.get("usage")
    if not isinstance(counts, dict):
        return None
    prompt, completion = _count(counts, "input_tokens"), _count(counts, "output_tokens")
    return Usage(prompt=prompt, completion=completion) if prompt or completion else None


def mended(body: Json, wall: float) -> Json:
    """Return an answer with a date, and with counts that clients can read: the same if it has.

    xAI and Together date nothing. xAI counts no tokens but costs, which stay.
    """
    new = dict(body)
    if not isinstance(body.get("created"), int):
        new["created"] = int(wall)
    counts = body.get("usage")
    if isinstance(counts, dict) and "input_tokens" not in counts:
        parts = {"image_tokens": 0, "text_tokens": 0}
        none = {"input_tokens": 0, "input_tokens_details": parts, "output_tokens": 0}
        new["usage"] = {**none, "total_tokens": 0, **counts}
    return body if new == body else new


def _is_image(made: Any) -> bool:
    return isinstance(made, dict) and bool(made.get("url") or made.get("b64_json"))


def _count(counts: Json, name: str) -> int:
    count = counts.get(name)
    return max(0, count) if isinstance(count, int) else 0


def _bad_answer(what: str) -> ProviderError:
    return ProviderError(ErrorKind.BAD_ANSWER, f"the vendor answered with {what}")
