"""Judges every recorded exchange by rules, and shows how many pass, by vendor and endpoint.

scripts/conformance                 all of them
scripts/conformance gemini cohere   these vendors only
scripts/conformance -v anthropic    every complaint as well
"""

import argparse
import asyncio
import logging
import sys
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from pathlib import Path
from typing import TypeAlias

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "providers"))

import judge_embeddings
import judge_images
import judge_models
import judge_speech
import judge_transcriptions
import trial
from recordings import WIRE, Exchange, recorded

# The endpoints which have rules in a file of their own.
RULES: Mapping[str, Callable[[Exchange], list[str] | Awaitable[list[str]]]] = {
    "embeddings": judge_embeddings.complaints,
    "image": judge_images.complaints,
    "models": judge_models.complaints,
    "speech": judge_speech.complaints,
    "transcription": judge_transcriptions.complaints,
    "transcription_stream": judge_transcriptions.complaints,
}

# What was judged, an exchange and what of it, and the complaints.
Told: TypeAlias = dict[tuple[Exchange, str], list[str]]


def main() -> int:
    """Print the table, and say by the exit status whether all that is judged passes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("vendors", nargs="*", help="folders of ../shared/wire")
    parser.add_argument("-v", "--verbose", action="store_true", help="show every complaint")
    asked = parser.parse_args()
    if not WIRE.is_dir():
        print(f"the recorded exchanges are not at {WIRE}")
        return 2
    logging.disable()  # a translator that breaks is among the complaints
    chosen = [one for one in recorded() if not asked.vendors or one.vendor in asked.vendors]
    told = asyncio.run(judged([one for one in chosen if one.left_out is None]))
    show_table(chosen, told)
    if asked.verbose:
        show_complaints(told)
    show_left_out(chosen)
    return 1 if any(told.values()) else 0


async def judged(chosen: list[Exchange]) -> Told:
    told: Told = {(one, one.endpoint): await complaints(one) for one in chosen}
    asked = [one for one in chosen if one.asks_as_openai]
    return told | {(one, f"{one.endpoint}: request"): trial.sent_complaints(one) for one in asked}


async def complaints(one: Exchange) -> list[str]:
    found = RULES.get(one.endpoint, trial.complaints)(one)
    return await found if isawaitable(found) else found


def show_table(chosen: list[Exchange], told: Told) -> None:
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    ends = [(one.vendor, one.endpoint, "left out") for one in chosen if one.left_out]
    for (one, what), complaints in told.items():
        ends.append((one.vendor, what, "failed" if complaints else "passed"))
    for vendor, what, end in ends:
        counts[vendor, what][end] += 1
        counts["all", ""][end] += 1
    print(f"{'vendor':<12}{'endpoint':<22}{'passed':>8}{'failed':>8}{'left out':>10}")
    for (vendor, endpoint), count in sorted(
        counts.items(), key=lambda row: (row[0][0] == "all", row)
    ):
        numbers = f"{count['passed']:>8}{count['failed']:>8}{count['left out']:>10}"
        print(f"{vendor:<12}{endpoint:<22}{numbers}")


def show_complaints(told: Told) -> None:
    for (one, what), complaints in told.items():
        if complaints:
            print(f"\n{one.vendor}, {what}, {one.case}")
            print(*(f"    {complaint}" for complaint in complaints), sep="\n")


def show_left_out(chosen: list[Exchange]) -> None:
    reasons = Counter((one.left_out, one.vendor, one.endpoint) for one in chosen if one.left_out)
    print("\nleft out, and why")
    for (reason, vendor, endpoint), number in sorted(reasons.items(), key=str):
        print(f"{number:>4}  {vendor}, {endpoint}: {reason}")


if __name__ == "__main__":
    sys.exit(main())
