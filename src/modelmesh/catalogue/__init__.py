"""What is known about vendors' models: sizes, prices, features, the day they retire.

Facts are indicative. Response headers, error bodies and the user's own configuration win over them.
Nothing is read before the first question.
"""

from modelmesh.catalogue.facts import LongPromptPrice, ModelFacts, Price
from modelmesh.catalogue.models import (
    as_of,
    capabilities,
    find,
    find_anywhere,
    look_up,
    models_of,
    providers,
    retired,
)

__all__ = [
    "LongPromptPrice",
    "ModelFacts",
    "Price",
    "as_of",
    "capabilities",
    "find",
    "find_anywhere",
    "look_up",
    "models_of",
    "providers",
    "retired",
]
