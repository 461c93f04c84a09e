"""Sizes of images, told as ratios."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors.providers._sizes import Size, size_of

USUAL = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9", "19.5:9")


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ("1024x1024", "1:1"),
        ("256x256", "1:1"),
        ("1024x1536", "2:3"),
        ("1536x1024", "3:2"),
        ("1792x1024", "16:9"),
        ("1024x1792", "9:16"),
        ("1920x1080", "16:9"),
        ("1024x768", "4:3"),
        ("2560x1080", "21:9"),
        ("2340x1080", "19.5:9"),
    ],
)
def test_a_size_has_the_ratio_that_people_call_it_by(size: str, ratio: str) -> None:
    found = size_of(size)
    assert found is not None
    assert found.nearest(USUAL) == ratio


@pytest.mark.parametrize("size", ["1000x100", "1024x4096", "1920x1200"])
def test_a_size_between_the_ratios_has_none_of_them(size: str) -> None:
    found = size_of(size)
    assert found is not None
    assert found.nearest(USUAL) is None


@pytest.mark.parametrize(
    ("size", "resolution"),
    [
        ("512x512", "1k"),
        ("1024x1792", "1k"),
        ("1920x1080", "2k"),
        ("2048x2048", "2k"),
        ("3840x2160", "4k"),
        ("4096x4096", "4k"),
    ],
)
def test_a_size_has_the_resolution_it_is_made_of(size: str, resolution: str) -> None:
    found = size_of(size)
    assert found is not None
    assert found.resolution == resolution


@pytest.mark.parametrize("text", ["auto", "", "1024", "1024X1024", "0x5", "-1x5", "1:1", "9" * 50])
def test_what_is_no_size_is_none(text: str) -> None:
    assert size_of(text) is None


@given(st.integers(1, 99999), st.integers(1, 99999))
def test_every_size_is_read_back(width: int, height: int) -> None:
    assert size_of(f"{width}x{height}") == Size(width, height)
    nearest = Size(width, height).nearest(USUAL)
    assert nearest is None or nearest in USUAL


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    assert size_of(text) is None or "x" in text
