"""What a stream took when it ends before its vendor told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.usage import Usage, so_far

TOLD = Usage(prompt=21, completion=2, cached=5)


@pytest.mark.parametrize(
    ("told", "pieces", "finished", "usage"),
    [
        (None, 0, False, None),
        (None, 7, False, Usage(completion=7, estimated=True)),
        (None, 7, True, Usage(completion=7, estimated=True)),
        # Anthropic tells of the prompt with the first event.
        (TOLD, 0, False, TOLD),
        (TOLD, 7, False, Usage(prompt=21, completion=7, cached=5, estimated=True)),
        # Gemini counts in every piece, each of several tokens.
        (TOLD, 2, False, TOLD),
        (TOLD, 7, True, TOLD),
    ],
)
def test_a_vendors_word_goes_before_the_pieces_that_came(
    told: Usage | None, pieces: int, *, finished: bool, usage: Usage | None
) -> None:
    assert so_far(told, pieces, finished=finished) == usage


@given(
    told=st.builds(Usage, prompt=st.integers(0, 99), completion=st.integers(0, 99)),
    pieces=st.integers(0, 99),
)
def test_what_broke_off_took_no_less_than_was_told_or_came(told: Usage, pieces: int) -> None:
    usage = so_far(told, pieces, finished=False)
    assert usage
    assert usage.prompt == told.prompt
    assert usage.completion == max(told.completion, pieces)
    assert usage.estimated is (usage.completion > told.completion)
