"""Speech by ElevenLabs. https://elevenlabs.io/docs/api-reference/text-to-speech/stream.

The voice is in the address, and so is the format. Its own voices are known by ids; those it has
always had are known by their names here, too (https://elevenlabs.io/docs/capabilities/voices).
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors.providers._speech import Speaker
from modelmesh.connectors.providers._vendor import Draft
from modelmesh.connectors.providers._voices import cast
from modelmesh.json_text import dumps
from modelmesh.types import Request

_IDS: Final = {
    "Adam": "pNInz6obpgDQGcFmaJgB",
    "Alice": "Xb7hH8MSUJpSbSDYk0k2",
    "Aria": "9BWtsMINqrJLrRacOk9x",
    "Bill": "pqHfZKP75CvOlQylNhV4",
    "Brian": "nPczCjzI2devNBz1zQrb",
    "Callum": "N2lVS1w4EtoT3dr4eOWO",
    "Charlie": "IKne3meq5aSn9XLyUdCD",
    "Charlotte": "XB0fDUnXU5powFXDhCwa",
    "Chris": "iP95p4xoKVk53GoZ742B",
    "Daniel": "onwK4e9ZLuTAKqWW03F9",
    "Eric": "cjVigY5qzO86Huf0OWal",
    "George": "JBFqnCBsd6RMkjVDRZzb",
    "Jessica": "cgSgspJ2msm6clMCkdW9",
    "Laura": "FGY2WhTYpPnrIDTdsKH5",
    "Liam": "TX3LPaxmHKxFdv7VOQHJ",
    "Lily": "pFZP5JQG7iQjIQuC4Bku",
    "Matilda": "XrExE9yKIg1WjnnlVkGX",
    "Rachel": "21m00Tcm4TlvDq8ikWAM",
    "River": "SAz9YHcvj6GT2YYXdXww",
    "Roger": "CwhRBWXzGAHq8TQ4Fs17",
    "Sarah": "EXAVITQu4vr4xnSDxMaL",
    "Will": "bIHbv24MWmeRgasZH58o",
}
_PLAYED: Final = cast(
    women=("Sarah", "Jessica", "Laura", "Matilda", "Alice", "Lily"),
    men=("Eric", "Brian", "George", "Chris", "Daniel", "Charlie", "Roger"),
)
_FORMATS: Final = MappingProxyType(
    {"mp3": "mp3_44100_128", "opus": "opus_48000_128", "pcm": "pcm_24000"}
)
_ID: Final = re.compile(r"[A-Za-z0-9_-]+")
_USUAL: Final = _IDS["Sarah"]
_OWN: Final = ("language_code", "seed", "previous_text", "next_text", "apply_text_normalization")


@frozen(kw_only=True)
class ElevenLabsSpeech(Speaker):
    """OpenAI's parameters in ElevenLabs' words; what only it knows goes to it as it is."""

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Count a voice among what it lacks that is no id and none of the names known here."""
        lacks = super().lacks(request, model)
        known = self._known(request.body, model) or not request.body.get("voice")
        return lacks if known else lacks | {"voice"}

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Return what is sent; a voice it does not have is its usual one."""
        body = request.body
        voice = self._known(body, model) or _USUAL
        own = body.get("voice_settings")
        settings = dict(own) if isinstance(own, Mapping) else {}
        if (speed := self.speed_of(body)) is not None:
            settings["speed"] = speed
        told: dict[str, Any] = {"text": body["input"], "model_id": model}
        told |= {name: body[name] for name in _OWN if name in body and name not in drop}
        if settings:
            told["voice_settings"] = settings
        wanted = _FORMATS[self.format_of(body)]
        return Draft(
            path=f"{self.path}/{voice}/stream?output_format={wanted}",
            body=dumps(told),
        )

    def _known(self, body: Mapping[str, Any], model: str) -> str | None:
        voice = self.voice_of(body, model)
        return voice if voice and _ID.fullmatch(voice) else None


SPEECH: Final = ElevenLabsSpeech(
    path="/v1/text-to-speech",
    refuses=frozenset({"instructions"}),
    formats=tuple(_FORMATS),
    voices=MappingProxyType(
        {"": {**_IDS, **{name: _IDS[player] for name, player in _PLAYED.items()}}}
    ),
    speeds=(0.7, 1.2),
)
"""What ElevenLabs takes. Speeds: https://elevenlabs.io/docs/best-practices/prompting/controls."""
