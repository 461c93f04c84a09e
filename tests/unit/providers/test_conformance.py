"""Every provider there is, against replies its vendor gave.

Recorded traffic lies beside this repository in `../shared/wire`. Vendors it has nothing of have
small files of ours in `tests/data/providers/<module>/`: `chat*.json`, `stream*.sse`, `error*.json`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen

from modelmesh import sse
from modelmesh.connectors import registry
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.types import Answer, Chunk, Event, HttpReply, Request, Usage

ROOT = Path(__file__).parents[3]
OURS = ROOT / "tests" / "data" / "providers"
RECORDED = ROOT.parent / "shared" / "wire"
WALL = 1_790_000_000.0
ASKED = Request(id="r", model="m", body={"model": "m", "messages": []})
# Vendors with an API of their own, whose replies `test_by_rules` has.
NATIVE = {"anthropic", "cohere", "gemini"}
VENDORS = registry.available("providers")
# Vendors whose replies, or some of them, are only among the recorded ones.
HAVE_RECORDINGS = {
    "azure_openai": "azure",
    "cerebras": "cerebras",
    "deepseek": "deepseek",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "xai": "xai",
}

BY_TRAIT = {
    "error:context_length_exceeded": ErrorKind.CONTEXT_TOO_LONG,
    "error:insufficient_quota": ErrorKind.QUOTA_EXHAUSTED,
    "error:invalid_api_key": ErrorKind.BAD_KEY,
    "error:model_not_found": ErrorKind.MODEL_NOT_FOUND,
    "status:401": ErrorKind.BAD_KEY,
    "status:402": ErrorKind.QUOTA_EXHAUSTED,
    "status:404": ErrorKind.MODEL_NOT_FOUND,
    "status:413": ErrorKind.RATE_LIMIT,
    "status:429": ErrorKind.RATE_LIMIT,
    "status:503": ErrorKind.OVERLOADED,
    "status:400": ErrorKind.INVALID_REQUEST,
}
# Replies whose words say more than status and code, by the last part of their names.
BY_CASE = {
    "11bde6c7": ErrorKind.OVERLOADED,
    "1f0d4616": ErrorKind.BAD_KEY,
    "277273e3": ErrorKind.MODEL_NOT_FOUND,
    "44deb240": ErrorKind.MODEL_NOT_FOUND,
    "468be91e": ErrorKind.MODEL_NOT_FOUND,
    "4706ee60": ErrorKind.MODEL_NOT_FOUND,
    "4f5ef6c1": ErrorKind.MODEL_NOT_FOUND,
    "5d8c0ed6": ErrorKind.MODEL_NOT_FOUND,
    "7229b610": ErrorKind.MODEL_NOT_FOUND,
    "a799bea7": ErrorKind.MODEL_NOT_FOUND,
    "c64c47c4": ErrorKind.MODEL_NOT_FOUND,
    "e7245931": ErrorKind.CONTEXT_TOO_LONG,
}

# Streams in which the vendor tells of a failure.
BROKEN = {"8e947bc8", "9e866a63"}


@frozen
class Reply:
    """One reply of a vendor: what sort it is, where it is from, what an error has to mean."""

    module: str
    sort: str
    source: str
    body: bytes = field(repr=False)
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    kind: ErrorKind | None = None
    retry_after: float | None = None

    @property
    def http(self) -> HttpReply:
        return HttpReply(status=self.status, headers=self.headers, body=self.body)


def module_of(vendor: Any) -> str:
    return str(vendor.__module__.rpartition(".")[2])


def ours(module: str) -> Iterator[Reply]:
    folder = OURS / module
    for path in sorted(folder.glob("chat*.json")):
        yield Reply(module, "chat", path.stem, path.read_bytes())
    for path in sorted(folder.glob("stream*.sse")):
        yield Reply(module, "stream", path.stem, path.read_bytes())
    for path in sorted(folder.glob("error*.json")):
        said = json.loads(path.read_bytes())
        body = json.dumps(said.pop("body")).encode()
        yield Reply(module, "error", path.stem, body, **{**said, "kind": ErrorKind(said["kind"])})


def recorded(module: str) -> Iterator[Reply]:
    for path in sorted((RECORDED / HAVE_RECORDINGS.get(module, "-")).glob("*.json")):
        exchange = json.loads(path.read_bytes())
        response, name = exchange["response"], path.stem.rpartition(".")[2]
        chat = exchange["request"]["url_path"].partition("?")[0].endswith("/chat/completions")
        if exchange["endpoint"] == "error":
            kind = BY_CASE.get(name) or kind_by_traits(exchange["traits"])
            yield Reply(
                module,
                "error",
                name,
                _body(response),
                response["status"],
                response["headers"],
                kind,
            )
        elif exchange["endpoint"] == "chat" and chat:
            yield Reply(module, "chat", name, _body(response))
        elif exchange["endpoint"] == "chat_stream" and chat:
            sort = "broken" if name in BROKEN else "stream"
            yield Reply(module, sort, name, response["sse"].encode())


def kind_by_traits(traits: list[str]) -> ErrorKind:
    return next(kind for trait, kind in BY_TRAIT.items() if trait in traits)


def _body(response: Mapping[str, Any]) -> bytes:
    body = response.get("body", response.get("sse"))
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return (response.get("body_prefix") or "").encode() + text.encode()


REPLIES = [
    reply
    for vendor in VENDORS.values()
    for reply in [*ours(module_of(vendor)), *recorded(module_of(vendor))]
]


def every(sort: str) -> pytest.MarkDecorator:
    chosen = [reply for reply in REPLIES if reply.sort == sort]
    return pytest.mark.parametrize("reply", chosen, ids=[f"{r.module}-{r.source}" for r in chosen])


def provider(reply: Reply) -> Any:
    vendor = next(one for one in VENDORS.values() if module_of(one) == reply.module)
    return vendor("vendor", base_url="http://vendor.test/v1")


def counted(body: Mapping[str, Any]) -> Usage | None:
    """Count for ourselves: whatever is not the prompt is the completion."""
    usage = body.get("usage") or (body.get("x_groq") or {}).get("usage")
    if not usage:
        return None
    total = usage.get("total_tokens") or usage["prompt_tokens"] + usage["completion_tokens"]
    inner = usage.get("prompt_tokens_details") or {}
    names = ("prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens")
    cached = [inner.get("cached_tokens"), *(usage.get(name) for name in names)]
    prompt, completion = usage["prompt_tokens"], total - usage["prompt_tokens"]
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return Usage(
        prompt=prompt,
        completion=completion,
        # Some vendors report more of a part than of the whole.
        cached=min(prompt, next((count for count in cached if count), 0)),
        reasoning=min(completion, thought),
    )


@pytest.mark.parametrize("sort", ["chat", "stream", "error"])
@pytest.mark.parametrize("module", sorted({*map(module_of, VENDORS.values())} - NATIVE))
def test_every_vendor_has_a_reply_of_every_sort(module: str, sort: str) -> None:
    if module in HAVE_RECORDINGS and not RECORDED.is_dir():
        pytest.skip(f"the recorded replies of {module} are not here ({RECORDED})")
    sorts = {reply.sort for reply in REPLIES if reply.module == module}
    assert sort in sorts, f"record a reply for tests/data/providers/{module}: {sort}"


def test_every_folder_of_replies_belongs_to_a_vendor() -> None:
    assert {folder.name for folder in OURS.iterdir()} <= set(map(module_of, VENDORS.values()))


@every("chat")
def test_an_answer_comes_back_whole(reply: Reply) -> None:
    answer: Answer = provider(reply).answer(reply.http, request=ASKED, wall=WALL)
    assert answer.body == reply.body
    assert answer.usage == counted(json.loads(reply.body))


@every("stream")
@pytest.mark.parametrize("size", [11, 1 << 20], ids=["in-crumbs", "at-once"])
def test_a_stream_is_complete_with_content_and_usage(reply: Reply, size: int) -> None:
    events = events_of(reply, size)
    decoder = provider(reply).decoder(request=ASKED, wall=WALL)
    chunks: list[Chunk] = [chunk for event in events for chunk in decoder.feed(event)]
    sent = [json.loads(event.data) for event in events if event.data.strip() != b"[DONE]"]
    assert [json.loads(chunk.payload) for chunk in chunks if chunk.payload] == sent
    # A model that only thought, until its tokens were spent, says nothing.
    deltas = [choice.get("delta", {}) for body in sent for choice in body["choices"]]
    says = any(value for delta in deltas for name, value in delta.items() if name != "role")
    assert any(chunk.content for chunk in chunks) == says
    assert chunks[-1].finished
    usages = [usage for body in sent if (usage := counted(body))]
    assert [chunk.usage for chunk in chunks if chunk.usage][-1:] == usages[-1:]


@every("broken")
def test_a_failure_within_a_stream_is_raised(reply: Reply) -> None:
    decoder = provider(reply).decoder(request=ASKED, wall=WALL)
    *events, last = events_of(reply, 1 << 20)
    assert any(chunk.content for event in events for chunk in decoder.feed(event))
    with pytest.raises(ProviderError) as failed:
        decoder.feed(last)
    assert failed.value.kind is ErrorKind.BAD_ANSWER


def events_of(reply: Reply, size: int) -> list[Event]:
    split = sse.Decoder()
    pieces = [reply.body[at : at + size] for at in range(0, len(reply.body), size)]
    return [event for piece in pieces for event in split.feed(piece)] + split.end()


@every("error")
def test_an_error_has_the_kind_it_means(reply: Reply) -> None:
    error = provider(reply).error(reply.http, wall=WALL)
    assert error.kind is reply.kind
    assert str(error)
    if reply.retry_after is not None:
        assert error.retry_after == reply.retry_after
