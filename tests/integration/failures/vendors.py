"""Vendors that change their mind, and vendors that refuse."""

from modelmesh.testing.fake_answers import encode, error, talk
from modelmesh.testing.fake_wire import Exchange, Fault


def in_turn(*answers: Fault) -> Fault:
    """Answer the first request so, the second so, and all further ones as the last."""

    async def answer(exchange: Exchange) -> None:
        exchange.memory.append(0.0)
        await answers[min(len(exchange.memory), len(answers)) - 1](exchange)

    return answer


def refusing(
    status: int, *, after: float = 0.0, code: str = "", message: str = "", **headers: str
) -> Fault:
    """Answer with this status, `after` seconds; an underscore in a header's name is a hyphen."""
    told = {name.replace("_", "-"): text for name, text in headers.items()}

    async def refuse(exchange: Exchange) -> None:
        await exchange.sleep(after)
        await exchange.answer(status, encode(error(status, code=code, message=message)), told)

    return refuse


async def well(exchange: Exchange) -> None:
    """Answer well."""
    await exchange.deliver(talk(exchange).parts())
