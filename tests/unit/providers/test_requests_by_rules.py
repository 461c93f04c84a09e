"""What is sent to vendors keeps to the rules which their pages state, whatever the client says."""

import json
from typing import Any

import judge
import pytest
import trial
from conversations import CONVERSATIONS, texts
from recordings import CONNECTORS, JUDGED, Exchange, each, recorded
from request_rules import body_complaints

from modelmesh.connectors import registry
from modelmesh.connectors.providers import openai_compatible

VENDORS = {
    id_: vendor
    for id_, vendor in registry.available("providers").items()
    if issubclass(vendor, openai_compatible.Provider)  # others do not chat
}
CHATS = set(JUDGED) - {"error"}
ASKED = [one for one in recorded() if one.left_out is None and one.endpoint in CHATS]
RECORDED = [one for one in ASKED if isinstance(one.asked, dict)]
MORE_LENIENT = {
    "6ffc7838": "Gemini takes two turns of the user in a row; we send one",
}
"""What vendors accepted although we would not send it."""


@each([one for one in RECORDED if one.case not in MORE_LENIENT])
def test_what_a_vendor_accepted_keeps_the_rules(exchange: Exchange) -> None:
    assert list(body_complaints(CONNECTORS[exchange.vendor], exchange.asked)) == []


@each([one for one in RECORDED if one.asks_as_openai])
def test_a_recorded_conversation_is_sent_by_the_rules(exchange: Exchange) -> None:
    assert trial.sent_complaints(exchange) == []


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("connector", sorted(VENDORS))
def test_a_conversation_is_sent_whole_and_by_the_rules(connector: str, name: str) -> None:
    conversation = CONVERSATIONS[name]
    for model in VENDORS[connector].models or ("some-model",):
        if made := trial.sent(connector, conversation, model):
            assert judge.request_complaints(connector, made) == [], model
            assert list(lost(conversation, made.body)) == [], model


def lost(conversation: Any, body: bytes) -> list[str]:
    told = json.dumps(json.loads(body), ensure_ascii=False)
    return [text for text in texts(conversation) if json.dumps(text)[1:-1] not in told]
