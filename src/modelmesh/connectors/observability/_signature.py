"""Signing what is sent, as receivers check it by the libraries of https://www.standardwebhooks.com.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac
from typing import Final

from modelmesh.types import Secret

_PREFIX: Final = "whsec_"


def signing_key(secret: Secret) -> bytes:
    """Return the bytes that sign: what `whsec_` stands before, in base64, or else the text's own.

    Raises:
        ValueError: it is no base64.

    """
    text = secret.reveal()
    if not text.startswith(_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"must have base64 behind {_PREFIX}") from None


def signature(key: bytes, id_: str, moment: int, body: bytes) -> str:
    """Return a body's signature; `id_` names what is sent, `moment` is in seconds since 1970."""
    signed = b"%b.%d.%b" % (id_.encode(), moment, body)
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
