"""`python -m modelmesh`, which is `modelmesh` where that is not on the path."""

import sys

from modelmesh.cli import main

sys.exit(main())
