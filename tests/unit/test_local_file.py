"""Records in a file: whole lines, moved aside by size, and no trouble where there is no disk."""

import json
import logging
import os
import threading
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from modelmesh.config import schema
from modelmesh.connectors.observability import _writer
from modelmesh.connectors.observability._writer import Writer
from modelmesh.connectors.observability.local_file import Observer, _File
from modelmesh.events import Event, Recovered

EVENT = Recovered(at=1_790_000_000.0, of="key", id="a")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def observer(path: Path, **options: Any) -> Observer:
    return Observer(schema.Observer(options={"path": str(path), **options}))


async def test_each_event_is_a_line_in_a_file_that_is_ours_alone(tmp_path: Path) -> None:
    path = tmp_path / "below" / "events.jsonl"
    told = observer(path)
    await told.start()
    for _ in range(3):
        told(EVENT)
    await told.close()
    assert [line["event"] for line in lines(path)] == ["cooldown.ended"] * 3
    assert path.stat().st_mode & 0o777 == 0o600
    assert told.lost == 0


async def test_a_file_that_is_there_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        told = observer(path)
        await told.start()
        told(EVENT)
        await told.close()
    assert len(lines(path)) == 2


def test_a_full_file_is_moved_aside_and_so_many_are_kept(tmp_path: Path) -> None:
    file = _File(tmp_path / "e", 100, 2)
    for number in range(10):
        file.append(f"{number:039d}\n".encode())
    file.close()
    kept = {path.name: path.read_text().split() for path in sorted(tmp_path.iterdir())}
    assert {name: [int(line) for line in text] for name, text in kept.items()} == {
        "e": [8, 9],
        "e.1": [6, 7],
        "e.2": [4, 5],
    }


def test_what_is_larger_than_a_file_may_be_has_one_of_its_own(tmp_path: Path) -> None:
    file = _File(tmp_path / "e", 10, 1)
    file.append(b"x" * 99 + b"\n")
    file.append(b"y\n")
    file.close()
    assert (tmp_path / "e").read_bytes() == b"y\n"
    assert len((tmp_path / "e.1").read_bytes()) == 100


def test_a_file_that_somebody_moves_or_deletes_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "e"
    file = _File(path, 1000, 1)
    file.append(b"one\n")
    path.rename(tmp_path / "moved")
    file.append(b"two\n")
    path.unlink()
    file.append(b"three\n")
    file.close()
    assert path.read_bytes() == b"three\n"
    assert (tmp_path / "moved").read_bytes() == b"one\n"


def test_a_line_whose_writer_died_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_bytes(b'{"event": "cut')
    file = _File(path, 1000, 1)
    file.append(b"whole\n")
    file.append(b"again\n")
    file.close()
    assert path.read_bytes() == b'{"event": "cut\nwhole\nagain\n'


def test_a_disk_that_is_full_leaves_no_half_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "e"
    file = _File(path, 1000, 1)
    file.append(b"one\n")
    written: list[int] = []
    write = os.write

    def half(fd: int, text: memoryview) -> int:
        if written:
            raise OSError(28, "No space left on device")
        written.append(write(fd, text[:2]))
        return written[0]

    monkeypatch.setattr("os.write", half)
    with pytest.raises(OSError, match="No space"):
        file.append(b"two\n")
    monkeypatch.undo()
    file.append(b"three\n")
    file.close()
    assert path.read_bytes() == b"one\nthree\n"


def _write_many(path: Path, who: int) -> None:
    file = _File(path, 20_000, 100)
    for number in range(500):
        file.append(json.dumps({"who": who, "number": number}).encode() + b"\n")
    file.close()


def test_several_processes_write_one_file_and_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    # Threads of other tests are no trouble to a process that is begun anew.
    fresh = get_context("spawn")
    writers = [fresh.Process(target=_write_many, args=(path, who)) for who in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    told = [line for file in tmp_path.iterdir() for line in lines(file)]
    assert sorted((line["who"], line["number"]) for line in told) == [
        (who, number) for who in range(3) for number in range(500)
    ]
    assert len(list(tmp_path.iterdir())) > 1
    assert all(file.stat().st_size <= 20_000 for file in tmp_path.iterdir())


async def test_a_file_that_cannot_be_written_is_told_of_once_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "events.jsonl"
    path.mkdir()
    told = observer(path)
    for _ in range(2 * _writer._AT_ONCE):
        told(EVENT)
    await told.start()
    await told.close()
    assert told.lost == 2 * _writer._AT_ONCE
    assert caplog.messages == [
        f"the file {path} cannot be written (Is a directory): events are lost"
    ]


class Sink:
    """Takes events in, fails while it is told to, and can be held up."""

    def __init__(self) -> None:
        self.taken: list[Event] = []
        self.failing = False
        self.open = threading.Event()
        self.open.set()
        self.writer = Writer("it", self.write)

    def write(self, events: Any) -> None:
        assert self.open.wait(10)
        if self.failing:
            raise OSError(28, "No space left on device")
        self.taken += events


async def test_when_it_can_be_written_again_that_is_told_with_how_many_were_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = Sink()
    for failing in (True, True, False, False, True):
        sink.failing = failing
        sink.writer.put(EVENT)
        await sink.writer.start()
        await sink.writer.close()
    assert caplog.messages == [
        "it cannot be written (No space left on device): events are lost",
        "it is written again; 2 events were lost",
        "it cannot be written (No space left on device): events are lost",
    ]
    assert (len(sink.taken), sink.writer.lost) == (2, 3)


async def test_where_it_is_too_slow_what_waits_is_bounded_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_writer, "_WAITING", 10)
    sink = Sink()
    sink.open.clear()
    await sink.writer.start()
    for _ in range(100):
        sink.writer.put(EVENT)
    assert sink.writer.lost >= 100 - 10 - _writer._AT_ONCE
    assert sink.writer._waiting.qsize() <= 10
    sink.open.set()
    await sink.writer.close()
    assert len(sink.taken) + sink.writer.lost == 100
    with caplog.at_level(logging.WARNING):
        assert "it cannot be written (it is too slow): events are lost" in caplog.messages
