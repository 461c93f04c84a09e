"""A line an event, for people."""

import re
from typing import Any

import pytest
from test_records import ANSWERED, BEGAN, ENDED, FAILED, NOBODYS, WORDS

from modelmesh.config import schema
from modelmesh.connectors.observability.console import Observer
from modelmesh.events import Event, Recovered

LINE = re.compile(r"\d\d:\d\d:\d\d  (\S+) +(.*)")


async def said(capsys: pytest.CaptureFixture[str], *events: Event, **settings: Any) -> list[str]:
    console = Observer(schema.Observer(**settings))
    await console.start()
    for event in events:
        console(event)
    await console.close()
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


async def test_every_event_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    lines = await said(capsys, BEGAN, FAILED, ANSWERED, ENDED)
    found = [LINE.fullmatch(line) for line in lines]
    assert [match and match.groups() for match in found] == [
        ("request.began", "chat request to chat, as a stream  r1"),
        ("attempt.ended", "a/x failed after 0.2 s: rate_limit (429)  r1"),
        ("attempt.ended", "b/y answered in 0.5 s, 12 + 40 tokens, $0.000123  r1"),
        (
            "request.ended",
            "chat: 200 in 0.84 s by b/y, 2 attempts, 12 + 40 tokens, $0.000123  r1",
        ),
    ]


@pytest.mark.parametrize(
    ("level", "shown"), [("metadata", False), ("summary", True), ("full", True)]
)
async def test_a_clients_own_words_are_shown_by_level(
    level: str, *, shown: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = await said(capsys, NOBODYS, level=level)
    assert (WORDS in line) is shown


async def test_full_shows_parameters_and_content_shows_what_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (line,) = await said(capsys, BEGAN, level="full")
    assert '"temperature":0.5' in line.replace(" ", "")
    assert WORDS not in line
    (line,) = await said(capsys, BEGAN, content=schema.Content())
    assert WORDS in line


async def test_nothing_that_is_told_moves_the_cursor_or_begins_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wild = Recovered(at=0.0, of="key", id="a\x1b[2J\nb\u2028\u202ec")
    (line,) = await said(capsys, wild)
    assert "key a?[2J?b??c answers again" in line


async def test_colours_are_for_terminals_of_people_who_want_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in "".join(await said(capsys, FAILED, ANSWERED))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    failed, answered = await said(capsys, FAILED, ANSWERED)
    assert "\x1b[31mattempt.ended" in failed
    assert "\x1b[2mattempt.ended" in answered
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(await said(capsys, FAILED, ANSWERED))
