"""Speech by Deepgram. https://developers.deepgram.com/reference/text-to-speech/speak-request.

A model's whole name has a voice and its language in it, such as `aura-2-thalia-en`, and is that of
one voice then. Of a model such as `aura-2` the client chooses the voice, by its name or its whole
one: https://developers.deepgram.com/docs/tts-models.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from attrs import frozen

from modelmesh.connectors.providers._speech import Speaker
from modelmesh.connectors.providers._vendor import Draft
from modelmesh.connectors.providers._voices import cast
from modelmesh.json_text import dumps
from modelmesh.types import Request

# https://developers.deepgram.com/docs/tts-media-output-settings
_FORMATS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "mp3": {"encoding": "mp3"},
        "opus": {"encoding": "opus", "container": "ogg"},
        "aac": {"encoding": "aac"},
        "flac": {"encoding": "flac", "sample_rate": "24000"},
        "wav": {"encoding": "linear16", "container": "wav", "sample_rate": "24000"},
        "pcm": {"encoding": "linear16", "container": "none", "sample_rate": "24000"},
    }
)
_FAMILIES: Final = ("aura", "aura-2")
_LANGUAGE: Final = "en"


@frozen(kw_only=True)
class DeepgramSpeech(Speaker):
    """OpenAI's parameters in Deepgram's words."""

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Count the voice among what it lacks where the model is one voice already."""
        lacks = super().lacks(request, model)
        if model not in _FAMILIES and request.body.get("voice") not in (None, model):
            lacks |= {"voice"}
        return lacks

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Return what is sent: the text alone is its body."""
        body = request.body
        query: dict[str, Any] = {"model": self._named(body, model)}
        query |= _FORMATS[self.format_of(body)]
        speed = self.speed_of(body)
        if speed not in (None, 1):
            query["speed"] = speed
        return Draft(path=f"{self.path}?{urlencode(query)}", body=dumps({"text": body["input"]}))

    def _named(self, body: Mapping[str, Any], model: str) -> str:
        if model not in _FAMILIES:
            return model
        voice = self.voice_of(body, model) or self.voices[model]["alloy"]
        return voice if voice.startswith("aura") else f"{model}-{voice}-{_LANGUAGE}"


SPEECH: Final = DeepgramSpeech(
    path="/v1/speak",
    refuses=frozenset({"instructions"}),
    formats=tuple(_FORMATS),
    voices=MappingProxyType(
        {
            "aura-2": cast(
                women=("thalia", "andromeda", "helena", "cora", "athena", "luna"),
                men=("apollo", "zeus", "draco", "arcas", "orpheus", "aries", "hermes"),
            ),
            "aura": cast(
                women=("asteria", "luna", "stella", "athena", "hera"),
                men=("orion", "zeus", "helios", "arcas", "perseus", "angus", "orpheus"),
            ),
        }
    ),
    # https://developers.deepgram.com/docs/tts-voice-controls
    speeds=(0.7, 1.5),
    longest=2000,
)
"""What Deepgram takes."""
