"""What Gemini's candidates say, and a whole answer of theirs in OpenAI's shape.

An answer with function calls ends with STOP all the same. What Google ran itself (code, a search)
is no call of the client's, and is not shown. A prompt that was refused has no candidates; it is
answered as OpenAI answers what it filters: by a choice that says nothing.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import define, field, frozen

from modelmesh.connectors.providers._said import tells_of_failure
from modelmesh.connectors.providers._writing import Called, Choice, Ending, completion
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.json_text import dumps, loads
from modelmesh.types import Answer, Request, Usage

Json = Mapping[str, Any]

ENDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "STOP": "stop",
        "MAX_TOKENS": "length",
        **dict.fromkeys(
            (
                "SAFETY",
                "RECITATION",
                "LANGUAGE",
                "BLOCKLIST",
                "PROHIBITED_CONTENT",
                "SPII",
                "OTHER",
                "MODEL_ARMOR",
                "IMAGE_SAFETY",
                "IMAGE_PROHIBITED_CONTENT",
                "IMAGE_RECITATION",
                "IMAGE_OTHER",
                "NO_IMAGE",
            ),
            "content_filter",
        ),
    }
)

_GAVE_UP: Final = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }
)
"""The model wrote what the server cannot read. Asked again, it or another may do better."""

FILTERED: Final = Ending(reason="content_filter")
_UNSPECIFIED: Final = "FINISH_REASON_UNSPECIFIED"
_RUN_BY_GOOGLE: Final = frozenset(
    {"executableCode", "codeExecutionResult", "toolCall", "toolResponse"}
)
_NO_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")


@frozen
class Candidate:
    """One candidate, or a piece of one."""

    fields: Json

    @property
    def index(self) -> int:
        index = self.fields.get("index")
        return index if isinstance(index, int) else 0

    @property
    def reason(self) -> str | None:
        """Why it ended, in Gemini's word. Raises ProviderError where that is a failure."""
        reason = str(self.fields.get("finishReason") or _UNSPECIFIED)
        if reason in _GAVE_UP:
            raise ProviderError(ErrorKind.BAD_ANSWER, f"the vendor gave up: {reason}")
        return None if reason == _UNSPECIFIED else reason

    @property
    def parts(self) -> Sequence[Json]:
        return _objects(_object(self.fields.get("content")).get("parts"))

    @property
    def logprobs(self) -> list[Json]:
        """Return each token's probability, as OpenAI has it."""
        result = _object(self.fields.get("logprobsResult"))
        likely = [
            _objects(step.get("candidates")) for step in _objects(result.get("topCandidates"))
        ]
        chosen = _objects(result.get("chosenCandidates"))
        tops = [*likely, *([] for _ in chosen)]
        return [
            {**_token(one), "top_logprobs": [_token(each) for each in top]}
            for one, top in zip(chosen, tops, strict=False)
        ]


def body_in(payload: bytes) -> Json | None:
    """Return the object that came; None where it is an error, which may be in a list.

    Raises ProviderError where there is no object.
    """
    try:
        body = loads(payload)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, list) and len(body) == 1:
        (body,) = body
    if not isinstance(body, dict):
        raise ProviderError(ErrorKind.BAD_ANSWER, "the vendor answered with no JSON object")
    return None if tells_of_failure(body) else body


def answer_of(body: Json, *, request: Request, wall: float) -> Answer:
    """Return a whole answer. Raises ProviderError where it says nothing, or gave up."""
    candidates = candidates_of(body)
    if not candidates and not is_blocked(body):
        raise ProviderError(ErrorKind.BAD_ANSWER, "the vendor answered with no candidates")
    ids = Ids(id_of(body, request))
    choices = [_choice(candidate, ids) for candidate in candidates]
    usage = usage_of(body)
    written = completion(
        choices or [Choice(text=None, ending=FILTERED)],
        id=id_of(body, request),
        model=name_of(body, request),
        wall=wall,
        usage=usage,
        request=request,
    )
    return Answer(body=written, usage=usage)


def usage_of(body: Json) -> Usage | None:
    """Return the tokens; those of tools which Google ran are part of the prompt.

    Candidates do not hold the thoughts, unless the total says that they do.
    """
    counts = _object(body.get("usageMetadata"))
    if not counts:
        return None
    prompt = _count(counts, "promptTokenCount") + _count(counts, "toolUsePromptTokenCount")
    completion_ = _count(counts, "candidatesTokenCount")
    thoughts = _count(counts, "thoughtsTokenCount")
    if _count(counts, "totalTokenCount") != prompt + completion_:
        completion_ += thoughts
    return Usage(
        prompt=prompt,
        completion=completion_,
        cached=min(_count(counts, "cachedContentTokenCount"), prompt),
        reasoning=min(thoughts, completion_),
    )


@define
class Ids:
    """Gives ids to the calls of one answer where Gemini gives none, or one twice."""

    _answer: str
    _given: set[str] = field(factory=set, init=False)

    def of(self, function: Json) -> str:
        """Return a call's id: the same for the same answer, and no other call's."""
        id_ = function.get("id")
        if not isinstance(id_, str) or not id_ or id_ in self._given:
            id_ = f"call_{_NO_ID.sub('', self._answer)[-40:]}_{len(self._given)}"
        self._given.add(id_)
        return id_


def _choice(candidate: Candidate, ids: Ids) -> Choice:
    calls = [called_in(part, ids) for part in candidate.parts if "functionCall" in part]
    said = [said_in(part) for part in candidate.parts if "functionCall" not in part]
    text = "".join(fields.get("content", "") for fields in said)
    images = [fields["images"] for fields in said if "images" in fields]
    reason = candidate.reason
    if reason is None and not (text or calls or images):
        raise ProviderError(ErrorKind.BAD_ANSWER, "the vendor answered with nothing")
    ending = Ending.of(reason or "STOP", ENDINGS)
    return Choice(
        text=text or (None if calls or ending == FILTERED else ""),
        ending=ending,
        calls=calls,
        fields={
            "reasoning_content": "".join(fields.get("reasoning_content", "") for fields in said),
            "images": [image_of(url, place) for place, url in enumerate(images)],
            "extra_content": _last(fields.get("extra_content") for fields in said),
        },
        more=logprobs_of(candidate.logprobs),
    )


def said_in(part: Json) -> dict[str, Any]:
    """Return what a part adds to a message, as fields of it; an image as its address."""
    if not _RUN_BY_GOOGLE.isdisjoint(part):
        return {}
    fields = _signed(part)
    text, inline = part.get("text"), _object(part.get("inlineData"))
    media_type = str(inline.get("mimeType"))
    if isinstance(text, str) and text:
        fields["reasoning_content" if part.get("thought") else "content"] = text
    elif media_type.startswith("image/") and not part.get("thought"):
        fields["images"] = f"data:{media_type};base64,{inline.get('data')}"
    return fields


def image_of(url: str, place: int) -> dict[str, Any]:
    """Return an image; without its place clients cannot join what comes in pieces."""
    return {"index": place, "type": "image_url", "image_url": {"url": url}}


def called_in(part: Json, ids: Ids) -> Called:
    function = _object(part["functionCall"])
    arguments = function.get("args")
    return Called(
        id=ids.of(function),
        name=str(function.get("name") or ""),
        arguments=dumps(arguments).decode() if arguments else "",
        fields=_signed(part),
    )


def _signed(part: Json) -> dict[str, Any]:
    signature = part.get("thoughtSignature")
    return {"extra_content": {"google": {"thought_signature": signature}}} if signature else {}


def candidates_of(body: Json) -> list[Candidate]:
    found = [Candidate(fields) for fields in _objects(body.get("candidates"))]
    return sorted(found, key=lambda candidate: candidate.index)


def is_blocked(body: Json) -> bool:
    return bool(_object(body.get("promptFeedback")).get("blockReason"))


def id_of(body: Json, request: Request) -> str:
    return str(body.get("responseId") or f"chatcmpl-{request.id}")


def name_of(body: Json, request: Request) -> str:
    return str(body.get("modelVersion") or request.model).removeprefix("models/")


def logprobs_of(tokens: Sequence[Json]) -> Json:
    return {"logprobs": {"content": [*tokens], "refusal": None}} if tokens else {}


def _token(candidate: Json) -> dict[str, Any]:
    token = str(candidate.get("token") or "")
    logprob = candidate.get("logProbability")
    return {"token": token, "logprob": logprob or 0.0, "bytes": [*token.encode()]}


def _last(values: Iterable[Any]) -> Any:
    return next(filter(None, reversed([*values])), None)


def _count(counts: Json, name: str) -> int:
    count = counts.get(name)
    return max(0, count) if isinstance(count, int) else 0


def _object(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _objects(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
