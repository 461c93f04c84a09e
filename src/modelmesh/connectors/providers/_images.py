"""Images on OpenAI's wire.

https://platform.openai.com/docs/api-reference/images/create,
https://platform.openai.com/docs/api-reference/images-streaming for what comes as events.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any, Final

from attrs import define, field, frozen

from modelmesh.connectors.providers._error_body import tells_of_failure
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._parameters import asks_something
from modelmesh.connectors.providers._sizes import Size, size_of
from modelmesh.connectors.providers._splice import spliced
from modelmesh.connectors.providers._stream import told_in
from modelmesh.connectors.providers._usage import tokens_of
from modelmesh.connectors.providers._vendor import NONE, Draft, body_of
from modelmesh.errors import ErrorKind, ProviderError, bad_answer
from modelmesh.json_text import dumps
from modelmesh.types import Answer, Chunk, Event, HttpReply, Request, StreamDecoder

Json = Mapping[str, Any]

OPTIONS: Final = frozenset(
    {
        "background",
        "moderation",
        "output_compression",
        "partial_images",
        "quality",
        "stream",
        "style",
    }
)
"""Parameters which OpenAI's models have, and hardly any other vendor's."""

_NOTHING_ASKED: Final[Mapping[str, Sequence[Any]]] = MappingProxyType(
    {
        "background": ("auto", "opaque"),
        "moderation": ("auto",),
        "partial_images": (0,),
        "quality": ("auto",),
        "size": ("auto",),
        "stream": (False,),
    }
)
"""Values which ask for nothing of a vendor who does not know the parameter."""

_BASE64: Final = "b64_json"
_DONE: Final = b"[DONE]"


@frozen(kw_only=True)
class Images:
    """OpenAI's own wire, and how a vendor's differs from it.

    Attributes:
        path: where images are asked for.
        refuses: parameters which it does not take.
        accepts: the only parameters which it takes, where it refuses what it does not know.
        values: parameters of which it takes these values only.
        words: parameters which it has other words for, and these.
        sized: how it is told a size; None from it for one it cannot make. By `size` where absent.
        base64_only: how the names of those models begin which give base64 and nothing else, and
            refuse to be told so; `("",)` for all.

    """

    path: str = "/images/generations"
    refuses: frozenset[str] = frozenset()
    accepts: frozenset[str] | None = None
    values: Mapping[str, AbstractSet[str]] = MappingProxyType({})
    words: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    sized: Callable[[Size], Json | None] | None = None
    base64_only: tuple[str, ...] = ()

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return those parameters of a request which this model's vendor does not take."""
        body = request.body
        lacking = {name for name in self._refused(body, model) if _asks_something(name, body[name])}
        if body.get("response_format") == _BASE64 and self._gives_base64(model):
            lacking.discard("response_format")
        lacking |= {name for name, values in self.values.items() if _is_none_of(body, name, values)}
        if self._size(body) == {}:
            lacking.add("size")
        return frozenset(lacking)

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Translate a request: only the model's name is replaced where that is all it takes."""
        told = self.told(request, model, drop)
        same = {"model": request.model, **told} == request.body
        sent = spliced(request.raw, model) if same else None
        return Draft(path=self.path, body=sent or dumps({"model": model, **told}))

    def told(self, request: Request, model: str, drop: frozenset[str]) -> dict[str, Any]:
        """Return what this vendor is told of a request besides the model, in its own words."""
        body = request.body
        without = {"model", *drop, *self._refused(body, model), *(("size",) if self.sized else ())}
        kept = {name: value for name, value in body.items() if name not in without}
        size = self._size(body) or {}
        return {**size, **{name: self._worded(name, value) for name, value in kept.items()}}

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | None:
        """Return the reply's bytes, if they hold images; mended where they depart from OpenAI's."""
        body = body_of(reply)
        if tells_of_failure(body):
            return None
        data = body.get("data")
        made = data if isinstance(data, list) else []
        sound = [image for image in made if _is_sound(image)]
        if not sound and any(map(_is_filtered, made)):
            raise filtered("the images were held back")
        if not sound:
            raise bad_answer("no images")
        new = mended({**body, "data": sound}, wall)
        return Answer(body=reply.body if new == body else dumps(new), usage=tokens_of(body))

    def decoder(
        self, *, request: Request, model: str, wall: float, signs: Sequence[Sign]
    ) -> StreamDecoder:
        """Return the decoder for one stream."""
        wanted = request.body.get("n")
        return Decoder(signs, wanted if isinstance(wanted, int) else 1)

    def _refused(self, body: Json, model: str) -> frozenset[str]:
        """Return the parameters in the body which are refused, whatever their values."""
        refused = self.refuses & body.keys()
        if self.accepts is not None:
            refused |= body.keys() - self.accepts - {"model", "prompt"}
        if self._gives_base64(model):
            refused |= {"response_format"} & body.keys()
        return frozenset(refused)

    def _gives_base64(self, model: str) -> bool:
        return bool(self.base64_only) and model.startswith(self.base64_only)

    def _size(self, body: Json) -> Json | None:
        """Return how the size is told; None where it is by `size`, and {} where it cannot be."""
        said = body.get("size")
        if self.sized is None or not _asks_something("size", said):
            return None
        size = size_of(said) if isinstance(said, str) else None
        return (size and self.sized(size)) or {}

    def _worded(self, name: str, value: Any) -> Any:
        words = self.words.get(name, NONE)
        return words.get(value, value) if isinstance(value, str) else value


@define(eq=False)
class Decoder:
    """Decodes one stream: sketches of an image, then the image, as often as was asked for.

    A sketch is something of the answer. The events' bytes pass through as they are.
    """

    _signs: Sequence[Sign]
    _wanted: int
    _completed: int = field(default=0, init=False)

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the chunks an event stands for, or none; raise ProviderError for a failure."""
        payload = event.data.replace(b"\n", b" ").strip()
        if not payload or payload == _DONE:
            return ()
        body = told_in(event.name, payload, self._signs)
        self._completed += str(body.get("type")).endswith(".completed")
        return (
            Chunk(
                payload=payload,
                content=bool(body.get(_BASE64) or body.get("url")),
                finished=self._completed >= self._wanted,
                usage=tokens_of(body),
            ),
        )


def written(images: Sequence[str], *, wall: float, **more: Any) -> bytes:
    """Return an answer with these images in base64, for vendors who answer in another way."""
    return dumps({"created": int(wall), "data": [{_BASE64: image} for image in images], **more})


def mended(body: Json, wall: float) -> Json:
    """Return an answer with a date, and with counts that clients can read.

    xAI and Together date nothing. xAI counts no tokens but a cost, which stays.
    """
    dated = body if isinstance(body.get("created"), int) else {**body, "created": int(wall)}
    counts = body.get("usage")
    if not isinstance(counts, dict) or "input_tokens" in counts:
        return dated
    none = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    return {
        **dated,
        "usage": {**none, "input_tokens_details": {"image_tokens": 0, "text_tokens": 0}, **counts},
    }


def filtered(why: str) -> ProviderError:
    """Return the failure of a prompt, or an image, which a vendor's policy forbids."""
    return ProviderError(ErrorKind.CONTENT_FILTERED, f"the vendor's content policy: {why}")


def _asks_something(name: str, value: Any) -> bool:
    """Whether a parameter asks for anything, by what is true of images as well."""
    return asks_something(name, value) and value not in _NOTHING_ASKED.get(name, ())


def _is_none_of(body: Json, name: str, values: AbstractSet[str]) -> bool:
    value = body.get(name)
    return _asks_something(name, value) and not (isinstance(value, str) and value in values)


def _is_sound(image: Any) -> bool:
    has = isinstance(image, dict) and bool(image.get("url") or image.get(_BASE64))
    return has and not _is_filtered(image)


def _is_filtered(image: Any) -> bool:
    """Whether an image was held back, as xAI says it: https://github.com/vercel/ai/issues/19168."""
    return isinstance(image, dict) and image.get("respect_moderation") is False
