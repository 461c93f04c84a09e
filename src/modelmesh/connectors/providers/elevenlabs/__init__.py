"""ElevenLabs. https://elevenlabs.io/docs/api-reference.

It speaks and transcribes. Quota that is used up is a 401; the word in its error tells it from a
wrong key: https://elevenlabs.io/docs/developers/resources/error-messages.
"""

from types import MappingProxyType

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._vendor import Vendor
from modelmesh.connectors.providers.elevenlabs.speech import SPEECH
from modelmesh.connectors.providers.elevenlabs.transcriptions import TRANSCRIPTIONS
from modelmesh.errors import ErrorKind


class Provider(Vendor):
    connector = "elevenlabs.tts.v1"
    name = "ElevenLabs"
    base_url = "https://api.elevenlabs.io"
    key_names = ("ELEVENLABS_API_KEY", "ELEVEN_API_KEY")
    models = ("eleven_flash_v2_5", "eleven_multilingual_v2", "eleven_v3", "scribe_v2")
    models_path = "/v1/models"
    auth = ("xi-api-key", "{key}")
    translators = MappingProxyType({"speech": SPEECH, "transcriptions": TRANSCRIPTIONS})
    signs = (
        Sign(ErrorKind.RATE_LIMIT, words={"too_many_concurrent_requests"}),
        Sign(ErrorKind.OVERLOADED, words={"system_busy"}),
        Sign(ErrorKind.NO_PERMISSION, words={"missing_permissions", "detected_unusual_activity"}),
        # Another voice may well be there: it is the request's fault, not the model's.
        Sign(ErrorKind.INVALID_REQUEST, words={"voice_not_found"}),
    )
