"""What several test files need."""

from typing import Any

import aiohttp
import pytest


class MendedResponse(aiohttp.ClientResponse):
    """A response as aioresponses makes it.

    aiohttp 3.14 wants the writer of the request as well, which aioresponses 0.7.9 does not know.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        class Sent:
            output_size = 0

        super().__init__(*arguments, **{"stream_writer": Sent(), **options})


@pytest.fixture
def mended_response() -> type[aiohttp.ClientResponse]:
    """For the `response_class` of what aioresponses is told to answer."""
    return MendedResponse
