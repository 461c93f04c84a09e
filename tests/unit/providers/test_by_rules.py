"""Every recorded exchange, through its vendor's translator, judged by rules.

`scripts/conformance` shows the same as a table: how many pass, by vendor and endpoint, and why
the rest is left out.
"""

from collections.abc import Sequence

import pytest
import trial
from recordings import WIRE, Exchange, exchanges, judged

ABSENT = pytest.mark.skipif(not WIRE.is_dir(), reason=f"the recorded exchanges are not at {WIRE}")


def every(*endpoints: str) -> pytest.MarkDecorator:
    chosen = [one for endpoint in endpoints for one in judged(endpoint)]
    return pytest.mark.parametrize("exchange", chosen, ids=[one.id for one in chosen])


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


@every("error")
def test_an_error_is_understood(exchange: Exchange) -> None:
    assert told(trial.error_complaints(exchange)) == ""


@ABSENT
def test_every_exchange_is_judged_or_left_out_for_a_reason() -> None:
    kinds = {one.endpoint for one in exchanges() if one.left_out is None}
    assert kinds == {"chat", "chat_stream", "error"}
    assert all(one.left_out != "" for one in exchanges())
