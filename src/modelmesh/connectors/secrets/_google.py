"""Secret Manager as Google's library speaks to it; imported where it is configured.

https://cloud.google.com/secret-manager/docs/reference/rest
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import google.auth
from google.api_core.exceptions import GoogleAPICallError, NotFound, RetryError
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, InvalidOperation
from google.auth.transport.requests import Request
from google.cloud.secretmanager_v1 import (
    Replication,
    Secret,
    SecretManagerServiceClient,
    SecretPayload,
)

from modelmesh.connectors.secrets import SecretError, StoreUnreachableError
from modelmesh.connectors.secrets._quiet import quiet

_SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
_STATE: Final = re.compile(r"is in (DISABLED|DESTROYED) state")

_REFUSED: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "Google does not accept {what}, or what is asked of it",
        403: "Google denies access to {what}: it takes {permission}",
    }
)
"""Why a secret is kept from us. What Google says itself is not shown: it may quote a value."""

_SHUT: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: "Google does not accept the credentials",
        408: "Google does not answer in time",
        429: "Google gets too many requests",
        504: "Google does not answer in time",
    }
)
_NOT_IN_USE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT": "the credentials are not for the scope cloud-platform",
        "BILLING_DISABLED": "the project has no billing account",
        "CONSUMER_INVALID": "there is no such project, or it is not for these credentials",
        "SERVICE_DISABLED": "the project does not use Secret Manager: enable its API",
        "USER_PROJECT_DENIED": "the credentials may not use the project",
    }
)
"""Why no secret at all is to be had: by the status, and by the reason told with it.
https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto"""

_PASSING: Final = (429, 502, 503)
"""What is asked a second time."""

_WRITES_ANSWERS: Final = (
    "google.api_core.retry",
    "google.auth._default",
    "google.auth.compute_engine._metadata",
    "google.auth.transport.requests",
    "google.cloud.secretmanager_v1.services.secret_manager_service.client",
    "google.cloud.secretmanager_v1.services.secret_manager_service.transports.rest",
)


class Project:
    """The secrets of a project. Nothing is sent before one is asked for.

    Without a name it is the project of the credentials, and has its name once they are found.
    """

    def __init__(
        self, name: str | None, *, endpoint: str | None, anonymous: bool, timeout: float
    ) -> None:
        self.name = name
        self._endpoint = endpoint
        self._anonymous = anonymous
        self._timeout = timeout

    @cached_property
    def _client(self) -> SecretManagerServiceClient:
        return SecretManagerServiceClient(
            credentials=self._credentials(),
            transport="rest",
            client_options={"api_endpoint": self._endpoint} if self._endpoint else None,
        )

    def _credentials(self) -> Credentials:
        if self._anonymous:
            return AnonymousCredentials()
        found, project = google.auth.default(scopes=_SCOPES, request=_Swift(self._timeout / 2))
        self.name = self.name or project
        return found

    def _place(self) -> str:
        """Return what the names of the project's secrets begin with."""
        _ = self._client  # which may have to find out whose credentials there are
        if not self.name:
            raise StoreUnreachableError("Google's credentials name no project: set `project`")
        return f"projects/{self.name}"

    def read(self, id_: str, version: str) -> bytes | None:
        """Return a secret's content; None where there is none. Raises SecretError."""
        with _asking(repr(id_), "versions.access"):
            name = f"{self._place()}/secrets/{id_}/versions/{version}"
            try:
                answer = self._client.access_secret_version(name=name, **self._patience())
            except NotFound:
                return None
        return answer.payload.data

    def write(self, id_: str, content: bytes) -> None:
        """Keep the content as the latest version of a secret, which is made if need be."""
        with _asking(repr(id_), "versions.add"):
            if self._added(id_, content):
                return
        with _asking(repr(id_), "secrets.create"):
            self._client.create_secret(
                parent=self._place(),
                secret_id=id_,
                secret=Secret(replication=Replication(automatic=Replication.Automatic())),
                **self._patience(),
            )
        with _asking(repr(id_), "versions.add"):
            if not self._added(id_, content):
                raise SecretError(f"{id_!r} was made, and is gone")

    def _added(self, id_: str, content: bytes) -> bool:
        """Add a version to a secret. Returns whether there is such a secret."""
        parent = f"{self._place()}/secrets/{id_}"
        try:
            self._client.add_secret_version(
                parent=parent, payload=SecretPayload(data=content), **self._patience()
            )
        except NotFound:
            return False
        return True

    def ids(self) -> list[str]:
        """Return the names of all secrets."""
        with _asking("the list of secrets", "secrets.list"):
            pages = self._client.list_secrets(parent=self._place(), **self._patience())
            return [secret.name.rpartition("/")[2] for secret in pages]

    def close(self) -> None:
        if "_client" in vars(self):
            self._client.transport.close()

    def _patience(self) -> dict[str, Any]:
        """Return how long a call may take, and that it is tried twice at most."""
        again = Retry(predicate=_once(_passing), initial=0.1, maximum=0.1, timeout=self._timeout)
        return {"retry": again, "timeout": self._timeout}


class _Swift(Request):
    """Asks for credentials with less patience than the library has."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self._limit = limit

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **more: Any,
    ) -> Any:
        limit = min(timeout or self._limit, self._limit)
        return super().__call__(url, method, body, headers, limit, **more)  # type: ignore[no-untyped-call] # the library says no types here


def _once(predicate: Callable[[Exception], bool]) -> Callable[[Exception], bool]:
    """Return a predicate that holds once at most."""
    chances = iter([True])
    return lambda error: predicate(error) and next(chances, False)


def _passing(error: Exception) -> bool:
    return isinstance(error, GoogleAPICallError) and error.code in _PASSING


@contextmanager
def _asking(what: str, action: str) -> Iterator[None]:
    """Tell what fails meanwhile as a SecretError."""
    try:
        with quiet(_WRITES_ANSWERS):
            yield
    except GoogleAPICallError as error:
        raise _refusal(error, what, f"secretmanager.{action}") from None
    except InvalidOperation:  # it would have new credentials where there are none
        raise StoreUnreachableError("Google requires credentials") from None
    except DefaultCredentialsError:
        raise StoreUnreachableError(
            "no Google credentials are found, or they cannot be read"
        ) from None
    except GoogleAuthError as error:
        message = f"Google gives no access token ({type(error).__name__})"
        raise StoreUnreachableError(message) from None
    except (RetryError, OSError) as error:  # the ones of requests are OSErrors
        message = f"Google cannot be reached ({type(error).__name__})"
        raise StoreUnreachableError(message) from None


def _refusal(error: GoogleAPICallError, what: str, permission: str) -> SecretError:
    code = error.code or 0
    if state := _STATE.search(str(error)):
        return SecretError(f"the version of {what} that is asked for is {state[1].lower()}")
    if error.reason in _NOT_IN_USE:
        return StoreUnreachableError(_NOT_IN_USE[error.reason])
    if code in _REFUSED:
        return SecretError(_REFUSED[code].format(what=what, permission=permission))
    if code in _SHUT or code >= 500:  # noqa: PLR2004 - HTTP's own
        return StoreUnreachableError(_SHUT.get(code, f"Google fails (HTTP {code})"))
    return SecretError(f"Google refuses {what} (HTTP {code})")
