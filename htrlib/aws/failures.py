"""Translate exceptions of boto3 into errors that say what to do."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Mapping

from htrlib.errors import (
    AwsAccessError,
    AwsError,
    AwsNotFoundError,
    ConfigError,
    HtrError,
)

_BAD_CREDENTIALS = {
    *("ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId"),
    *("InvalidSignatureException", "SignatureDoesNotMatch", "UnrecognizedClientException"),
    *("AuthFailure", "IncompleteSignature", "InvalidToken", "MissingAuthenticationToken"),
    *("MissingAuthenticationTokenException", "RequestExpired", "TokenRefreshRequired"),
}
_WRONG_CLOCK = re.compile(r"signature (expired|not yet current)", re.IGNORECASE)
_UNEXPLAINED = "400"  # of S3 about an object or a bucket, where it sends no text with its refusal
_NO_RIGHT = {"403", "AccessDenied", "AccessDeniedException", "AuthorizationError"}
_NOT_THERE = {
    *("404", "NoSuchBucket", "NoSuchKey", "NoSuchUpload", "NotFound"),
    *("ObjectNotFoundException", "RepositoryNotFoundException"),
    *("ResourceNotFound", "ResourceNotFoundException"),
}
# SageMaker has no code of its own for it
_REFUSED = {"ValidationError", "ValidationException"}
_SAYS_NOT_THERE = re.compile(
    r"could not find|not found|does not exist|no .{1,40} found", re.IGNORECASE
)
_QUOTA = re.compile(r"service limit '(?P<quota>[^']+)'")
_DENIED = re.compile(
    r"not authorized to perform: (?P<action>[\w-]+:\w+)"
    r"(?: on resource: \"?(?P<resource>[^\s\"]+))?"
)


@contextmanager
def translated(
    service: str,
    operation: str,
    parameters: Mapping[str, Any],
    hide: Callable[[str], str],
) -> Iterator[None]:
    """Raise htrlib's errors for those of boto3, about one call.

    Args:
        service, operation, parameters: those of the call, as boto3 names them.
        hide: removes secrets from a text.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        answer = error.response.get("Error", {})
        code, message = str(answer.get("Code", "")), hide(str(answer.get("Message", "")))
        raise _refused(service, operation, parameters, code, message) from None
    except (BotoCoreError, Boto3Error) as error:
        raise _not_sent(service, operation, error, hide(str(error))) from None


def action_of(service: str, operation: str) -> str:
    """Return the name of a call in policies.

    >>> action_of("s3", "head_object"), action_of("sagemaker", "create_model")
    ('s3:GetObject', 'sagemaker:CreateModel')
    """
    prefix = {"sagemaker-runtime": "sagemaker"}.get(service, service)
    return f"{prefix}:{_ACTIONS.get(operation) or operation.title().replace('_', '')}"


_ACTIONS = {
    # calls whose permissions have other names
    "head_bucket": "ListBucket",
    "head_object": "GetObject",
    "list_objects_v2": "ListBucket",
    "create_multipart_upload": "PutObject",
    "upload_part": "PutObject",
    "complete_multipart_upload": "PutObject",
    "list_multipart_uploads": "ListBucketMultipartUploads",
    "list_parts": "ListMultipartUploadParts",
}


def _refused(
    service: str, operation: str, parameters: Mapping[str, Any], code: str, message: str
) -> HtrError:
    """Return the error for an error response."""
    what = _named(service, parameters)
    if code == "RequestTimeTooSkewed" or _WRONG_CLOCK.search(message):
        return AwsError(f"the clock of this machine is wrong ({code}: {message}); set it")
    if code == _UNEXPLAINED and operation.startswith("head"):
        return AwsError(
            f"{service} {operation} on {what} was refused without a reason (400); as a rule the "
            "credentials have expired: set new ones with `aws configure` or `aws sso login`"
        )
    if code in _BAD_CREDENTIALS:
        return AwsError(
            f"AWS does not take the credentials ({code}): {message}; set new ones with "
            "`aws configure` or `aws sso login`"
        )
    if code in _NO_RIGHT or "not authorized to perform" in message:
        found = _DENIED.search(message)
        action = found["action"] if found else action_of(service, operation)
        return AwsAccessError(action, (found and found["resource"]) or what)
    if code in _NOT_THERE or (code in _REFUSED and _SAYS_NOT_THERE.search(message)):
        if operation.startswith("create"):  # another resource is missing
            return AwsNotFoundError(f"{what} cannot be made: {message or code}")
        return AwsNotFoundError(f"{what} is not there ({operation}: {message or code})")
    said = f"{service} {operation} on {what}: {code}: {message}"
    if code == "ResourceLimitExceeded":
        return AwsError(f"{said}; {_more_of(message)}")
    return AwsError(said)


def _more_of(message: str) -> str:
    """Advise on an exceeded quota."""
    found = _QUOTA.search(message)
    quota = f"the quota {found['quota']!r}" if found else "that quota"
    return (
        f"ask for more of {quota} in Service Quotas, Amazon SageMaker, in this region (minutes to "
        "days); until then take another instance type, or machines without --spot"
    )


def _not_sent(service: str, operation: str, error: Exception, message: str) -> HtrError:
    """Return the error for a call without a response."""
    from botocore import exceptions

    if isinstance(error, exceptions.ParamValidationError):
        return ConfigError(f"{service} {operation}: {message}")
    missing = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.TokenRetrievalError,
        exceptions.SSOError,
    )
    if isinstance(error, missing):
        return AwsError(
            f"no credentials for AWS ({message}); run `aws configure` or `aws sso login`, name a "
            "profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    return AwsError(f"{service} {operation} got no answer: {message}")


def _named(service: str, parameters: Mapping[str, Any]) -> str:
    """Name the resource of a call, from its parameters."""
    if "Bucket" in parameters:
        path = parameters.get("Key") or parameters.get("Prefix") or ""
        return f"s3://{parameters['Bucket']}/{path}"
    for key, value in parameters.items():
        if key.lower().endswith(("name", "names", "resourceid")):
            return value if isinstance(value, str) else ", ".join(value)
    return service
