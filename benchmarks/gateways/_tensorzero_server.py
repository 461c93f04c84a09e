"""Runs under TensorZero's own Python, which has none of our packages."""

import signal

from tensorzero import _start_http_gateway

gateway = _start_http_gateway(
    config_file="tensorzero.toml",
    clickhouse_url=None,
    postgres_url=None,
    valkey_url=None,
    async_setup=False,
)
print(f"listens at {gateway.base_url.removesuffix('/openai/v1')}", flush=True)
signal.pause()
