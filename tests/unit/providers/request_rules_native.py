"""The rules which requests to Anthropic and to Gemini keep.

https://platform.claude.com/docs/en/api/messages/create, https://ai.google.dev/api/generate-content
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from request_rules_openai import Body, unknown, within, words

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ANTHROPIC: Final = words(
    """model messages max_tokens system metadata stop_sequences stream temperature top_p top_k tools
    tool_choice thinking output_config output_format service_tier container context_management
    mcp_servers cache_control inference_geo speed fallbacks diagnostics"""
)
_ANTHROPIC_BLOCKS: Final = {
    "user": words("text image document tool_result search_result container_upload"),
    "assistant": words(
        """text tool_use thinking redacted_thinking server_tool_use web_search_tool_result
        web_fetch_tool_result code_execution_tool_result tool_search_tool_result"""
    ),
    "system": words("text tool_addition"),
}
_ANTHROPIC_CHOICES: Final = frozenset({"auto", "any", "tool", "none"})
_GEMINI: Final = words(
    """contents systemInstruction generationConfig tools toolConfig safetySettings cachedContent
    serviceTier store model"""
)
_GEMINI_CONFIG: Final = words(
    """stopSequences responseMimeType responseSchema responseJsonSchema responseModalities
    candidateCount maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty
    responseLogprobs logprobs thinkingConfig speechConfig imageConfig mediaResolution
    enableEnhancedCivicAnswers"""
)
_GEMINI_PARTS: Final = words(
    """text inlineData fileData functionCall functionResponse executableCode codeExecutionResult
    toolCall toolResponse"""
)
_GEMINI_SCHEMA: Final = words(
    """type format title description nullable enum maxItems minItems properties required
    minProperties maxProperties minLength maxLength pattern example anyOf propertyOrdering default
    items minimum maximum"""
)


def anthropic_complaints(body: Body) -> Iterator[str]:
    """Judge the body of a request to Anthropic."""
    yield from unknown(body, _ANTHROPIC, "the body")
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 0:
        yield "max_tokens is missing"
    messages = body.get("messages") or []
    if not messages or messages[0]["role"] != "user":
        yield "the first message is not the user's"
    for number, message in enumerate(messages):
        yield from (f"message {number}: {text}" for text in _anthropic_message(message))
    yield from _anthropic_results(messages)
    for before, after in pairwise(message["role"] for message in messages):
        if before == after:
            yield f"two turns of the {after} follow each other"
    yield from _anthropic_tools(body)
    yield from within(body, "temperature", 0, 1)
    thinking = body.get("thinking") or {}
    if thinking.get("type") == "enabled":
        budget = thinking.get("budget_tokens", 0)
        if not 1024 <= budget < body.get("max_tokens", 0):
            yield f"a budget of {budget} for thinking is not within 1024 and max_tokens"
        if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
            yield "a call is forced beside thinking"


def _anthropic_message(message: Body) -> Iterator[str]:
    role, content = message.get("role"), message.get("content")
    yield from unknown(message, frozenset({"role", "content"}), "it")
    if role not in ("user", "assistant", "system"):
        yield f"the role {role!r} is unknown"
    if not content:
        yield "it is empty"
    for block in content if isinstance(content, list) else []:
        kind = block.get("type")
        if kind not in _ANTHROPIC_BLOCKS.get(str(role), ()):
            yield f"a {kind} does not belong to the {role}"
        if kind == "text" and not block.get("text"):
            yield "a text is empty"
        if kind == "tool_use" and not isinstance(block.get("input"), dict):
            yield "the input of a call is no object"
        if kind == "tool_use" and not _NAME.fullmatch(block.get("id", "")):
            yield f"{block.get('id')!r} is no id for a call"


def _anthropic_results(messages: Sequence[Body]) -> Iterator[str]:
    """Results follow their calls at once, all in one turn, and before anything else in it."""
    due: list[str] = []
    for message in messages:
        content = message.get("content")
        blocks = [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []
        kinds = [block["type"] for block in blocks]
        results = [b["tool_use_id"] for b in blocks if b["type"] == "tool_result"]
        if sorted(results) != sorted(due):
            yield f"results of {results} follow calls {due}"
        if kinds[: len(results)] != ["tool_result"] * len(results):
            yield "something comes before the results"
        due = [block["id"] for block in blocks if block["type"] == "tool_use"]


def _anthropic_tools(body: Body) -> Iterator[str]:
    for tool in body.get("tools") or []:
        if tool.get("type", "custom") != "custom":
            continue  # one of Anthropic's own
        if not _NAME.fullmatch(tool.get("name", "")):
            yield f"{tool.get('name')!r} is no name for a tool"
        if (tool.get("input_schema") or {}).get("type") != "object":
            yield f"the schema of {tool.get('name')} is not one of an object"
    choice = body.get("tool_choice")
    if choice and choice.get("type") not in _ANTHROPIC_CHOICES:
        yield f"tool_choice is {choice}"
    if choice and choice.get("type") != "none" and not body.get("tools"):
        yield "there is tool_choice without tools"


def gemini_complaints(body: Body) -> Iterator[str]:
    """Judge the body of a request to Gemini."""
    yield from unknown(body, _GEMINI, "the body")
    contents = body.get("contents") or []
    if not contents or contents[0].get("role", "user") != "user":
        yield "the first turn is not the user's"
    for number, content in enumerate(contents):
        yield from (f"turn {number}: {text}" for text in _gemini_content(content))
    yield from _gemini_results(contents)
    for before, after in pairwise(content.get("role") for content in contents):
        if before == after:
            yield f"two turns of the {after} follow each other"
    system = body.get("systemInstruction")
    if system is not None and not (isinstance(system, dict) and system.get("parts")):
        yield "systemInstruction has no parts"
    yield from _gemini_settings(body.get("generationConfig") or {})
    for tool in body.get("tools") or []:
        for function in tool.get("functionDeclarations") or []:
            yield from _gemini_function(function)


def _gemini_settings(settings: Body) -> Iterator[str]:
    yield from unknown(settings, _GEMINI_CONFIG, "generationConfig")
    if len(settings.get("stopSequences") or []) > 5:
        yield "there are more than 5 stopSequences"
    if {"thinkingBudget", "thinkingLevel"} <= (settings.get("thinkingConfig") or {}).keys():
        yield "there are both a budget and a level for thinking"
    if {"responseSchema", "responseJsonSchema"} <= settings.keys():
        yield "there are two schemas"


def _gemini_content(content: Body) -> Iterator[str]:
    yield from unknown(content, frozenset({"role", "parts"}), "it")
    if content.get("role", "user") not in ("user", "model"):
        yield f"the role {content.get('role')!r} is unknown"
    if not content.get("parts"):
        yield "it is empty"
    for part in content.get("parts") or []:
        if len(_GEMINI_PARTS & part.keys()) != 1:
            yield f"a part is not of one kind: {sorted(part)}"
        for kind, value in (("functionCall", "args"), ("functionResponse", "response")):
            if kind in part and not isinstance(part[kind].get(value, {}), dict):
                yield f"{value} of a {kind} are no object"
        if "functionResponse" in part and "response" not in part["functionResponse"]:
            yield "a functionResponse is empty"


def _gemini_results(contents: Sequence[Body]) -> Iterator[str]:
    """The results of a turn's calls come in the next turn, by the names of the functions."""
    due: list[str] = []
    for content in contents:
        parts = content.get("parts") or []
        results = [p["functionResponse"]["name"] for p in parts if "functionResponse" in p]
        if sorted(results) != sorted(due):
            yield f"results of {results} follow calls of {due}"
        due = [part["functionCall"]["name"] for part in parts if "functionCall" in part]


def _gemini_function(function: Body) -> Iterator[str]:
    name = function.get("name")
    if not _NAME.fullmatch(name or ""):
        yield f"{name!r} is no name for a function"
    if {"parameters", "parametersJsonSchema"} <= function.keys():
        yield f"{name} has two schemas"
    yield from (f"the schema of {name} has {key}" for key in _alien(function.get("parameters")))


def _alien(schema: Any) -> Iterator[str]:
    """Give the keywords of a schema which Gemini's subset of OpenAPI does not have."""
    if not isinstance(schema, dict):
        return
    yield from sorted(schema.keys() - _GEMINI_SCHEMA)
    inner = [*(schema.get("properties") or {}).values(), schema.get("items")]
    for one in [*inner, *(schema.get("anyOf") or [])]:
        yield from _alien(one)
