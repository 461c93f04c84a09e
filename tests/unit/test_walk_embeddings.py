"""A pool never mixes embeddings that cannot be compared, unless its configuration says so."""

from random import Random
from typing import Any

import pytest
from scene import error

from modelmesh.build import build
from modelmesh.config.load import load
from modelmesh.errors import ErrorKind, MeshError, RequestError
from modelmesh.outcome import OpenAttempt
from modelmesh.pool import Pool
from modelmesh.state import State
from modelmesh.types import Request
from modelmesh.walk import Walk

NOW = 1000.0
SMALL = "text-embedding-3-small"
MUTE = "anthropic.claude.v1"
"""A vendor that embeds nothing."""


def built(models: dict[str, Any], **pool: Any) -> Pool:
    """Return the pool of these models in this order, whose vendors are called as they say."""
    server = {"connector": "openai-compatible", "base_url": "http://vendor.test/v1"}
    vendors = {
        model["provider"]: {"api_key": "k"} if "." in model["provider"] else server
        for model in models.values()
    }
    config = {
        "providers": vendors,
        "models": {name: {"capabilities": ["text-embeddings"], **m} for name, m in models.items()},
        "pools": {"vectors": {"models": list(models), "retry": {"max_attempts": 1}, **pool}},
    }
    return build(load(config, environ={}), state=State(), rng=Random(1), wall=lambda: 0.0).pools[
        "vectors"
    ]


def request(**body: Any) -> Request:
    asked = {"model": "vectors", "input": ["a", "b"], **body}
    return Request(id="r", model="vectors", body=asked, endpoint="embeddings")


def tried(pool: Pool, sent: Request | None = None) -> list[str]:
    """Return which targets are tried if all of them are overloaded."""
    walk = Walk.start(pool, sent or request(), NOW)
    trail = []
    while step := walk.next(NOW):
        trail.append(step.target.id)
        failed = error(ErrorKind.OVERLOADED, 503)
        walk.note(step, 0.1, failed)
        walk.failed(step, failed)
    return trail


def verdict(pool: Pool, sent: Request | None = None) -> MeshError:
    walk = Walk.start(pool, sent or request(), NOW)
    assert walk.next(NOW) is None
    return walk.verdict(NOW)


def of(vendor: str, model: str, **more: Any) -> dict[str, Any]:
    return {"provider": vendor, "model": model, **more}


def test_the_same_model_at_two_vendors_fails_over() -> None:
    pool = built({"one": of("a", SMALL), "two": of("b", SMALL)})
    assert tried(pool) == ["a/one", "b/two"]


@pytest.mark.parametrize("name", [f"openai/{SMALL}", SMALL.upper(), f"models/openai/{SMALL}"])
def test_a_name_with_its_vendor_before_it_is_the_same_model(name: str) -> None:
    pool = built({"one": of("a", SMALL), "two": of("b", name)})
    assert tried(pool) == ["a/one", "b/two"]


def test_another_model_is_never_asked_instead() -> None:
    pool = built({"one": of("a", SMALL), "two": of("b", "mistral-embed")})
    assert tried(pool) == ["a/one"]


def test_which_embeddings_a_pool_has_does_not_depend_on_who_is_well() -> None:
    pool = built({"one": of("a", SMALL), "two": of("b", "mistral-embed")})
    target = pool.targets[0]
    attempt = pool.begin(target, request(), NOW)
    assert isinstance(attempt, OpenAttempt)
    attempt.fail(NOW, error(ErrorKind.QUOTA_EXHAUSTED, 429, retry_after=3600.0))
    refused = verdict(pool)
    assert refused.status == 429
    assert tried(pool) == []


def test_embeddings_of_another_size_cannot_be_compared() -> None:
    pool = built({"one": of("a", SMALL, constraints={"dimensions": 256}), "two": of("b", SMALL)})
    assert tried(pool) == ["a/one"]


def test_the_usual_size_of_a_model_may_be_told_or_not() -> None:
    pool = built({"one": of("a", SMALL, constraints={"dimensions": 1536}), "two": of("b", SMALL)})
    assert tried(pool) == ["a/one", "b/two"]


def test_models_which_their_vendors_call_otherwise_are_told_to_be_the_same() -> None:
    models = {"one": of("a", SMALL), "two": of("b", "our-deployment", embedding_space=SMALL)}
    assert tried(built(models)) == ["a/one", "b/two"]


def test_a_name_for_a_space_keeps_models_of_one_name_apart() -> None:
    models = {"one": of("a", "bge"), "two": of("b", "bge", embedding_space="bge at 8 bits")}
    assert tried(built(models)) == ["a/one"]


def test_a_pool_mixes_embeddings_if_it_is_told_to() -> None:
    models = {"one": of("a", SMALL), "two": of("b", "mistral-embed")}
    assert tried(built(models, mix_embeddings=True)) == ["a/one", "b/two"]


def test_a_model_that_only_chats_does_not_decide_which_embeddings_a_pool_has() -> None:
    chats = of("a", "gpt-6-luna", capabilities=["chat-completion"])
    pool = built({"chat": chats, "one": of("b", SMALL), "two": of("c", SMALL)})
    assert tried(pool) == ["b/one", "c/two"]


def test_a_vendor_that_embeds_nothing_does_not_decide_it_either() -> None:
    pool = built({"one": of(MUTE, "who-knows", capabilities=["embeddings"]), "two": of("b", SMALL)})
    assert tried(pool) == ["b/two"]


@pytest.mark.parametrize("parameters", ["default", "strict", "lenient"])
def test_inputs_which_no_vendor_takes_are_refused_and_never_cut(parameters: str) -> None:
    models = {"one": of("cohere.api.v1", "embed-v4.0")}
    pool = built(models, parameters=parameters)
    assert tried(pool, request(input=["a"] * 96)) == ["cohere.api.v1/one"]
    refused = verdict(pool, request(input=["a"] * 97))
    assert (refused.status, refused.param) == (400, "input")
    assert "does not accept so many inputs" in str(refused)
    assert "tokens for an input" in str(verdict(pool, request(input=[[1], [2]])))


def test_chats_go_to_any_model() -> None:
    models = {
        "one": of("a", "one-model", capabilities=["chat-completion"]),
        "two": of("b", "another", capabilities=["chat-completion"]),
    }
    sent = Request(id="r", model="vectors", body={"messages": []})
    assert tried(built(models), sent) == ["a/one", "b/two"]


def test_a_request_that_cannot_be_served_says_why() -> None:
    pool = built({"one": of("a", "chatty", capabilities=["chat-completion"])})
    refused = verdict(pool)
    assert isinstance(refused, RequestError)
    assert "it cannot embed" in str(refused)
