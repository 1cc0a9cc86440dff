"""
What is wrong with a request before the operation looks at it.

moto takes a body that does not parse for one without members, and answers one of the wrong types with a 500
(no issue filed): neither would fail in a test what fails at AWS.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from moto.core import DEFAULT_ACCOUNT_ID

from .api.responses import operation_of
from .rehearsal.models import snowball_backends

__all__ = ["JSON", "TARGET", "WireError", "check", "check_region", "put_body", "take_body"]

#: What X-Amz-Target begins with, in each request to Snowball.
TARGET = "AWSIESnowballJobManagementService."
JSON = "application/x-amz-json-1.1"
#: The region that a request was signed for.
_SCOPE = re.compile(r"Credential=[^/,]+/[^/,]*/(?P<region>[^/,]*)/")
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": (int, float),
    "float": (int, float),
    "timestamp": (int, float),
}
_NAMES = {"string": "String", "boolean": "Boolean", "integer": "Integer", "long": "Long"}


class WireError(Exception):
    """
    A request that no operation gets to see.

    :param code: of the error.
    """

    def __init__(self, message: str, code: str = "SerializationException") -> None:
        super().__init__(message)
        self.code = code


def check_region(name: Any) -> None:
    """
    Refuse a region that has no Snowball.

    :raises ValueError: naming it.
    """
    if not isinstance(name, str) or not _is_region(name):
        raise ValueError(f"Snowball has no region {name!r}")


def _is_region(name: str) -> bool:
    return name in snowball_backends[DEFAULT_ACCOUNT_ID]


def take_body(environ: dict[str, Any]) -> bytes:
    """Return the body of a request, which can be read again."""
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    # One in chunks has no length, and an end.
    whole = stream.read() if environ.get("wsgi.input_terminated") else stream.read(int(length or 0))
    body = bytes(whole)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    put_body(environ, body)
    return body


def put_body(environ: dict[str, Any], body: bytes) -> None:
    """Give a request a body."""
    environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def check(environ: dict[str, Any], operation: str) -> None:
    """
    Hold a request in JSON against the service model, whatever type it says it is of.

    :raises WireError: if AWS would not take it for a request.
    """
    scope = _SCOPE.search(str(environ.get("HTTP_AUTHORIZATION", "")))
    if scope and not _is_region(scope["region"]):
        raise WireError("Credential should be scoped to a valid region.", "InvalidSignatureException")
    body = take_body(environ)
    if not body.strip():
        body = b"{}"
        put_body(environ, body)
    environ["CONTENT_TYPE"] = JSON
    model = operation_of(operation)
    if model is None or model.input_shape is None:
        # Whoever answers says that there is no such operation.
        return
    try:
        members = json.loads(body.decode())
    except (RecursionError, ValueError):
        raise WireError("The body is no JSON document in UTF-8.") from None
    if not isinstance(members, dict):
        raise WireError(f"{_kind(members)} found where a structure is expected.")
    _check(members, model.input_shape, "")


def _check(value: Any, shape: Shape, where: str) -> None:
    if value is None:
        # As if it were not there.
        return
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            raise WireError(f"{_kind(value)} found where a structure is expected, at {where}.")
        for name, member in shape.members.items():
            _check(value.get(name), member, f"{where}.{name}" if where else name)
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise WireError(f"{_kind(value)} found where a list is expected, at {where}.")
        for item in value:
            if item is None:
                raise WireError(f"NULL_VALUE found in a list, at {where}.")
            _check(item, shape.member, where)
    else:
        wanted = _TYPES.get(shape.type_name)
        is_wrong_boolean = isinstance(value, bool) and wanted is not bool
        if wanted is not None and (not isinstance(value, wanted) or is_wrong_boolean):
            name = _NAMES.get(shape.type_name, "Number")
            raise WireError(f"{_kind(value)} cannot be converted to {name}, at {where}.")


def _kind(value: Any) -> str:
    """Return what AWS's services call a value of JSON."""
    match value:
        case None:
            return "NULL_VALUE"
        case bool():
            return "TRUE_VALUE" if value else "FALSE_VALUE"
        case int():
            return "NUMBER_VALUE"
        case float():
            return "DECIMAL_VALUE"
        case str():
            return "STRING_VALUE"
        case list():
            return "START_ARRAY"
    return "START_OBJECT"
