"""A function of the user's own, by its path."""

import pytest

from modelmesh.config.load import load
from modelmesh.connectors.observability.callback import Observer
from modelmesh.errors import ConfigError
from modelmesh.events import Event, Recovered

told: list[Event] = []


def take(event: Event) -> None:
    told.append(event)


async def wait(event: Event) -> None:
    """Take its time, which no observer may."""


class Holder:
    take = staticmethod(take)


@pytest.mark.parametrize("path", ["test_callback:take", "test_callback:Holder.take"])
def test_a_function_is_called_with_each_event(path: str) -> None:
    config = load(
        {"observability": {"routing": {"connector": "callback", "function": path}}}, environ={}
    )
    told.clear()
    event = Recovered(at=0.0, of="key", id="a")
    Observer(config.observability.routing)(event)
    assert told == [event]


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        ({}, "function: missing"),
        ({"function": "no_such_module:f"}, "function: 'no_such_module:f' cannot be loaded"),
        ({"function": "test_callback:nothing"}, "cannot be loaded"),
        ({"function": "test_callback"}, "must be like package.module:function"),
        ({"function": "test_callback:told"}, "must be a function that is not async"),
        ({"function": "test_callback:wait"}, "must be a function that is not async"),
        ({"function": 3}, "expected text"),
        ({"fnction": "test_callback:take"}, "did you mean 'function'?"),
    ],
)
def test_what_is_no_function_is_a_mistake_in_the_configuration(
    entry: dict[str, object], wrong: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load({"observability": {"logging": {"connector": "callback", **entry}}}, environ={})
    assert wrong in str(raised.value)
    assert "observability.logging" in str(raised.value)
