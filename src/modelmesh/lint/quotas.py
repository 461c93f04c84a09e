"""Projects whose use is counted more than once, and tiers that count nothing."""

from collections.abc import Iterator, Mapping

from modelmesh.catalogue import free_tier
from modelmesh.lint.setup import Finding, Setup, finding
from modelmesh.notices import tiers
from modelmesh.plan import keys_of
from modelmesh.types import Secret


def key_counted_twice(setup: Setup) -> Iterator[Finding]:
    """Find keys that stand in several entries, each of which counts their use by itself.

    At two servers the same key may well be two: many a local one takes any.
    """
    for (_, key), ids in _entries_by_key(setup).items():
        entries = [setup.config.providers[id_] for id_ in ids]
        its = [one for one in setup.targets if one.key == key and one.provider.id in ids]
        subjects = {one.key_subject for one in its}
        budgets = [one for one in entries if one.budget.daily_limit or one.budget.monthly_limit]
        told = ", ".join(map(repr, ids))
        if len(ids) > 1 and len(subjects) > 1:
            yield finding(
                ("providers", ids[-1]),
                f"{told} have the same key, but each counts its use separately",
                "give them the same `quota_group`",
            )
        elif len(ids) > 1 and len(budgets) > 1:
            yield finding(
                ("providers", ids[-1], "budget"),
                f"{told} have the same key and separate budgets, which add up",
                "keep one entry, or make sure that the sum of these budgets is what you want "
                "to spend",
            )


def _entries_by_key(setup: Setup) -> Mapping[tuple[str, Secret], list[str]]:
    found: dict[tuple[str, Secret], list[str]] = {}
    for id_, provider in setup.parts.plan.providers.items():
        server = getattr(provider, "server", provider.connector)
        for key in dict.fromkeys(keys_of(setup.config.providers[id_])):
            if key:
                found.setdefault((server, key), []).append(id_)
    return found


def key_given_twice(setup: Setup) -> Iterator[Finding]:
    """Find keys that one entry lists more than once."""
    for id_, entry in setup.config.providers.items():
        for number, key in enumerate(entry.api_keys):
            first = entry.api_keys.index(key)
            if first < number:
                yield finding(
                    ("providers", id_, "api_keys", number),
                    f"key #{number + 1} of {id_!r} is the same as #{first + 1}, so failing "
                    "over from one to the other does not help",
                    "take it out",
                )


def free_tier_counted_twice(setup: Setup) -> Iterator[Finding]:
    """Find keys on a free tier which may be one project's, with a count for each."""
    by_connector: dict[str, list[str]] = {}
    keys: dict[str, set[Secret]] = {}
    for id_, provider in setup.parts.plan.providers.items():
        entry = setup.config.providers[id_]
        own = set(filter(None, keys_of(entry)))
        if entry.tier == "free" and not entry.quota_group and own:
            by_connector.setdefault(provider.connector, []).append(id_)
            keys.setdefault(provider.connector, set()).update(own)
    for connector, ids in by_connector.items():
        tier = free_tier(connector)
        if tier and tier.subject != "key" and len(keys[connector]) > 1:
            yield finding(
                ("providers", ids[-1]),
                f"the free tier of {connector} applies to each {tier.subject}, but the "
                f"{len(keys[connector])} keys here are counted separately",
                f"if they belong to one {tier.subject}, give them the same `quota_group`",
            )


def tier_unknown(setup: Setup) -> Iterator[Finding]:
    """Find tiers which say nothing, and free tiers of which nothing is known."""
    for id_, words in tiers(setup.config):
        yield finding(
            ("providers", id_, "tier"),
            words,
            "set `rate_limits` to what the vendor grants, or take `tier` out",
        )
