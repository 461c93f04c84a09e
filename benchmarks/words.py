"""Figures and names as they are written for people."""

from benchmarks.figures import Spread


def number(value: float) -> str:
    """Return a number with as many digits as say something."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.{3 if size < 0.1 else 2 if size < 10 else 1}f}"


def spread(value: Spread | None) -> str:
    """Return a median with the least and the most."""
    if value is None:
        return ""
    if value.least == value.most:
        return number(value.median)
    return f"{number(value.median)} ({number(value.least)}\N{EN DASH}{number(value.most)})"


def times(value: float) -> str:
    """Return a ratio."""
    return f"{number(value)}\N{MULTIPLICATION SIGN}"


def name(gateway: str) -> str:
    """Return what a gateway is called on a page."""
    return _NAMES.get(gateway, gateway.replace("_", " "))


_NAMES = {
    "modelmesh": "ModelMesh",
    "modelmesh_aiohttp": "ModelMesh, aiohttp transport",
    "direct": "no gateway",
    "floor": "Python floor",
    "aiohttp": "bare aiohttp",
    "aiohttp_uvloop": "bare aiohttp on uvloop",
    "aiohttp_json": "bare aiohttp, reading JSON",
    "litellm": "LiteLLM",
    "litellm_router": "LiteLLM Router",
    "tensorzero": "TensorZero",
    "tensorzero_embedded": "TensorZero embedded",
    "portkey": "Portkey",
    "openai_sdk": "OpenAI's SDK",
}
