"""OpenAI's voices, played by those of another vendor.

https://platform.openai.com/docs/guides/text-to-speech says who they are. What matters to listeners
the most is who seems to speak, so women's voices are played by women's and men's by men's.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from types import MappingProxyType
from typing import Final

_WOMEN: Final = ("alloy", "nova", "shimmer", "coral", "sage", "marin")
_MEN: Final = ("echo", "onyx", "fable", "ash", "ballad", "verse", "cedar")


def cast(*, women: Sequence[str], men: Sequence[str]) -> Mapping[str, str]:
    """Return which of a vendor's voices plays each of OpenAI's; the first ones are used first."""
    played = {**dict(zip(_WOMEN, cycle(women))), **dict(zip(_MEN, cycle(men)))}
    return MappingProxyType(played)


KOKORO: Final = cast(
    women=("af_alloy", "af_nova", "af_sky", "af_bella", "af_sarah", "af_heart"),
    men=("am_echo", "am_onyx", "bm_fable", "am_michael", "bm_george", "am_adam", "am_eric"),
)
"""An open model which several vendors serve: https://huggingface.co/hexgrad/Kokoro-82M."""
