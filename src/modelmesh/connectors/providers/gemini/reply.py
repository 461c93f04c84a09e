"""What Gemini's replies hold, whatever was asked for: candidates, why they ended, tokens.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors.providers._error_body import tells_of_failure
from modelmesh.connectors.providers._errors import Sign, failure_in_stream
from modelmesh.connectors.providers._fields import count_in, object_in, objects_in
from modelmesh.connectors.providers._writing import Ending
from modelmesh.errors import ErrorKind, ProviderError, bad_answer
from modelmesh.json_text import loads
from modelmesh.types import Event
from modelmesh.usage import Usage

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
"""OpenAI's reasons to finish, by Gemini's."""

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
        return objects_in(object_in(self.fields.get("content")).get("parts"))

    @property
    def logprobs(self) -> list[Json]:
        """Return each token's probability, as OpenAI has it."""
        result = object_in(self.fields.get("logprobsResult"))
        likely = [
            objects_in(step.get("candidates")) for step in objects_in(result.get("topCandidates"))
        ]
        chosen = objects_in(result.get("chosenCandidates"))
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
        raise bad_answer("no JSON object")
    return None if tells_of_failure(body) else body


def told_in(event: Event, signs: Sequence[Sign]) -> Json | None:
    """Return the object an event holds; None where it holds nothing.

    Raises ProviderError for an error, or for something else.
    """
    payload = event.data.strip()
    if not payload:
        return None
    body = body_in(payload)
    if body is None:
        raise failure_in_stream(payload, signs=signs)
    return body


def candidates_of(body: Json) -> list[Candidate]:
    found = [Candidate(fields) for fields in objects_in(body.get("candidates"))]
    return sorted(found, key=lambda candidate: candidate.index)


def is_blocked(body: Json) -> bool:
    return bool(object_in(body.get("promptFeedback")).get("blockReason"))


def usage_of(body: Json) -> Usage | None:
    """Return the tokens, None where none are counted, as in Vertex AI's pieces before the last.

    Those of tools which Google ran are part of the prompt. Candidates do not hold the thoughts,
    unless the total says that they do.
    """
    counts = object_in(body.get("usageMetadata"))
    prompt = count_in(counts, "promptTokenCount") + count_in(counts, "toolUsePromptTokenCount")
    completion_ = count_in(counts, "candidatesTokenCount")
    thoughts = count_in(counts, "thoughtsTokenCount")
    if count_in(counts, "totalTokenCount") != prompt + completion_:
        completion_ += thoughts
    if not prompt and not completion_:
        return None
    return Usage(
        prompt=prompt,
        completion=completion_,
        cached=min(count_in(counts, "cachedContentTokenCount"), prompt),
        reasoning=min(thoughts, completion_),
        heard=_read(counts, "AUDIO"),
        seen=_read(counts, "IMAGE"),
        spoken=_tokens(counts, "candidatesTokensDetails", "AUDIO"),
        drawn=_tokens(counts, "candidatesTokensDetails", "IMAGE"),
    )


def _read(counts: Json, modality: str) -> int:
    """Return the tokens of a kind that were read, those from a cache not counted."""
    given = _tokens(counts, "promptTokensDetails", modality)
    given += _tokens(counts, "toolUsePromptTokensDetails", modality)
    return max(0, given - _tokens(counts, "cacheTokensDetails", modality))


def _tokens(counts: Json, place: str, modality: str) -> int:
    """Count the tokens of a kind: https://ai.google.dev/api/generate-content#UsageMetadata."""
    told = objects_in(counts.get(place))
    return sum(count_in(each, "tokenCount") for each in told if each.get("modality") == modality)


def _token(candidate: Json) -> dict[str, Any]:
    token = str(candidate.get("token") or "")
    logprob = candidate.get("logProbability")
    return {"token": token, "logprob": logprob or 0.0, "bytes": [*token.encode()]}
