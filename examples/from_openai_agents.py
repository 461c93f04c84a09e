"""A running proxy, from OpenAI's Agents SDK: an agent that calls a function of yours.

python -m modelmesh.proxy          # in another terminal; MODELMESH_URL where it is elsewhere
pip install openai-agents
python examples/from_openai_agents.py
"""

import os

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

set_tracing_disabled(True)  # it would send traces to OpenAI otherwise

proxy = AsyncOpenAI(
    base_url=os.environ.get("MODELMESH_URL", "http://localhost:8080/v1"),
    api_key=os.environ.get("MODELMESH_TOKEN", "not-needed"),
)


def weather(city: str) -> str:
    """Tell the weather in a city."""
    print(f"(asked about {city})")
    return f"It rains in {city}."


agent = Agent(
    name="Forecaster",
    instructions="Look the weather up, and answer in one sentence.",
    model=OpenAIChatCompletionsModel("chat-completion", openai_client=proxy),
    tools=[function_tool(weather)],
)
print(Runner.run_sync(agent, "Do I need an umbrella in Paris?").final_output)
