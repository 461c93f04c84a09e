"""An answer and a stream in OpenAI's shape, out of what a vendor with another one said.

`completion` writes a whole answer. A `StreamWriter` writes the chunks of a stream, and keeps what
clients rely on: `id`, `created` and `model` stay the same, the role is in the first delta only, a
call's index is its place among the calls, its id and name come once, each choice finishes once.

https://platform.openai.com/docs/api-reference/chat/object
https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import define, field

from modelmesh.connectors.providers._conversation import is_legacy
from modelmesh.connectors.providers._usage import wants_usage
from modelmesh.json_text import dumps
from modelmesh.types import Chunk, Request
from modelmesh.usage import Usage
from modelmesh.values import value

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@value(kw_only=True)
class Ending:
    """Why a choice ended, in OpenAI's word, and in the vendor's where OpenAI has none for it."""

    reason: str  # OpenAI's word
    native: str | None = None  # the vendor's, where OpenAI has none for it

    @classmethod
    def of(cls, native: Any, words: Mapping[str, str]) -> "Ending":
        """Look the vendor's word up in `words`; one that is not there means "stop"."""
        word = native if isinstance(native, str) else ""
        known = words.get(word)
        return cls(reason=known or "stop", native=None if known else word or None)

    def fields(self, *, called: bool, legacy: bool) -> dict[str, Any]:
        """Return the fields of a choice.

        Where functions were called the client has to go on, whatever the vendor's word. Only where
        the answer was cut off, so that a call may be half of one, does it stay at that.
        """
        reason = self.reason
        if called and reason == "stop":
            reason = "tool_calls"
        elif not called and reason == "tool_calls":
            reason = "stop"
        if legacy and reason == "tool_calls":
            reason = "function_call"
        native = {"native_finish_reason": self.native} if self.native else {}
        return {"finish_reason": reason, **native}


@value(kw_only=True)
class Called:
    """A call of one of the client's functions; `fields` are further fields of it."""

    id: str  # what the client names its result by
    name: str  # of the function
    arguments: str
    """JSON; "" where there are none, which clients see as "{}"."""
    fields: Mapping[str, Any] = field(default=_NOTHING, repr=False)  # further fields of it


@value(kw_only=True)
class Choice:
    """One answer to a request.

    Attributes:
        text: what it says; None where it says nothing, so that `content` is null.
        calls: the client's own functions it calls.
        fields: further fields of the message, such as `reasoning_content` or `refusal`. Those that
            are None or empty are left out.
        more: further fields of the choice, such as `logprobs`.

    """

    text: str | None
    ending: Ending  # why it ended
    calls: Sequence[Called] = ()
    fields: Mapping[str, Any] = field(default=_NOTHING, repr=False)
    more: Mapping[str, Any] = field(default=_NOTHING, repr=False)

    def written(self, index: int, *, legacy: bool) -> dict[str, Any]:
        """Return the choice as an object."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        message |= {name: value for name, value in self.fields.items() if value}
        if self.calls and legacy:
            message["function_call"] = _function(self.calls[0])
        elif self.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": _function(call), **call.fields}
                for call in self.calls
            ]
        ending = self.ending.fields(called=bool(self.calls), legacy=legacy)
        return {"index": index, "message": message, **self.more, **ending}


def completion(
    choices: Iterable[Choice],
    *,
    id: str,  # noqa: A002 - as it is called in the answer
    model: str,
    wall: float,
    usage: Usage | None,
    request: Request,
    more: Mapping[str, Any] = _NOTHING,
) -> bytes:
    """Return a whole answer; `more` are further fields of it, such as `service_tier`."""
    legacy = is_legacy(request.body)
    return dumps(
        {
            "id": id,
            "object": "chat.completion",
            "created": int(wall),
            "model": model,
            "choices": [each.written(index, legacy=legacy) for index, each in enumerate(choices)],
            **({"usage": usage_fields(usage)} if usage else {}),
            **more,
        }
    )


def usage_fields(usage: Usage) -> dict[str, Any]:
    """Return OpenAI's usage object."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


@define(eq=False)
class StreamWriter:
    """Writes one stream.

    A vendor's decoder tells it what comes, sends on the chunks it gets back, and at the vendor's
    end marker those of `end`. Where there are several choices each is told by its number.
    """

    wall: float  # the time of day in seconds since 1970
    request: Request  # what it answers
    id: str = field(default="", kw_only=True)  # of the answer
    model: str = field(default="", kw_only=True)
    """Both may be set until the first chunk is written."""
    _choices: dict[int, "_OpenChoice"] = field(factory=dict, init=False)

    def delta(
        self,
        fields: Mapping[str, Any],
        choice: int = 0,
        *,
        content: bool = True,
        more: Mapping[str, Any] = _NOTHING,
    ) -> Chunk:
        """Write a piece of the message; `content` is whether it is part of the answer.

        `more` are further fields of the choice, such as `logprobs`.
        """
        return self._chunk(choice, dict(fields), content=content, more=more)

    def text(self, text: str, choice: int = 0) -> Chunk:
        """Write a piece of the text."""
        return self.delta({"content": text}, choice)

    def call(
        self,
        id: str,  # noqa: A002 - as it is called in the chunk
        name: str,
        choice: int = 0,
        *,
        fields: Mapping[str, Any] = _NOTHING,
    ) -> tuple[int, Chunk]:
        """Begin a call; the number which comes with the chunk stands for it in what follows.

        `fields` are further fields of it. Several may be open at once.
        """
        written = self._written(choice)
        number = len(written.calls)
        written.calls.append(False)
        function = {"name": name, "arguments": ""}
        head = {"index": number, "id": id, "type": "function", "function": function, **fields}
        delta = {"function_call": function} if self._legacy else {"tool_calls": [head]}
        return number, self._chunk(choice, delta)

    def arguments(self, call: int, piece: str, choice: int = 0) -> list[Chunk]:
        """Write a piece of a call's arguments."""
        if not piece:
            return []
        self._written(choice).calls[call] = True
        function = {"arguments": piece}
        delta: dict[str, Any] = {"tool_calls": [{"index": call, "function": function}]}
        return [self._chunk(choice, {"function_call": function} if self._legacy else delta)]

    def call_ends(self, call: int, choice: int = 0) -> list[Chunk]:
        """End a call: "{}" stands for its arguments if there were none."""
        return [] if self._written(choice).calls[call] else self.arguments(call, "{}", choice)

    def finish(self, ending: Ending, choice: int = 0, more: Mapping[str, Any] = _NOTHING) -> None:
        """Note why a choice ended, which `end` will tell; the last word counts."""
        written = self._written(choice)
        written.ending, written.more = ending, more

    def end(self, usage: Usage | None, more: Mapping[str, Any] = _NOTHING) -> list[Chunk]:
        """Write the end: each choice's finish, then the usage if the client asked for it.

        Only here is the answer known to be complete. `more` are further fields of the last chunk.
        """
        chunks: list[Chunk] = []
        for choice, written in sorted((self._choices or {0: self._written(0)}).items()):
            for call in range(len(written.calls)):
                chunks += self.call_ends(call, choice)
            chunks.append(self._finish(choice, written, usage, more))
        if usage and wants_usage(self.request.body):
            payload = self._payload([], {"usage": usage_fields(usage)})
            chunks.append(Chunk(payload=payload, finished=True, usage=usage))
        return chunks

    @property
    def _legacy(self) -> bool:
        return is_legacy(self.request.body)

    def _written(self, choice: int) -> "_OpenChoice":
        return self._choices.setdefault(choice, _OpenChoice())

    def _chunk(
        self,
        choice: int,
        delta: dict[str, Any],
        *,
        content: bool = True,
        more: Mapping[str, Any] = _NOTHING,
    ) -> Chunk:
        open_choice = {"index": choice, "delta": self._with_role(choice, delta), **more}
        return Chunk(
            payload=self._payload([{**open_choice, "finish_reason": None}], _NOTHING),
            content=content,
        )

    def _with_role(self, choice: int, delta: dict[str, Any]) -> dict[str, Any]:
        written = self._written(choice)
        if written.has_role:
            return delta
        written.has_role = True
        return {"role": "assistant", **delta}

    def _finish(
        self, choice: int, written: "_OpenChoice", usage: Usage | None, more: Mapping[str, Any]
    ) -> Chunk:
        ending = written.ending.fields(called=bool(written.calls), legacy=self._legacy)
        delta = self._with_role(choice, {})
        last = {"index": choice, "delta": delta, **written.more, **ending}
        return Chunk(payload=self._payload([last], more), finished=True, usage=usage)

    def _payload(self, choices: list[dict[str, Any]], more: Mapping[str, Any]) -> bytes:
        return dumps(
            {
                "id": self.id,
                "object": "chat.completion.chunk",
                "created": int(self.wall),
                "model": self.model,
                "choices": choices,
                **more,
            }
        )


_STOP: Final = Ending(reason="stop")


@define
class _OpenChoice:
    """What was written of a choice: of each call, whether any of its arguments were."""

    has_role: bool = False
    calls: list[bool] = field(factory=list)
    ending: Ending = _STOP
    more: Mapping[str, Any] = _NOTHING


def _function(call: Called) -> dict[str, str]:
    return {"name": call.name, "arguments": call.arguments or "{}"}
