"""What the requests of every provider keep."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import ClassVar, Final

from modelmesh.shape import DECISIVE
from modelmesh.testing.conformance import asked
from modelmesh.types import HttpRequest, Provider, Request, Secret

KEY: Final = "sk-conformance-1234567890"
"""The key that requests are made with, and nobody may be shown."""


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
        for name, request, sent in self._sent(Secret(KEY)):
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
        for name, _, sent in self._sent(Secret(KEY)):
            assert KEY not in sent.url, f"{name}: the key is in the address"
            assert KEY.encode() not in sent.body, f"{name}: the key is in the body"
            assert KEY not in repr(sent), f"{name}: a request shows its key"
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
        request = self.provider.models_request(Secret(KEY))
        if request is not None:
            assert request.method == "GET", "a list of models is got, and nothing is posted"
            assert KEY not in request.url, "the key is in the address"

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
