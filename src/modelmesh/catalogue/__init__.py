"""What is known about vendors' models: sizes, prices, features, the day they retire, free tiers.

Facts are indicative. Response headers, error bodies and the user's own configuration win over them.
Nothing is read before the first question. The facts themselves are in facts/ at the repository's
root; scripts/build_catalogue makes the files here of them.
"""

from modelmesh.catalogue.facts import ModelFacts, Retirement
from modelmesh.catalogue.free_tiers import FreeTier, free_tier
from modelmesh.catalogue.models import (
    as_of,
    capabilities,
    find,
    find_anywhere,
    is_among,
    look_up,
    models_of,
    providers,
    retirement,
    sources,
)
from modelmesh.catalogue.prices import LongPromptPrice, OffPeakPrice, Price, merged

__all__ = [
    "FreeTier",
    "LongPromptPrice",
    "ModelFacts",
    "OffPeakPrice",
    "Price",
    "Retirement",
    "as_of",
    "capabilities",
    "find",
    "find_anywhere",
    "free_tier",
    "is_among",
    "look_up",
    "merged",
    "models_of",
    "providers",
    "retirement",
    "sources",
]
