"""Tells nobody, which is the default: where it alone is named, nothing is made to be told."""

from typing import ClassVar

from modelmesh.config import schema
from modelmesh.events import Event


class Observer:
    connector: ClassVar = "modelmesh.null.v1"

    def __init__(self, settings: schema.Observer) -> None:
        """Take no settings."""

    def __call__(self, event: Event) -> None:
        """Do nothing."""
