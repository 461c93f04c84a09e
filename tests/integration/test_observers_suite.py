"""The observers that send what they are told, to a receiver that takes it, pass the suite too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_server import Asked, Reply, served

from modelmesh.connectors.observability import opentelemetry, webhook
from modelmesh.testing import ObserverConformance
from modelmesh.types import Secret


class Received:
    """A suite with a receiver."""

    @pytest.fixture(autouse=True)
    def _receiver(self) -> Iterator[None]:
        self.asked: list[Asked] = []

        def take(asked: Asked) -> Reply:
            self.asked.append(asked)
            return Reply(200, "")

        with served(take) as self._url:
            yield


class TestWebhook(Received, ObserverConformance):
    observer = webhook.Observer

    def settings(self, tmp_path: Path) -> dict[str, Any]:  # noqa: ARG002 - it writes no file
        return {"options": {"url": Secret(self._url)}}

    def test_it_takes_in_every_event(self, tmp_path: Path) -> None:
        super().test_it_takes_in_every_event(tmp_path)
        assert self.asked


class TestOpenTelemetry(Received, ObserverConformance):
    observer = opentelemetry.Observer

    def settings(self, tmp_path: Path) -> dict[str, Any]:  # noqa: ARG002 - it writes no file
        return {"options": {"endpoint": self._url}}

    def test_it_takes_in_every_event(self, tmp_path: Path) -> None:
        super().test_it_takes_in_every_event(tmp_path)
        assert {asked.path for asked in self.asked} >= {"/v1/metrics", "/v1/traces"}
