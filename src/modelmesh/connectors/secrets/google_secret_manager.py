"""Google Secret Manager, by google-cloud-secret-manager: the extra `google`.

https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
"""

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from attrs import field, frozen
from attrs.validators import matches_re, optional

from modelmesh.config import schema
from modelmesh.config.schema import Duration
from modelmesh.config.schema.values import positive, web_address
from modelmesh.connectors.secrets import SecretError
from modelmesh.errors import ConfigError, Problem
from modelmesh.types import Secret

_LATEST: Final = "latest"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")


@frozen(kw_only=True)
class Options:
    """Which secrets are read, and where."""

    # The project's id or number; by default GOOGLE_CLOUD_PROJECT, or that of the credentials.
    project: str | None = field(default=None, validator=optional(matches_re(r"[a-z0-9.:-]+")))
    # What stands before every NAME.
    prefix: str = field(default="", validator=matches_re(r"[A-Za-z0-9_-]*"))
    # The number or the alias of the version that is read.
    version: str = field(default=_LATEST, validator=matches_re(r"[A-Za-z0-9_-]+"))
    # Where Secret Manager is, if not at its usual address.
    endpoint: str | None = field(default=None, validator=web_address)
    # Without credentials, as an emulator is asked.
    anonymous: bool = False
    # How long it may take to answer.
    timeout: Duration = field(default=5.0, validator=positive)


class SecretStore:
    connector: ClassVar = "google.secret-manager.v1"
    Options: ClassVar = Options

    def __init__(self, settings: schema.Secrets, environ: Mapping[str, str]) -> None:
        """Take the settings. Google's library looks for credentials in the process itself."""
        try:
            from modelmesh.connectors.secrets._google import Project  # noqa: PLC0415 - needs it
        except ImportError:
            message = "Google Secret Manager needs a library: pip install 'modelmesh-lite[google]'"
            raise ConfigError([Problem("secrets.store", message)]) from None
        own = self._options = Options(**settings.options)
        project = own.project or environ.get("GOOGLE_CLOUD_PROJECT") or None
        if own.anonymous and not project:
            message = "is missing: without credentials, nothing else says which project it is"
            raise ConfigError([Problem("secrets.project", message)])
        self._project = Project(
            project, endpoint=own.endpoint, anonymous=own.anonymous, timeout=own.timeout
        )

    @property
    def described(self) -> str:
        project, endpoint = self._project.name, self._options.endpoint
        whose = f"project {project}" if project else "the project of the credentials"
        return f"Google Secret Manager, {whose}" + (f", at {endpoint}" if endpoint else "")

    def get(self, name: str) -> Secret | None:
        id_ = self._id(name)
        content = self._project.read(id_, self._options.version)
        text = _text(content or b"")
        if text is None:
            raise SecretError(f"{id_!r} is binary, not text")
        return Secret(text) if text else None

    def set(self, name: str, value: Secret) -> None:
        id_, version = self._id(name), self._options.version
        if version != _LATEST:
            raise SecretError(
                f"{id_!r} is read as version {version}, and only {_LATEST} is written"
            )
        self._project.write(id_, value.reveal().encode())

    def names(self) -> list[str]:
        prefix = self._options.prefix
        ids = self._project.ids()
        return sorted(id_.removeprefix(prefix) for id_ in ids if id_.startswith(prefix))

    def close(self) -> None:
        self._project.close()

    def _id(self, name: str) -> str:
        id_ = self._options.prefix + name
        if not _ID.fullmatch(id_):
            raise SecretError(f"{id_!r} cannot be a secret's name: it has letters, digits, - and _")
        return id_


def _text(content: bytes) -> str | None:
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        return None
