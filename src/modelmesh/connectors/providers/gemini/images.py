"""Images by Gemini. https://ai.google.dev/gemini-api/docs/image-generation.

One request makes one image ("Multiple candidates is not enabled" is the answer to more), in base64.
A size is told as a ratio, and from 3.0 on as a resolution too.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import define, field, frozen

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._images import Images, filtered, written
from modelmesh.connectors.providers._sizes import Size
from modelmesh.connectors.providers._usage import token_counts
from modelmesh.connectors.providers._vendor import Draft
from modelmesh.connectors.providers.gemini.model import model_of
from modelmesh.connectors.providers.gemini.reply import (
    ENDINGS,
    FILTERED,
    Json,
    body_in,
    candidates_of,
    is_blocked,
    told_in,
    usage_of,
)
from modelmesh.errors import ProviderError, bad_answer
from modelmesh.json_text import dumps
from modelmesh.types import Answer, Chunk, Event, HttpReply, Request

_RATIOS: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_NO_ANSWERS: Final = frozenset({"IMAGE_OTHER", "NO_IMAGE", "OTHER"})
"""Reasons to end without an image which say nothing against the prompt."""


def _sized(size: Size) -> Json | None:
    ratio = size.nearest(_RATIOS)
    return {"aspectRatio": ratio, "imageSize": size.resolution.upper()} if ratio else None


@frozen(kw_only=True)
class GeminiImages(Images):
    """OpenAI's parameters in Gemini's words."""

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        told = self.told(request, model, drop)
        sizes = {name: told[name] for name in ("aspectRatio", "imageSize") if name in told}
        if model_of(model).version < (3, 0):
            sizes.pop("imageSize", None)
        config: dict[str, Any] = {"responseModalities": ["IMAGE"]}
        if sizes:
            config["imageConfig"] = sizes
        if isinstance(told.get("seed"), int):
            config["seed"] = told["seed"]
        contents = [{"role": "user", "parts": [{"text": told["prompt"]}]}]
        path = "streamGenerateContent?alt=sse" if request.stream else self.path
        return Draft(path=path, body=dumps({"contents": contents, "generationConfig": config}))

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | None:
        body = body_in(reply.body)
        if body is None:
            return None
        images = images_in(body)
        if not images:
            raise nothing(body)
        made = [image.content for image in images]
        more = {"output_format": images[0].format, **_counts(body)}
        return Answer(body=written(made, wall=wall, **more), usage=usage_of(body))

    def decoder(
        self, *, request: Request, model: str, wall: float, signs: Sequence[Sign]
    ) -> "Decoder":
        return Decoder(wall, signs)


@frozen
class Image:
    """An image that was made, in base64."""

    media_type: str
    content: str

    @property
    def format(self) -> str:
        """What it is, in OpenAI's words."""
        return self.media_type.removeprefix("image/")


@define(eq=False)
class Decoder:
    """Decodes one stream: the image comes whole, and there are no sketches before it."""

    _wall: float
    _signs: Sequence[Sign]
    _images: list[Image] = field(factory=list, init=False)

    def feed(self, event: Event) -> Sequence[Chunk]:
        """Return the image once it is complete; raise ProviderError for a failure."""
        body = told_in(event, self._signs)
        if body is None:
            return ()
        self._images += images_in(body)
        reasons = _reasons(body)
        if not self._images and (is_blocked(body) or any(map(_is_policy, reasons))):
            raise nothing(body)
        if not self._images or not reasons:
            return ()
        made, self._images = self._images, []
        return [self._completed(image, body) for image in made]

    def _completed(self, image: Image, body: Json) -> Chunk:
        said = {
            "type": "image_generation.completed",
            "b64_json": image.content,
            "created_at": int(self._wall),
            "background": "opaque",
            "output_format": image.format,
            "quality": "auto",
            "size": "auto",
            **_counts(body),
        }
        return Chunk(payload=dumps(said), content=True, finished=True, usage=usage_of(body))


def nothing(body: Json) -> ProviderError:
    """Say why there is no image in an answer."""
    reasons = _reasons(body)
    if is_blocked(body):
        return filtered("the prompt was refused")
    policy = next(filter(_is_policy, reasons), None)
    if policy:
        return filtered(policy)
    return bad_answer(" ".join(["no image", *(reason for reason in reasons if reason != "STOP")]))


def _reasons(body: Json) -> list[str]:
    """Return why the candidates ended. Raises ProviderError where the model gave up."""
    return [reason for candidate in candidates_of(body) if (reason := candidate.reason)]


def _is_policy(reason: str) -> bool:
    return ENDINGS.get(reason) == FILTERED.reason and reason not in _NO_ANSWERS


def _counts(body: Json) -> Json:
    """Return the tokens an answer took, as OpenAI counts those of images."""
    usage = usage_of(body)
    if usage is None:
        return {}
    return {
        "usage": {
            **token_counts(usage),
            "input_tokens_details": {"image_tokens": 0, "text_tokens": usage.prompt},
        }
    }


def images_in(body: Json) -> list[Image]:
    """Return the images in an answer, or a piece of one; what was only thought of is none."""
    parts = [part for candidate in candidates_of(body) for part in candidate.parts]
    found = [part.get("inlineData") for part in parts if not part.get("thought")]
    images = [
        Image(str(inline.get("mimeType")), inline["data"])
        for inline in found
        if isinstance(inline, Mapping) and isinstance(inline.get("data"), str)
    ]
    return [image for image in images if image.media_type.startswith("image/") and image.content]


IMAGES: Final = GeminiImages(
    path="generateContent",
    accepts=frozenset({"seed", "size", "stream"}),
    base64_only=("",),
    sized=_sized,
)
"""What Gemini takes."""
