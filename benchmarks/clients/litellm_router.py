"""LiteLLM's Router with one deployment."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from benchmarks import answers
from benchmarks.clients._question import ASKED
from benchmarks.pythons import INSTALLED

PACKAGE: Final = "litellm"
ENTRY: Final = "litellm:Router"
PYTHON: Final = INSTALLED / "litellm" / "bin" / "python"
ENVIRONMENT: Final = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # it asks the internet otherwise


def _router(vendor_url: str) -> Any:
    from litellm import Router

    where = {"model": f"openai/{answers.PLAIN}", "api_base": f"{vendor_url}/v1", "api_key": "key"}
    return Router(model_list=[{"model_name": answers.PLAIN, "litellm_params": where}])


@asynccontextmanager
async def asking(vendor_url: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    router = _router(vendor_url)

    async def ask() -> str:
        completion = await router.acompletion(**ASKED)
        return str(completion.choices[0].message.content)

    yield ask


@contextmanager
def asking_sync(vendor_url: str) -> Iterator[Callable[[], str]]:
    router = _router(vendor_url)

    def ask() -> str:
        completion = router.completion(**ASKED)
        return str(completion.choices[0].message.content)

    yield ask
