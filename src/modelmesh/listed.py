"""What is new in a vendor's list of models, and what is gone. Pure."""

from collections.abc import Sequence

from attrs import frozen

from modelmesh import catalogue


@frozen
class Known:
    """What was known of a vendor's models: those it lists, and those served that it does not."""

    listed: frozenset[str]
    unlisted: frozenset[str]


@frozen
class News:
    """Models by their vendor's names, in its order."""

    new: Sequence[str]
    gone: Sequence[str]


def compare(
    before: Known | None, vendor: str, names: Sequence[str], served: Sequence[str]
) -> tuple[Known, News]:
    """Return what is known now, and what of it is new.

    `vendor` is a connector's id, `names` is what it lists, `served` what is asked of it. Nothing in
    the first list is new. What is served and not listed is gone, once: an alias is listed where a
    dated snapshot of it is.
    """
    listed = frozenset(names)
    lacking = [
        name for name in served if not (name in listed or catalogue.is_among(vendor, name, names))
    ]
    known = Known(listed, frozenset(lacking))
    if before is None:
        return known, News([], lacking)
    new = [name for name in names if name not in before.listed]
    gone = [name for name in lacking if name not in before.unlisted]
    gone += sorted(before.listed - known.listed - known.unlisted)
    return known, News(new, gone)
