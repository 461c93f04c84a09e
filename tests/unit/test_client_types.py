"""What type checkers see without `openai`; with it, `tests/typing` is checked like all our code."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import modelmesh

_USERS_CODE = """
import modelmesh

with modelmesh.create("chat-completion") as client:
    answer = client.chat.completions.create(messages=[{"role": "user", "content": "Hello!"}])
    reveal_type(answer)
    for chunk in client.chat.completions.create(messages=[], stream=True):
        print(chunk.choices[0].delta.content)
    for model in client.models.list():
        print(model.id)
    reveal_type(client.embeddings.create(input="a"))
    reveal_type(client.audio.speech.create(input="a", voice="alloy").content)
    print(client.audio.transcriptions.create(file=b"RIFF").text)
    modelmesh.creat()
"""

_MYPY = "-m mypy --strict --no-error-summary --python-executable venv/bin/python program.py"


def test_without_openai_answers_are_any_and_nothing_else_is_lost(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (site / "modelmesh").symlink_to(Path(modelmesh.__file__).parent)
    for library in ("attr", "attrs"):
        (site / library).symlink_to(Path(sysconfig.get_path("purelib")) / library)
    (tmp_path / "program.py").write_text(_USERS_CODE)

    checked = subprocess.run(
        [sys.executable, *_MYPY.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert checked.stderr == ""
    assert checked.stdout.splitlines() == [
        'program.py:6: note: Revealed type is "Any"',
        'program.py:11: note: Revealed type is "Any"',
        'program.py:12: note: Revealed type is "bytes"',
        'program.py:14: error: Module has no attribute "creat"; maybe "create"?  [attr-defined]',
    ]
