import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelmesh.connectors.providers._splice import spliced

NAMES = st.sampled_from(["model", 'say "model"', "mod", "\\model", "m", "é", "models"])
TEXTS = st.text(max_size=8) | NAMES | st.sampled_from(["\ud800", "😀", "]}", '{"model":"x"}'])
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=3),
    max_leaves=8,
)
OTHERS = st.dictionaries((NAMES | TEXTS).filter(lambda name: name != "model"), VALUES, max_size=4)
# The name may stand anywhere among other parameters.
BODIES = st.builds(
    lambda before, model, after: {**before, "model": model, **after}, OTHERS, TEXTS, OTHERS
)
SPACE = st.sampled_from(["", " ", "\n", "\t ", "\r\n"])


def written(body: Any, draw: Any) -> bytes:
    """Write JSON in one of the ways there are, white space anywhere."""
    space = draw(SPACE)
    text = json.dumps(
        body,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 1])),
        separators=(f"{space},{draw(SPACE)}", f"{draw(SPACE)}:{space}"),
    )
    return f"{draw(SPACE)}{text}{space}".encode(errors="surrogatepass")


@given(BODIES, st.text() | st.just('a"b\\'), st.data())
@example({"model": "a", "x": '"model":'}, "b", None)
def test_only_the_models_name_changes(body: dict[str, Any], model: str, data: Any) -> None:
    raw = written(body, data.draw) if data else json.dumps(body).encode()
    new = spliced(raw, model)
    assert new is not None
    assert json.loads(new) == {**body, "model": model}
    name = json.dumps(model).encode()
    places = [at for at in range(len(new)) if new.startswith(name, at)]
    left_alone = [(new[:at], new[at + len(name) :]) for at in places]
    assert any(raw.startswith(head) and raw.endswith(tail) for head, tail in left_alone)


@given(BODIES, st.text(max_size=5), st.data())
def test_doubt_never_ends_in_a_wrong_body(body: dict[str, Any], model: str, data: Any) -> None:
    raw = written(body, data.draw)
    twice = raw.replace(b"{", b'{"model":"first",', 1)
    escaped = raw.replace(b'"model"', rb'"\u006dodel"', data.draw(st.integers(0, 2)))
    for odd in (twice, escaped, b"\xef\xbb\xbf" + raw):
        new = spliced(odd, model)
        assert new is None or json.loads(new) == {**json.loads(odd), "model": model}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"a","model":"b"}',
        b'{"model":"a","mod\\u0065l":"b"}',
        b'{"messages":[{"model":"a"}],"mod\\u0065l":"b"}',
        '{"model":"a"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"model":"a"}',
        b'{"model":1}',
        b"",
    ],
)
def test_a_body_which_leaves_doubt_is_left_to_be_written_anew(raw: bytes) -> None:
    assert spliced(raw, "new") is None


def test_numbers_order_escapes_and_spaces_are_kept() -> None:
    raw = rb'{ "seed":1.50,"model" : "virtual" ,"tools":[{"model":"x"}],"t":"caf\u00e9 \/"}'
    assert spliced(raw, "real/model") == raw.replace(b'"virtual"', b'"real/model"')
