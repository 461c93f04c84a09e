"""What a vendor said goes back to it whole, and to another without what only the first can read."""

import pytest
import second_turn
from recordings import Exchange, each, judged
from trial import connector_of

SAID = [*judged("chat"), *judged("chat_stream")]
ANSWERED = [one for one in SAID if not one.spoken.fails and one.spoken.voices]
WITH_STATE = [one for one in ANSWERED if any(second_turn.states(one))]


@each(ANSWERED)
@pytest.mark.parametrize("bare", [False, True], ids=["as-it-came", "bare"])
async def test_the_next_turn_is_sent_by_the_rules(exchange: Exchange, bare: bool) -> None:
    assert await second_turn.next_turn_complaints(exchange, bare=bare) == []


@pytest.mark.parametrize("connector", sorted(second_turn.OTHERS))
async def test_a_vendor_is_not_sent_what_only_another_can_read(connector: str) -> None:
    found = {
        exchange.id: await second_turn.other_vendor_complaints(exchange, connector)
        for exchange in WITH_STATE
        if connector_of(exchange) != connector
    }
    assert {id_: complaints for id_, complaints in found.items() if complaints} == {}
