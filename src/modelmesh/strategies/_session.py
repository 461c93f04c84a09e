"""What tells one conversation from others. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from modelmesh.types import Request

# What OpenAI has clients name a conversation by, and what they named it by before:
# https://platform.openai.com/docs/api-reference/chat/create.
_NAMES: Final = ("prompt_cache_key", "user")


def session(request: Request, header: str) -> Iterator[str]:
    """Give the words which tell a session from others; none where nothing does."""
    named = (request.headers.get(header), request.session, *map(request.body.get, _NAMES))
    name = next((name for name in named if name), None)
    if name:
        yield str(name)
    elif isinstance(messages := request.body.get("messages"), list):
        yield from _opening(messages)


def _opening(messages: Iterable[Any]) -> Iterator[str]:
    """Give the text a conversation begins with, up to the first thing its user says."""
    for message in _objects(messages):
        content, role = message.get("content"), str(message.get("role"))
        yield role
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            yield from (str(part["text"]) for part in _objects(content) if "text" in part)
        if role == "user":
            return


def _objects(items: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """Give what is of the right kind; what vendors make of the rest is theirs to say."""
    return (item for item in items if isinstance(item, Mapping))
