"""All recorded lists of models there are, judged by rules."""

import json
from typing import Any

import judge_models
import pytest
from recordings import Exchange, each, judged

from modelmesh.probe import names_in

RECORDED = judged("models")


@each(RECORDED)
def test_a_list_of_models_is_asked_for_where_it_is_and_read_whole(exchange: Exchange) -> None:
    assert judge_models.complaints(exchange) == []


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ({"data": [{"id": "a"}, {"id": "b"}, {"id": "a"}]}, ["a", "b"]),
        ([{"id": "a"}], ["a"]),
        ({"models": [{"name": "models/a"}, {"name": "b"}]}, ["a", "b"]),
        ({"data": [7, {"id": None}, {}]}, []),
        ({"data": None}, []),
        ({}, []),
    ],
)
def test_models_are_found_by_their_ids_or_names(listed: Any, names: list[str]) -> None:
    assert names_in(json.dumps(listed).encode()) == names
