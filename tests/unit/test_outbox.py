"""What is on its way to a webhook: when it goes, when it goes again, and what is dropped."""

import json
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors.observability._outbox import (
    BODY,
    LONGEST_ASKED,
    Batch,
    Bounds,
    Outbox,
    pause,
)


def outbox(
    *,
    batch: int = 3,
    wait: float = 5.0,
    records: int = 10,
    size: int = 10_000,
    give_up: float = 900.0,
) -> Outbox:
    bounds = Bounds(batch=batch, wait=wait, records=records, size=size, give_up=give_up)
    return Outbox(bounds, name="box")


def filled(box: Outbox, numbers: Sequence[int], now: float = 0.0) -> Outbox:
    for number in numbers:
        box.put(b"%d" % number, now)
    return box


def told(batch: Batch) -> tuple[int, list[int]]:
    body = json.loads(batch.body())
    return body["dropped"], body["records"]


def test_nothing_is_due_where_nothing_waits() -> None:
    assert outbox().due() == math.inf
    assert outbox().left == 0


def test_a_record_waits_for_others_and_not_longer_than_it_is_told_to() -> None:
    box = outbox(wait=5)
    box.put(b"1", 100.0)
    box.put(b"2", 103.0)
    assert box.due() == 105.0


def test_a_full_batch_is_due_at_once() -> None:
    assert filled(outbox(batch=3), [1, 2, 3], now=50).due() <= 50


def test_whoever_sends_hears_of_the_first_record_and_of_the_one_that_fills_a_batch() -> None:
    box = outbox(batch=3)
    assert [box.put(b"1", 0.0) for _ in range(5)] == [True, False, True, False, False]


def test_a_batch_has_the_oldest_records_in_their_order() -> None:
    box = filled(outbox(batch=3), [1, 2, 3, 4, 5])
    assert told(box.take(0)) == (0, [1, 2, 3])
    box.arrived()
    assert told(box.take(0)) == (0, [4, 5])
    box.arrived()
    assert box.left == 0


def test_large_records_fill_a_batch_before_there_are_many() -> None:
    box = outbox(batch=100, size=10 * BODY)
    for _ in range(3):
        box.put(b"1" * (BODY // 2), 0.0)
    assert box.due() <= 0
    assert len(box.take(0).records) == 2


def test_a_record_larger_than_a_batch_goes_alone() -> None:
    box = outbox(size=10 * BODY)
    box.put(b"1" * (2 * BODY), 0.0)
    box.put(b"2", 0.0)
    assert len(box.take(0).records) == 1


def test_the_oldest_are_dropped_where_too_many_wait_and_the_next_batch_tells_how_many() -> None:
    box = filled(outbox(batch=3, records=10), range(14))
    assert box.left == 10
    assert told(box.take(0)) == (4, [4, 5, 6])
    box.arrived()
    assert told(box.take(0)) == (0, [7, 8, 9])


def test_the_oldest_are_dropped_where_they_are_too_large_together() -> None:
    box = outbox(batch=10, size=100)
    for number in range(1, 5):
        box.put(b"%d" % number * 40, 0.0)
    batch = box.take(0)
    assert (batch.dropped, batch.records) == (2, [b"3" * 40, b"4" * 40])


def test_a_record_that_is_too_large_alone_is_dropped_and_no_other_for_it() -> None:
    box = filled(outbox(size=100), [1])
    assert not box.put(b"2" * 101, 0.0)
    assert told(box.take(0)) == (1, [1])


def test_a_batch_that_failed_is_tried_again_as_it_was_and_not_before_a_pause() -> None:
    box = filled(outbox(), [1, 2])
    first = box.take(5.0)
    box.failed(5.0, asked=None, chance=1.0)
    filled(box, [3, 4, 5, 6], now=5.5)
    assert box.due() == 6.0
    assert box.take(6.0) is first
    assert box.left == 6


def test_each_batch_has_an_id_of_its_own() -> None:
    box = filled(outbox(batch=1), [1, 2])
    first = box.take(0).id
    box.arrived()
    assert box.take(0).id != first
    assert "." not in first


def test_pauses_double_and_end_at_a_minute() -> None:
    assert [pause(failures, None, 1.0) for failures in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pause(10_000, None, 1.0) == 60


def test_chance_draws_a_pause_between_half_and_all_of_it() -> None:
    assert (pause(3, None, 0.0), pause(3, None, 0.5), pause(3, None, 1.0)) == (4, 6, 8)


@pytest.mark.parametrize(
    ("asked", "seconds"), [(30.0, 30.0), (0.0, 1.0), (-5.0, 1.0), (1e9, LONGEST_ASKED)]
)
def test_a_receiver_that_asks_for_a_pause_gets_it_within_reason(
    asked: float, seconds: float
) -> None:
    assert pause(0, asked, 1.0) == seconds


def test_failures_in_a_row_count_until_one_batch_arrives() -> None:
    box = filled(outbox(batch=1), [1, 2])
    for now in (0.0, 1.0, 3.0):
        box.take(now)
        box.failed(now, asked=None, chance=1.0)
    assert (box.failures, box.due()) == (3, 7.0)
    box.take(7.0)
    box.arrived()
    assert box.failures == 0
    assert box.due() <= 7.0


def test_a_batch_that_is_refused_is_dropped_and_counted_and_the_next_one_waits() -> None:
    box = filled(outbox(batch=2), [1, 2, 3, 4])
    box.take(0)
    box.failed(0.0, asked=None, chance=1.0, again=False)
    assert box.due() == 1.0
    assert told(box.take(1.0)) == (2, [3, 4])


def test_a_batch_is_dropped_when_its_time_is_up() -> None:
    box = filled(outbox(batch=2, give_up=10), [1, 2, 3])
    box.take(0.0)
    box.failed(0.0, asked=9.0, chance=0.0)
    assert told(box.take(9.0)) == (0, [1, 2])
    box.failed(9.0, asked=2.0, chance=0.0)
    assert told(box.take(11.0)) == (2, [3])


def test_what_a_dropped_batch_would_have_told_is_told_by_the_next() -> None:
    box = filled(outbox(batch=2, records=4), range(7))
    box.take(0.0)
    box.failed(0.0, asked=None, chance=0.0, again=False)
    assert told(box.take(1.0)) == (5, [5, 6])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 60)),
        st.tuples(st.sampled_from(["arrived", "again", "refused", "late"]), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_every_record_arrives_or_is_counted_and_nothing_grows(
    steps: Sequence[tuple[str, int]],
) -> None:
    box = outbox(batch=4, records=6, size=150, give_up=20)
    put, arrived, known, now = 0, 0, 0, 0.0
    for step, size in steps:
        now += 1.0
        if step == "put":
            box.put(b"1" * size, now)
            put += 1
        elif box.left:
            batch = box.take(now)
            if step == "arrived":
                box.arrived()
                arrived += len(batch.records)
                known += batch.dropped
            else:
                late = 30.0 if step == "late" else None
                box.failed(now, asked=late, chance=0.5, again=step != "refused")
        assert box.left <= 6 + 4
    trying = box.take(now) if box.left else None
    pending = box.left + box.dropped + (trying.dropped if trying else 0)
    assert put == arrived + known + pending == arrived + box.left + box.lost
