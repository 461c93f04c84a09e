"""Azure Speech. https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech.

What is said is SSML. There are no models but voices: a model that is called as one, such as
`en-US-JennyNeural`, always speaks with it; of any other the client chooses the voice.
"""

import re
from types import MappingProxyType
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from attrs import field, frozen
from attrs.validators import matches_re, optional

from modelmesh.connectors.providers._speech import Speaker
from modelmesh.connectors.providers._vendor import Draft, Vendor
from modelmesh.connectors.providers._voices import cast
from modelmesh.types import Request

_FORMATS: Final = MappingProxyType(
    {
        "mp3": "audio-24khz-96kbitrate-mono-mp3",
        "opus": "ogg-24khz-16bit-mono-opus",
        "wav": "riff-24khz-16bit-mono-pcm",
        "pcm": "raw-24khz-16bit-mono-pcm",
    }
)
_VOICE: Final = re.compile(r"(?P<language>[a-z]{2,3}(-[A-Za-z]{4})?-[A-Z]{2})-[\w:.-]+")
_LANGUAGE: Final = "en-US"
# What XML cannot hold, however it is written: https://www.w3.org/TR/xml/#charsets.
_UNSPEAKABLE: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@frozen(kw_only=True)
class AzureSpeech(Speaker):
    """OpenAI's parameters as SSML."""

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Count the voice among what it lacks where the model is one voice already."""
        lacks = super().lacks(request, model)
        if _VOICE.fullmatch(model) and request.body.get("voice") not in (None, model):
            lacks |= {"voice"}
        return lacks

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Return what is sent: its body is a document of its own."""
        body = request.body
        voice = model if _VOICE.fullmatch(model) else self.voice_of(body, model)
        return Draft(
            path=self.path,
            body=ssml(body["input"], voice or self.voices[""]["alloy"], self.speed_of(body)),
            content_type="application/ssml+xml",
            headers={"x-microsoft-outputformat": _FORMATS[self.format_of(body)]},
        )


def ssml(text: str, voice: str, speed: float | None) -> bytes:
    """Return the document that has a voice say a text, whatever is in them.

    https://learn.microsoft.com/azure/ai-services/speech-service/speech-synthesis-markup-structure
    """
    said = escape(_UNSPEAKABLE.sub(" ", text))
    named = _VOICE.fullmatch(voice)
    language = named["language"] if named else _LANGUAGE
    if speed is not None:
        said = f'<prosody rate="{(speed - 1) * 100:+.0f}%">{said}</prosody>'
    told = f"<voice name={quoteattr(_UNSPEAKABLE.sub('', voice))}>{said}</voice>"
    schema = "http://www.w3.org/2001/10/synthesis"
    return f'<speak version="1.0" xmlns="{schema}" xml:lang="{language}">{told}</speak>'.encode()


class Provider(Vendor):
    connector = "azure.speech.v1"
    name = "Azure Speech"
    key_names = ("AZURE_SPEECH_KEY", "SPEECH_KEY")
    option_names = MappingProxyType({"region": "AZURE_SPEECH_REGION"})
    auth = ("ocp-apim-subscription-key", "{key}")
    models = ("neural",)
    # It lists voices, not models; that the key is good can be seen by it all the same.
    models_path = "/cognitiveservices/voices/list"
    translators = MappingProxyType(
        {
            "speech": AzureSpeech(
                path="/cognitiveservices/v1",
                refuses=frozenset({"instructions"}),
                formats=tuple(_FORMATS),
                voices=MappingProxyType(
                    {
                        "": cast(
                            women=(
                                "en-US-AvaMultilingualNeural",
                                "en-US-EmmaMultilingualNeural",
                                "en-US-JennyNeural",
                                "en-US-AriaNeural",
                                "en-US-MichelleNeural",
                                "en-GB-SoniaNeural",
                            ),
                            men=(
                                "en-US-AndrewMultilingualNeural",
                                "en-US-BrianMultilingualNeural",
                                "en-GB-RyanNeural",
                                "en-US-GuyNeural",
                                "en-US-EricNeural",
                                "en-US-ChristopherNeural",
                                "en-US-RogerNeural",
                            ),
                        )
                    }
                ),
                speeds=(0.5, 2.0),
            )
        }
    )

    @frozen(kw_only=True)
    class Options(Vendor.Options):
        """Settings of the vendor's own."""

        # Where the resource is; part of the address.
        region: str | None = field(default=None, validator=optional(matches_re(r"[a-z0-9-]+")))

    def address(self) -> str:
        if not self.options.region:
            raise ValueError(f"{self.connector} needs a region (AZURE_SPEECH_REGION) or a base_url")
        return f"https://{self.options.region}.tts.speech.microsoft.com"
