"""`python -m modelmesh.proxy`."""

import sys

from modelmesh.proxy.cli import proxy

sys.exit(proxy())
