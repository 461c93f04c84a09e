"""Events as an observer may see them: no key in them, and of what was said only what is asked for.

Everything is pure. What is said is cut before anybody gets it, so nobody keeps more than that.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from zlib import crc32

from attrs import define, evolve, field, fields, frozen, has

from modelmesh.config import schema
from modelmesh.events import Event, RequestBegan, RequestEnded, StoreLost
from modelmesh.redaction import HIDDEN, SHORTEST_KEY, parameters, redacted
from modelmesh.types import Secret

T = TypeVar("T", RequestBegan, RequestEnded)

SLACK: Final = 512
"""Characters that are read beyond those shown, so that a key there is recognized as one."""

_NAME: Final = 100
"""Characters of a model's name by which a client asks; one that exists is shorter."""

_DEEP: Final = 16
"""Lists and objects within each other, beyond which nothing is shown."""

_TRACE: Final = ("traceparent", "tracestate")
_CREDENTIALS: Final = ("auth", "cookie", "key", "secret", "token")
_CUT: Final = "…"


def _as_secrets(keys: Iterable[str]) -> Sequence[Secret]:
    return tuple(map(Secret, keys))


@frozen
class Shown:
    """What one observer may see of events: `keys` are blotted out, longest first."""

    content: schema.Content | None
    keys: Sequence[Secret] = field(converter=_as_secrets)

    @property
    def keeps(self) -> int:
        """How many characters of an answer's text are needed."""
        return self.content.max_chars + self._slack if self.content else 0

    def __call__(self, event: Event) -> Event:
        show = _SHOWN.get(type(event))
        return show(self, event) if show else event

    def began(self, event: RequestBegan) -> RequestBegan:
        body = parameters(event.body)
        if (content := self._told(event.request)) is not None:
            cut = _Cut(self, content.max_chars)
            body |= cut.each(event.body)
        headers = {name: event.headers[name] for name in _TRACE if name in event.headers}
        return self._named(evolve(event, body=body, headers=headers))

    def ended(self, event: RequestEnded) -> RequestEnded:
        content = self._told(event.request)
        answer = self.text(event.answer, content.max_chars) if content else ""
        code = self.text(event.code, _NAME) if event.code else None
        return self._named(evolve(event, answer=answer, code=code))

    def lost(self, event: StoreLost) -> StoreLost:
        return evolve(event, reason=self.text(event.reason, _NAME))

    def text(self, told: str, most: int) -> str:
        """Return a text without keys, cut."""
        window = most + self._slack
        text = told[:window]
        for key in self.keys:
            text = text.replace(key.reveal(), HIDDEN)
        text = redacted(text)
        if len(told) > window:
            # Its end may be the beginning of a key.
            text = text[: -self._slack]
        return text if len(text) <= most and len(told) <= window else text[:most] + _CUT

    @property
    def _slack(self) -> int:
        return max([SLACK, *(len(key.reveal()) for key in self.keys[:1])])

    def _told(self, request: str) -> schema.Content | None:
        """Return how much is told of what a request says: in all of its events, or in none."""
        content = self.content
        drawn = content and crc32(request.encode(errors="replace")) / 2**32 < content.sample
        return content if drawn else None

    def _named(self, event: T) -> T:
        """Blot out what a client may have sent in place of a model's name."""
        return event if event.pool else evolve(event, model=self.text(event.model, _NAME))


_SHOWN: Final[Mapping[type[Event], Callable[[Shown, Any], Event]]] = MappingProxyType(
    {RequestBegan: Shown.began, RequestEnded: Shown.ended, StoreLost: Shown.lost}
)


@define
class _Cut:
    """Cuts what is said in a request to so many characters. What is no text counts as one."""

    _shown: Shown
    left: int

    def __call__(self, told: Any, deep: int = 0) -> Any:
        if isinstance(told, str):
            text = self._shown.text(told, max(0, self.left))
            self.left -= len(text)
            return text
        self.left -= 1
        if deep >= _DEEP and isinstance(told, Mapping | list):
            return _CUT
        if isinstance(told, Mapping):
            return self.each(told, deep + 1)
        if isinstance(told, list):
            return [self(item, deep + 1) for item in told if self.left > 0]
        return told

    def each(self, told: Mapping[str, Any], deep: int = 0) -> dict[str, Any]:
        cut: dict[str, Any] = {}
        for name, item in told.items():
            if self.left > 0:
                text = self._shown.text(name, _NAME)
                self.left -= len(text)
                cut[text] = self(item, deep)
        return cut


def keys_in(config: schema.MeshConfig) -> Sequence[str]:
    """Return every key in a configuration that keeps somebody out, longest first."""
    found = {key for key in _keys(config) if len(key) >= SHORTEST_KEY}
    return sorted(found, key=len, reverse=True)


def _keys(part: Any, name: str = "") -> Iterator[str]:
    if isinstance(part, Secret):
        yield part.reveal()
        yield from _password(part.reveal())
    elif isinstance(part, str):
        if any(word in name.lower() for word in _CREDENTIALS):
            # With and without a word such as Bearer before it.
            yield from (part, part.rpartition(" ")[2])
    elif isinstance(part, Mapping):
        for inner, value in part.items():
            yield from _keys(value, str(inner))
    elif isinstance(part, list | tuple):
        for value in part:
            yield from _keys(value, name)
    elif has(type(part)):
        for field in fields(type(part)):
            yield from _keys(getattr(part, field.name), field.name)


def _password(address: str) -> Iterator[str]:
    try:
        password = urlsplit(address).password
    except ValueError:
        return
    if password:
        yield password
