"""Where a configuration comes from, so that it can be read again."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from attrs import evolve, field, frozen

from modelmesh.config.load import Examined, Source, examine, examine_document, told
from modelmesh.config.schema import MeshConfig
from modelmesh.connectors import registry

Stamps = Sequence[tuple[float, int, int] | None]
"""How files are: when they were written, their sizes and inodes. None is one that is not there."""

_IN_A_FILE = registry.names("modelmesh.dotenv.v1")


@frozen(eq=False)
class Origin:
    """A configuration that was read, and how to read it again. It never changes itself.

    Attributes:
        stamps: how its files were when they were read.

    """

    config: MeshConfig
    stamps: Stamps
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
        texts = [] if isinstance(source, Mapping | MeshConfig) else [Path(source)]
        stamps = [_stamp(text) for text in texts]
        read = examine(source, environ=environ, workers=workers)
        stamps += [_stamp(file) for file in _secrets_file(read)]
        return cls(told(read), stamps, source, environ, workers, read)

    @classmethod
    def made(cls, config: MeshConfig) -> Self:
        """Take what a program made. Raises ConfigError as `of` does; of the rest it is silent."""
        read = examine(config, environ={})
        return cls(read.sound(), [], config, {}, None, read)

    @property
    def has_secrets(self) -> bool:
        """Whether reading the secrets again can change anything."""
        return self._read.document is not None

    def placing(self) -> AbstractContextManager[None]:
        """Say in which file, and where in it, is what turns out later to be a mistake."""
        return self._read.placing()

    def look(self) -> Stamps:
        """Return how the files are now."""
        texts = [] if isinstance(self._source, Mapping | MeshConfig) else [Path(self._source)]
        return [_stamp(file) for file in (*texts, *_secrets_file(self._read))]

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


def _secrets_file(read: Examined) -> list[Path]:
    """Return the file that secrets are in, where they are in one."""
    settings = read.config.secrets
    in_a_file = read.document is not None and settings.store in _IN_A_FILE
    return [Path(settings.path).expanduser()] if in_a_file else []


def _stamp(file: Path) -> tuple[float, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
