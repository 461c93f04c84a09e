"""Images at each vendor: what is sent, what comes back, what is passed over."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
import trial

from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.stream import EventSplitter
from modelmesh.testing.conformance.hearing import awkward_pieces, crumbs
from modelmesh.types import Answer, Chunk, HttpReply, HttpRequest, Request, Secret

OPENAI, AZURE, COMPATIBLE = "openai.llm.v1", "azure.openai.v1", "openai-compatible"
TOGETHER, XAI, GEMINI = "together.api.v1", "xai.api.v1", "google.gemini.v1"
STABILITY = "stability.image.v1"
PROMPT = {"prompt": "A lighthouse."}
IMAGE = "iVBORw0KGgo="


def request_of(body: Any, raw: bytes = b"") -> Request:
    asked = {"model": "pool", **PROMPT, **body}
    return Request(
        id="r", model="pool", body=asked, raw=raw or json.dumps(asked).encode(), endpoint="images"
    )


def sent(connector: str, model: str = "some-model", **asked: Any) -> HttpRequest:
    provider, request = trial.translator(connector), request_of(asked)
    drop = provider.lacks(request, model)
    return provider.request(request, model=model, key=Secret("a-key"), drop=drop)


def body_sent(connector: str, model: str = "some-model", **asked: Any) -> Any:
    return json.loads(sent(connector, model, **asked).body)


def lacks(connector: str, model: str = "some-model", **asked: Any) -> set[str]:
    return set(trial.translator(connector).lacks(request_of(asked), model))


def answer(connector: str, body: Any, status: int = 200, **asked: Any) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    came = trial.translator(connector).answer(
        HttpReply(status=status, headers={}, body=raw),
        request=request_of(asked),
        model="gemini-3.1-flash-image",
        wall=1700000000.5,
    )
    assert isinstance(came, Answer)
    return came


def failure(connector: str, body: Any, status: int = 200) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        answer(connector, body, status)
    return caught.value


def heard(connector: str, pieces: Sequence[bytes], **asked: Any) -> list[Chunk]:
    decoder = trial.translator(connector).decoder(
        request=request_of({"stream": True, **asked}), model="some-model", wall=1700000000.5
    )
    split = EventSplitter()
    events = [event for piece in pieces for event in split.feed(piece)]
    return [chunk for event in [*events, *split.end()] for chunk in decoder.feed(event)]


def test_only_the_models_name_is_changed_for_a_server_of_the_same_wire() -> None:
    raw = b'{ "model":"pool","prompt":"\\u00e9","style":"vivid", "x":[1 ,2]}'
    made = trial.translator(COMPATIBLE).request(
        request_of(json.loads(raw), raw), model="real", key=Secret("k"), drop=frozenset()
    )
    assert made.url == f"{trial.ADDRESS}/images/generations"
    assert made.body == raw.replace(b'"pool"', b'"real"')


@pytest.mark.parametrize("connector", [OPENAI, AZURE])
def test_models_of_openai_are_not_told_what_they_do_anyway(connector: str) -> None:
    asked: dict[str, Any] = {"response_format": "b64_json", "style": None}
    assert lacks(connector, "gpt-image-2", **asked) == set()
    assert body_sent(connector, "gpt-image-2", **asked) == {"model": "gpt-image-2", **PROMPT}


@pytest.mark.parametrize("connector", [OPENAI, AZURE])
def test_models_of_openai_give_no_address(connector: str) -> None:
    assert lacks(connector, "gpt-image-2", response_format="url") == {"response_format"}
    assert lacks(connector, "chatgpt-image-latest", response_format="url") == {"response_format"}


def test_an_older_deployment_at_azure_gives_addresses() -> None:
    asked = {"response_format": "url", "size": "1024x1024"}
    assert lacks(AZURE, "dalle", **asked) == set()
    assert body_sent(AZURE, "dalle", **asked) == {"model": "dalle", **PROMPT, **asked}


def test_together_is_told_width_and_height_and_its_own_word_for_base64() -> None:
    asked: dict[str, Any] = {"size": "1024x1536", "response_format": "b64_json", "steps": 4, "n": 2}
    assert lacks(TOGETHER, **asked) == set()
    assert body_sent(TOGETHER, **asked) == {
        "model": "some-model",
        **PROMPT,
        "width": 1024,
        "height": 1536,
        "response_format": "base64",
        "steps": 4,
        "n": 2,
    }


def test_together_writes_no_webp() -> None:
    assert lacks(TOGETHER, output_format="webp") == {"output_format"}
    assert lacks(TOGETHER, output_format="png") == set()


def test_a_clients_own_width_goes_before_the_size() -> None:
    assert body_sent(TOGETHER, size="1024x1024", width=512)["width"] == 512


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ("1024x1536", {"aspect_ratio": "2:3", "resolution": "1k"}),
        ("2048x2048", {"aspect_ratio": "1:1", "resolution": "2k"}),
        ("3840x2160", {"aspect_ratio": "16:9", "resolution": "2k"}),
        ("auto", {}),
        (None, {}),
    ],
)
def test_xai_is_told_a_ratio_and_a_resolution(size: str | None, told: dict[str, str]) -> None:
    assert lacks(XAI, size=size) == set()
    assert body_sent(XAI, size=size) == {"model": "some-model", **PROMPT, **told}


@pytest.mark.parametrize("connector", [XAI, GEMINI, STABILITY])
@pytest.mark.parametrize("size", ["4096x512", "large", 5])
def test_a_size_that_cannot_be_made_is_lacked(connector: str, size: object) -> None:
    assert lacks(connector, size=size) == {"size"}
    assert b"4096" not in sent(connector, size=size).body


@pytest.mark.parametrize("connector", [TOGETHER, XAI, STABILITY])
def test_who_does_not_stream_images_lacks_it(connector: str) -> None:
    assert lacks(connector, stream=True, partial_images=2) == {"stream", "partial_images"}
    assert lacks(connector, stream=False, partial_images=0, background="opaque") == set()
    assert lacks(connector, background="transparent") == {"background"}


def test_gemini_is_asked_for_nothing_but_images() -> None:
    made = sent(GEMINI, "gemini-3.1-flash-image", size="1024x1536", seed=7)
    assert made.url == f"{trial.ADDRESS}/models/gemini-3.1-flash-image:generateContent"
    assert json.loads(made.body) == {
        "contents": [{"role": "user", "parts": [{"text": "A lighthouse."}]}],
        "generationConfig": {
            "responseModalities": ["IMAGE"],
            "imageConfig": {"aspectRatio": "2:3", "imageSize": "1K"},
            "seed": 7,
        },
    }


def test_geminis_older_models_have_one_resolution() -> None:
    config = body_sent(GEMINI, "gemini-2.5-flash-image", size="2048x2048")["generationConfig"]
    assert config["imageConfig"] == {"aspectRatio": "1:1"}


def test_a_stream_of_gemini_is_asked_for_as_events() -> None:
    made = sent(GEMINI, "gemini-3.1-flash-image", stream=True)
    assert made.stream
    assert made.url.endswith(":streamGenerateContent?alt=sse")


def test_gemini_makes_one_image_in_base64() -> None:
    assert lacks(GEMINI, n=2) == {"n"}
    assert lacks(GEMINI, n=1, response_format="b64_json") == set()
    assert lacks(GEMINI, response_format="url") == {"response_format"}
    assert lacks(GEMINI, output_format="png", user="u") == {"output_format", "user"}


def gemini(*parts: Any, reason: str | None = "STOP", **more: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": [*parts]}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    counts = {"promptTokenCount": 8, "candidatesTokenCount": 1290, "totalTokenCount": 1298}
    return {"candidates": [candidate], "usageMetadata": counts, **more}


PICTURE = {"inlineData": {"mimeType": "image/png", "data": IMAGE}}
SKETCH = {"inlineData": {"mimeType": "image/png", "data": "c2tldGNo"}, "thought": True}


def test_an_image_of_gemini_reads_as_one_of_openai() -> None:
    came = answer(GEMINI, gemini({"text": "Here it is:"}, SKETCH, PICTURE))
    assert json.loads(came.body) == {
        "created": 1700000000,
        "data": [{"b64_json": IMAGE}],
        "output_format": "png",
        "usage": {
            "input_tokens": 8,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 8},
            "output_tokens": 1290,
            "total_tokens": 1298,
        },
    }


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (gemini(reason="IMAGE_SAFETY"), ErrorKind.CONTENT_FILTERED),
        (gemini(reason="PROHIBITED_CONTENT"), ErrorKind.CONTENT_FILTERED),
        ({"promptFeedback": {"blockReason": "IMAGE_SAFETY"}}, ErrorKind.CONTENT_FILTERED),
        (gemini(reason="NO_IMAGE"), ErrorKind.BAD_ANSWER),
        (gemini({"text": "I would rather tell a story."}), ErrorKind.BAD_ANSWER),
        (gemini(SKETCH), ErrorKind.BAD_ANSWER),
        ({"candidates": []}, ErrorKind.BAD_ANSWER),
        ({"error": {"code": 503, "status": "UNAVAILABLE"}}, ErrorKind.OVERLOADED),
        (b"null", ErrorKind.BAD_ANSWER),
    ],
)
def test_gemini_without_an_image_has_failed(body: Any, kind: ErrorKind) -> None:
    assert failure(GEMINI, body).kind is kind


def test_an_image_which_a_policy_forbids_is_the_clients_own_fault() -> None:
    refused = failure(GEMINI, gemini(reason="IMAGE_SAFETY"))
    assert (refused.status, refused.code) == (400, "content_policy_violation")
    assert not refused.rule.next_target
    assert "IMAGE_SAFETY" in str(refused)


def test_a_stream_of_gemini_is_one_image() -> None:
    events = [gemini({"text": "Here"}, reason=None), gemini(PICTURE, reason=None), gemini()]
    body = b"".join(b"data: %b\r\n\r\n" % json.dumps(event).encode() for event in events)
    for pieces in ([body], awkward_pieces(body), crumbs(body, 1)):
        (chunk,) = heard(GEMINI, pieces)
        told = json.loads(chunk.payload)
        assert (told["type"], told["b64_json"]) == ("image_generation.completed", IMAGE)
        assert told["usage"]["output_tokens"] == 1290
        assert chunk.content
        assert chunk.finished


def test_a_stream_of_gemini_that_ends_without_a_reason_is_not_whole() -> None:
    event = json.dumps(gemini(PICTURE, reason=None)).encode()
    assert heard(GEMINI, [b"data: %b\n\n" % event]) == []


def test_a_stream_of_gemini_tells_of_a_policy() -> None:
    event = json.dumps(gemini(reason="IMAGE_SAFETY")).encode()
    with pytest.raises(ProviderError) as caught:
        heard(GEMINI, [b"data: %b\n\n" % event])
    assert caught.value.kind is ErrorKind.CONTENT_FILTERED


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("stable-image-core", "core"),
        ("stable-image-ultra", "ultra"),
        ("ultra", "ultra"),
        ("sd3.5-large", "sd3"),
        ("../v1/user/balance", "..%2Fv1%2Fuser%2Fbalance"),
    ],
)
def test_stability_is_asked_at_the_models_address(model: str, path: str) -> None:
    made = sent(STABILITY, model)
    assert made.url == f"{trial.ADDRESS}/v2beta/stable-image/generate/{path}"
    assert made.headers["accept"] == "application/json"
    assert made.headers["authorization"] == "Bearer a-key"
    assert made.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert (b'name="model"' in made.body) == (path == "sd3")


def test_stability_is_sent_a_form() -> None:
    asked: dict[str, Any] = {
        "size": "1536x1024",
        "seed": 7,
        "output_format": "webp",
        "negative_prompt": "fog",
    }
    assert lacks(STABILITY, "stable-image-core", **asked) == set()
    made = sent(STABILITY, "stable-image-core", **asked)
    boundary = made.headers["content-type"].partition("boundary=")[2].encode()
    parts = [part.partition(b"\r\n\r\n") for part in made.body.split(b"--" + boundary)[1:-1]]
    told = {head.partition(b'name="')[2].rstrip(b'"'): text.strip() for head, _, text in parts}
    assert told == {
        b"prompt": b"A lighthouse.",
        b"aspect_ratio": b"3:2",
        b"seed": b"7",
        b"output_format": b"webp",
        b"negative_prompt": b"fog",
    }


def test_stability_makes_one_image_in_base64() -> None:
    came = answer(STABILITY, {"image": IMAGE, "finish_reason": "SUCCESS", "seed": 1})
    assert json.loads(came.body) == {
        "created": 1700000000,
        "data": [{"b64_json": IMAGE}],
        "output_format": "png",
    }
    assert lacks(STABILITY, n=2) == {"n"}
    assert lacks(STABILITY, response_format="url") == {"response_format"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"image": IMAGE, "finish_reason": "CONTENT_FILTERED"}, ErrorKind.CONTENT_FILTERED),
        (
            403,
            {
                "id": "1",
                "name": "content_moderation",
                "errors": ["Your request was flagged by our content moderation system."],
            },
            ErrorKind.CONTENT_FILTERED,
        ),
        (403, {"id": "1", "name": "unauthorized", "errors": ["no"]}, ErrorKind.NO_PERMISSION),
        (402, {"id": "1", "name": "payment_required", "errors": ["no"]}, ErrorKind.QUOTA_EXHAUSTED),
        (401, {"id": "1", "name": "unauthorized", "errors": ["no"]}, ErrorKind.BAD_KEY),
        (429, {"id": "1", "name": "rate_limit_exceeded", "errors": ["no"]}, ErrorKind.RATE_LIMIT),
        (
            400,
            {"id": "1", "name": "bad_request", "errors": ["seed: no"]},
            ErrorKind.INVALID_REQUEST,
        ),
        (200, {"finish_reason": "SUCCESS"}, ErrorKind.BAD_ANSWER),
        (200, {"errors": ["it broke"]}, ErrorKind.BAD_ANSWER),
        (200, "text", ErrorKind.BAD_ANSWER),
    ],
)
def test_what_stability_says_is_understood(status: int, body: Any, kind: ErrorKind) -> None:
    assert failure(STABILITY, body, status).kind is kind


def test_an_answer_without_a_date_gets_one() -> None:
    came = answer(TOGETHER, {"id": "x", "data": [{"index": 0, "url": "https://e.test/1.png"}]})
    assert json.loads(came.body) == {
        "id": "x",
        "data": [{"index": 0, "url": "https://e.test/1.png"}],
        "created": 1700000000,
    }


def test_what_xai_counts_stays_and_no_tokens_are_none() -> None:
    came = answer(XAI, {"data": [{"url": "u"}], "usage": {"cost_in_usd_ticks": 200000000}})
    assert json.loads(came.body)["usage"] == {
        "cost_in_usd_ticks": 200000000,
        "input_tokens": 0,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        "output_tokens": 0,
        "total_tokens": 0,
    }
    assert came.usage is None


def test_images_which_xai_held_back_are_not_passed_on() -> None:
    held = {"b64_json": "blank", "respect_moderation": False}
    came = answer(XAI, {"data": [held, {"b64_json": IMAGE, "respect_moderation": True}]})
    assert [image["b64_json"] for image in json.loads(came.body)["data"]] == [IMAGE]
    assert failure(XAI, {"data": [held]}).kind is ErrorKind.CONTENT_FILTERED


@pytest.mark.parametrize(
    ("connector", "status", "body"),
    [
        (OPENAI, 400, {"error": {"message": "no", "code": "moderation_blocked"}}),
        (OPENAI, 400, {"error": {"message": "no", "code": "content_policy_violation"}}),
        (AZURE, 400, {"error": {"message": "By our safety system.", "code": "contentFilter"}}),
        (XAI, 400, {"code": "invalid", "error": "Image rejected by content moderation."}),
    ],
)
def test_a_prompt_which_a_policy_forbids_is_known(connector: str, status: int, body: Any) -> None:
    assert failure(connector, body, status).kind is ErrorKind.CONTENT_FILTERED


@pytest.mark.parametrize(
    "body", [b"null", b'""', b"[]", b"<html>", {}, {"data": []}, {"data": [{}]}, {"data": "x"}]
)
def test_what_holds_no_image_is_a_failure(body: Any) -> None:
    assert failure(COMPATIBLE, body).kind is ErrorKind.BAD_ANSWER


def events_of_openai(*told: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode())
        for one in told
    )


PARTIAL = {"type": "image_generation.partial_image", "b64_json": "c2s=", "partial_image_index": 0}
COMPLETED = {
    "type": "image_generation.completed",
    "b64_json": IMAGE,
    "usage": {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30},
}


def test_a_stream_passes_as_it_came_in_whichever_pieces() -> None:
    body = events_of_openai(PARTIAL, COMPLETED)
    for pieces in ([body], awkward_pieces(body), crumbs(body, 1)):
        sketch, image = heard(OPENAI, pieces)
        assert [json.loads(sketch.payload), json.loads(image.payload)] == [PARTIAL, COMPLETED]
        assert (sketch.content, sketch.finished, sketch.usage) == (True, False, None)
        assert (image.content, image.finished) == (True, True)
        assert image.usage is not None
        assert (image.usage.prompt, image.usage.completion) == (10, 20)


def test_a_stream_of_two_images_is_not_whole_after_the_first() -> None:
    chunks = heard(OPENAI, [events_of_openai(COMPLETED, PARTIAL, COMPLETED)], n=2)
    assert [chunk.finished for chunk in chunks] == [False, False, True]


def test_an_end_marker_alone_makes_nothing_whole() -> None:
    chunks = heard(OPENAI, [events_of_openai(PARTIAL), b"data: [DONE]\n\n"])
    assert [chunk.finished for chunk in chunks] == [False]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (
            b'data: {"type":"error","error":{"code":"moderation_blocked","message":"no"}}\n\n',
            ErrorKind.CONTENT_FILTERED,
        ),
        (b'event: error\ndata: {"message":"it broke"}\n\n', ErrorKind.SERVER_ERROR),
        (b"data: oops\n\n", ErrorKind.BAD_ANSWER),
    ],
)
def test_an_error_within_a_stream_of_images_is_told(event: bytes, kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as caught:
        heard(OPENAI, [events_of_openai(PARTIAL), event])
    assert caught.value.kind is kind
