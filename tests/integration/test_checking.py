"""`modelmesh check`, `pools`, `models` and `providers` as people and programs run them."""

import asyncio
import json
import os
import pty
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modelmesh.testing.fake_answers import encode, error
from modelmesh.testing.fake_provider import FakeProvider
from modelmesh.testing.fake_wire import Exchange

COMMAND = ("-m", "modelmesh")


class Strict(FakeProvider):
    """A vendor which lists its models by good keys only."""

    async def _list_models(self, exchange: Exchange) -> None:
        if exchange.request.key == "sk-canary-wrong":
            refusal = error(401, message="Incorrect key: sk-canary-wrong", code="invalid_api_key")
            await exchange.answer(401, encode(refusal))
        else:
            await super()._list_models(exchange)


async def run(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> tuple[int | None, str, str]:
    """Run the command; return its exit code, what it said, and what it said beside."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *COMMAND,
        *arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], **(env or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        said, beside = await process.communicate()
    return process.returncode, said.decode(), beside.decode()


async def at_a_terminal(folder: Path, *arguments: str, columns: int) -> str:
    """Run the command at a terminal; return all that was shown there."""
    leader, follower = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *COMMAND,
        *arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "COLUMNS": str(columns), "TERM": "xterm"},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    async with asyncio.timeout(20):
        while piece := await asyncio.to_thread(_read, leader):
            shown += piece
        await process.wait()
    os.close(leader)
    return shown.decode().replace("\r\n", "\n")


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:  # how Linux tells that nobody is at the other end any more
        return b""


def written(folder: Path, config: Any) -> None:
    (folder / "modelmesh.yaml").write_text(json.dumps(config))


def configured(vendor: FakeProvider, **provider: Any) -> dict[str, Any]:
    return {
        "providers": {
            "fake": {"connector": "openai-compatible", "base_url": vendor.url, **provider}
        },
        "models": {"ok": {"provider": "fake", "capabilities": ["chat-completion"]}},
        "pools": {"chat": {"models": ["ok"]}},
    }


ODD: dict[str, Any] = {
    "providers": {"openai.llm.v1": {"api_key": "k", "budget": {"daily_limit": 0}}},
    "models": {"gpt-6-luna": {"provider": "openai.llm.v1"}},
    "pools": {"chat": {"models": ["gpt-6-luna"]}},
}


async def test_findings_fail_only_where_one_is_strict(tmp_path: Path) -> None:
    written(tmp_path, ODD)
    code, said, _ = await run(tmp_path, "check")
    assert code == 0
    assert "no mistakes, 1 finding\n" in said
    assert "[budget-of-zero]" in said
    assert (await run(tmp_path, "check", "--strict"))[0] == 1


async def test_programs_get_json_and_the_same_exit_code(tmp_path: Path) -> None:
    written(tmp_path, ODD)
    code, said, _ = await run(tmp_path, "check", "modelmesh.yaml", "--json", "--strict")
    told = json.loads(said)
    assert (code, told["source"]) == (1, "modelmesh.yaml")
    assert [one["code"] for one in told["findings"]] == ["budget-of-zero"]
    assert (await run(tmp_path, "check", "--config", "modelmesh.yaml", "--json"))[1] == said
    written(tmp_path, {**ODD, "pools": {"chat": {"modles": []}}})
    code, said, _ = await run(tmp_path, "check", "--json", "--online")
    told = json.loads(said)
    assert (code, told["online"]) == (1, None)
    assert told["problems"][0]["path"] == "pools.chat.modles"


async def test_the_environment_is_checked_where_there_is_no_file(tmp_path: Path) -> None:
    code, said, _ = await run(tmp_path, "check", "--strict", env={"GROQ_API_KEY": "sk-canary-1"})
    assert code == 0
    assert said.startswith("the environment: no mistakes\n  providers: groq.api.v1\n")
    assert "canary" not in said
    code, said, beside = await run(tmp_path, "check")
    assert (code, said) == (2, "")
    assert "GROQ_API_KEY" in beside


async def test_what_works_is_shown_and_a_refused_key_fails(tmp_path: Path) -> None:
    async with Strict(models=["other"]) as vendor:
        config = configured(vendor, api_keys=["sk-canary-good", "sk-canary-wrong"])
        written(tmp_path, config)
        code, said, beside = await run(tmp_path, "check", "--online")
        assert len(vendor.received) == 2
        told = json.loads((await run(tmp_path, "check", "--online", "--json"))[1])
    assert code == 1
    head, good, wrong, why = said.splitlines()[-4:]
    assert head.split() == ["PROVIDER", "KEY", "STATE", "MS", "NOT", "LISTED"]
    assert (good.split()[:3], good.split()[-1]) == (["fake", "#1", "answers"], "ok")
    assert wrong.split()[:3] == ["fake", "#2", "refused"]
    assert why == "fake #2: Incorrect key: ***"
    assert beside.splitlines() == ["fake #1: answers", "fake #2: refused"]
    assert [one["state"] for one in told["online"]] == ["answers", "refused"]
    assert told["online"][0]["unlisted"] == ["ok"]
    assert "canary" not in said + beside + str(told)


async def test_a_server_that_is_not_there_fails(tmp_path: Path) -> None:
    async with FakeProvider(models=["ok"]) as vendor:
        written(tmp_path, configured(vendor))
        assert (await run(tmp_path, "check", "--online"))[0] == 0
    code, said, _ = await run(tmp_path, "check", "--online")
    assert code == 1
    assert "unreachable" in said


async def test_people_at_a_terminal_see_how_far_it_is(tmp_path: Path) -> None:
    async with FakeProvider(models=["ok"]) as vendor:
        written(tmp_path, configured(vendor))
        shown = await at_a_terminal(tmp_path, "check", "--online", columns=60)
    bar = shown[shown.index("\r\x1b[K") : shown.index("PROVIDER")]
    assert "] 0/1" in bar
    assert "[########################] 1/1 fake: answers" in bar
    assert bar.endswith("\r\x1b[K")


async def test_lists_are_cut_to_a_terminal_and_complete_elsewhere(tmp_path: Path) -> None:
    written(tmp_path, ODD)
    shown = await at_a_terminal(tmp_path, "models", columns=70)
    code, said, _ = await run(tmp_path, "models")
    assert code == 0
    assert max(map(len, shown.splitlines())) == 70
    assert "…" in shown
    assert "…" not in said
    assert len(shown.splitlines()) == len(said.splitlines())


async def test_pools_are_listed_with_their_targets_in_order(tmp_path: Path) -> None:
    models = {**ODD["models"], "gpt-4o-mini": {"provider": "openai.llm.v1", "weight": 2}}
    pool = {"models": ["gpt-6-luna", "gpt-4o-mini"], "strategy": "round-robin"}
    written(tmp_path, {**ODD, "models": models, "pools": {"chat": pool}})
    code, said, _ = await run(tmp_path, "pools")
    assert code == 0
    first, head, *rows = said.splitlines()
    assert first == "chat  modelmesh.round-robin.v1"
    assert head.split() == ["TARGET", "MODEL", "CONTEXT", "PRICE", "WEIGHT"]
    assert [row.split()[:3] for row in rows] == [
        ["1", "openai.llm.v1/gpt-6-luna", "gpt-6-luna"],
        ["2", "openai.llm.v1/gpt-4o-mini", "gpt-4o-mini"],
    ]
    told = json.loads((await run(tmp_path, "pools", "--config", "modelmesh.yaml", "--json"))[1])
    [chat] = told["pools"]
    assert [one["id"] for one in chat["targets"]] == [row.split()[1] for row in rows]
    assert chat["targets"][1]["price"]["input"] == 0.15


async def test_models_are_those_configured_and_those_known_of_their_vendors(tmp_path: Path) -> None:
    written(tmp_path, ODD)
    told = json.loads((await run(tmp_path, "models", "--json"))[1])["models"]
    assert {one["connector"] for one in told} == {"openai.llm.v1"}
    assert (told[0]["configured_as"], told[0]["pools"]) == ("gpt-6-luna", ["chat"])
    assert [one["model"] for one in told].count("gpt-6-luna") == 1
    assert {one["configured_as"] for one in told[1:]} == {None}


async def test_models_of_one_provider_are_not_those_of_another_at_its_vendor(
    tmp_path: Path,
) -> None:
    spare = {"connector": "openai.llm.v1", "api_key": "sk-2"}
    models = {
        "one": {"provider": "openai.llm.v1", "model": "gpt-6-luna"},
        "two": {"provider": "spare", "model": "gpt-4o-mini"},
    }
    providers = {"openai.llm.v1": {"api_key": "sk-1"}, "spare": spare}
    written(tmp_path, {"providers": providers, "models": models})
    told = json.loads((await run(tmp_path, "models", "--provider", "spare", "--json"))[1])["models"]
    assert [one["configured_as"] for one in told if one["configured_as"]] == ["two"]
    assert "gpt-6-luna" in [one["model"] for one in told]
    told = json.loads((await run(tmp_path, "models", "--provider", "openai", "--json"))[1])[
        "models"
    ]
    assert [one["configured_as"] for one in told if one["configured_as"]] == ["one", "two"]


@pytest.mark.parametrize("name", ["groq", "groq.api", "groq.api.v1"])
async def test_models_of_one_vendor_with_one_capability_are_listed(
    tmp_path: Path, name: str
) -> None:
    flags = ("--provider", name, "--capability", "speech-to-text", "--json")
    told = json.loads((await run(tmp_path, "models", *flags))[1])["models"]
    assert "whisper-large-v3" in [one["model"] for one in told]
    assert {one["connector"] for one in told} == {"groq.api.v1"}
    whisper = "understanding.audio-understanding.speech-to-text"
    assert all(whisper in one["capabilities"] for one in told)
    assert all(one["free_tier"] for one in told)


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        (("--provider", "opnai"), "did you mean 'openai.llm.v1'?"),
        (("--capability", "chat-completio"), "chat-completion"),
    ],
)
async def test_a_name_that_means_nothing_is_told(
    tmp_path: Path, flags: tuple[str, ...], hint: str
) -> None:
    code, said, beside = await run(tmp_path, "models", *flags)
    assert (code, said) == (1, "")
    assert hint in beside
    assert "Traceback" not in beside


async def test_providers_are_those_which_can_be_used_or_all(tmp_path: Path) -> None:
    env = {"GROQ_API_KEY": "sk-canary-1"}
    code, said, _ = await run(tmp_path, "providers", env=env)
    assert code == 0
    assert "GROQ_API_KEY is set" in said
    assert "openai.llm.v1" not in said
    assert "canary" not in said
    told = json.loads((await run(tmp_path, "providers", "--all", "--json", env=env))[1])
    rows = {one["connector"]: one for one in told["providers"]}
    assert rows["groq.api.v1"]["configured_as"] == ["groq.api.v1"]
    assert rows["openai.llm.v1"]["found"] == []
    assert rows["openai.llm.v1"]["variables"][0] == "OPENAI_API_KEY"
    assert rows["voyage.api.v1"]["endpoints"] == ["embeddings"]


async def test_providers_of_a_file_go_by_the_names_they_have_there(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            **ODD,
            "providers": {"mine": {"connector": "openai.llm", "api_key": "k"}},
            "models": {"m": {"provider": "mine"}},
            "pools": {"chat": {"models": ["m"]}},
        },
    )
    told = json.loads((await run(tmp_path, "providers", "--json"))[1])["providers"]
    assert [(one["connector"], one["configured_as"]) for one in told] == [
        ("openai.llm.v1", ["mine"])
    ]


async def test_a_broken_file_is_told_and_not_taken_for_none(tmp_path: Path) -> None:
    written(tmp_path, {**ODD, "pools": {"chat": {"modles": []}}})
    for command in ("pools", "models", "providers"):
        code, said, beside = await run(tmp_path, command)
        assert (code, said) == (1, "")
        assert "modles" in beside
