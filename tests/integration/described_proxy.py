"""A proxy that has all there is, over a vendor that does all of it."""

from collections.abc import Mapping
from typing import Any, Final

POOLS: Final[Mapping[str, str]] = {
    "chat-completion": "gpt-4o-mini",
    "embeddings": "text-embedding-3-small",
    "text-to-speech": "tts-1",
    "speech-to-text": "whisper-1",
    "image-generation": "gpt-image-1",
}
"""Each pool with the model in it."""

_CAPABILITIES: Final = {"embeddings": "text-embeddings"}


def config(url: str, *faults: str, **proxy: Any) -> dict[str, Any]:
    """Return a configuration over the vendor at an address.

    Each fault is a pool of its own, which can be asked for everything.
    """
    pools = {**POOLS, **{fault: fault for fault in faults}}
    capable = [_CAPABILITIES.get(pool, pool) for pool in POOLS]
    capable_of = dict(zip(POOLS.values(), capable, strict=True))
    patience = {"retry": {"max_attempts": 1}, "max_wait": 0, "timeouts": {"first_token": 0.5}}
    vendor = {"connector": "openai-compatible", "base_url": url}
    return {
        "providers": {"openai": vendor, **dict.fromkeys(faults, vendor)},
        "models": {
            model: {
                "provider": model if model in faults else "openai",
                "capabilities": capable if model in faults else [capable_of[model]],
            }
            for model in pools.values()
        },
        "pools": {pool: {"models": [model], **patience} for pool, model in pools.items()},
        "observability": {"statistics": {"connector": "modelmesh.prometheus.v1"}},
        "proxy": proxy,
    }
