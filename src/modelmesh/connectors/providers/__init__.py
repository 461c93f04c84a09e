"""Vendors, one file each, and what they share.

A vendor that speaks OpenAI's wire and differs in data only subclasses `openai_compatible.Provider`
and states the data. One that needs code overrides one of its methods. A compatible server nobody
has written a file for needs none: `connector: openai-compatible` with a `base_url`. One with an API
of its own for chats writes the four `chat_…` methods; one without chats is a `_vendor.Vendor` only.
Every other endpoint has a translator, listed in `translators`.

The file's name is the registration; see `modelmesh.connectors.registry`. docs/cookbook shows how
one is written, be it here or in a file of the user's own. What such a file may need is given out
here, and is loaded when it is asked for.

What vendors share is in the files that begin with an underscore:

- any vendor: `_vendor`, what its failures mean (`_errors`, `_error_body`), `_usage`;
- chats on OpenAI's wire: what is sent (`_parameters`, `_messages`, `_splice`), what comes
  (`_glance`, `_stream`) and is mended (`_mending`, `_mending_calls`);
- chats on other wires: a request is read (`_conversation` with `_parts`, `_tools`, `_strict`),
  an answer and a stream are written (`_writing`);
- embeddings: `_embeddings`, `_vectors`; images: `_images`, `_sizes`; speech: `_speech`, `_voices`;
- transcripts: `_transcriptions` with `_form`; a `_transcript` is read (`_transcript_reading`) and
  written (`_transcript_forms`, `_languages`);
- JSON that may hold anything: `_fields`.

A vendor with a folder has in it, as far as it needs them: `model` (what depends on the model),
`request`, `messages`, `parameters` and `schema` (what is sent), `reply`, `answer` and `stream`
(what comes), and a file for each further endpoint.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelmesh.connectors.providers._conversation import (
        Assistant,
        Call,
        Conversation,
        Result,
        System,
        User,
        read,
    )
    from modelmesh.connectors.providers._embeddings import Embeddings
    from modelmesh.connectors.providers._errors import Sign
    from modelmesh.connectors.providers._fields import count_in, object_in, objects_in, text_in
    from modelmesh.connectors.providers._images import Images
    from modelmesh.connectors.providers._learned import MINUTE, Quota
    from modelmesh.connectors.providers._messages import Messages
    from modelmesh.connectors.providers._parameters import Reasoning
    from modelmesh.connectors.providers._parts import Media, Text, plain
    from modelmesh.connectors.providers._speech import Speaker, Speech
    from modelmesh.connectors.providers._stream import told_in
    from modelmesh.connectors.providers._strict import faulty
    from modelmesh.connectors.providers._transcriptions import Transcriptions
    from modelmesh.connectors.providers._vendor import Draft, Next, Translator, Vendor, body_of
    from modelmesh.connectors.providers._voices import cast
    from modelmesh.connectors.providers._writing import (
        Called,
        Choice,
        Ending,
        StreamWriter,
        completion,
    )

_HOMES = {
    "Assistant": "_conversation",
    "Call": "_conversation",
    "Called": "_writing",
    "Choice": "_writing",
    "Conversation": "_conversation",
    "Draft": "_vendor",
    "Embeddings": "_embeddings",
    "Ending": "_writing",
    "Images": "_images",
    "MINUTE": "_learned",
    "Media": "_parts",
    "Messages": "_messages",
    "Next": "_vendor",
    "Quota": "_learned",
    "Reasoning": "_parameters",
    "Result": "_conversation",
    "Sign": "_errors",
    "Speaker": "_speech",
    "Speech": "_speech",
    "StreamWriter": "_writing",
    "System": "_conversation",
    "Text": "_parts",
    "Transcriptions": "_transcriptions",
    "Translator": "_vendor",
    "User": "_conversation",
    "Vendor": "_vendor",
    "body_of": "_vendor",
    "cast": "_voices",
    "completion": "_writing",
    "count_in": "_fields",
    "faulty": "_strict",
    "object_in": "_fields",
    "objects_in": "_fields",
    "plain": "_parts",
    "read": "_conversation",
    "text_in": "_fields",
    "told_in": "_stream",
}

__all__ = [
    "MINUTE",
    "Assistant",
    "Call",
    "Called",
    "Choice",
    "Conversation",
    "Draft",
    "Embeddings",
    "Ending",
    "Images",
    "Media",
    "Messages",
    "Next",
    "Quota",
    "Reasoning",
    "Result",
    "Sign",
    "Speaker",
    "Speech",
    "StreamWriter",
    "System",
    "Text",
    "Transcriptions",
    "Translator",
    "User",
    "Vendor",
    "body_of",
    "cast",
    "completion",
    "count_in",
    "faulty",
    "object_in",
    "objects_in",
    "plain",
    "read",
    "text_in",
    "told_in",
]


if not TYPE_CHECKING:  # or else every misspelt name would be Any to type checkers

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
