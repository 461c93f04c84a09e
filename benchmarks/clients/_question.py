"""What all clients ask."""

import json
from typing import Any, Final

from benchmarks import answers

MESSAGES: Final[list[Any]] = json.loads(answers.question(answers.PLAIN))["messages"]
ASKED: Final[dict[str, Any]] = {"model": answers.PLAIN, "messages": MESSAGES, "temperature": 0.2}
