"""Figures and names as they are written for people."""

from collections.abc import Iterable

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
    middle, least, most = map(number, (value.median, value.least, value.most))
    return middle if least == most else f"{middle} ({least}\N{EN DASH}{most})"


def times(value: float) -> str:
    """Return a ratio."""
    return f"{number(value)}\N{MULTIPLICATION SIGN}"


def name(gateway: str) -> str:
    """Return what a gateway is called on a page."""
    return _NAMES.get(gateway, gateway.replace("_", " "))


def in_order(gateways: Iterable[str]) -> list[str]:
    """Return gateways as a page has them: ours, the yardsticks, the others."""
    known = list(_NAMES)
    return sorted(gateways, key=lambda one: known.index(one) if one in known else len(known))


_NAMES = {
    "modelmesh": "ModelMesh",
    "modelmesh_aiohttp": "ModelMesh over aiohttp",
    "direct": "no gateway",
    "floor": "Python floor",
    "nginx": "nginx",
    "aiohttp": "bare aiohttp",
    "aiohttp_uvloop": "bare aiohttp on uvloop",
    "aiohttp_json": "bare aiohttp, reading JSON",
    "tensorzero": "TensorZero",
    "tensorzero_embedded": "TensorZero embedded",
    "openai_sdk": "OpenAI's SDK",
    "portkey": "Portkey",
    "litellm": "LiteLLM",
    "litellm_router": "LiteLLM Router",
}
