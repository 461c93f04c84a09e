"""`python -m modelmesh.proxy`."""

import sys

from modelmesh.cli.proxy import main

sys.exit(main())
