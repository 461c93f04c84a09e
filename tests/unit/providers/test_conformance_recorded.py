"""What vendors of ours said at endpoints besides chats keeps the suite, where it was recorded.

Their chats are judged in `test_by_rules`, and who has replies of ours in `test_conformance`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import judge_embeddings
import judge_images
import judge_speech
import judge_transcriptions
import pytest
import trial
from recordings import CONNECTORS, OURS, WIRE, Exchange, judged

from modelmesh.connectors import registry
from modelmesh.errors import ErrorKind
from modelmesh.testing import ProviderConformance
from modelmesh.testing.conformance.replies import Recorded
from modelmesh.types import HttpReply, Provider, Request

ENDPOINTS: Final[Mapping[str, tuple[str, Callable[[Exchange], Request]]]] = {
    "embeddings": ("embeddings", lambda exchange: judge_embeddings.asked(exchange, None)),
    "images": ("image", judge_images.asked),
    "speech": ("speech", judge_speech.asked),
    "transcriptions": (
        "transcription",
        lambda exchange: judge_transcriptions.asked(
            exchange, judge_transcriptions.wanted_in(exchange)
        ),
    ),
}
"""What recordings call an endpoint, and what one is the answer to."""
NO_ANSWERS: Final = {"e9ed74e6": "a text, though an image was asked for"}
REFUSED: Final = Recorded(
    name="refused",
    reply=HttpReply(
        status=401,
        headers={"content-type": "application/json"},
        body=json.dumps({"error": {"message": "Invalid API key."}}).encode(),
    ),
    kind=ErrorKind.BAD_KEY,
)
RECORDED: Final = [
    exchange
    for endpoint, _ in ENDPOINTS.values()
    for exchange in judged(endpoint)
    if exchange.case not in NO_ANSWERS
]


class Recordings(ProviderConformance):
    """The suite with what was recorded of a vendor, or else with what we wrote."""

    def _recorded(self, sort: str) -> list[Recorded]:
        if sort not in ENDPOINTS:
            return [REFUSED] if sort == "error" else []
        endpoint, asked = ENDPOINTS[sort]
        connector = self.provider.connector
        found = [
            Recorded(
                name=exchange.case,
                endpoint=asked(exchange).endpoint,
                reply=trial.reply_of(exchange),
                asked={k: v for k, v in asked(exchange).body.items() if k != "model"},
            )
            for exchange in RECORDED
            if exchange.endpoint == endpoint and trial.connector_of(exchange) == connector
        ]
        return found or super()._recorded(sort)


def without_chats(connector: str) -> Provider:
    """Return a provider whose chats are judged elsewhere."""
    vendor: Any = registry.find("providers", connector)
    served = {*trial.translator(connector).endpoints} - {"chat"}
    made: Provider = type("Provider", (vendor,), {"endpoints": served})(
        "vendor", base_url=trial.ADDRESS
    )
    return made


def suites() -> Iterator[type[Any]]:
    for folder, connector in CONNECTORS.items():
        provider = without_chats(connector)
        if provider.endpoints:
            name = "Test" + connector.title().replace(".", "")
            replies = OURS / (folder if (OURS / folder).is_dir() else "openai_compatible")
            yield type(name, (Recordings,), {"provider": provider, "replies": replies})


globals().update({suite.__name__: suite for suite in suites()})


@pytest.mark.skipif(not WIRE.is_dir(), reason="there are no recordings beside this repository")
def test_every_recording_is_judged() -> None:
    found = [
        one.name
        for suite in suites()
        for endpoint in ENDPOINTS
        for one in suite()._recorded(endpoint)
    ]
    assert {exchange.case for exchange in RECORDED} <= set(found)
    assert {exchange.endpoint for exchange in RECORDED} == {name for name, _ in ENDPOINTS.values()}
