"""Secrets Manager as boto3 speaks to it; imported where it is configured.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
)

from modelmesh.connectors.secrets import SecretError, StoreUnreachableError
from modelmesh.connectors.secrets._quiet import quiet

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

_MISSING: Final = "ResourceNotFoundException"

_DENIED: Final = "AWS denies access to {what}: it takes {action}, and the use of its KMS key"
_REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AccessDeniedException": _DENIED,
        "DecryptionFailure": "AWS cannot decrypt {what}: its KMS key may not be used",
        "EncryptionFailure": "AWS cannot encrypt {what}: its KMS key may not be used",
        "InvalidParameterException": "AWS does not accept {what}, or what is asked of it",
        "InvalidRequestException": "{what} cannot be used: it is marked for deletion, or another"
        " service's",
        "NotAuthorized": _DENIED,
        "ValidationException": "AWS does not accept {what}, or what is asked of it",
    }
)
"""Why a secret is kept from us. What AWS says itself is not shown: it may quote a value."""

_NOBODY_LET_IN: Final = "AWS does not accept the credentials"
_EXPIRED: Final = "the AWS credentials have expired"
_BUSY: Final = "AWS gets too many requests"

_SHUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ExpiredToken": _EXPIRED,
        "ExpiredTokenException": _EXPIRED,
        "IncompleteSignature": _NOBODY_LET_IN,
        "InternalServiceError": "AWS fails",
        "InvalidClientTokenId": _NOBODY_LET_IN,
        "InvalidSignatureException": f"{_NOBODY_LET_IN}, or this host's clock is wrong",
        "MissingAuthenticationToken": _NOBODY_LET_IN,
        "OptInRequired": "the AWS account does not use Secrets Manager",
        "RequestExpired": "AWS says that this host's clock is wrong",
        "SignatureDoesNotMatch": f"{_NOBODY_LET_IN}, or this host's clock is wrong",
        "Throttling": _BUSY,
        "ThrottlingException": _BUSY,
        "UnrecognizedClientException": _NOBODY_LET_IN,
    }
)
"""Why no secret at all is to be had."""

_WRITES_ANSWERS: Final = (
    "botocore.auth",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.parsers",
    "botocore.retryhandler",
)


class Account:
    """Secrets Manager in one region, as one identity. Nothing is sent before a secret is asked for.

    Raises LookupError if there is no such profile. `region` is None where nobody says which.
    """

    def __init__(
        self, region: str | None, profile: str | None, endpoint_url: str | None, timeout: float
    ) -> None:
        # Also for who hands out the credentials, such as a role's.
        core = botocore.session.Session(profile=profile)
        core.set_default_client_config(
            Config(
                connect_timeout=timeout / 2,
                read_timeout=timeout / 2,
                retries={"total_max_attempts": 2, "mode": "standard"},
            )
        )
        try:
            self._session = boto3.Session(botocore_session=core, region_name=region)
            self.region: str | None = self._session.region_name
        except ProfileNotFound:
            raise LookupError from None
        self._endpoint_url = endpoint_url

    @cached_property
    def _client(self) -> "SecretsManagerClient":
        return self._session.client("secretsmanager", endpoint_url=self._endpoint_url)

    def read(self, id_: str, version: str) -> str | None:
        """Return a secret's text; None where there is none. Raises SecretError."""
        with _asking(repr(id_), "GetSecretValue"):
            try:
                answer = self._client.get_secret_value(SecretId=id_, VersionStage=version)
            except ClientError as error:
                if _code(error) != _MISSING:
                    raise
                return None
        if "SecretBinary" in answer:
            raise SecretError(f"{id_!r} is binary, not text")
        if "SecretString" not in answer:
            raise StoreUnreachableError("the server that answers is not AWS Secrets Manager")
        return answer["SecretString"]

    def write(self, id_: str, text: str) -> None:
        """Keep a text as the current version of a secret, which is made if need be."""
        with _asking(repr(id_), "PutSecretValue"):
            try:
                self._client.put_secret_value(SecretId=id_, SecretString=text)
            except ClientError as error:
                if _code(error) != _MISSING:
                    raise
            else:
                return
        with _asking(repr(id_), "CreateSecret"):
            self._client.create_secret(Name=id_, SecretString=text)

    def ids(self, prefix: str) -> list[str]:
        """Return the names of all secrets that begin so."""
        with _asking("the list of secrets", "ListSecrets"):
            pages = self._client.get_paginator("list_secrets").paginate(
                Filters=[{"Key": "name", "Values": [prefix]}] if prefix else []
            )
            return [secret["Name"] for page in pages for secret in page["SecretList"]]

    def close(self) -> None:
        if "_client" in vars(self):
            self._client.close()


@contextmanager
def _asking(what: str, operation: str) -> Iterator[None]:
    """Tell what fails meanwhile as a SecretError."""
    try:
        with quiet(_WRITES_ANSWERS):
            yield
    except ClientError as error:
        raise _refusal(error, what, operation) from None
    except ParamValidationError:
        message = f"{what} cannot be a secret's name, or cannot have this value"
        raise SecretError(message) from None
    except BotoCoreError as error:
        raise StoreUnreachableError(_silence(error)) from None


def _refusal(error: ClientError, what: str, operation: str) -> SecretError:
    code = _code(error)
    if error.operation_name != operation:  # somebody else is asked for credentials
        return StoreUnreachableError(f"AWS gives no credentials: {error.operation_name} ({code})")
    if code in _REFUSED:
        action = f"secretsmanager:{operation}"
        return SecretError(_REFUSED[code].format(what=what, action=action))
    if code in _SHUT:
        return StoreUnreachableError(_SHUT[code])
    if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:  # noqa: PLR2004 - HTTP's own
        return StoreUnreachableError(f"AWS fails ({code})")
    return SecretError(f"AWS refuses {what} ({code})")


def _silence(error: BotoCoreError) -> str:
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return "there are no AWS credentials"
        case ConnectTimeoutError() | ReadTimeoutError():
            return "AWS does not answer in time"
        case _:
            return f"AWS cannot be reached ({type(error).__name__})"


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
