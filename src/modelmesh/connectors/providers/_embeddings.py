"""Embeddings on OpenAI's wire. https://platform.openai.com/docs/api-reference/embeddings."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from modelmesh.connectors.providers._error_body import tells_of_failure
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._parameters import asks_something
from modelmesh.connectors.providers._splice import spliced
from modelmesh.connectors.providers._vectors import (
    check_count,
    inputs_lacking,
    kind_of,
    numbers_in,
    packed,
    usage_fields,
    usage_in,
)
from modelmesh.connectors.providers._vendor import NONE, Draft, body_of
from modelmesh.errors import bad_answer
from modelmesh.json_text import dumps
from modelmesh.types import Answer, HttpReply, Request, StreamDecoder

_BOTH: Final = frozenset({"float", "base64"})
_MEANT: Final = frozenset({"prompt_tokens", "total_tokens"})


@frozen(kw_only=True)
class Embeddings:
    """OpenAI's own wire, and how a vendor's differs from it.

    Attributes:
        path: where embeddings are made.
        refuses: parameters which it does not take.
        accepts: the only parameters which it takes, where it refuses what it does not know.
        renamed: parameters which it knows by another name.
        formats: what it can be told as `encoding_format`; the rest is converted here.
        number: what its base64 is made of, a kind of `_vectors`.
        tokens: it takes tokens in place of texts.
        most: how many inputs it takes at a time; None: nobody says.
        adds: parameters which a request gets unless it has them.
        sizes: the models whose embeddings have one size only, and that size.

    """

    path: str = "/embeddings"
    refuses: frozenset[str] = frozenset()
    accepts: frozenset[str] | None = None
    renamed: Mapping[str, str] = NONE
    formats: frozenset[str] = _BOTH
    number: str = "f"
    tokens: bool = True
    most: int | None = None
    adds: Mapping[str, Any] = MappingProxyType({})
    sizes: Mapping[str, int] = MappingProxyType({})

    def lacks(self, request: Request, model: str) -> frozenset[str]:
        """Return what this model's vendor does not take of a request."""
        body, size = request.body, self.sizes.get(model)
        idle = {name for name, told in body.items() if not asks_something(name, told)}
        if size is not None and body.get("dimensions") == size:
            idle.add("dimensions")
        return (self._refused(body, model) - idle) | inputs_lacking(
            body, tokens=self.tokens, most=self.most
        )

    def request(self, request: Request, *, model: str, drop: frozenset[str]) -> Draft:
        """Translate a request: only the model's name is replaced where that is all it takes."""
        told = self.told(request, model, drop)
        sent = spliced(request.raw, model) if told == request.body else None
        return Draft(path=self.path, body=sent or dumps({**told, "model": model}))

    def told(self, request: Request, model: str, drop: frozenset[str]) -> dict[str, Any]:
        """Return what the vendor is told, by its own names."""
        body = request.body
        without = drop | self._refused(body, model)
        if (body.get("encoding_format") or "float") not in self.formats:
            without |= {"encoding_format"}
        kept = {
            self.renamed.get(name, name): value
            for name, value in body.items()
            if name not in without and value is not None
        }
        return {**self.adds, **kept}

    def answer(
        self, reply: HttpReply, *, request: Request, model: str, wall: float
    ) -> Answer | None:
        """Return the reply's bytes, if they hold what was asked for as it was asked for.

        Raises ProviderError where embeddings are missing, too many, or no numbers.
        """
        body = body_of(reply)
        if not body.get("data") and tells_of_failure(body):
            return None
        entries = _entries(body.get("data"), request)
        usage = usage_in(body.get("usage"))
        new = {
            **body,
            "object": "list",
            "data": [
                {
                    **entry,
                    "object": "embedding",
                    "index": index,
                    "embedding": self._as_asked(entry.get("embedding"), request),
                }
                for index, entry in enumerate(entries)
            ],
            "model": body.get("model") or model,
            "usage": {**usage_fields(usage), **_said(body.get("usage"))},
        }
        return Answer(body=reply.body.lstrip() if new == body else dumps(new), usage=usage)

    def decoder(
        self, *, request: Request, model: str, wall: float, signs: Sequence[Sign]
    ) -> StreamDecoder:
        """Raise ProviderError: nobody streams embeddings."""
        raise bad_answer("a stream")

    def _refused(self, body: Mapping[str, Any], model: str) -> frozenset[str]:
        """Return the parameters in the body which are refused, whatever their values."""
        refused = self.refuses & body.keys()
        if self.accepts is not None:
            refused |= body.keys() - self.accepts - self.renamed.keys()
        if "dimensions" in body and model in self.sizes:
            refused |= {"dimensions"}
        return frozenset(refused) - {"model", "input", "encoding_format"}

    def _as_asked(self, came: Any, request: Request) -> Any:
        """Return an embedding as numbers or in base64: the same object if it came like that."""
        kind = kind_of(request, self.number)
        numbers = numbers_in(came, request, kind=kind)
        if request.body.get("encoding_format") != "base64":
            return numbers
        return came if isinstance(came, str) and kind == "f" else packed(numbers)


def _entries(came: Any, request: Request) -> list[Mapping[str, Any]]:
    """Return the entries of an answer in the order of the inputs, which their indexes tell.

    Servers which number none of them, or all alike, keep the order.
    """
    entries = came if isinstance(came, list) else []
    check_count(len(entries), request)
    if not all(isinstance(entry, dict) for entry in entries):
        raise bad_answer("something other than embeddings")
    places = [entry.get("index") for entry in entries]
    if places.count(places[0]) == len(places):
        return entries
    if not all(isinstance(place, int) for place in places) or sorted(places) != list(
        range(len(places))
    ):
        raise bad_answer("embeddings of which nobody knows whose they are")
    return sorted(entries, key=lambda entry: int(entry["index"]))


def _said(counts: Any) -> Mapping[str, Any]:
    """Return a vendor's own counts but those it leaves open."""
    said = counts if isinstance(counts, dict) else {}
    return {name: count for name, count in said.items() if count is not None or name not in _MEANT}
