"""Cases 31 to 37: what is lost between OpenAI's wire and those of Anthropic, Gemini and Cohere."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest
import pytest_asyncio
from native_vendors.gemini import SKIPS_CHECK

from failures.wires import CLOCK, QUESTION, TOOLS, WEATHER, Wires, running_wires

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("forgetful")]

ways = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
everybody = pytest.mark.parametrize("name", ["anthropic", "gemini", "cohere", "openai"])
natives = pytest.mark.parametrize("name", ["anthropic", "gemini", "cohere"])

REPORT: Final = {
    "type": "json_schema",
    "json_schema": {
        "name": "report",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
            "required": ["city", "degrees"],
            "additionalProperties": False,
        },
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wires() -> AsyncIterator[Wires]:
    async with running_wires() as running:
        yield running


@pytest.fixture
def forgetful(wires: Wires) -> Iterator[None]:
    wires.vendors.reset()
    yield
    wires.vendors.reset()


def say(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


@ways
@everybody
async def test_case_31_an_answer_with_calls_finishes_for_their_sake(
    wires: Wires, name: str, stream: bool
) -> None:
    came = await wires.ask(name, tools=TOOLS, stream=stream)
    assert came.finish == "tool_calls"
    assert came.calls


@ways
@pytest.mark.parametrize(
    ("name", "word", "finish"),
    [
        ("anthropic", "stop_sequence", "stop"),
        ("anthropic", "max_tokens", "length"),
        ("anthropic", "refusal", "content_filter"),
        ("anthropic", "a_new_reason", "stop"),
        ("gemini", "MAX_TOKENS", "length"),
        ("gemini", "SAFETY", "content_filter"),
        ("gemini", "A_NEW_REASON", "stop"),
        ("cohere", "STOP_SEQUENCE", "stop"),
        ("cohere", "MAX_TOKENS", "length"),
        ("cohere", "ERROR_TOXIC", "content_filter"),
        ("cohere", "A_NEW_REASON", "stop"),
    ],
)
async def test_case_31_every_reason_to_finish_is_openais_and_others_are_kept(
    wires: Wires, name: str, word: str, finish: str, stream: bool
) -> None:
    wires.vendor(name).ending = word
    came = await wires.ask(name, stream=stream)
    assert came.finish == finish
    kept = word if "new_reason" in word.lower() else None
    assert came.choice.get("native_finish_reason") == kept


@everybody
@pytest.mark.parametrize("tools", [[], TOOLS], ids=["text", "calls"])
async def test_case_31_a_stream_keeps_its_names_and_has_one_role_and_one_end(
    wires: Wires, name: str, tools: Any
) -> None:
    came = await wires.ask(name, stream=True, **({"tools": tools} if tools else {}))
    assert len({(c["id"], c["created"], c["model"], c["object"]) for c in came.chunks}) == 1
    choices = [choice for chunk in came.chunks for choice in chunk["choices"]]
    assert [place for place, c in enumerate(choices) if "role" in c["delta"]] == [0]
    assert [c["finish_reason"] is not None for c in choices] == [
        *[False] * (len(choices) - 1),
        True,
    ]


@ways
@everybody
async def test_case_32_calls_made_at_once_are_told_apart(
    wires: Wires, name: str, stream: bool
) -> None:
    came = await wires.ask(name, tools=TOOLS, stream=stream)
    made = [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in came.calls]
    assert made == [("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"}), ("clock", {})]
    assert len({call["id"] for call in came.calls}) == 3
    pieces = [
        piece
        for chunk in came.chunks
        for choice in chunk["choices"]
        for piece in choice["delta"].get("tool_calls") or []
    ]
    if stream:
        assert [p["index"] for p in pieces if p.get("id")] == [0, 1, 2]
        assert [p["index"] for p in pieces if p["function"].get("name")] == [0, 1, 2]


@ways
@everybody
async def test_case_32_results_find_their_calls_in_any_order(
    wires: Wires, name: str, stream: bool
) -> None:
    came = await wires.ask(name, tools=TOOLS, stream=stream)
    told = [QUESTION, came.bare, *came.results()]
    said = await wires.ask(name, *told, tools=TOOLS, stream=stream)
    assert said.message["content"] == "Oslo: of 0, Rome: of 1, clock: of 2"
    assert said.finish == "stop"


@ways
@everybody
async def test_case_33_a_call_without_arguments_has_an_empty_object(
    wires: Wires, name: str, stream: bool
) -> None:
    came = await wires.ask(name, tools=[CLOCK], stream=stream)
    assert [call["function"]["arguments"] for call in came.calls] == ["{}"]


@natives
@pytest.mark.parametrize("arguments", ["", "{}", " ", None, ...], ids=str)
async def test_case_33_arguments_which_are_none_may_be_spelled_so(
    wires: Wires, name: str, arguments: Any
) -> None:
    function = {"name": "clock"} | ({} if arguments is ... else {"arguments": arguments})
    call = {"id": "call_1", "type": "function", "function": function}
    spoken = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "noon"}
    said = await wires.ask(name, QUESTION, spoken, result, tools=[CLOCK])
    assert said.message["content"] == "clock: noon"


@natives
async def test_case_33_arguments_which_are_no_json_are_named_and_nobody_is_asked(
    wires: Wires, name: str
) -> None:
    function = {"name": "weather", "arguments": '{"city": "Os'}
    call = {"id": "call_1", "type": "function", "function": function}
    spoken = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "rain"}
    received = await wires.send(name, QUESTION, spoken, result, tools=TOOLS)
    assert received.status == 400
    assert "messages[1].tool_calls[0]" in received.error["param"]
    assert wires.vendor(name).asked == []


HARD: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "city": {"type": ["string", "null"], "examples": ["Oslo"], "readOnly": True},
        "$id": {"const": "x"},
        "default": {"$ref": "#/$defs/node"},
        "of": {"oneOf": [{"type": "string"}, {"type": "integer", "multipleOf": 2}]},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    },
    "required": ["city", "elsewhere"],
    "patternProperties": {"^x": {"type": "string"}},
    "propertyNames": {"pattern": "^[a-z]"},
    "additionalProperties": False,
    "$defs": {
        "node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}},
    },
}


@ways
async def test_case_34_gemini_is_sent_no_keyword_which_it_does_not_know(
    wires: Wires, stream: bool
) -> None:
    tool = {"type": "function", "function": {"name": "hard", "parameters": HARD}}
    came = await wires.ask("gemini", tools=[tool], stream=stream)
    assert came.calls[0]["function"]["name"] == "hard"
    (declared,) = wires.vendor("gemini").asked[0]["tools"][0]["functionDeclarations"]
    schema = declared["parametersJsonSchema"]
    # Properties may have the names of keywords.
    assert schema["properties"].keys() == HARD["properties"].keys()
    assert schema["required"] == ["city"]


def looped(came: Any, *, bare: bool) -> list[dict[str, Any]]:
    return [QUESTION, came.bare if bare else came.message, *came.results()]


@ways
@pytest.mark.parametrize("name", ["anthropic", "budget"])
async def test_case_35_anthropics_thoughts_come_back_byte_for_byte_before_the_calls(
    wires: Wires, name: str, stream: bool
) -> None:
    thinking = {"tools": TOOLS, "reasoning_effort": "low", "stream": stream}
    came = await wires.ask(name, **thinking)
    said = await wires.ask(name, *looped(came, bare=False), **thinking)
    assert said.message["content"] == "Oslo: of 0, Rome: of 1, clock: of 2"
    vendor = wires.vendor(name)
    first, second = vendor.asked
    assert first["thinking"] == second["thinking"]
    sent = second["messages"][1]["content"]
    assert [block["type"] for block in sent] == ["thinking", "redacted_thinking", *["tool_use"] * 3]
    assert [json.dumps(block, sort_keys=True) for block in sent[:2]] == vendor.issued[:2]


@ways
async def test_case_35_geminis_signature_comes_back_on_the_call_it_came_with(
    wires: Wires, stream: bool
) -> None:
    came = await wires.ask("gemini", tools=TOOLS, reasoning_effort="low", stream=stream)
    said = await wires.ask("gemini", *looped(came, bare=False), tools=TOOLS, stream=stream)
    assert said.message["content"] == "Oslo: of 0, Rome: of 1, clock: of 2"
    vendor = wires.vendor("gemini")
    parts = vendor.asked[1]["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [vendor.issued[0], None, None]


@ways
async def test_case_35_what_cohere_thought_and_planned_comes_back(
    wires: Wires, stream: bool
) -> None:
    thinking = {"tools": TOOLS, "reasoning_effort": "low", "stream": stream}
    came = await wires.ask("cohere", **thinking)
    await wires.ask("cohere", *looped(came, bare=False), **thinking)
    vendor = wires.vendor("cohere")
    (part,) = vendor.asked[1]["messages"][1]["content"]
    assert part["thinking"].startswith(vendor.thought)
    assert came.message["tool_plan"] in part["thinking"]


@ways
async def test_case_35_a_client_which_drops_thoughts_is_told_that_none_are_thought(
    wires: Wires, stream: bool
) -> None:
    thinking = {"tools": TOOLS, "reasoning_effort": "low", "stream": stream}
    came = await wires.ask("budget", **thinking)
    said = await wires.ask("budget", *looped(came, bare=True), **thinking)
    assert said.headers["x-modelmesh-dropped-params"] == "reasoning_effort"
    assert "thinking" not in wires.vendor("budget").asked[1]


@ways
async def test_case_35_a_client_which_drops_signatures_goes_on_with_gemini(
    wires: Wires, stream: bool
) -> None:
    came = await wires.ask("gemini", tools=TOOLS, stream=stream)
    said = await wires.ask("gemini", *looped(came, bare=True), tools=TOOLS, stream=stream)
    assert said.message["content"] == "Oslo: of 0, Rome: of 1, clock: of 2"
    assert wires.vendor("gemini").returned == {SKIPS_CHECK}


@ways
@everybody
@pytest.mark.parametrize("first", ["anthropic", "gemini", "cohere"])
async def test_case_35_another_vendor_gets_no_state(
    wires: Wires, first: str, name: str, stream: bool
) -> None:
    thinking = {"tools": TOOLS, "reasoning_effort": "low", "stream": stream}
    came = await wires.ask(first, **thinking)
    said = await wires.ask(name, *looped(came, bare=False), **thinking)
    assert said.message["content"] == "Oslo: of 0, Rome: of 1, clock: of 2"
    told = json.dumps(wires.vendor(name).asked[-1], ensure_ascii=False)
    assert first == name or [s for s in wires.vendor(first).states if s in told] == []


def instructions(name: str, body: Any) -> list[str]:
    """Return what a vendor was told apart from the conversation."""
    match name:
        case "anthropic":
            return [block["text"] for block in body.get("system", [])]
        case "gemini":
            return [part["text"] for part in body.get("systemInstruction", {}).get("parts", [])]
    known = ("system", "developer") if name == "openai" else ("system",)
    return [m["content"] for m in body["messages"] if m["role"] in known]


@ways
@everybody
async def test_case_36_developers_and_the_system_are_heard_in_their_order(
    wires: Wires, name: str, stream: bool
) -> None:
    told = [say("developer", "Be brief."), say("system", "Be kind."), QUESTION]
    await wires.ask(name, *told, stream=stream)
    assert instructions(name, wires.vendor(name).asked[0]) == ["Be brief.", "Be kind."]


@ways
@everybody
@pytest.mark.parametrize(
    "told",
    [
        [QUESTION, say("assistant", "Well."), say("system", "Be terse."), QUESTION],
        [say("system", "Be terse."), QUESTION, say("system", "And kind."), say("assistant", "So.")],
        [say("user", "One."), say("user", "Two."), say("assistant", "Three."), QUESTION],
        [QUESTION, say("assistant", "Three."), say("assistant", "Four."), say("user", "Five.")],
        [say("assistant", "I begin."), QUESTION],
        [QUESTION, say("assistant", ""), say("user", "Still there?")],
        [QUESTION, say("assistant", "It is")],
        [say("system", "Alone.")],
    ],
    ids=[
        "system in the middle",
        "system before the assistant",
        "user twice",
        "assistant twice",
        "assistant first",
        "nothing said",
        "to be continued",
        "system alone",
    ],
)
async def test_case_36_whoever_speaks_when_is_heard(
    wires: Wires, name: str, told: Any, stream: bool
) -> None:
    await wires.ask(name, *told, stream=stream)
    sent = json.dumps(wires.vendor(name).asked[0])
    assert [m["content"] for m in told if m["content"] not in sent] == []


@ways
@pytest.mark.parametrize("name", ["anthropic", "budget", "old", "gemini"])
async def test_case_36_what_is_said_before_the_results_does_not_part_them_from_their_calls(
    wires: Wires, name: str, stream: bool
) -> None:
    came = await wires.ask(name, tools=TOOLS, stream=stream)
    told = [QUESTION, came.message, say("system", "Be terse."), *came.results()]
    said = await wires.ask(name, *told, tools=TOOLS, stream=stream)
    assert said.message["content"] == "Oslo: of 0, Rome: of 1, clock: of 2"
    assert "Be terse." in json.dumps(wires.vendor(name).asked[1])


@ways
@pytest.mark.parametrize("name", ["anthropic", "budget", "old", "gemini", "cohere", "openai"])
async def test_case_37_an_answer_by_a_schema_is_the_content(
    wires: Wires, name: str, stream: bool
) -> None:
    came = await wires.ask(name, response_format=REPORT, stream=stream)
    assert json.loads(came.message["content"]) == {"city": "Oslo", "degrees": 7}
    assert (came.finish, came.calls) == ("stop", [])


@ways
@pytest.mark.parametrize("name", ["anthropic", "budget", "old", "gemini", "openai"])
async def test_case_37_beside_tools_calls_stay_calls_and_the_answer_is_the_content(
    wires: Wires, name: str, stream: bool
) -> None:
    asking = {"tools": [WEATHER], "response_format": REPORT, "stream": stream}
    came = await wires.ask(name, **asking)
    assert came.finish == "tool_calls"
    assert {call["function"]["name"] for call in came.calls} == {"weather"}
    assert not came.message.get("content")
    said = await wires.ask(name, *looped(came, bare=False), **asking)
    assert json.loads(said.message["content"]) == {"city": "Oslo", "degrees": 7}
    assert (said.finish, said.calls) == ("stop", [])


@ways
async def test_case_37_who_cannot_answer_by_a_schema_beside_tools_is_passed_over(
    wires: Wires, stream: bool
) -> None:
    asking = {"tools": [WEATHER], "response_format": REPORT, "stream": stream}
    received = await wires.send("cohere", **asking)
    assert received.status == 400
    assert received.error["code"] == "unsupported_parameter"
    assert received.error["param"] == "response_format"
    came = await wires.ask("either", **asking)
    assert came.headers["x-modelmesh-provider"] == "gemini"
    assert wires.vendor("cohere").asked == []
