"""Forms: what clients fill in, read from the bytes they send, and written for vendors."""

import base64
import json
import string
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors.providers._form import form
from modelmesh.errors import RequestError
from modelmesh.proxy import bodies, forms, uploads
from modelmesh.proxy.errors import Refused
from modelmesh.types import Upload

KIND = "multipart/form-data; boundary=b"
AUDIO = bytes(range(256))


def part(head: str, content: bytes = b"", boundary: str = "b") -> bytes:
    return f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def field(name: str, text: str) -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', text.encode())


FILE = part('Content-Disposition: form-data; name="file"; filename="a.wav"', AUDIO)
END = b"--b--\r\n"


def refusal(raw: bytes, kind: str = KIND) -> Refused:
    with pytest.raises(Refused) as raised:
        forms.parse(raw, kind)
    assert raised.value.status == 400
    return raised.value


NAMES = st.text(st.characters(exclude_characters='[]%"\\', exclude_categories=["C"]), min_size=1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
# Bytes that are likely to be taken for what parts a form.
TRICKY = st.lists(
    st.one_of(
        st.binary(),
        st.sampled_from([b"\r\n", b"--", b"\r\n--", b"\r\n\r\n", b"modelmesh-", b"b", b"--b--"]),
    )
).map(b"".join)


@given(
    fields=st.dictionaries(NAMES, TEXTS | st.lists(TEXTS, min_size=1), max_size=5),
    name=NAMES,
    content=TRICKY,
    seed=st.text(),
)
def test_what_is_written_is_read_again(
    fields: dict[str, Any], name: str, content: bytes, seed: str
) -> None:
    upload = Upload(name=name, content_type="audio/wav", content=content)
    written = form(fields, upload, seed=seed)
    read = forms.parse(written.body, written.content_type)
    assert read.fields == fields
    assert read.files == {"file": upload}
    assert form(fields, upload, seed=seed) == written


@given(content=TRICKY)
def test_a_boundary_is_nowhere_in_what_it_parts(content: bytes) -> None:
    first = form({}, Upload(name="a", content=content), seed="r")
    boundary = first.content_type.partition("boundary=")[2].encode()
    around = content + b"\r\n--" + boundary + content
    second = form({}, Upload(name="a", content=around), seed="r")
    assert second.content_type != first.content_type
    assert forms.parse(second.body, second.content_type).files["file"].content == around


def outcome(raw: bytes, kind: str) -> forms.Form | str:
    """Return the form, or why it is refused."""
    try:
        return forms.parse(raw, kind)
    except Refused as refused:
        return str(refused)


@given(raw=st.binary() | TRICKY, kind=st.text())
def test_any_bytes_are_a_form_or_refused_for_a_reason(raw: bytes, kind: str) -> None:
    for content_type in (kind, KIND, f"multipart/form-data; boundary={kind}"):
        for body in (raw, b"--b\r\n" + raw + b"\r\n--b--", FILE + raw + END):
            assert outcome(body, content_type)


def test_a_line_that_only_begins_like_a_boundary_is_content() -> None:
    tricky = b"x\r\n--bc\r\n--b c\r\n--b"
    raw = part('Content-Disposition: form-data; name="file"; filename="a"', tricky + b"x") + END
    assert forms.parse(raw, KIND).files["file"].content == tricky + b"x"


def test_a_preamble_and_an_epilogue_are_no_parts() -> None:
    read = forms.parse(b"Hello!\r\n" + field("model", "m") + END + b"\r\nBye!", KIND)
    assert read == forms.Form({"model": "m"}, {})


def test_a_boundary_may_be_quoted_and_lines_padded() -> None:
    raw = b'--a b\t \r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--a b--'
    assert forms.parse(raw, 'multipart/form-data; charset=utf-8; boundary="a b"').fields == {
        "x": "1"
    }


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('name="file"; filename="a.wav"', "a.wav"),
        ("name=file; filename=a.wav", "a.wav"),
        ('filename="a.wav"; name="file"', "a.wav"),
        ('NAME="file"; FileName="a.wav"', "a.wav"),
        ('name="file"; filename="Übung 1;2.wav"', "Übung 1;2.wav"),
        ('name="file"; filename="say %22hi%22.wav"', 'say "hi".wav'),
        ('name="file"; filename="say \\"hi\\".wav"', 'say "hi".wav'),
        ("name=\"file\"; filename*=utf-8''%C3%9Cbung.wav", "Übung.wav"),
    ],
)
def test_a_file_has_its_name_however_it_is_quoted(disposition: str, name: str) -> None:
    raw = part(f"Content-Disposition: form-data; {disposition}\r\nContent-Type: audio/wav", AUDIO)
    upload = Upload(name=name, content_type="audio/wav", content=AUDIO)
    assert forms.parse(raw + END, KIND).files == {"file": upload}


def test_fields_are_texts_lists_and_objects() -> None:
    raw = b"".join(
        [
            field("model", "m"),
            field("timestamp_granularities[]", "word"),
            field("include", "a"),
            field("include", "b"),
            field("chunking_strategy[type]", "server_vad"),
            field("chunking_strategy[threshold]", "0.5"),
        ]
    )
    assert forms.parse(raw + END, KIND).fields == {
        "model": "m",
        "timestamp_granularities": ["word"],
        "include": ["a", "b"],
        "chunking_strategy": {"type": "server_vad", "threshold": "0.5"},
    }


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "No part of the form begins with its boundary, --b."),
        ((FILE + END).replace(b"--b", b"--c"), "No part"),
        (FILE.replace(b"\r\n", b"\n"), "No part"),
        (field("a", "1"), "ends before its last boundary"),
        (b"--b\r\n" + END, "headers of a part of the form do not end"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n" + END, "has no name"),
        (b"--b\r\n\r\n1\r\n" + END, "has no name"),
        (part('Content-Disposition: form-data; name="a"', b"\xff") + END, "needs a `filename`"),
        (FILE + FILE + END, "more than one file `file`"),
        (field("a", "1") + field("a[b]", "1") + END, "cannot have both a value and parts"),
        (field("a[b]", "1") + field("a", "1") + END, "cannot have both a value and parts"),
        (field("a[b]", "1") + field("a[]", "1") + END, "cannot have both a value and parts"),
        (field("a", "1") * 1001 + END, "more than 1000 parts"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_with_what_is_wrong(raw: bytes, words: str) -> None:
    assert words in str(refusal(raw))


@pytest.mark.parametrize("kind", ["multipart/form-data", 'multipart/form-data; boundary=""'])
def test_a_form_without_a_boundary_is_refused(kind: str) -> None:
    assert "has no boundary" in str(refusal(FILE + END, kind))


def test_twenty_five_mebibytes_are_read_in_no_time() -> None:
    largest = (bytes(range(256)) * 4096 + b"\r\n--b\r\n-") * 24
    written = form({"model": "m"}, Upload(name="a.wav", content=largest), seed="r")
    started = time.process_time()
    read = forms.parse(written.body, written.content_type)
    assert time.process_time() - started < 0.5
    assert read.files["file"].content == largest


def transcription(body: dict[str, Any]) -> tuple[dict[str, Any], Upload]:
    return uploads.transcription(json.dumps(body).encode(), {"content-type": "application/json"})


@pytest.mark.parametrize(
    ("told", "kind", "name"),
    [
        ("{}", "application/octet-stream", "audio.mp3"),
        ("data:audio/wav;base64,{}", "audio/wav", "audio.wav"),
        ("data:audio/mpeg;base64,{}", "audio/mpeg", "audio.mp3"),
        ("data:audio/x-m4a;base64,{}", "audio/x-m4a", "audio.m4a"),
        ("data:audio/webm;codecs=opus;base64,{}", "audio/webm", "audio.webm"),
        ("data:;base64,{}", "application/octet-stream", "audio.mp3"),
    ],
)
@pytest.mark.parametrize("encode", [base64.b64encode, base64.encodebytes], ids=["line", "lines"])
def test_json_may_hold_the_file(told: str, kind: str, name: str, encode: Any) -> None:
    body, upload = transcription({"model": "m", "file": told.format(encode(AUDIO).decode())})
    assert body == {"model": "m"}
    assert upload == Upload(name=name, content_type=kind, content=AUDIO)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "must be the audio to transcribe"),
        ({"file": None}, "must be the audio to transcribe"),
        ({"file": ""}, "in base64, or a data URI"),
        ({"file": 5}, "in base64, or a data URI"),
        ({"file": "no base64!"}, "`file` is neither base64"),
        ({"file": "https://example.org/a.wav"}, "nor a data URI in base64"),
        ({"file": "data:audio/wav;base64,"}, "`file` is empty"),
    ],
)
def test_json_without_a_file_is_refused(body: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        transcription({"model": "m", **body})


def test_a_file_without_a_name_or_without_a_byte_is_refused_with_the_reason() -> None:
    for raw, words in (
        (field("file", "RIFF"), "needs a `filename`"),
        (FILE.replace(AUDIO, b""), "`file` is empty"),
    ):
        with pytest.raises(Refused, match=words):
            uploads.transcription(raw + END, {"content-type": KIND})


@pytest.mark.parametrize("number", ["warm", "nan", "inf", ""])
def test_a_temperature_that_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(Refused, match="`temperature` must be a number"):
        uploads.transcription(FILE + field("temperature", number) + END, {"content-type": KIND})


@given(text=st.text(string.ascii_letters))
def test_a_stream_is_asked_for_by_true_and_by_nothing_else(text: str) -> None:
    body, _ = uploads.transcription(FILE + field("stream", text) + END, {"content-type": KIND})
    expected = {"true": True, "false": False}.get(text.lower(), text)
    assert body["stream"] == expected


def test_a_stream_asked_for_twice_is_left_to_be_refused() -> None:
    raw = FILE + field("stream", "true") * 2 + END
    body, _ = uploads.transcription(raw, {"content-type": KIND})
    with pytest.raises(RequestError, match="`stream` must be true or false"):
        bodies.check("transcriptions", {"model": "m", **body})
