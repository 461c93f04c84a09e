"""`modelmesh mock-upstream`: a vendor that goes wrong on request, as people start it."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import modelmesh
from modelmesh.cli import mock_upstream
from modelmesh.testing import FakeProvider
from modelmesh.testing.fake_provider import CATALOGUE, EMBEDDINGS, IMAGES, SPEECH, TRANSCRIPTIONS

CODE = "import sys; from modelmesh.cli import main; sys.exit(main())"
COMMAND = (sys.executable, "-c", CODE, "mock-upstream")


@asynccontextmanager
async def started(*flags: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Start it, and read what it says to the end of the configuration."""
    process = await asyncio.create_subprocess_exec(*COMMAND, *flags, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    try:
        said = b""
        while not said.endswith(b"]}\n\n"):
            line = await process.stdout.readline()
            assert line, said
            said += line
        yield process, said.decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_what_it_prints_is_a_configuration_that_works(
    number: signal.Signals, tmp_path: Path
) -> None:
    async with started("--port", "0") as (process, said):
        file = tmp_path / "modelmesh.yaml"
        file.write_text(said.partition("For a modelmesh.yaml:\n\n")[2])
        async with modelmesh.create_async(config=file) as client:
            answer = await client.chat.completions.create(
                messages=[{"role": "user", "content": "Hello!"}]
            )
            assert answer.choices[0].message.content == "Hello from ok"
            assert answer.model == "ok"
        process.send_signal(number)
        assert await process.wait() == 0


async def test_a_port_that_is_taken_is_told() -> None:
    async with FakeProvider() as there:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "--port", str(there.port), stderr=asyncio.subprocess.PIPE
        )
        _, complaint = await process.communicate()
    assert process.returncode == 1
    assert b"choose another port with --port" in complaint


def test_the_list_has_every_model_and_its_settings() -> None:
    lines = list(mock_upstream.listed())
    names = {line.split()[0] for line in lines if re.match(r"  \S", line)}
    assert names == {*CATALOGUE, *EMBEDDINGS, *IMAGES, *SPEECH, *TRANSCRIPTIONS}
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines if re.match(r"  \S", line))
    assert any("~code=500" in line for line in lines)
