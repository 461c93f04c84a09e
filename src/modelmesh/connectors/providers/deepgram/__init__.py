"""Deepgram. https://developers.deepgram.com/reference/deepgram-api-overview.

It transcribes and speaks.
"""

from types import MappingProxyType

from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._vendor import Vendor
from modelmesh.connectors.providers.deepgram.speech import SPEECH
from modelmesh.connectors.providers.deepgram.transcriptions import TRANSCRIPTIONS
from modelmesh.errors import ErrorKind


class Provider(Vendor):
    connector = "deepgram.stt.v1"
    name = "Deepgram"
    base_url = "https://api.deepgram.com"
    key_names = ("DEEPGRAM_API_KEY",)
    models = ("nova-3", "aura-2")
    models_path = "/v1/models"
    auth = ("authorization", "Token {key}")
    translators = MappingProxyType({"speech": SPEECH, "transcriptions": TRANSCRIPTIONS})
    signs = (
        Sign(ErrorKind.BAD_KEY, words={"invalid_auth"}),
        Sign(ErrorKind.QUOTA_EXHAUSTED, words={"asr_payment_required"}),
        Sign(ErrorKind.NO_PERMISSION, words={"insufficient_permissions"}),
    )
