"""Gemini's answers in OpenAI's shape, and what a part of one says.

An answer with function calls ends with STOP all the same. What Google ran itself (code, a search)
is no call of the client's, and is not shown. A prompt that was refused has no candidates; it is
answered as OpenAI answers what it filters: by a choice that says nothing.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from attrs import define, field

from modelmesh.connectors.providers._fields import object_in
from modelmesh.connectors.providers._writing import Called, Choice, Ending, completion
from modelmesh.connectors.providers.gemini.reply import (
    ENDINGS,
    FILTERED,
    Candidate,
    Json,
    candidates_of,
    is_blocked,
    usage_of,
)
from modelmesh.errors import bad_answer
from modelmesh.json_text import dumps
from modelmesh.types import Answer, Request

_RUN_BY_GOOGLE: Final = frozenset(
    {"executableCode", "codeExecutionResult", "toolCall", "toolResponse"}
)
_NO_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")


def answer_of(body: Json, *, request: Request, wall: float) -> Answer:
    """Return a whole answer. Raises ProviderError where it says nothing, or gave up."""
    candidates = candidates_of(body)
    if not candidates and not is_blocked(body):
        raise bad_answer("no candidates")
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
        raise bad_answer("nothing")
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
    text, inline = part.get("text"), object_in(part.get("inlineData"))
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
    function = object_in(part["functionCall"])
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


def id_of(body: Json, request: Request) -> str:
    return str(body.get("responseId") or f"chatcmpl-{request.id}")


def name_of(body: Json, request: Request) -> str:
    return str(body.get("modelVersion") or request.model).removeprefix("models/")


def logprobs_of(tokens: Sequence[Json]) -> Json:
    return {"logprobs": {"content": [*tokens], "refusal": None}} if tokens else {}


def _last(values: Iterable[Any]) -> Any:
    return next(filter(None, reversed([*values])), None)
