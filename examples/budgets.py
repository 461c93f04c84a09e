"""A budget of five thousandths of a cent a day: it is not exceeded, and a program can read why.

export OPENAI_API_KEY=sk-...
python examples/budgets.py         # costs less than the budget

Before a question goes out, the most that it may cost is set aside. So there is something left when
the first one is refused: not enough for the longest answer it allows.
"""

import os

import modelmesh

CONFIG = {
    "providers": {
        "openai.llm.v1": {
            "api_key": "${secrets:OPENAI_API_KEY}",
            "base_url": os.environ.get("OPENAI_BASE_URL"),  # OpenAI's own where there is none
            "budget": {"daily_limit": 0.00005, "alert_threshold": 0.2},
        }
    },
    "models": {"gpt-4o-mini": {"provider": "openai.llm.v1"}},
    "pools": {"chat": {"models": ["gpt-4o-mini"], "on_budget_exceeded": "error"}},
    # So that you can run this twice a day. Without it the budget outlives the program.
    "storage": {"connector": "modelmesh.memory.v1"},
}

with modelmesh.create(config=CONFIG) as client:
    messages = [{"role": "user", "content": "Name a river, in one word."}]
    try:
        for _ in range(20):
            answer = client.chat.completions.create(messages=messages, max_tokens=50)
            print(answer.choices[0].message.content)
    except modelmesh.RoutingError as error:
        print(error)
        if limit := error.limit:
            print(f"{limit.name}: ${limit.left:.6f} left")
        print(f"ask again in {error.retry_after or 0:.0f} s")
    print(f"spent: ${client.stats()['providers']['openai.llm.v1']['spent']:.6f}")
