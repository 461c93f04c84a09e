"""XAI, the maker of Grok. https://docs.x.ai/docs/api-reference.

A wrong key is a 400 here, and spent credits are a 403 or a 429; their wording tells.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._images import OPTIONS, Images
from modelmesh.connectors.providers._messages import STATE, Messages
from modelmesh.connectors.providers._parameters import Reasoning
from modelmesh.connectors.providers._sizes import Size
from modelmesh.connectors.providers._speech import Speaker
from modelmesh.connectors.providers._transcriptions import Transcriptions, any_form
from modelmesh.connectors.providers._vendor import NONE, Draft
from modelmesh.connectors.providers._voices import cast
from modelmesh.errors import ErrorKind
from modelmesh.json_text import dumps
from modelmesh.types import Request

_RATIOS: Final = (
    "1:1",
    "3:4",
    "4:3",
    "9:16",
    "16:9",
    "2:3",
    "3:2",
    "9:19.5",
    "19.5:9",
    "9:20",
    "20:9",
    "1:2",
    "2:1",
)


def _sized(size: Size) -> Mapping[str, str] | None:
    ratio = size.nearest(_RATIOS)
    resolution = "1k" if size.resolution == "1k" else "2k"
    return {"aspect_ratio": ratio, "resolution": resolution} if ratio else None


# https://docs.x.ai/developers/model-capabilities/images/generation
_IMAGES: Final = Images(
    refuses=OPTIONS - {"quality"} | {"output_format"},
    words=MappingProxyType({"quality": {"auto": "medium", "xhigh": "high", "max": "high"}}),
    sized=_sized,
)

# https://docs.x.ai/developers/model-capabilities/audio/speech-to-text
_TRANSCRIPTIONS: Final = Transcriptions(
    path="/stt",
    accepts=frozenset({"keywords", "language"}),
    renamed=MappingProxyType({"keywords": "keyterm"}),
    asking=any_form(NONE, {"diarize": True}),
    implied=frozenset({"timestamp_granularities"}),
    streams=False,
    own_json=True,
)

# https://docs.x.ai/developers/model-capabilities/audio/text-to-speech
_CODECS: Final = ("mp3", "wav", "pcm")


@frozen(kw_only=True)
class XaiSpeech(Speaker):
    """There is but one model, which the address is, and a language has to be named."""

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        body = request.body
        told = {
            "text": body["input"],
            "language": body.get("language") or "auto",
            "voice_id": self.voice_of(body, model),
            "output_format": {"codec": self.format_of(body)},
            "speed": self.speed_of(body),
        }
        left_out = drop | {name for name, value in told.items() if value is None}
        sent = {name: value for name, value in told.items() if name not in left_out}
        return Draft(path=self.path, body=dumps(sent))


_SPEECH: Final = XaiSpeech(
    path="/tts",
    refuses=frozenset({"instructions"}),
    formats=_CODECS,
    voices=MappingProxyType({"": cast(women=("ara", "eve"), men=("sal", "rex", "leo"))}),
    speeds=(0.7, 1.5),
    longest=15_000,
)


class Provider(openai_compatible.Provider):
    connector = "xai.api.v1"
    name = "xAI"
    base_url = "https://api.x.ai/v1"
    # https://docs.x.ai/docs/rate-limits
    per_model = True
    names_model = r"\bfor team \S+ and model \S+"
    key_names = ("XAI_API_KEY",)
    url_names = ("XAI_API_BASE",)
    models = ("grok-4.3", "grok-4.7", "grok-imagine-image")
    refuses = frozenset({"web_search_options"})
    reasoning = Reasoning(
        refuses=frozenset({"stop", "presence_penalty", "frequency_penalty"}),
        prefixes=("grok-4",),
    )
    messages = Messages(refuses=STATE - {"reasoning_content"} | {"name"})
    functions_refuse = frozenset({"strict"})
    signs = (Sign(ErrorKind.CONTENT_FILTERED, {400, 403}, text=r"content moderation"),)
    translators = MappingProxyType(
        {
            "images": _IMAGES,
            "speech": _SPEECH,
            "transcriptions": _TRANSCRIPTIONS,
        }
    )
