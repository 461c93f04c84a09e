"""What is known about vendors' models: sizes, prices, features, the day they retire.

Facts are indicative. Response headers, error bodies and the user's own configuration win over them.
Nothing is read before the first question.
"""

from modelmesh.catalogue.facts import LongPromptPrice, ModelFacts, Price, guess_capabilities
from modelmesh.catalogue.models import as_of, find, find_anywhere, models_of, providers, retired

__all__ = [
    "LongPromptPrice",
    "ModelFacts",
    "Price",
    "as_of",
    "find",
    "find_anywhere",
    "guess_capabilities",
    "models_of",
    "providers",
    "retired",
]
