"""What every provider keeps: it translates, wholly or not at all, and does nothing else."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Final

from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.shape import DECISIVE
from modelmesh.testing.conformance import asked, kinds, replies, shape
from modelmesh.testing.conformance.hearing import Heard, hear, ways
from modelmesh.testing.conformance.replies import Recorded
from modelmesh.testing.transport import Step, cut
from modelmesh.types import Answer, HttpReply, HttpRequest, Provider, Request, Secret

_KEY: Final = "sk-conformance-1234567890"
_WALL: Final = 1_790_000_000.0
_BYTEWISE: Final = 2000
_NO_ANSWER: Final = (b"", b"null", b"[]", b'""', b"{}", b"<!doctype html><title>Sign in", b'{"a"')
_STATUSES: Final = {
    400: (ErrorKind.INVALID_REQUEST, ErrorKind.BAD_KEY, ErrorKind.CONTEXT_TOO_LONG),
    401: (ErrorKind.BAD_KEY,),
    404: (ErrorKind.MODEL_NOT_FOUND, ErrorKind.INVALID_REQUEST),
    429: (ErrorKind.RATE_LIMIT, ErrorKind.QUOTA_EXHAUSTED, ErrorKind.OVERLOADED),
    500: (ErrorKind.SERVER_ERROR, ErrorKind.OVERLOADED),
    503: (ErrorKind.OVERLOADED, ErrorKind.SERVER_ERROR),
}
"""What a vendor's status means where it says nothing else."""


class ProviderRequests:
    """What holds of the requests of a `provider`, asked for its `model`."""

    provider: ClassVar[Provider]  # what is tried
    model: ClassVar[str] = "some-model"  # the model it is asked for

    def test_it_says_what_it_translates(self) -> None:
        endpoints = set(self.provider.endpoints)
        assert endpoints, "it translates nothing"
        assert endpoints <= set(asked.REQUESTS), f"there is no such endpoint: {endpoints}"
        assert type(self.provider).connector, "it has no `connector`, its id"

    def test_a_request_is_one_to_the_vendor(self) -> None:
        for name, request, sent in self._sent(Secret(_KEY)):
            assert sent.url.startswith(("http://", "https://")), f"{name}: {sent.url}"
            assert isinstance(sent.body, bytes), f"{name}: the body is no bytes"
            if request.endpoint == "chat":
                assert sent.stream == request.stream, f"{name}: `stream` is not told on"
            for header, value in sent.headers.items():
                assert isinstance(value, str), f"{name}: {header} is {value!r}"
                assert "\n" not in header + value, f"{name}: {header} has a line break"
            if sent.headers.get("content-type", "").startswith("application/json"):
                json.loads(sent.body)

    def test_the_key_stands_in_headers_only(self) -> None:
        for name, _, sent in self._sent(Secret(_KEY)):
            assert _KEY not in sent.url, f"{name}: the key is in the address"
            assert _KEY.encode() not in sent.body, f"{name}: the key is in the body"
            assert _KEY not in repr(sent), f"{name}: a request shows its key"
        for name, _, sent in self._sent(None):
            told = [*sent.headers.values(), sent.url]
            assert not any("None" in text for text in told), f"{name}: no key is sent as None"

    def test_the_model_is_the_vendors(self) -> None:
        for name, request, sent in self._sent(None):
            again = self._made(request, None, model="another-model")
            if again is not None and request.endpoint == "chat":
                assert (again.url, again.body) != (sent.url, sent.body), f"{name}: no model is told"

    def test_translating_changes_nothing_and_always_gives_the_same(self) -> None:
        for name, request in asked.every(self.provider.endpoints, self.model):
            body, before = request.body, deepcopy(request.body)
            first, second = self._made(request, None), self._made(request, None)
            assert body == before, f"{name}: the client's request is another afterwards"
            if "multipart" not in str(first and first.headers):  # boundaries may differ
                assert first == second, f"{name}: it is another request the second time"

    def test_what_it_lacks_is_what_was_asked_and_is_left_out(self) -> None:
        for name, request in asked.every(self.provider.endpoints, self.model):
            lacks = self.provider.lacks(request, self.model)
            assert lacks <= request.body.keys(), f"{name}: nobody asked for {lacks}"
            if lacks and (sent := self._made(request, None)):
                for parameter in lacks:
                    there = b'"%b":' % parameter.encode() in sent.body
                    assert not there, f"{name}: {parameter} is sent, which it lacks"

    def test_its_models_are_asked_for_without_a_bill(self) -> None:
        request = self.provider.models_request(Secret(_KEY))
        if request is not None:
            assert request.method == "GET", "a list of models is got, and nothing is posted"
            assert _KEY not in request.url, "the key is in the address"

    def _sent(self, key: Secret | None) -> Iterator[tuple[str, Request, HttpRequest]]:
        """Give what is sent for each request that its model can take."""
        for name, request in asked.every(self.provider.endpoints, self.model):
            if (sent := self._made(request, key)) is not None:
                yield name, request, sent

    def _made(
        self, request: Request, key: Secret | None, model: str | None = None
    ) -> HttpRequest | None:
        model = model or self.model
        drop = self.provider.lacks(request, model)
        if drop & DECISIVE:
            return None
        return self.provider.request(request, model=model, key=key, drop=drop)


class ProviderConformance(ProviderRequests):
    """The suite of tests for a provider, by what its vendor said: see docs/testing.md."""

    replies: ClassVar[Path]  # a folder with what the vendor said
    # How it tells of an error within a stream.
    stream_error: ClassVar[bytes] = b'data: {"error": {"message": "No.", "code": "overloaded"}}\n\n'

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make a test of each reply: pytest asks for it."""
        for sort in replies.SORTS:
            if sort in metafunc.fixturenames:
                found = replies.read(self.replies, sort)
                metafunc.parametrize(sort, found, ids=[one.name for one in found])

    def test_there_is_a_reply_of_every_sort(self) -> None:
        missing = [names for sort, names in replies.SORTS.items() if not self._of(sort)]
        assert not missing, f"{self.replies} has no {', no '.join(missing)}"

    def test_an_answer_is_in_openais_shape(self, chat: Recorded) -> None:
        body = self._answer(chat).body
        _nothing([*kinds.complaints(body, "chat.completion", "message")])
        _nothing(shape.answer_complaints(body))

    def test_an_answer_says_what_the_vendor_said(self, chat: Recorded) -> None:
        answer = self._answer(chat)
        told = json.loads(answer.body)
        messages = [choice["message"] for choice in told["choices"]]
        assert any(_says(message) for message in messages), "it says nothing"
        if chat.text is not None:
            assert messages[0].get("content") == chat.text
        _usage(answer.usage, told.get("usage"))

    def test_a_stream_is_in_openais_shape(self, stream: Recorded) -> None:
        heard = self._whole(stream)
        for payload in heard.payloads:
            _nothing([*kinds.complaints(payload, "chat.completion.chunk", "delta")])
        _nothing(shape.stream_complaints(heard.payloads))

    def test_a_stream_says_what_the_vendor_said(self, stream: Recorded) -> None:
        heard = self._whole(stream)
        deltas = [
            choice["delta"]
            for payload in heard.payloads
            for choice in json.loads(payload).get("choices") or []
        ]
        assert any(_says(delta) for delta in deltas), "it says nothing"
        if stream.text is not None:
            assert _text(heard) == stream.text
        usage = [json.loads(payload).get("usage") for payload in heard.payloads]
        _usage(heard.usage, next(filter(None, reversed(usage)), None))

    def test_a_stream_is_the_same_in_whichever_pieces_it_comes(self, stream: Recorded) -> None:
        whole = self._whole(stream)
        for name, pieces in ways(stream.reply.body, bytewise=_BYTEWISE).items():
            heard = self._heard(pieces)
            assert heard.raised is None, f"in {name} it fails: {heard.raised!r}"
            same = (heard.payloads, heard.usage) == (whole.payloads, whole.usage)
            assert same, f"in {name} it reads otherwise"

    def test_a_stream_that_breaks_off_is_never_taken_for_whole(self, stream: Recorded) -> None:
        whole = self._whole(stream)
        for place in _places(stream.reply.body):
            for end in ([], [cut()]):
                heard = self._heard([stream.reply.body[:place], *end])
                if heard.succeeded:
                    same = (_text(heard), heard.gives_reason) == (_text(whole), whole.gives_reason)
                    assert same, f"cut after {place} bytes it is taken for whole"
                else:
                    failed = isinstance(heard.raised, ProviderError)
                    assert failed, f"cut after {place} bytes it is no failure: {heard.raised!r}"
                    begins = _text(whole).startswith(_text(heard))
                    assert begins, f"cut after {place} bytes it says something else"

    def test_a_stream_is_passed_on_as_it_comes(self, stream: Recorded) -> None:
        whole = self._whole(stream)
        pieces = sum(any(map(_says, _deltas(payload))) for payload in whole.payloads)
        heard = [self._heard([stream.reply.body[:at]]) for at in _places(stream.reply.body)]
        parts = {len(one.payloads) for one in heard if not one.succeeded}
        assert pieces <= 1 or len(parts) > 1, "it is held back until all of it is there"

    def test_an_error_within_a_stream_is_told(self, stream: Recorded) -> None:
        for place in (0, *_ends(stream.reply.body)[:-1]):
            heard = self._heard([stream.reply.body[:place] + self.stream_error])
            assert not heard.succeeded, "an error is taken for the end"
            assert isinstance(heard.raised, ProviderError), f"it is no failure: {heard.raised!r}"

    def test_an_error_is_understood(self, error: Recorded) -> None:
        failed = self.provider.error(error.reply, wall=_WALL)
        assert error.kind is not None
        _nothing(shape.error_complaints(failed, error.kind, error.retry_after))

    def test_an_error_is_never_taken_for_an_answer(self, error: Recorded) -> None:
        failed = self._failure(error.reply)
        assert failed.kind is error.kind, f"it is {error.kind}, not {failed.kind}"

    def test_a_status_alone_says_enough(self) -> None:
        for status, meant in _STATUSES.items():
            for body in _NO_ANSWER:
                failed = self.provider.error(_reply(status, body), wall=_WALL)
                assert isinstance(failed, ProviderError), f"{status} {body!r}: {failed!r}"
                assert failed.kind in meant, f"{status} with {body!r} is {failed.kind}"

    def test_what_is_no_answer_is_a_failure(self) -> None:
        if "chat" in self.provider.endpoints:
            for body in _NO_ANSWER:
                failed = self._failure(_reply(200, body))
                assert failed.rule.next_target, f"{body!r}: no other target is asked"

    def _of(self, sort: str) -> list[Recorded]:
        return replies.read(self.replies, sort)

    def _answer(self, recorded: Recorded) -> Answer:
        made = self.provider.answer(
            recorded.reply, request=self._asked(stream=False), model=self.model, wall=_WALL
        )
        assert isinstance(made, Answer), "it is a step on the way, and no answer"
        return made

    def _failure(self, reply: HttpReply) -> ProviderError:
        request = self._asked(stream=False)
        try:
            made = self.provider.answer(reply, request=request, model=self.model, wall=_WALL)
        except ProviderError as failed:
            return failed
        raise AssertionError(f"it is taken for an answer: {made!r}")

    def _whole(self, recorded: Recorded) -> Heard:
        heard = self._heard([recorded.reply.body])
        assert heard.raised is None, f"it fails: {heard.raised!r}"
        assert heard.succeeded, "it is not seen to be whole"
        return heard

    def _heard(self, steps: Sequence[Step]) -> Heard:
        request = self._asked(stream=True)
        return asyncio.run(
            hear(self.provider, steps, request=request, model=self.model, wall=_WALL)
        )

    def _asked(self, *, stream: bool) -> Request:
        return asked.chat(self.model, stream=stream)


def _nothing(complaints: list[str]) -> None:
    assert not complaints, "\n".join(complaints)


def _usage(counted: Any, told: Any) -> None:
    """Compare what the library counts with what the client is told."""
    if told is not None:
        assert counted is not None, "the client is told the usage, and the library is not"
        assert (counted.prompt, counted.completion) == (
            told["prompt_tokens"],
            told["completion_tokens"],
        ), "the client is told another usage than the library counts"


def _says(message: Any) -> bool:
    names = ("content", "tool_calls", "refusal", "reasoning_content", "reasoning", "function_call")
    return any(message.get(name) for name in names)


def _deltas(payload: bytes) -> list[Any]:
    return [choice["delta"] for choice in json.loads(payload).get("choices") or []]


def _text(heard: Heard) -> str:
    return "".join(text for text, _ in shape.texts_heard(heard.payloads))


def _ends(body: bytes) -> list[int]:
    """Return where each event of a stream ends."""
    return [found.end() for found in re.finditer(rb"\r?\n\r?\n", body)] or [len(body)]


def _places(body: bytes) -> list[int]:
    """Return where a stream may break off: after each event but the last, and within each."""
    ends = _ends(body)
    within = [(start + end) // 2 for start, end in pairwise([0, *ends])]
    return sorted({*ends[:-1], *within})


def _reply(status: int, body: bytes) -> HttpReply:
    return HttpReply(status=status, headers={"content-type": "application/json"}, body=body)
