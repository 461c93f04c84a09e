"""Our own vendors keep what is asked of everybody's, and who does not is told so."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import trial
from attrs import evolve
from recordings import OURS
from suites import failures

from modelmesh.connectors import registry
from modelmesh.connectors.providers.openai_compatible import Provider
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.testing import ProviderConformance
from modelmesh.testing.conformance.provider_requests import ProviderRequests
from modelmesh.types import Answer, Chunk, Event, HttpReply, HttpRequest


def suites() -> Iterator[type[Any]]:
    """Give the suite of each vendor of ours: all of it where its replies are here."""
    for connector in sorted(registry.available("providers")):
        folder = OURS / registry.find("providers", connector).__module__.rpartition(".")[2]
        whole = folder.is_dir()
        more = {"replies": folder} if whole else {}
        name = "Test" + connector.title().replace(".", "").replace("-", "")
        suite = ProviderConformance if whole else ProviderRequests
        yield type(name, (suite,), {"provider": trial.translator(connector), **more})


globals().update({suite.__name__: suite for suite in suites()})


def test_every_vendor_of_ours_runs_through_the_suite() -> None:
    tested = [suite.provider.connector for suite in suites()]
    assert tested == sorted(registry.available("providers"))
    whole = [suite for suite in suites() if issubclass(suite, ProviderConformance)]
    assert len(whole) == len(list(OURS.iterdir()))


# Who is broken is told so.


class Sound(Provider):
    """A vendor as it should be."""

    connector = "acme.api.v1"
    base_url = "https://api.acme.test/v1"


class Silent(Sound):
    endpoints = ()


class Astray(Sound):
    def request(self, *given: Any, **more: Any) -> HttpRequest:
        return evolve(super().request(*given, **more), url="api.acme.test")


class Tattling(Sound):
    def request(self, *given: Any, **more: Any) -> HttpRequest:
        sent, key = super().request(*given, **more), more["key"]
        return evolve(sent, url=f"{sent.url}?key={key.reveal()}") if key else sent


class Forgetful(Sound):
    """It sends all to one model."""

    def request(self, *given: Any, **more: Any) -> HttpRequest:
        return super().request(*given, **{**more, "model": "one"})


class Meddling(Sound):
    def request(self, request: Any, **more: Any) -> HttpRequest:
        request.body["temperature"] = 1
        return super().request(request, **more)


class Stubborn(Sound):
    """It sends what it says it lacks."""

    refuses = frozenset({"seed"})

    def request(self, request: Any, **more: Any) -> HttpRequest:
        return evolve(super().request(request, **more), body=request.raw)


class Costly(Sound):
    def models_request(self, key: Any) -> HttpRequest | None:
        made = super().models_request(key)
        return made and evolve(made, method="POST")


def answering(change: Callable[[dict[str, Any]], Any]) -> type[Provider]:
    """Return a vendor which changes an answer."""

    class Changed(Sound):
        def answer(self, *given: Any, **more: Any) -> Any:
            answer = super().answer(*given, **more)
            assert isinstance(answer, Answer)
            body = json.loads(answer.body)
            change(body)
            return evolve(answer, body=json.dumps(body).encode())

    return Changed


def saying(text: str) -> Callable[[dict[str, Any]], Any]:
    return lambda body: body["choices"][0]["message"].update(content=text)


class Credulous(Sound):
    """It takes anything for an answer."""

    def answer(self, reply: HttpReply, **_: Any) -> Answer:
        return Answer(body=reply.body)


class Crashing(Sound):
    def answer(self, reply: HttpReply, **more: Any) -> Any:
        json.loads(reply.body)["choices"][0]
        return super().answer(reply, **more)


class Telltale(Sound):
    """It remembers a key, and tells of it."""

    key = "none"

    def request(self, request: Any, **more: Any) -> HttpRequest:
        self.key = more["key"].reveal() if more["key"] else self.key
        return super().request(request, **more)

    def error(self, reply: HttpReply, *, wall: float) -> ProviderError:
        failed = super().error(reply, wall=wall)
        failed.add(f" It was asked with {self.key}.")
        return failed


class Deaf(Sound):
    """It takes every error for one of its own."""

    def error(self, reply: HttpReply, *, wall: float) -> ProviderError:  # noqa: ARG002 - so it is
        return ProviderError(ErrorKind.SERVER_ERROR, "no")


def decoding(change: Callable[[Any, Any], Iterable[Chunk]]) -> type[Provider]:
    """Return a vendor which decodes otherwise: by an event, and by what is sound."""

    class Decoder:
        def __init__(self, sound: Any) -> None:
            self.sound = sound

        def feed(self, event: Event) -> Iterable[Chunk]:
            return change(self, event)

    class Changed(Sound):
        def decoder(self, **more: Any) -> Any:
            return Decoder(super().decoder(**more))

    return Changed


def hasty(self: Any, event: Event) -> Iterable[Chunk]:
    """Take the first piece for the end."""
    return [evolve(chunk, finished=True) for chunk in self.sound.feed(event)]


def lossy(self: Any, event: Event) -> Iterable[Chunk]:
    """Lose what is said."""
    return [
        evolve(chunk, payload=chunk.payload.replace(b" morning.", b""))
        for chunk in self.sound.feed(event)
    ]


def ill_formed(self: Any, event: Event) -> Iterable[Chunk]:
    return [
        evolve(chunk, payload=chunk.payload.replace(b'"index"', b'"place"'))
        for chunk in self.sound.feed(event)
    ]


def hoarding(self: Any, event: Event) -> Iterable[Chunk]:
    """Hold all back until the end."""
    held = self.__dict__.setdefault("held", [])
    held += self.sound.feed(event)
    if not any(chunk.finished for chunk in held):
        return []
    told, held[:] = list(held), []
    return told


NUMBERS: Final = itertools.count()


def numbering(self: Any, event: Event) -> Iterable[Chunk]:
    """Number all that was ever said."""
    return [
        evolve(chunk, payload=chunk.payload.replace(b"1790000000", b"%d" % next(NUMBERS)))
        for chunk in self.sound.feed(event)
    ]


def trusting(self: Any, event: Event) -> Iterable[Chunk]:
    """Take an error for a sign of nothing, and of the end."""
    try:
        return list(self.sound.feed(event))
    except ProviderError:
        return [Chunk(finished=True)]


BROKEN: Final[Mapping[str, type[Any]]] = {
    "it_says_what_it_translates": Silent,
    "a_request_is_one_to_the_vendor": Astray,
    "the_key_stands_in_headers_only": Tattling,
    "the_model_is_the_vendors": Forgetful,
    "translating_changes_nothing_and_always_gives_the_same": Meddling,
    "what_it_lacks_is_what_was_asked_and_is_left_out": Stubborn,
    "its_models_are_asked_for_without_a_bill": Costly,
    "an_answer_is_in_openais_shape": answering(lambda body: body.pop("created")),
    "an_answer_says_what_the_vendor_said": answering(saying("Good evening.")),
    "part_of_an_answer_is_a_failure": Credulous,
    "nobody_is_shown_the_key": Telltale,
    "a_stream_is_in_openais_shape": decoding(ill_formed),
    "a_stream_says_what_the_vendor_said": decoding(lossy),
    "a_stream_that_breaks_off_is_never_taken_for_whole": decoding(hasty),
    "a_stream_is_the_same_in_whichever_pieces_it_comes": decoding(numbering),
    "a_stream_is_passed_on_as_it_comes": decoding(hoarding),
    "an_error_within_a_stream_is_told": decoding(trusting),
    "an_error_is_understood": Deaf,
    "an_error_is_never_taken_for_an_answer": Credulous,
    "a_status_alone_says_enough": Deaf,
    "what_is_no_answer_is_a_failure": Crashing,
}
REPLIES: Final = {
    "chat.json": (OURS / "vllm/chat.json").read_bytes(),
    "chat.txt": b"Good morning.\n",
    "stream.sse": (OURS / "vllm/stream.sse").read_bytes(),
    "stream.txt": b"Good morning.\n",
    "error.json": (OURS / "vllm/error.json").read_bytes(),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "replies"
    made.mkdir()
    for name, content in REPLIES.items():
        (made / name).write_bytes(content)
    return made


def suite(vendor: type[Any], folder: Path) -> type[Any]:
    return type("Suite", (ProviderConformance,), {"provider": vendor("acme"), "replies": folder})


def test_a_sound_vendor_has_nothing_to_mend(folder: Path, tmp_path: Path) -> None:
    assert failures(suite(Sound, folder), tmp_path) == {}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_vendor_fails_the_suite(name: str, folder: Path, tmp_path: Path) -> None:
    assert name in failures(suite(BROKEN[name], folder), tmp_path, name)


def test_a_reply_that_is_missing_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "stream.sse").unlink()
    [(name, why)] = failures(suite(Sound, folder), tmp_path).items()
    assert name == "there_is_a_reply_of_every_sort"
    assert "no stream*.sse" in why


def test_every_test_of_the_suite_is_seen_to_fail() -> None:
    tests = {
        name.removeprefix("test_") for name in dir(ProviderConformance) if name.startswith("test_")
    }
    assert tests == {*BROKEN, "there_is_a_reply_of_every_sort"}
