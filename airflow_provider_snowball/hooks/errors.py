"""What an exception of a call means for a wait, and what somebody can do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import botocore.exceptions as bc
import botocore.session

from airflow_provider_snowball.exceptions import (
    SnowballConnectionError,
    SnowballError,
    SnowballPermanentError,
)
from airflow_provider_snowball.hooks.redaction import bounded, code_apart, redacted, without_secrets
from airflow_provider_snowball.lifecycle import ArgumentError
from airflow_provider_snowball.waiting.calls import ErrorKind, RequestError

__all__ = ["classify", "permanent_as_such"]

T = TypeVar("T")

_THROTTLING = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_THROTTLING_OR_SERVER = _THROTTLING | {
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InvalidNextTokenException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
}
_BAD_INPUT = frozenset({"ValidationException", "ValidationError", "SerializationException"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_UNKNOWN_KEYS = frozenset(
    {
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
#: botocore's errors of options that it looks at when it makes a client.
_BAD_OPTIONS = (
    bc.InvalidChecksumConfigError,
    bc.InvalidDefaultsMode,
    bc.UnknownSignatureVersionError,
)
#: botocore's errors that repeat until somebody changes credentials, region or configuration.
_DENIALS = (
    bc.NoCredentialsError,
    bc.PartialCredentialsError,
    bc.NoRegionError,
    bc.InvalidRegionError,
    bc.ProfileNotFound,
    bc.ConfigNotFound,
    bc.ConfigParseError,
    bc.InvalidConfigError,
    bc.TokenRetrievalError,
    bc.SSOError,
    bc.UnknownServiceError,
    *_BAD_OPTIONS,
    # Of the requests, only the one for a role has arguments that nothing of ours has looked at.
    bc.ParamValidationError,
    SnowballConnectionError,
)
_NO_CREDENTIALS = (
    bc.NoCredentialsError,
    bc.PartialCredentialsError,
    bc.ProfileNotFound,
    bc.TokenRetrievalError,
    bc.SSOError,
)
_ADVICE = {
    bc.NoRegionError: "set the region of the connection, or region_name of the task",
    bc.InvalidRegionError: "a region reads like us-east-1",
    bc.NoCredentialsError: "give the connection an access key or a profile, or the machine a role",
    bc.PartialCredentialsError: "give both halves of the access key",
    bc.InvalidChecksumConfigError: "correct it among the options for botocore",
    bc.InvalidDefaultsMode: "correct defaults_mode among the options for botocore",
    bc.UnknownSignatureVersionError: "correct signature_version among the options for botocore",
    bc.ParamValidationError: "correct role_arn and assume_role_kwargs of the connection",
}
#: IAM's actions of S3's operations; of Snowball's, they have one name.
_ACTIONS_OF_S3 = {
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
}
_LONGEST_CODE = 100
_AWS_ENDPOINT = re.compile(r"https://(?:snowball|snowball-fips|sts)\.(?P<region>[a-z]+(?:-[a-z0-9]+)+)\.\S+")


def classify(error: Exception, where: str = "") -> RequestError:
    """
    Tell what an exception of a call means, in the API's own words and with what can be done about it.

    An error that this function does not know counts as transient: it may not meet the next poll. Neither
    its text nor its cause shows a secret.

    :param where: where the call went, for what is wrong there and not elsewhere.
    """
    code = type(error).__name__
    if isinstance(error, bc.ClientError):
        code = _code_of(error) or code
    words, own_code = code_apart(bounded(redacted(_words_of(error))))
    if advice := _advice_on(error):
        words = f"{words.rstrip('.')}; {advice}"
    kind = _kind_of(error)
    # What is wrong with a connection has its name in its text.
    is_named = isinstance(error, SnowballConnectionError)
    if where and kind in (ErrorKind.NOT_FOUND, ErrorKind.DENIED) and not is_named:
        words = f"{words} ({where})"
    if own_code:
        words += own_code
    elif message_code := _message_code(error, kind):
        words += f" [{message_code}]"
    found = RequestError(kind, words, code=code, throttled=code in _THROTTLING)
    found.__cause__ = without_secrets(error)
    return found


def permanent_as_such(call: Callable[[], T], where: Callable[[], str] = str) -> T:
    """
    Return what a call does; let its exception through if another try may not meet it, without secrets.

    :param where: as for :func:`classify`.
    :raises SnowballPermanentError: in the place of an exception that no wait would bear at its start.
    """
    try:
        return call()
    except Exception as error:
        found = classify(error, where())
        if found.__cause__ is error and found.kind is ErrorKind.TRANSIENT:
            raise
    # Not above: what came would be the context of what is raised, secrets and all.
    if found.kind is not ErrorKind.TRANSIENT:
        # The words of what it came from are in it.
        raise SnowballPermanentError(str(found))
    raise found.__cause__ or found


def _kind_of(error: Exception) -> ErrorKind:
    if isinstance(error, bc.ClientError):
        code = _code_of(error)
        http = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _THROTTLING_OR_SERVER or http in (408, 429) or http >= 500:
            return ErrorKind.TRANSIENT
        if not code or code.isdecimal():
            # botocore's own, of an answer without one: a proxy's page, say, and not AWS's word.
            return ErrorKind.TRANSIENT
        if _is_about_a_role(error):
            return ErrorKind.DENIED
        if code == "InvalidResourceException":
            return ErrorKind.NOT_FOUND
        return ErrorKind.BAD_INPUT if code in _BAD_INPUT else ErrorKind.DENIED
    if isinstance(error, _DENIALS) or _region_without_snowball(error) or _cannot_be_sent(error):
        return ErrorKind.DENIED
    # What botocore's parser makes of an answer is a ValueError, too.
    return ErrorKind.BAD_INPUT if isinstance(error, ArgumentError) else ErrorKind.TRANSIENT


def _words_of(error: Exception) -> str:
    if isinstance(error, bc.ClientError):
        code = _code_of(error) or "an error"
        return f"{code} when calling {error.operation_name}: {error.response.get('Error', {}).get('Message')}"
    if isinstance(error, SnowballError | ArgumentError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _advice_on(error: Exception) -> str | None:
    if isinstance(error, bc.ClientError):
        code = _code_of(error)
        if code in _UNKNOWN_KEYS:
            return (
                "correct the access key; a region that is switched off for the account refuses good ones, too"
            )
        if code in _EXPIRED:
            return "renew the session token"
        if _is_about_a_role(error) and code == "ValidationError":
            return (
                "correct role_arn and assume_role_kwargs of the connection; the session's name is Airflow_ "
                "and the id of the connection, and may have 64 characters"
            )
        if _is_about_a_role(error) and _kind_of(error) is ErrorKind.DENIED:
            return (
                "the connection's role cannot be assumed: its trust policy must name the identity that "
                "assumes it, and that identity must be allowed sts:AssumeRole"
            )
        if code in _DENIED:
            operation = error.operation_name
            return f"allow the IAM action {_ACTIONS_OF_S3.get(operation, f'snowball:{operation}')}"
        return None
    if _cannot_be_sent(error):
        return "the credentials have a line break, or another character that no request can have"
    if region := _region_without_snowball(error):
        return f"region {region} has no AWS Snowball as far as botocore knows; choose the region of the jobs"
    return next((advice for kind, advice in _ADVICE.items() if isinstance(error, kind)), None)


def _message_code(error: Exception, kind: ErrorKind) -> str | None:
    """Return the code under which docs/messages.md has an error that will not pass."""
    if kind is ErrorKind.TRANSIENT:
        return None
    if kind is not ErrorKind.DENIED:
        return "SNB303" if kind is ErrorKind.NOT_FOUND else "SNB305"
    if isinstance(error, bc.ClientError):
        code = _code_of(error)
        if code in _UNKNOWN_KEYS | _EXPIRED:
            return "SNB212"
        if _is_about_a_role(error):
            return "SNB211"
        return "SNB304" if code in _DENIED else "SNB306"
    if isinstance(error, bc.NoRegionError | bc.InvalidRegionError):
        return "SNB209"
    if _region_without_snowball(error):
        return "SNB210"
    if isinstance(error, bc.ParamValidationError):
        return "SNB211"
    if isinstance(error, _BAD_OPTIONS):
        return "SNB204"
    if _cannot_be_sent(error):
        return "SNB207"
    return "SNB212" if isinstance(error, _NO_CREDENTIALS) else "SNB306"


def _code_of(error: bc.ClientError) -> str:
    # Whatever stood there, in as many characters as a code may have.
    return str(error.response.get("Error", {}).get("Code") or "")[:_LONGEST_CODE]


def _is_about_a_role(error: bc.ClientError) -> bool:
    return error.operation_name.startswith("AssumeRole")


def _cannot_be_sent(error: Exception) -> bool:
    """Tell whether a header was refused before it was sent: those that vary are of the credentials."""
    return "invalid header" in str(error).lower()


def _region_without_snowball(error: Exception) -> str | None:
    """
    Return the region of an AWS endpoint that cannot be reached, if botocore knows of no Snowball there.

    Only of one that cannot be reached: the list may be older than the region's Snowball.
    """
    if not isinstance(error, bc.EndpointConnectionError):
        return None
    endpoint = _AWS_ENDPOINT.fullmatch(str(error.kwargs.get("endpoint_url")))
    if endpoint is None:
        return None
    return None if endpoint["region"] in _regions_with_snowball() else endpoint["region"]


@cache
def _regions_with_snowball() -> frozenset[str]:
    session = botocore.session.Session()
    partitions = session.get_available_partitions()
    return frozenset(
        region for partition in partitions for region in session.get_available_regions("snowball", partition)
    )
