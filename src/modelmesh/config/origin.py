"""Where a configuration comes from, so that it can be read again."""

from collections.abc import Mapping
from typing import Self

from attrs import evolve, field, frozen

from modelmesh.config.load import Examined, Source, examine, examine_document, told
from modelmesh.config.schema import MeshConfig


@frozen(eq=False)
class Origin:
    """A configuration that was read, and how to read it again. It never changes itself."""

    config: MeshConfig
    _source: Source = field(repr=False)
    _environ: Mapping[str, str] = field(repr=False)
    _workers: int | None
    _read: Examined = field(repr=False)

    @classmethod
    def of(cls, source: Source, *, environ: Mapping[str, str], workers: int | None = None) -> Self:
        """Read a YAML file or a mapping; check a configuration that is made already.

        `workers` goes before the configuration's own.

        Raises:
            ConfigError: with every mistake.

        """
        read = examine(source, environ=environ, workers=workers)
        return cls(told(read), source, environ, workers, read)

    @classmethod
    def made(cls, config: MeshConfig) -> Self:
        """Take what a program made. Raises ConfigError as `of` does; of the rest it is silent."""
        read = examine(config, environ={})
        return cls(read.sound(), config, {}, None, read)

    @property
    def has_secrets(self) -> bool:
        """Whether reading the secrets again can change anything."""
        return self._read.document is not None

    def at(self, source: Source) -> Self:
        """Read another one. Raises ConfigError as `of` does."""
        return self.of(source, environ=self._environ, workers=self._workers)

    def again(self) -> Self:
        """Read all of it again: the file, and the secrets. Raises ConfigError as `of` does."""
        return self.at(self._source)

    def with_secrets_again(self) -> Self:
        """Read the secrets again, and nothing else. Raises ConfigError as `of` does."""
        read = self._read
        if read.document is None:
            return self
        read = examine_document(read.document, read.source, self._environ, self._workers)
        return evolve(self, config=read.sound(), read=read)
