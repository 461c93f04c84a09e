import copy
import json
import pickle
import typing
from collections.abc import Iterator
from typing import Any

import openai.types
import openai.types.audio
import openai.types.chat
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.results import Result
from modelmesh.schemas import (
    CHUNK,
    COMPLETION,
    DIARIZED_TRANSCRIPTION,
    EMBEDDINGS,
    IMAGE_EVENT,
    IMAGES,
    MODEL,
    TRANSCRIPTION,
    TRANSCRIPTION_EVENT,
    VERBOSE_TRANSCRIPTION,
    Schema,
)

BODY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello!", "reasoning": "They greet."},
            "finish_reason": "stop",
        }
    ],
    "x_vendor": {"region": "eu"},
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.fixture
def result() -> Result:
    return Result(BODY, COMPLETION)


def test_fields_are_attributes_at_every_depth(result: Result) -> None:
    assert result.choices[0].message.content == "Hello!"
    assert result["choices"][0]["message"]["content"] == "Hello!"


def test_fields_beyond_the_schema_are_kept(result: Result) -> None:
    assert result.choices[0].message.reasoning == "They greet."
    assert result.x_vendor.region == "eu"


def test_fields_of_the_schema_that_were_left_out_are_none(result: Result) -> None:
    assert result.usage is None
    assert result.choices[0].logprobs is None
    assert result.choices[0].message.tool_calls is None
    assert result.choices[0].message.refusal is None
    assert "usage" not in result


def test_any_other_field_is_an_error_which_names_those_there_are(result: Result) -> None:
    with pytest.raises(AttributeError, match="no field 'text'; there are: index, message, finish"):
        _ = result.choices[0].text
    with pytest.raises(AttributeError, match="no field 'tool_calls'"):
        _ = result.tool_calls
    with pytest.raises(AttributeError, match="no field 'x'; there are: none"):
        _ = Result({}).x
    assert not hasattr(result, "__html__")


def test_a_result_is_a_mapping(result: Result) -> None:
    assert list(result) == ["id", "object", "choices", "x_vendor"]
    assert len(result) == 4
    assert result.get("nothing", 7) == 7
    assert dict(**result.x_vendor) == {"region": "eu"}
    with pytest.raises(KeyError):
        result["usage"]


def test_a_field_called_like_a_method_is_reached_by_brackets() -> None:
    assert Result({"items": [1]})["items"] == [1]


def test_results_are_equal_to_what_has_the_same_fields(result: Result) -> None:
    assert result == Result(BODY)
    assert result == BODY
    assert result != Result({**BODY, "id": "chatcmpl-2"})
    assert result.choices == BODY["choices"]


def test_a_result_cannot_be_changed(result: Result) -> None:
    with pytest.raises(AttributeError, match="'id' cannot be set: a result is read-only"):
        result.id = "other"
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del result.id
    assert result.id == "chatcmpl-1"


def test_it_becomes_plain_dicts_which_can_be_changed_without_changing_it(result: Result) -> None:
    plain = result.to_dict()
    assert plain == BODY
    assert type(plain["choices"][0]["message"]) is dict

    plain["choices"][0]["message"]["content"] = "Bye."

    assert result.choices[0].message.content == "Hello!"
    assert BODY["choices"][0]["message"]["content"] == "Hello!"  # type: ignore[index]  # mixed


def test_it_is_dumped_as_openais_models_are(result: Result) -> None:
    assert result.model_dump() == BODY
    assert result.model_dump(mode="json", exclude_unset=True) == BODY
    assert json.loads(result.to_json()) == BODY
    assert json.loads(result.model_dump_json()) == BODY
    with_null = Result({"content": None, "parts": [{"text": None, "type": "x"}, 1]})
    assert with_null.model_dump(exclude_none=True) == {"parts": [{"type": "x"}, 1]}
    assert with_null.model_dump_json(exclude_none=True) == '{"parts": [{"type": "x"}, 1]}'


def test_it_shows_itself_shortly(result: Result) -> None:
    assert repr(result.choices[0]) == (
        "Result(index=0, message=Result(role='assistant', content='Hello!', "
        "reasoning='They greet.'), finish_reason='stop')"
    )
    long = repr(Result({"content": "x" * 9999, "list": list(range(99))}))
    assert long == f"Result(content='{'x' * 72}'… (9999 characters), list=[0, 1, 2, … 99 in all])"


def test_it_lists_its_fields_for_completion(result: Result) -> None:
    offered = dir(result.choices[0].message)
    assert {"content", "reasoning", "tool_calls", "to_dict"} <= set(offered)


def test_it_can_be_copied_and_pickled(result: Result) -> None:
    for twin in (
        copy.copy(result),
        copy.deepcopy(result),
        pickle.loads(pickle.dumps(result)),
    ):
        assert twin == result
        assert twin.choices[0].message.content == "Hello!"
        assert twin.choices[0].message.tool_calls is None


def test_tool_calls_read_as_openais_do() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    message = Result({"choices": [{"message": {"tool_calls": [call]}}]}, COMPLETION)

    first = message.choices[0].message.tool_calls[0]

    assert (first.id, first.function.name, first.function.arguments) == ("call_1", "now", "{}")
    assert first.custom is None


@given(st.dictionaries(st.text(), json_values))
def test_every_json_object_survives(fields: dict[str, Any]) -> None:
    result = Result(fields)

    assert result.to_dict() == fields
    assert pickle.loads(pickle.dumps(result)) == fields
    assert json.loads(result.to_json()) == json.loads(json.dumps(fields))
    assert repr(result)


def _models_in(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models_in(part)


def _schema_of(*models: type[pydantic.BaseModel]) -> Schema:
    schema: Schema = {}
    for model in models:
        for name, field in model.model_fields.items():
            inner = _schema_of(*_models_in(field.annotation))
            schema[name] = _joined(schema.get(name, {}), inner)
    return schema


def _joined(one: Schema, other: Schema) -> Schema:
    names = [*one, *other]
    return {name: _joined(one.get(name, {}), other.get(name, {})) for name in names}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (COMPLETION, openai.types.chat.ChatCompletion),
        (CHUNK, openai.types.chat.ChatCompletionChunk),
        (MODEL, openai.types.Model),
        (EMBEDDINGS, openai.types.CreateEmbeddingResponse),
        (IMAGES, openai.types.ImagesResponse),
        (IMAGE_EVENT, openai.types.ImageGenStreamEvent),
        (TRANSCRIPTION, openai.types.audio.Transcription),
        (VERBOSE_TRANSCRIPTION, openai.types.audio.TranscriptionVerbose),
        (DIARIZED_TRANSCRIPTION, openai.types.audio.TranscriptionDiarized),
        (TRANSCRIPTION_EVENT, openai.types.audio.TranscriptionStreamEvent),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_the_schema_has_every_field_of_openais_and_no_other(ours: Schema, theirs: Any) -> None:
    assert ours == _schema_of(*_models_in(theirs))
