"""The proxy guide, where it is: tests which need it are marked."""

import pytest

from scripts.guide import GUIDE, configurations

__all__ = ["GUIDE", "configurations", "with_guide"]

with_guide = pytest.mark.skipif(not GUIDE, reason="the guide is not here (../shared/seeds)")
