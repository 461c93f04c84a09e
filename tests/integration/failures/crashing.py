"""A connector that breaks on every answer, as anybody's may."""

from typing import Never

from modelmesh.connectors.providers import openai_compatible


class Provider(openai_compatible.Provider):
    connector = "crashing"

    def answer(self, *_: object, **__: object) -> Never:
        raise ZeroDivisionError

    def decoder(self, *_: object, **__: object) -> Never:
        raise ZeroDivisionError
