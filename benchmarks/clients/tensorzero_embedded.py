"""TensorZero's gateway embedded in the process, without a database."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks import answers
from benchmarks.clients._question import MESSAGES
from benchmarks.gateways import tensorzero

PACKAGE: Final = "tensorzero"
ENTRY: Final = "tensorzero:AsyncTensorZeroGateway"
PYTHON: Final = tensorzero.PYTHON

_ASKED: Final[dict[str, Any]] = {
    "model_name": answers.PLAIN,
    "input": {"messages": MESSAGES},
    "params": {"chat_completion": {"temperature": 0.2}},
}


def _config(vendor_url: str) -> str:
    path = Path("tensorzero.toml")  # the process has a folder of its own
    path.write_text(tensorzero.configuration(vendor_url))
    return str(path)


@asynccontextmanager
async def asking(vendor_url: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    from tensorzero import AsyncTensorZeroGateway

    built = AsyncTensorZeroGateway.build_embedded(config_file=_config(vendor_url))
    async with await built as client:

        async def ask() -> str:
            answer = await client.inference(**_ASKED)
            return str(answer.content[0].text)

        yield ask


@contextmanager
def asking_sync(vendor_url: str) -> Iterator[Callable[[], str]]:
    from tensorzero import TensorZeroGateway

    with TensorZeroGateway.build_embedded(config_file=_config(vendor_url)) as client:

        def ask() -> str:
            answer = client.inference(**_ASKED)
            return str(answer.content[0].text)

        yield ask
