"""What an answer took, as its vendor told or as it was estimated. Pure."""

from attrs import evolve

from modelmesh.values import value

__all__ = ["Usage"]


@value(kw_only=True)
class Usage:
    """What an answer took: tokens, and seconds of sound.

    Attributes:
        cached, stored, stored_1h: of `prompt`, what a cache had, and what was put in one.
        heard, seen: of the rest of `prompt`, sound and images.
        reasoning: of `completion`.
        spoken, drawn: of the rest of `completion`, sound and images.
        seconds: how long a transcribed file sounds, if the vendor told.
        estimated: some of it is our own estimate.

    """

    prompt: int = 0  # tokens that were sent
    completion: int = 0  # tokens of the answer
    cached: int = 0
    reasoning: int = 0
    stored: int = 0
    stored_1h: int = 0
    heard: int = 0
    seen: int = 0
    spoken: int = 0
    drawn: int = 0
    seconds: float = 0.0
    estimated: bool = False


def so_far(told: Usage | None, pieces: int, *, finished: bool) -> Usage | None:
    """Return what a stream took by now: the vendor's word, or about a token for each piece.

    Some vendors tell of the prompt at the beginning, and of the answer only at its end.
    """
    if pieces == 0 or (told and (finished or told.completion >= pieces)):
        return told
    return evolve(told or Usage(), completion=pieces, estimated=True)
