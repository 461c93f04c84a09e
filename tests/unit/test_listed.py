"""What is new in a vendor's list, and what is gone."""

from hypothesis import given
from hypothesis import strategies as some

from modelmesh.listed import Known, compare

NAMES = some.lists(some.sampled_from(["a", "b", "c", "d", "e"]), unique=True)
VENDOR = "openai.llm.v1"


def known(listed: str = "", unlisted: str = "") -> Known:
    return Known(frozenset(listed.split()), frozenset(unlisted.split()))


def test_nothing_in_the_first_list_is_new_and_what_is_served_and_not_there_is_gone() -> None:
    now, news = compare(None, VENDOR, ["x", "y"], ["y", "z"])
    assert now == known("x y", "z")
    assert (news.new, news.gone) == ([], ["z"])


def test_what_is_missing_is_told_once_and_again_when_it_was_back() -> None:
    now, news = compare(known("x", "z"), VENDOR, ["x"], ["x", "z"])
    assert (news.new, news.gone) == ([], [])
    now, news = compare(now, VENDOR, ["x", "z"], ["x", "z"])
    assert (news.new, news.gone) == (["z"], [])
    _, news = compare(now, VENDOR, ["x"], ["x", "z"])
    assert (news.new, news.gone) == ([], ["z"])


def test_an_alias_is_listed_where_a_snapshot_of_it_is() -> None:
    _, news = compare(None, VENDOR, ["gpt-4o-2024-08-06"], ["gpt-4o", "gpt-4o-2024-05-13"])
    assert news.gone == ["gpt-4o-2024-05-13"]


@given(NAMES, NAMES, NAMES)
def test_news_lead_from_one_list_to_the_next(
    before: list[str], after: list[str], served: list[str]
) -> None:
    first, _ = compare(None, VENDOR, before, served)
    now, news = compare(first, VENDOR, after, served)
    assert now.listed == (first.listed | set(news.new)) - set(news.gone)
    assert set(news.new).isdisjoint(before)
    assert set(news.gone).isdisjoint(after)
    assert len(set(news.gone)) == len(news.gone)
