"""What several files of integration tests need."""

import pytest
from proxy_process import FRONTS


@pytest.fixture(scope="module", params=FRONTS)
def front(request: pytest.FixtureRequest) -> str:
    """Return what takes the requests of a real server: each in its turn."""
    chosen: str = request.param
    return chosen
