"""What a vendor said in one answer, whatever the shape it said it in."""

import json
from collections.abc import Sequence
from typing import Any, Self

from attrs import frozen

from modelmesh.usage import Usage


@frozen
class Call:
    """A call of a client's tool. Arguments which the model garbled are kept as it wrote them."""

    name: str
    arguments: Any
    garbled: bool = False

    @classmethod
    def written(cls, name: Any, arguments: Any) -> Self:
        """Read arguments as OpenAI has them, as the text of a JSON object."""
        try:
            read = json.loads(arguments)
        except (TypeError, ValueError):
            read = None
        return cls(name, read) if isinstance(read, dict) else cls(name, arguments, garbled=True)


@frozen(kw_only=True)
class Voice:
    """What one choice says; `finish` is why it ended, in OpenAI's word."""

    text: str = ""
    refusal: str = ""
    thoughts: str = ""
    calls: tuple[Call, ...] = ()
    finish: str | None = None


@frozen(kw_only=True)
class Spoken:
    """What an answer says in all its choices.

    Attributes:
        usage: the vendor's own figures, in OpenAI's terms.
        fails: it is no answer: the vendor broke off with an error, in whichever way it says so.

    """

    voices: Sequence[Voice]
    usage: Usage | None = None
    fails: bool = False
