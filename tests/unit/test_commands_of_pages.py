"""Commands are found on pages as people write them."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from scripts.commands import blocks, commands

ROOT = Path(__file__).parents[2]
PAGE = """\
Say `./scripts/demo --once`, or [`python -m modelmesh`](x.md); `modelmesh` alone is a word, and
`pip install
x` is broken over lines.

```console
python -m modelmesh.proxy       # a comment
curl http://localhost:8080/ \\
  -d '{
"a": "# no comment"}'
```

```python
print("`./scripts/never`")
```
"""


def test_those_in_blocks_and_in_sentences_are_found_in_their_order() -> None:
    assert [[command.line for command in block] for block in blocks(PAGE)] == [
        ["./scripts/demo --once"],
        ["pip install x"],
        [
            "python -m modelmesh.proxy",
            'curl http://localhost:8080/ \\\n  -d \'{\n"a": "# no comment"}\'',
        ],
    ]


def test_what_is_written_into_a_file_belongs_to_its_command() -> None:
    text = ["cat > .env << 'EOF'", "KEY='open", "EOF", "ls"]
    assert list(commands(text)) == ["cat > .env << 'EOF'\nKEY='open\nEOF", "ls"]


@given(st.lists(st.sampled_from(["ls", "echo \\", "'a", "b'", "cat << E", "E"])))
def test_no_line_is_in_two_commands_and_none_is_made_up(lines: list[str]) -> None:
    found = [line for command in commands(lines) for line in command.split("\n")]
    assert found == lines[: len(found)]


def test_our_pages_have_some() -> None:
    for page in ("README.md", "docs/proxy.md"):
        assert len(list(blocks((ROOT / page).read_text()))) >= 4
