"""Every exchange there is, through its vendor's translator, judged by rules.

`scripts/conformance` shows the recorded ones as a table: how many pass, by vendor and endpoint,
and why the rest is left out. A vendor of whom nothing was recorded has replies of ours in
`tests/data/providers/<module>/`.
"""

from collections.abc import Sequence

import pytest
import trial
from recordings import (
    CONNECTORS,
    ELSEWHERE,
    JUDGED,
    OURS,
    WIRE,
    Exchange,
    each,
    judged,
    ours,
    recorded,
)

ABSENT = pytest.mark.skipif(not WIRE.is_dir(), reason=f"the recorded exchanges are not at {WIRE}")

CHATTING = sorted(
    id_ for id_ in trial.BY_MODULE.values() if "chat" in trial.translator(id_).endpoints
)


def every(endpoint: str, vendor: str | None = None) -> pytest.MarkDecorator:
    return each([one for one in judged(endpoint) if vendor in (None, one.vendor)])


def told(complaints: Sequence[str]) -> str:
    return "\n".join(complaints)


@every("chat")
def test_an_answer_keeps_the_rules(exchange: Exchange) -> None:
    assert told(trial.answer_complaints(exchange)) == ""


@every("chat_stream")
async def test_a_stream_keeps_the_rules_in_whichever_pieces_it_comes(exchange: Exchange) -> None:
    assert told(await trial.stream_complaints(exchange)) == ""


@every("chat_stream")
async def test_a_stream_that_breaks_off_is_never_taken_for_whole(exchange: Exchange) -> None:
    assert told(await trial.half_way_complaints(exchange)) == ""


@every("chat_stream")
async def test_an_error_within_a_stream_is_told(exchange: Exchange) -> None:
    assert told(await trial.broken_complaints(exchange)) == ""


@every("chat", vendor="openai")
def test_an_answer_of_openai_passes_as_it_came(exchange: Exchange) -> None:
    assert trial.answer_of(exchange).body == exchange.body


@every("chat_stream", vendor="openai")
async def test_a_stream_of_openai_passes_as_it_came(exchange: Exchange) -> None:
    heard = await trial.hear(exchange, [exchange.body])
    lines = [line.removeprefix(b"data: ") for line in exchange.body.splitlines() if line]
    assert [*heard.payloads, b"[DONE]"] == lines


@every("error")
def test_an_error_is_understood(exchange: Exchange) -> None:
    assert told(trial.error_complaints(exchange)) == ""


@ABSENT
def test_every_exchange_is_judged_or_left_out_for_a_reason() -> None:
    assert {one.endpoint for one in recorded() if one.left_out is None} == {
        *JUDGED,
        *ELSEWHERE,
    }
    assert all(one.left_out != "" for one in recorded())


@pytest.mark.parametrize("connector", CHATTING)
def test_every_connector_that_chats_is_judged_in_every_way(connector: str) -> None:
    if connector in CONNECTORS.values() and not WIRE.is_dir():
        pytest.skip(f"the recorded exchanges are not at {WIRE}")
    held = [one for sort in JUDGED for one in judged(sort) if trial.connector_of(one) == connector]
    assert {one.endpoint for one in held} == set(JUDGED), "add a reply to tests/data/providers"


def test_every_folder_of_our_replies_belongs_to_a_connector() -> None:
    assert {one.vendor for one in ours()} <= trial.BY_MODULE.keys()
    assert {path.name for path in OURS.iterdir()} == {one.vendor for one in ours()}
