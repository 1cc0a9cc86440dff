"""What an exception of a call means for a wait, and what somebody can do about it."""

from __future__ import annotations

import re
from functools import cache

import botocore.exceptions as bc
import botocore.session

from airflow_provider_snowball.exceptions import SnowballConnectionError
from airflow_provider_snowball.wait import ErrorKind, RequestError

__all__ = ["classify"]

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
#: botocore's errors that repeat until somebody changes credentials, region or configuration.
_REFUSALS = (
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
    # Of the requests, only the one for a role has arguments that nothing of ours has looked at.
    bc.ParamValidationError,
    SnowballConnectionError,
)
_ADVICE = {
    bc.NoRegionError: "set the region of the connection, or region_name of the task",
    bc.InvalidRegionError: "a region reads like us-east-1",
    bc.NoCredentialsError: "give the connection an access key or a profile, or the machine a role",
    bc.PartialCredentialsError: "give both halves of the access key",
    bc.ParamValidationError: "correct role_arn and assume_role_kwargs of the connection",
}
_AWS_ENDPOINT = re.compile(r"https://(?:snowball|snowball-fips|sts)\.(?P<region>[a-z]+(?:-[a-z0-9]+)+)\.\S+")
_PASSWORD_IN_URL = re.compile(r"(?<=//)[^/@\s]+@")


def classify(error: Exception) -> RequestError:
    """
    Tell what an exception of a call means, in the API's own words and with what can be done about it.

    An error that this function does not know counts as passing: it may not meet the next poll.
    """
    code = type(error).__name__
    if isinstance(error, bc.ClientError):
        code = _code_of(error) or code
    words = _PASSWORD_IN_URL.sub("***@", " ".join(_words_of(error).split()))
    if advice := _advice_on(error):
        words = f"{words.rstrip('.')}; {advice}"
    found = RequestError(_kind_of(error), words, code=code, throttled=code in _THROTTLING)
    found.__cause__ = error
    return found


def _kind_of(error: Exception) -> ErrorKind:
    if isinstance(error, bc.ClientError):
        code = _code_of(error)
        http = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _THROTTLING_OR_SERVER or http in (408, 429) or http >= 500:
            return ErrorKind.PASSING
        if _is_about_a_role(error):
            return ErrorKind.REFUSED
        if code == "InvalidResourceException":
            return ErrorKind.NOT_FOUND
        return ErrorKind.BAD_INPUT if code in _BAD_INPUT else ErrorKind.REFUSED
    if isinstance(error, _REFUSALS) or _region_without_snowball(error):
        return ErrorKind.REFUSED
    return ErrorKind.BAD_INPUT if isinstance(error, ValueError) else ErrorKind.PASSING


def _words_of(error: Exception) -> str:
    if isinstance(error, bc.ClientError):
        code = _code_of(error) or "an error"
        return f"{code} when calling {error.operation_name}: {error.response.get('Error', {}).get('Message')}"
    ours = SnowballConnectionError | ValueError
    if isinstance(error, ours) and not isinstance(error, bc.BotoCoreError):
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
        if _is_about_a_role(error) and _kind_of(error) is ErrorKind.REFUSED:
            return (
                "the connection's role cannot be assumed: its trust policy must name the identity that "
                "assumes it, and that identity must be allowed sts:AssumeRole"
            )
        if code in _DENIED:
            return f"allow the IAM action snowball:{error.operation_name}"
        return None
    if region := _region_without_snowball(error):
        return f"region {region} has no AWS Snowball as far as botocore knows; choose the region of the jobs"
    return next((advice for kind, advice in _ADVICE.items() if isinstance(error, kind)), None)


def _code_of(error: bc.ClientError) -> str:
    return error.response.get("Error", {}).get("Code") or ""


def _is_about_a_role(error: bc.ClientError) -> bool:
    return error.operation_name.startswith("AssumeRole")


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
