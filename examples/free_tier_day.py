"""Two free tiers as one: sixty questions at once, and no vendor has to refuse any.

export GROQ_API_KEY=gsk_... OPENROUTER_API_KEY=sk-or-...
python examples/free_tier_day.py   # again later: what was used today is still counted

What each tier gives in a minute and in a day is known. When one is used up the next is asked, and
when all are, you are told until when. `max_wait` would wait for that instead.
"""

import asyncio
import os

import modelmesh

CONFIG = {
    "providers": {
        "groq.api.v1": {
            "api_key": "${secrets:GROQ_API_KEY}",
            "base_url": os.environ.get("GROQ_API_BASE"),  # Groq's own where there is none
            "tier": "free",
        },
        "openrouter.api.v1": {
            "api_key": "${secrets:OPENROUTER_API_KEY}",
            "base_url": os.environ.get("OPENROUTER_API_BASE"),
            "tier": "free",
        },
    },
    "models": {
        "openai/gpt-oss-20b": {"provider": "groq.api.v1"},
        "openai/gpt-oss-20b:free": {"provider": "openrouter.api.v1"},
    },
    "pools": {"chat": {"capability": "chat-completion", "max_wait": 0}},
    "storage": {"connector": "modelmesh.sqlite.v1", "path": "state.db"},
}


async def main() -> None:
    async with modelmesh.create_async(config=CONFIG) as client:

        async def ask(number: int) -> float | None:
            messages = [{"role": "user", "content": f"Say the number {number} in French."}]
            try:
                await client.chat.completions.create(messages=messages, max_tokens=100)
            except modelmesh.RoutingError as error:
                return error.retry_after or 0
            return None

        outcomes = await asyncio.gather(*map(ask, range(60)))
        waits = [seconds for seconds in outcomes if seconds is not None]
        print(f"{len(outcomes) - len(waits)} answered")
        if waits:
            print(f"{len(waits)} told to ask again in {max(waits):.0f} s")
        for provider, told in (await client.stats())["providers"].items():
            print(f"{provider}: {told['answers']} answers, {told['failures'] or 'no'} failures")
        for target in (await client.pool_status())["chat"]["targets"]:
            for limit in target["limits"]:
                print(f"{limit['limit']}: {limit['left']:g} left")


asyncio.run(main())
