"""What every provider keeps: it translates, wholly or not at all, and does nothing else."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final
from unittest import SkipTest

from attrs import evolve

from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.shape import DECISIVE
from modelmesh.stream import splitter
from modelmesh.testing.conformance import answers, asked, kinds, replies, shape
from modelmesh.testing.conformance.hearing import Heard, hear, ways
from modelmesh.testing.conformance.provider_requests import KEY, ProviderRequests
from modelmesh.testing.conformance.replies import Recorded
from modelmesh.testing.transport import Step, cut
from modelmesh.types import Answer, Endpoint, HttpReply, Request, Secret

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


class ProviderConformance(ProviderRequests):
    """The suite of tests for a provider, by what its vendor said: see docs/testing.md."""

    replies: ClassVar[Path]  # a folder with what the vendor said
    # How it tells of an error within a stream.
    stream_error: ClassVar[bytes] = b'data: {"error": {"message": "No.", "code": "overloaded"}}\n\n'

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make a test of each reply: pytest asks for it."""
        served = self._served()
        found = {
            "answer": [one for endpoint in served for one in self._recorded(endpoint)],
            "stream": self._recorded("stream"),
            "error": self._recorded("error"),
        }
        for name, every in found.items():
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, every, ids=[one.name for one in every])
        if "sort" in metafunc.fixturenames:
            sorts = ["error", *served, *(["stream"] if "chat" in served else [])]
            metafunc.parametrize("sort", sorts, ids=sorts)

    def test_there_is_a_reply_of_every_sort(self, sort: str) -> None:
        if not self._recorded(sort):
            missing = f"{self.replies} has no {replies.SORTS[sort]}"
            assert sort not in ("chat", "stream", "error"), missing
            raise SkipTest(f"{missing}: what becomes of {sort} is not judged")

    def test_an_answer_is_in_openais_shape(self, answer: Recorded) -> None:
        own = {**asked.FORMS[answer.endpoint][0], **answer.asked}
        for form, request in self._forms(answer.endpoint, answer.asked):
            try:
                made = self._answer(answer.reply, request)
            except ProviderError:
                # Not every transcript has times, or can be had otherwise than it came.
                if answer.endpoint != "transcriptions" or own.items() >= form.items():
                    raise
            else:
                _nothing([f"{dict(form)}: {text}" for text in answers.complaints(made, request)])

    def test_an_answer_says_what_the_vendor_said(self, answer: Recorded) -> None:
        made = self._answer(answer.reply, self._asked(answer))
        told = answers.read(made)
        if answer.endpoint == "chat":
            assert any(_says(choice["message"]) for choice in told["choices"]), "it says nothing"
        if answer.text is not None:
            assert answers.text(made) == answer.text
        if answer.endpoint == "embeddings":
            forms = [request for _, request in self._forms(answer.endpoint, answer.asked)]
            said = [answers.embeddings(self._answer(answer.reply, form), form) for form in forms]
            assert said == said[:1] * len(said), "in base64 the numbers are others"
        _nothing(answers.usage_complaints(made.usage, told.get("usage")))

    def test_part_of_an_answer_is_a_failure(self, answer: Recorded) -> None:
        request = self._asked(answer)
        for part, after in _parts(answer):
            self._failure(part, request, *after)
        if answer.endpoint == "embeddings":
            inputs = request.body["input"]
            more = [*([inputs] if isinstance(inputs, str) else inputs), "one more"]
            self._failure(answer.reply, evolve(request, body={**request.body, "input": more}))

    def test_a_stream_is_in_openais_shape(self, stream: Recorded) -> None:
        heard = self._whole(stream)
        for payload in heard.payloads:
            _nothing([*kinds.complaints(payload, "chat.completion.chunk", "delta")])
        _nothing(shape.stream_complaints(heard.payloads))

    def test_a_stream_says_what_the_vendor_said(self, stream: Recorded) -> None:
        heard = self._whole(stream)
        deltas = [delta for payload in heard.payloads for delta in _deltas(payload)]
        assert any(map(_says, deltas)), "it says nothing"
        if stream.text is not None:
            assert _text(heard) == stream.text
        usage = [json.loads(payload).get("usage") for payload in heard.payloads]
        told = next(filter(None, reversed(usage)), None)
        _nothing(answers.usage_complaints(heard.usage, told))

    def test_a_stream_is_the_same_in_whichever_pieces_it_comes(self, stream: Recorded) -> None:
        whole = self._whole(stream)
        for name, pieces in ways(stream.reply.body, bytewise=_BYTEWISE).items():
            heard = self._streamed(pieces)
            assert heard.raised is None, f"in {name} it fails: {heard.raised!r}"
            same = (heard.payloads, heard.usage) == (whole.payloads, whole.usage)
            assert same, f"in {name} it reads otherwise"

    def test_a_stream_that_breaks_off_is_never_taken_for_whole(self, stream: Recorded) -> None:
        whole = self._whole(stream)
        for place in _places(stream.reply.body):
            for end in ([], [cut()]):
                heard = self._streamed([stream.reply.body[:place], *end])
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
        heard = [self._streamed([stream.reply.body[:at]]) for at in _places(stream.reply.body)]
        parts = {len(one.payloads) for one in heard if not one.succeeded}
        assert pieces <= 1 or len(parts) > 1, "it is held back until all of it is there"

    def test_an_error_within_a_stream_is_told(self, stream: Recorded) -> None:
        for place in (0, *_ends(stream.reply.body)[:-1]):
            heard = self._streamed([stream.reply.body[:place] + self.stream_error])
            assert not heard.succeeded, "an error is taken for the end"
            assert isinstance(heard.raised, ProviderError), f"it is no failure: {heard.raised!r}"

    def test_an_error_is_understood(self, error: Recorded) -> None:
        failed = self.provider.error(error.reply, wall=_WALL)
        assert error.kind is not None
        _nothing(shape.error_complaints(failed, error.kind, error.retry_after))

    def test_an_error_is_never_taken_for_an_answer(self, error: Recorded) -> None:
        for request in self._every():
            failed = self._failure(error.reply, request)
            assert failed.kind is error.kind, f"it is {error.kind}, not {failed.kind}"

    def test_a_status_alone_says_enough(self) -> None:
        for status, meant in _STATUSES.items():
            for body in _NO_ANSWER:
                failed = self.provider.error(_reply(status, body), wall=_WALL)
                assert isinstance(failed, ProviderError), f"{status} {body!r}: {failed!r}"
                assert failed.kind in meant, f"{status} with {body!r} is {failed.kind}"

    def test_what_is_no_answer_is_a_failure(self) -> None:
        for request in self._every():
            for body in _NO_ANSWER:
                failed = self._failure(_reply(200, body), request)
                assert failed.rule.next_target, f"{body!r}: no other target is asked"

    def test_nobody_is_shown_the_key(self) -> None:
        shown: list[Any] = [sent for _, _, sent in self._sent(Secret(KEY))]
        quoted = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}."}}).encode()
        for request in self._every():
            shown += [self._failure(_reply(status, quoted), request) for status in _STATUSES]
        for one in (self.provider, *shown):
            assert KEY not in f"{one} {one!r}", f"a {type(one).__name__} shows the key"

    def _recorded(self, sort: str) -> list[Recorded]:
        """Return the replies of a sort: those in the folder."""
        return replies.read(self.replies, sort)

    def _served(self) -> list[Endpoint]:
        return [endpoint for endpoint in asked.FORMS if endpoint in self.provider.endpoints]

    def _every(self) -> Iterator[Request]:
        """Give a request for each form of an answer there is."""
        for endpoint in self._served():
            yield from (request for _, request in self._forms(endpoint, {}))

    def _forms(
        self, endpoint: Endpoint, said: Mapping[str, Any]
    ) -> Iterator[tuple[Mapping[str, Any], Request]]:
        """Give the forms in which the provider can be asked for an answer."""
        for form in asked.FORMS[endpoint]:
            request = asked.usual(endpoint, {**said, **form}, self.model)
            if not self.provider.lacks(request, self.model) & DECISIVE:
                yield form, request

    def _asked(self, recorded: Recorded) -> Request:
        return asked.usual(recorded.endpoint, recorded.asked, self.model)

    def _answer(self, reply: HttpReply, request: Request, *after: Step) -> Answer:
        """Return what a client gets of a reply, and of what comes after it where that is heard."""
        if splitter(request, reply) is None:
            made = self.provider.answer(reply, request=request, model=self.model, wall=_WALL)
            assert isinstance(made, Answer), "it is a step on the way, and no answer"
            return made
        heard = self._heard([reply.body, *after], request, reply.headers)
        if heard.raised:
            raise heard.raised
        body = (b"\n" if request.stream else b"").join(heard.payloads)
        return Answer(body=body, content_type=heard.content_type, usage=heard.usage)

    def _failure(self, reply: HttpReply, request: Request, *after: Step) -> ProviderError:
        try:
            made = self._answer(reply, request, *after)
        except ProviderError as failed:
            return failed
        raise AssertionError(f"{request.endpoint}: it is taken for an answer: {made!r}")

    def _whole(self, recorded: Recorded) -> Heard:
        heard = self._streamed([recorded.reply.body])
        assert heard.raised is None, f"it fails: {heard.raised!r}"
        assert heard.succeeded, "it is not seen to be whole"
        return heard

    def _streamed(self, steps: Sequence[Step]) -> Heard:
        wanted = {"stream": True, "stream_options": {"include_usage": True}}
        return self._heard(steps, asked.usual("chat", wanted, self.model))

    def _heard(
        self,
        steps: Sequence[Step],
        request: Request,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Heard:
        return asyncio.run(
            hear(
                self.provider, steps, request=request, model=self.model, wall=_WALL, headers=headers
            )
        )


def _nothing(complaints: list[str]) -> None:
    assert not complaints, "\n".join(complaints)


def _parts(recorded: Recorded) -> Iterator[tuple[HttpReply, Sequence[Step]]]:
    """Give pieces of a reply, each with what comes after; a text shows nobody that it was cut."""
    reply, body = recorded.reply, recorded.reply.body.strip()
    if recorded.endpoint == "speech":
        yield evolve(reply, body=b""), ()
        yield evolve(reply, body=body[: len(body) // 2]), (cut(),)
    elif body.startswith((b"{", b"[")):
        yield evolve(reply, body=body[: len(body) // 2]), ()
        yield evolve(reply, body=body[:-1]), ()


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
