"""Every recorded image there is, through its vendor's translator, judged by rules."""

import json
from typing import Any

import judge_images
import pytest
from recordings import CONNECTORS, Exchange, each, judged

ASKED: dict[str, dict[str, Any]] = {
    "plain": {"prompt": "A lighthouse."},
    "portrait": {"prompt": "A lighthouse.", "size": "1024x1536", "n": 1},
    "wide": {"prompt": "A lighthouse.", "size": "1792x1024", "response_format": "b64_json"},
    "large": {"prompt": "A lighthouse.", "size": "2048x2048", "quality": "high"},
    "any size": {
        "prompt": "A lighthouse.",
        "size": "auto",
        "quality": "auto",
        "background": "auto",
    },
    "everything": {
        "prompt": "A lighthouse.",
        "background": "opaque",
        "moderation": "low",
        "n": 1,
        "output_compression": 80,
        "partial_images": 0,
        "quality": "high",
        "response_format": "b64_json",
        "stream": False,
        "style": "vivid",
        "user": "u-1",
    },
}
MODELS = {
    "openai.llm.v1": "gpt-image-2",
    "azure.openai.v1": "gpt-image-2",
    "together.api.v1": "black-forest-labs/FLUX.1-schnell",
    "xai.api.v1": "grok-imagine-image",
    "google.gemini.v1": "gemini-3.1-flash-image",
}


RECORDED = judged("image")


@each(RECORDED)
def test_images_keep_the_rules(exchange: Exchange) -> None:
    assert judge_images.complaints(exchange) == []


@each([one for one in RECORDED if one.vendor == "openai"])
def test_images_of_openai_pass_as_they_came(exchange: Exchange) -> None:
    assert judge_images.answer_of(exchange).body == exchange.body


@each([one for one in RECORDED if one.vendor in ("openai", "xai") and "images" not in one.asked])
def test_what_a_vendor_accepted_keeps_the_rules_of_images(exchange: Exchange) -> None:
    connector = CONNECTORS[exchange.vendor]
    body = {"model": exchange.model, **exchange.asked}
    assert list(judge_images.body_complaints(connector, body)) == []


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("connector", MODELS)
def test_images_are_asked_for_by_the_rules(connector: str, asked: str) -> None:
    made = judge_images.sent(connector, ASKED[asked], MODELS[connector])
    assert made is not None
    assert judge_images.request_complaints(connector, made) == []
    assert "A lighthouse." in json.dumps(json.loads(made.body))
