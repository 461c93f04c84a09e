"""The tokens an answer took, from all the places where vendors write them down.

Groq puts the usage of a stream in `x_groq`; DeepSeek, Mistral and Together name cached tokens in
ways of their own (https://api-docs.deepseek.com/guides/kv_cache). SGLang and Perplexity have the
tokens of reasoning beside the others (https://docs.perplexity.ai/api-reference). xAI's models count
reasoning beside the completion instead of in it, wherever they are hosted; the total gives that
away.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final

from attrs import evolve

from modelmesh.connectors.providers._fields import count_in, number_in, object_in
from modelmesh.usage import Usage

CACHED: Final = frozenset(
    {
        "prompt_cache_hit_tokens",
        "num_cached_tokens",
        "cached_tokens",
        "cache_read_input_tokens",
    }
)
_REASONING: Final = "reasoning_tokens"
_READ: Final = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_WRITTEN: Final = ("completion_tokens_details", "output_tokens_details", "output_token_details")

MISPLACED: Final = CACHED | {_REASONING}
"""Figures which OpenAI has in a place of their own."""


def usage_of(body: Mapping[str, Any]) -> Usage | None:
    """Return the usage in a reply or a chunk; None where it has none."""
    counts = counts_of(body)
    if counts is None:
        return None
    prompt, completion = count_in(counts, "prompt_tokens"), count_in(counts, "completion_tokens")
    if not prompt and not completion:
        return None
    reasoning = count_in(object_in(counts.get("completion_tokens_details")), _REASONING)
    if reasoning and count_in(counts, "total_tokens") == prompt + completion + reasoning:
        completion += reasoning
    beside = count_in(counts, _REASONING)
    if not reasoning and beside <= completion:  # more cannot be part of it
        reasoning = beside
    cached = count_in(object_in(counts.get("prompt_tokens_details")), "cached_tokens")
    for name in CACHED & counts.keys():
        cached = max(cached, count_in(counts, name))
    return Usage(
        prompt=prompt,
        completion=completion,
        cached=min(cached, prompt),
        reasoning=min(reasoning, completion),
        **other_than_text(counts),
    )


def other_than_text(counts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how many of the tokens are sound and images, by their names in `Usage`.

    https://platform.openai.com/docs/api-reference/chat/object. Each endpoint spells the places in
    a way of its own.
    """
    return {
        "heard": _within(counts, _READ, "audio_tokens"),
        "seen": _within(counts, _READ, "image_tokens"),
        "spoken": _within(counts, _WRITTEN, "audio_tokens"),
        "drawn": _within(counts, _WRITTEN, "image_tokens"),
    }


def _within(counts: Mapping[str, Any], places: Sequence[str], name: str) -> int:
    return max(count_in(object_in(counts.get(place)), name) for place in places)


def wants_usage(body: Mapping[str, Any]) -> bool:
    """Whether a request asks for a stream's usage, in a chunk of its own."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def tokens_of(body: Mapping[str, Any]) -> Usage | None:
    """Return the usage as the endpoints beside chat write it; None where there is none."""
    counts = object_in(body.get("usage"))
    prompt, completion = count_in(counts, "input_tokens"), count_in(counts, "output_tokens")
    if not prompt and not completion:
        return None
    return Usage(prompt=prompt, completion=completion, **other_than_text(counts))


def usage_of_sound(body: Mapping[str, Any]) -> Usage | None:
    """Return the usage of a transcript as `tokens_of` does, with the seconds it was made of.

    OpenAI counts those which it bills (https://platform.openai.com/docs/api-reference/audio),
    Mistral too; others say how long the sound is.
    """
    usage, counts = tokens_of(body), object_in(body.get("usage"))
    told = (
        number_in(counts, "seconds"),
        number_in(counts, "prompt_audio_seconds"),
        number_in(body, "duration"),
    )
    seconds = next((each for each in told if each and 0 < each < inf), None)
    return evolve(usage or Usage(), seconds=float(seconds)) if seconds else usage


def token_counts(usage: Usage) -> dict[str, int]:
    """Return the usage as the endpoints beside chat write it."""
    return {
        "input_tokens": usage.prompt,
        "output_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }


def counts_of(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a vendor's own counts in a reply or a chunk; None where there are none."""
    counts = body.get("usage") or object_in(body.get("x_groq")).get("usage")
    return counts if isinstance(counts, dict) and counts else None


def restated(counts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a vendor's counts with OpenAI's figures in OpenAI's places: the same if they are so.

    Whatever else the vendor counts, such as a cost, stays.
    """
    usage = usage_of({"usage": counts})
    if usage is None:
        return counts
    new = {
        **counts,
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    parts = (
        ("prompt_tokens_details", "cached_tokens", usage.cached),
        ("completion_tokens_details", _REASONING, usage.reasoning),
    )
    for place, name, count in parts:
        inner = object_in(counts.get(place))
        if count or inner.get(name):
            new[place] = {**inner, name: count}
    return counts if new == counts else new
