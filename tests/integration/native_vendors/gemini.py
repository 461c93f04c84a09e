"""Google's Gemini by generateContent. https://ai.google.dev/api/generate-content.

https://ai.google.dev/gemini-api/docs/thought-signatures
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from request_rules_openai import words

from modelmesh.testing.fake_wire import Received
from native_vendors.script import Call, Heard, Saying, halves
from native_vendors.vendor import Failure, Json, Vendor

SKIPS_CHECK = "skip_thought_signature_validator"
_KEYWORDS = words(
    """$id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems
    minimum maximum anyOf oneOf properties additionalProperties required propertyOrdering"""
)
_STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND"}


class Gemini(Vendor):
    model = "gemini-3.8-flash"
    connector = "google.gemini.v1"
    base = "/v1beta"
    path = "/v1beta/models/gemini-3.8-flash:generateContent"
    key_header = ("x-goog-api-key", "{key}")
    overloaded = Failure(
        503,
        {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}},
    )

    def path_of(self, request: Received) -> str:
        events = self.path.replace(":generateContent", ":streamGenerateContent?alt=sse")
        return events if request.streaming else self.path

    def error(self, status: int, message: str) -> Json:
        return {"error": {"code": status, "message": message, "status": _STATUSES[status]}}

    def complaints(self, body: Json) -> Iterator[str]:
        contents = body["contents"]
        if any(content.get("role") not in ("user", "model") for content in contents):
            yield "Please use a valid role: user, model."
        for content, after in pairwise([*contents, {"parts": []}]):
            made = [part for part in content["parts"] if "functionCall" in part]
            came = [part for part in after["parts"] if "functionResponse" in part]
            if len(made) != len(came):
                yield (
                    "Please ensure that the number of function response parts is equal to the "
                    "number of function call parts of the function call turn."
                )
            if made and "thoughtSignature" not in made[0]:
                name = made[0]["functionCall"]["name"]
                yield f"Function call is missing a thought_signature in functionCall parts: {name}"
        signed = [part for content in contents for part in content["parts"]]
        told = {part["thoughtSignature"] for part in signed if "thoughtSignature" in part}
        if told - {SKIPS_CHECK, *self.issued}:
            yield "Corrupted thought signature."
        self.returned |= told
        declared = [f for tool in body.get("tools") or [] for f in tool["functionDeclarations"]]
        for function in declared:
            for name in _unknown(function.get("parametersJsonSchema")):
                yield f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'

    def heard(self, body: Json) -> Heard:
        declared = [f for tool in body.get("tools") or [] for f in tool["functionDeclarations"]]
        config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
        allowed = config.get("allowedFunctionNames") or [function["name"] for function in declared]
        tools = {f["name"]: f.get("parametersJsonSchema") or {"type": "object"} for f in declared}
        settings = body.get("generationConfig") or {}
        contents = body["contents"]
        texts = [_texts(content) for content in contents if content["role"] == "user"]
        return Heard(
            question=next((text for text in reversed(texts) if text), ""),
            results=_results(contents),
            tools={name: tools[name] for name in allowed if config.get("mode") != "NONE"},
            must_call=config.get("mode") == "ANY",
            schema=settings.get("responseJsonSchema"),
            thinks=(settings.get("thinkingConfig") or {}).get("includeThoughts") is True,
        )

    def said(self, saying: Saying, number: int) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        if saying.text:
            parts.append({"text": saying.text})
        # Without ids, as most of its models make them.
        made = [{"name": call.name, "args": call.arguments} for call in saying.calls]
        parts += [{"functionCall": call} for call in made]
        parts[0]["thoughtSignature"] = f"Ci/{number}+gemini=="
        self.issued.append(f"Ci/{number}+gemini==")
        if saying.thought:
            parts.insert(0, {"text": saying.thought, "thought": True})
        return self._piece(parts, number, reason=self.ending or "STOP")

    def streamed(self, said: dict[str, Any], _: Json) -> Sequence[Json]:
        parts = said["candidates"][0]["content"]["parts"]
        number = int(said["responseId"].partition("-")[2])
        pieces = [self._piece([piece], number) for part in parts for piece in _pieces(part)]
        reason = said["candidates"][0]["finishReason"]
        return [*pieces, self._piece([{"text": ""}], number, reason=reason)]

    def _piece(
        self, parts: Sequence[Json], number: int, reason: str | None = None
    ) -> dict[str, Any]:
        ending = {"finishReason": reason} if reason else {}
        counts = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
        return {
            "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, **ending}],
            "usageMetadata": counts,
            "modelVersion": self.model,
            "responseId": f"response-{number}",
        }


def _unknown(schema: Any) -> Iterator[str]:
    """Give the keywords which Gemini does not list.

    https://ai.google.dev/gemini-api/docs/structured-output#json_schema_support
    """
    if not isinstance(schema, dict):
        return
    yield from sorted(schema.keys() - _KEYWORDS)
    named = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    several = [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("prefixItems", [])]
    for inner in (*named, *several, schema.get("items"), schema.get("additionalProperties")):
        yield from _unknown(inner)


def _pieces(part: Json) -> list[Json]:
    """Return a part as it is streamed: calls come whole, a signature comes with the last words."""
    if "text" not in part:
        return [part]
    *others, last = halves(part["text"])
    plain = {name: value for name, value in part.items() if name != "thoughtSignature"}
    return [*({**plain, "text": text} for text in others), {**part, "text": last}]


def _results(contents: Sequence[Json]) -> list[tuple[Call, str]]:
    """Match the results with their calls, which is done by their order."""
    came = [p["functionResponse"] for p in contents[-1]["parts"] if "functionResponse" in p]
    if not came:
        return []
    made = [p["functionCall"] for p in contents[-2]["parts"] if "functionCall" in p]
    return [
        (Call(id="", name=call["name"], arguments=call["args"]), str(one["response"]["result"]))
        for call, one in zip(made, came, strict=True)
    ]


def _texts(content: Json) -> str:
    return " ".join(part["text"] for part in content["parts"] if "text" in part)
