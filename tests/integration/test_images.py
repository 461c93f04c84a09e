"""Images over the real server, asked for by OpenAI's own SDK."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from openai.types import (
    ImageGenCompletedEvent,
    ImageGenPartialImageEvent,
)
from proxy_process import ProxyProcess, running_proxy, until

from modelmesh.testing.fake_answers import encode
from modelmesh.testing.fake_images import IMAGE, USAGE
from modelmesh.testing.fake_provider import Exchange, FakeProvider

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/images/generations"
PROMPT = "A lighthouse."
POOLS = {
    "good": ["ok"],
    "failing-over": ["status~code=503", "empty-data", "null-body", "html-200", "error-200", "ok"],
    "nothing": ["empty-data"],
    "held-back": ["held-back", "ok"],
    "slow": ["ok~gap=0.05"],
    "cut": ["cut-chunked"],
    "broken": ["error-mid"],
    "stalling": ["stall-mid"],
    "streams-late": ["cut-chunked~after=0", "ok"],
    "chatty": ["chatty", "ok"],
    "painters": ["gpt-image-9", "ok"],
    "base64-only": ["gpt-image-9"],
    "lenient": ["flux"],
    "stability": ["sd3.5-large", "ok"],
}
VENDORS = {
    "gpt-image-9": "openai.llm.v1",
    "flux": "together.api.v1",
    "sd3.5-large": "stability.image.v1",
}


async def stability(exchange: Exchange) -> None:
    """Answer as Stability does."""
    body = exchange.request.body
    assert exchange.request.path == "/v1/v2beta/stable-image/generate/sd3"
    assert b'name="aspect_ratio"\r\n\r\n2:3' in body
    held = b"a weapon" in body
    told = {"image": IMAGE, "finish_reason": "CONTENT_FILTERED" if held else "SUCCESS", "seed": 1}
    await exchange.answer(200, encode(told))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(
        models=["gpt-image-9", "flux"], faults={"sd3.5-large": stability}
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(vendor: FakeProvider) -> None:
    vendor.reset()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(vendor: FakeProvider) -> AsyncIterator[ProxyProcess]:
    models: dict[str, Any] = {
        name: {
            "provider": VENDORS.get(name, "fake"),
            "capabilities": ["chat-completion" if name == "chatty" else "text-to-image"],
        }
        for names in POOLS.values()
        for name in names
    }
    config = {
        "providers": {
            "fake": {"connector": "openai-compatible", "base_url": vendor.url},
            **{id_: {"base_url": vendor.url, "api_key": "any"} for id_ in VENDORS.values()},
        },
        "models": models,
        "pools": {
            name: {
                "models": names,
                "retry": {"max_attempts": 1},
                "timeouts": {"idle": "0.4s" if name == "stalling" else "20s", "first_token": "20s"},
                "parameters": "lenient" if name == "lenient" else "default",
            }
            for name, names in POOLS.items()
        },
    }
    async with running_proxy(config) as running:
        yield running


async def test_an_image_comes_in_base64(client: AsyncOpenAI, vendor: FakeProvider) -> None:
    made = await client.images.generate(
        model="good", prompt=PROMPT, n=2, size="1024x1536", quality="high", output_format="png"
    )
    assert made.data is not None
    assert [image.b64_json for image in made.data] == [IMAGE, IMAGE]
    assert base64.b64decode(IMAGE).startswith(b"\x89PNG")
    assert made.usage is not None
    assert made.usage.to_dict() == USAGE
    assert vendor.received[-1].json == {
        "model": "ok",
        "prompt": PROMPT,
        "n": 2,
        "size": "1024x1536",
        "quality": "high",
        "output_format": "png",
    }


async def test_an_image_comes_as_an_address(client: AsyncOpenAI) -> None:
    made = await client.images.generate(model="good", prompt=PROMPT, response_format="url")
    assert made.data is not None
    assert [image.b64_json for image in made.data] == [None]
    assert str(made.data[0].url).endswith(".png")


async def test_what_is_unknown_reaches_the_vendor_untouched(
    proxy: ProxyProcess, vendor: FakeProvider
) -> None:
    body = b'{"model" : "good", "prompt":"A \\u00e9clair","x_unknown":[1, 2]}'
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{proxy.url}{PATH}", data=body, headers={"content-type": "application/json"}
        ) as reply,
    ):
        assert reply.status == 200
        assert reply.headers["x-modelmesh-model"] == "ok"
    assert vendor.received[-1].body == body.replace(b'"good"', b'"ok"')


async def test_whoever_makes_no_image_is_passed_over(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    came = await client.images.with_raw_response.generate(model="failing-over", prompt=PROMPT)
    assert came.headers["x-modelmesh-attempts"] == "6"
    made = came.parse()
    assert made.data is not None
    assert made.data[0].b64_json == IMAGE
    assert len(vendor.received) == 6


async def test_an_answer_without_images_is_never_a_good_one(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        await client.images.generate(model="nothing", prompt=PROMPT)
    assert caught.value.status_code == 502
    assert "no images" in str(caught.value)


async def test_a_prompt_which_a_policy_forbids_is_the_clients_own_fault(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.images.generate(model="held-back", prompt=PROMPT)
    assert caught.value.code == "moderation_blocked"
    assert caught.value.type == "image_generation_user_error"
    assert len(vendor.received) == 1


async def test_a_model_that_chats_is_not_asked_for_images(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    await client.images.generate(model="chatty", prompt=PROMPT)
    assert [request.model for request in vendor.received] == ["ok"]


async def test_who_gives_base64_only_is_passed_over_for_an_address(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    await client.images.generate(model="painters", prompt=PROMPT, response_format="url")
    assert [request.model for request in vendor.received] == ["ok"]


async def test_nobody_is_asked_where_nobody_gives_an_address(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.images.generate(model="base64-only", prompt=PROMPT, response_format="url")
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "response_format")
    assert vendor.received == []


async def test_base64_is_not_asked_of_those_who_give_nothing_else(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    came = await client.images.with_raw_response.generate(
        model="base64-only", prompt=PROMPT, response_format="b64_json", style="vivid"
    )
    assert came.headers["x-modelmesh-dropped-params"] == "style"
    assert vendor.received[-1].json == {"model": "gpt-image-9", "prompt": PROMPT}


async def test_a_stream_has_its_sketches_and_then_the_image(client: AsyncOpenAI) -> None:
    stream = await client.images.generate(
        model="slow", prompt=PROMPT, stream=True, partial_images=2
    )
    *sketches, image = [event async for event in stream]
    assert [sketch.type for sketch in sketches] == ["image_generation.partial_image"] * 2
    assert all(isinstance(sketch, ImageGenPartialImageEvent) for sketch in sketches)
    assert isinstance(image, ImageGenCompletedEvent)
    assert image.b64_json == IMAGE
    assert image.usage.to_dict() == USAGE


async def test_a_stream_of_several_images_ends_with_the_last(client: AsyncOpenAI) -> None:
    stream = await client.images.generate(
        model="good", prompt=PROMPT, n=2, stream=True, partial_images=1
    )
    kinds = [event.type.rpartition(".")[2] async for event in stream]
    assert kinds == ["partial_image", "completed", "partial_image", "completed"]


@pytest.mark.parametrize("pool", ["cut", "broken", "stalling"])
async def test_a_stream_that_breaks_off_says_so(client: AsyncOpenAI, pool: str) -> None:
    stream = await client.images.generate(model=pool, prompt=PROMPT, stream=True, partial_images=2)
    assert (await anext(stream)).type == "image_generation.partial_image"
    with pytest.raises(openai.APIError):
        await anext(stream)


async def test_a_stream_fails_over_before_its_first_event(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    stream = await client.images.generate(model="streams-late", prompt=PROMPT, stream=True)
    assert [event.type async for event in stream] == ["image_generation.completed"]
    assert [request.model for request in vendor.received] == ["cut-chunked~after=0", "ok"]


async def test_a_client_that_leaves_ends_the_vendors_work(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    stream = await client.images.generate(
        model="slow", prompt=PROMPT, n=50, stream=True, partial_images=3
    )
    await anext(stream)
    await stream.close()
    await until(lambda: vendor.received[-1].client_gone)


async def test_who_cannot_stream_images_is_not_asked_to_even_in_a_lenient_pool(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.images.generate(model="lenient", prompt=PROMPT, stream=True)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "stream")
    assert vendor.received == []
    made = await client.images.generate(model="lenient", prompt=PROMPT, output_format="webp")
    assert made.data is not None
    assert made.data[0].b64_json == IMAGE


async def test_stability_answers_as_openai_does(client: AsyncOpenAI) -> None:
    came = await client.images.with_raw_response.generate(
        model="stability", prompt=PROMPT, size="1024x1536"
    )
    assert came.headers["x-modelmesh-model"] == "sd3.5-large"
    made = came.parse()
    assert made.data is not None
    assert [image.b64_json for image in made.data] == [IMAGE]
    assert made.output_format == "png"
    assert made.created > 0


async def test_what_stability_held_back_is_the_clients_own_fault(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.images.generate(model="stability", prompt="a weapon", size="1024x1536")
    assert caught.value.code == "content_policy_violation"
    assert len(vendor.received) == 1


async def test_several_images_are_made_by_who_makes_several(
    client: AsyncOpenAI, vendor: FakeProvider
) -> None:
    made = await client.images.generate(model="stability", prompt=PROMPT, n=2)
    assert made.data is not None
    assert len(made.data) == 2
    assert [request.model for request in vendor.received] == ["ok"]


@pytest.mark.parametrize("prompt", [None, "", 5])
async def test_without_a_prompt_nobody_is_asked(
    proxy: ProxyProcess, vendor: FakeProvider, prompt: object
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{proxy.url}{PATH}", json={"model": "good", "prompt": prompt}) as reply,
    ):
        assert reply.status == 400
        assert (await reply.json())["error"]["param"] == "prompt"
    assert vendor.received == []
