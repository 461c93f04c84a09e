"""Asking vendors what works: what each answer means, how often and how many are asked."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from scene import server

from modelmesh import catalogue
from modelmesh.config.load import load
from modelmesh.errors import ErrorKind
from modelmesh.online import AT_ONCE, Probed, probe, questions
from modelmesh.plan import Plan, plan
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import Script, ScriptedTransport, fail, reply, silence, until


def planned(models: Mapping[str, str] | None = None, **providers: Mapping[str, Any]) -> Plan:
    """Return the plan of providers, with models by name at the provider that each is given."""
    listed = {
        name: {"provider": id_, "capabilities": ["chat-completion"]}
        for name, id_ in (models or {}).items()
    }
    return plan(load({"providers": providers, "models": listed}, environ={}), {})


async def asked(plan: Plan, script: Script) -> tuple[list[Probed], ScriptedTransport]:
    clock = FakeClock()
    transport = ScriptedTransport(script, clock)
    told: list[Probed] = []
    found = await probe(plan, transport, clock, told.append)
    assert sorted(map(str, told)) == sorted(map(str, found))
    assert len(found) == questions(plan)
    return found, transport


def listing(*names: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": name} for name in names]}


def refusal(code: str = "invalid_api_key") -> dict[str, Any]:
    return {"error": {"message": "no: sk-canary-1", "code": code}}


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (reply(200, listing("m")), "answers"),
        (reply(401, refusal()), "refused"),
        # Many a key is good for chat and nothing else.
        (reply(403, refusal("insufficient_permissions")), "no list"),
        (reply(404, refusal("not_found")), "no list"),
        (reply(405), "no list"),
        (reply(429, refusal("rate_limit_exceeded")), "fails"),
        (reply(500), "fails"),
        (fail(ErrorKind.UNREACHABLE), "unreachable"),
        (silence(), "unreachable"),
        (reply(200, b"<html>"), "fails"),
    ],
)
async def test_what_an_answer_means(answer: Any, state: str) -> None:
    [one], _ = await asked(planned(a=server("a", api_key="sk-canary-1")), [answer])
    assert one.state == state
    assert bool(one.why) == (state != "answers")
    assert "canary" not in str(one)


async def test_a_page_in_place_of_a_list_is_told_in_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    [one], _ = await asked(planned(a=server("a")), [reply(200, b"<html>welcome</html>")])
    assert one.why == "what the vendor answered is no list of models"
    assert caplog.text == ""


async def test_how_long_it_took_is_told() -> None:
    [one], _ = await asked(planned(a=server("a")), [reply(200, listing(), after=0.25)])
    assert one.milliseconds == pytest.approx(250)


async def test_every_key_is_asked_once_and_goes_by_its_number() -> None:
    found, transport = await asked(
        planned(a=server("a", api_keys=["k", "l"]), b=server("b")),
        lambda _: reply(200, listing()),
    )
    assert [(one.name, one.key) for one in found] == [("a #1", 1), ("a #2", 2), ("b", None)]
    assert len(transport.requests) == 3
    assert {request.method for request in transport.requests} == {"GET"}


async def test_a_key_that_stands_twice_is_asked_once_all_the_same() -> None:
    found, transport = await asked(
        planned(a=server("a", api_key="k"), b=server("a", api_key="k")), [reply(401, refusal())]
    )
    assert [(one.provider, one.state) for one in found] == [("a", "refused"), ("b", "refused")]
    assert len(transport.requests) == 1


async def test_a_vendor_without_a_list_is_not_asked() -> None:
    [one], transport = await asked(planned(**{"voyage.api.v1": {"api_key": "k"}}), [])
    assert one.state == "no list"
    assert transport.requests == []


async def test_a_vendor_that_is_switched_off_is_not_asked() -> None:
    found, _ = await asked(planned(a=server("a", enabled=False)), [])
    assert found == []


async def test_models_which_the_vendor_does_not_list_are_named() -> None:
    models = {"here": "a", "gone": "a", "elsewhere": "b"}
    answers = {"a": listing("HERE", "other"), "b": {"data": []}}
    found, _ = await asked(
        planned(models, a=server("a"), b=server("b")),
        lambda request: reply(200, answers[request.url.removeprefix("http://")[0]]),
    )
    # Of an empty list nothing follows.
    assert [list(one.unlisted) for one in found] == [["gone"], []]


async def test_names_of_ones_own_are_no_models_of_the_vendor() -> None:
    azure = {"connector": "azure.openai.v1", "base_url": "http://a.test", "api_key": "k"}
    [one], _ = await asked(planned({"mine": "a"}, a=azure), [reply(200, listing("gpt-6-luna"))])
    assert (one.state, one.unlisted) == ("answers", [])


@pytest.mark.parametrize(
    ("vendor", "model", "listed", "among"),
    [
        ("openai.llm.v1", "gpt-4o", ["gpt-4o"], True),
        ("openai.llm.v1", "gpt-4o", ["gpt-4o-mini"], False),
        ("openai.llm.v1", "gpt-4o-2024-05-13", ["gpt-4o"], False),
        ("anthropic.claude.v1", "claude-haiku-4-5", ["claude-haiku-4-5-20251001"], True),
        ("google.gemini.v1", "models/gemini-2.5-flash", ["gemini-2.5-flash"], True),
        ("ollama.local.v1", "llama3.2", ["llama3.2:latest"], True),
        ("ollama.local.v1", "llama3.2:1b", ["llama3.2:latest"], False),
        ("openrouter.api.v1", "openai/gpt-6-sol:nitro", ["openai/gpt-6-sol"], True),
        ("huggingface.router.v1", "openai/gpt-oss-20b:groq", ["openai/gpt-oss-20b"], True),
    ],
)
def test_whether_a_model_is_listed(
    vendor: str, model: str, listed: Sequence[str], among: bool
) -> None:
    assert catalogue.is_among(vendor, model, listed) is among


async def test_vendors_are_asked_together_yet_not_all_at_once() -> None:
    providers = {f"p{number}": server(f"p{number}") for number in range(AT_ONCE + 3)}
    answer = asyncio.Event()
    clock = FakeClock()
    transport = ScriptedTransport(lambda _: until(answer), clock)
    asking = asyncio.create_task(probe(planned(**providers), transport, clock, lambda _: None))
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(transport.requests) == AT_ONCE
    answer.set()
    found = await asking
    assert [one.provider for one in found] == list(providers)
