"""A line for people about each event, made of its record. Pure."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

Entry = dict[str, Any]
"""What is told of an event, as JSON has it."""

_SHORT: Final = 90.0
"""Seconds up to which a time is told in seconds."""

_NAMES: Final = 5
"""Names that are told one by one."""


def sentence(told: Entry) -> str:
    """Return what a record says, in words."""
    say = _SENTENCES.get(told["event"])
    return say(told) if say else str(told["event"])


def seconds(many: float) -> str:
    """Write a time as people do: `0.84 s`, `3 min`, `2 h`."""
    if many < _SHORT:
        return f"{many:.3g} s"
    minutes = many / 60
    return f"{minutes:.0f} min" if minutes < _SHORT else f"{minutes / 60:.0f} h"


def _began(told: Entry) -> str:
    streamed = ", as a stream" if told["stream"] else ""
    return f"{told['endpoint']} request to {_asked(told)}{streamed}"


def _attempt(told: Entry) -> str:
    took = seconds(told["seconds"])
    if told["end"] == "answered":
        return f"{told['target']} answered in {took}{_taken(told)}"
    if told["end"] == "cancelled":
        return f"{told['target']}: the client left after {took}{_taken(told)}"
    status = f" ({told['status']})" if "status" in told else ""
    return f"{told['target']} failed after {took}: {told.get('cause', 'unknown')}{status}"


def _ended(told: Entry) -> str:
    attempts = told["attempts"]
    last = f" by {attempts[-1]['target']}" if attempts and told["end"] == "answered" else ""
    tries = f", {len(attempts)} attempts" if len(attempts) > 1 else ""
    why = f" ({told['code']})" if "code" in told else ""
    took = seconds(told["seconds"])
    return f"{_asked(told)}: {told['status']}{why} in {took}{last}{tries}{_taken(told)}"


def _asked(told: Entry) -> str:
    return str(told["pool"] or told.get("model") or "a model that does not exist")


def _taken(told: Entry) -> str:
    tokens = told.get("tokens_in", 0), told.get("tokens_out", 0)
    count = f", {tokens[0]} + {tokens[1]} tokens" if any(tokens) else ""
    about = "about " if told.get("estimated") else ""
    return f"{count}, {about}${told['cost']:.6f}" if told.get("cost") else count


def _rotated(told: Entry) -> str:
    return f"{told['pool']}: {told['after']} is now in front of {told['before']}"


def _left_alone(told: Entry) -> str:
    pause = seconds(told["seconds"])
    return f"{told['of']} {told['id']} is left alone for {pause}: {told['cause']}"


def _found(told: Entry) -> str:
    """Say what is new; where some joined pools, the others matter less."""
    joined = told["registered"]
    which = f"{_listed(joined)}, now in use" if joined else _listed(told["models"])
    more = len(told["models"]) - len(joined) if joined else 0
    return f"{told['provider']} has new models: {which}{f'; {more} more not' if more else ''}"


def _gone(told: Entry) -> str:
    kept = f"; {_listed(told['kept'])} still served" if told["kept"] else ""
    return f"{told['provider']} does not list {_listed(told['models'])}{kept}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"


def _changed(told: Entry) -> str:
    waiting = f"; {_listed(told['pending'])} needs a restart" if told["pending"] else ""
    return f"the configuration has changed: {_listed(told['changed'])}{waiting}"


def _refused(told: Entry) -> str:
    count = told["problems"]
    mistakes = f"{count} mistake{'s' * (count != 1)}"
    return f"a new configuration has {mistakes}, so the previous one stays in use"


def _near(told: Entry) -> str:
    return f"limit {told['limit']}: {100 * told['share']:.0f}% is used"


def _reached(told: Entry) -> str:
    until = f", for {seconds(told['seconds'])}" if "seconds" in told else ""
    return f"limit {told['limit']} refuses {told['target']}{until}"


def _lost(told: Entry) -> str:
    why = f": {told['reason']}" if "reason" in told else ""
    return f"{told['store']} does not answer{why}"


def _statistics(told: Entry) -> str:
    targets = told["stats"].get("targets", {}).values()
    requests, answers = (sum(one.get(of, 0) for one in targets) for of in ("requests", "answers"))
    spent = sum(one.get("spent", 0.0) for one in targets)
    return f"{requests} attempts so far, {answers} answered, ${spent:.6f} spent"


_SENTENCES: Final[Mapping[str, Callable[[Entry], str]]] = MappingProxyType(
    {
        "request.began": _began,
        "attempt.ended": _attempt,
        "request.ended": _ended,
        "pool.rotated": _rotated,
        "cooldown.began": _left_alone,
        "cooldown.ended": lambda told: f"{told['of']} {told['id']} answers again",
        "models.found": _found,
        "models.gone": _gone,
        "configuration.changed": _changed,
        "configuration.refused": _refused,
        "limit.near": _near,
        "limit.reached": _reached,
        "store.lost": _lost,
        "store.back": lambda told: f"{told['store']} answers again",
        "statistics.taken": _statistics,
    }
)
