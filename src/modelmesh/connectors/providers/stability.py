"""Stability AI. https://platform.stability.ai/docs/api-reference.

What is asked for is a form, even without a file. The answer is an image in base64; one that was
filtered is a 403, or blurred and marked as such.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final
from urllib.parse import quote

from attrs import frozen

from modelmesh.connectors.providers._error_body import tells_of_failure
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._form import form
from modelmesh.connectors.providers._images import (
    Images,
    filtered,
    written,
)
from modelmesh.connectors.providers._sizes import Size
from modelmesh.connectors.providers._vendor import Draft, Translator, Vendor, body_of
from modelmesh.errors import ErrorKind, bad_answer
from modelmesh.types import Answer, Endpoint, HttpReply, Request

_RATIOS: Final = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
_FORMATS: Final = frozenset({"jpeg", "png", "webp"})
_FAMILY: Final = "sd3"
"""Its members are asked for at one address, by a field of the form."""


def _sized(size: Size) -> Mapping[str, Any] | None:
    ratio = size.nearest(_RATIOS)
    return {"aspect_ratio": ratio} if ratio else None


@frozen(kw_only=True)
class StabilityImages(Images):
    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        name = model.removeprefix("stable-image-")
        family = name.startswith(_FAMILY)
        told = {"output_format": "png", **self.told(request, model, drop)}
        told |= {"model": model} if family else {}
        sent = form(told, seed=request.id)
        return Draft(
            path=f"{self.path}/{_FAMILY if family else quote(name, safe='')}",
            body=sent.body,
            content_type=sent.content_type,
            headers={"accept": "application/json"},
        )

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | None:
        body = body_of(reply)
        if tells_of_failure(body):
            return None
        if body.get("finish_reason") == "CONTENT_FILTERED":
            raise filtered("the image was held back")
        image = body.get("image")
        if not isinstance(image, str) or not image:
            raise bad_answer("no image")
        made = request.body.get("output_format") or "png"
        return Answer(body=written([image], wall=wall, output_format=made))


class Provider(Vendor):
    connector = "stability.image.v1"
    name = "Stability AI"
    base_url = "https://api.stability.ai"
    key_names = ("STABILITY_API_KEY",)
    models = ("stable-image-core", "stable-image-ultra", "sd3.5-large")
    signs = (Sign(ErrorKind.CONTENT_FILTERED, {400, 403}, text=r"moderation"),)
    translators: ClassVar[Mapping[Endpoint, Translator]] = MappingProxyType(
        {
            "images": StabilityImages(
                path="/v2beta/stable-image/generate",
                accepts=frozenset(
                    {
                        "aspect_ratio",
                        "cfg_scale",
                        "negative_prompt",
                        "output_format",
                        "seed",
                        "size",
                        "style_preset",
                    }
                ),
                values=MappingProxyType({"output_format": _FORMATS}),
                sized=_sized,
                base64_only=("",),
            )
        }
    )
