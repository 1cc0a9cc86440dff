"""
Requests in CBOR, as SDKs for Go and others send them: taken for what they are in JSON, and answered in CBOR.

.. seealso:: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import botocore.parsers
import botocore.serialize
from botocore.model import DenormalizedStructureBuilder, StructureShape

from .api.responses import operation_of
from .wire import TARGET, WireError, put_body, take_body

__all__ = ["PATH", "as_cbor", "as_json"]

#: Where an operation is.
PATH = re.compile(r"/service/AWSIESnowballJobManagementService/operation/(?P<operation>\w+)")
CBOR = "application/cbor"
#: A botocore of before it spoke CBOR has none.
_Parser: Any = getattr(botocore.parsers, "RpcV2CBORParser", None)
_Serializer: Any = getattr(botocore.serialize, "RpcV2CBORSerializer", None)
_OF_ERRORS = ("__type", "message", "Message", "ResourceType", "ConflictResource")
_ERROR = (
    DenormalizedStructureBuilder()
    .with_members({name: {"type": "string", "shape_name": "Text"} for name in _OF_ERRORS})
    .build_model()
)


def as_json(environ: dict[str, Any], operation: str) -> None:
    """
    Make a request in CBOR one in JSON.

    :raises WireError: if its body is no CBOR.
    """
    body = take_body(environ)
    members = _decoded(body) if body else {}
    # What JSON has not, no member of a request is: bytes, dates.
    put_body(environ, json.dumps(members, default=repr).encode())
    environ |= {"PATH_INFO": "/", "HTTP_X_AMZ_TARGET": f"{TARGET}{operation}"}


def as_cbor(answer: Iterable[bytes], operation: str, *, is_error: bool) -> bytes:
    """Return the body of an answer in JSON as CBOR; one that is torn stays as it is."""
    body = b"".join(answer)
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        return body
    model = operation_of(operation)
    output = model.output_shape if model is not None else None
    shape = output if isinstance(output, StructureShape) and not is_error else _ERROR
    return _encoded(members, shape)


def _decoded(body: bytes) -> Any:
    if _Parser is None:
        raise WireError("This botocore speaks no CBOR; a later one does.")
    parser = _Parser()
    stream = parser.get_peekable_stream_from_bytes(body)
    try:
        members = parser.parse_data_item(stream)
    except (
        botocore.parsers.ResponseParserError,
        RecursionError,
        TypeError,
        ValueError,
        OverflowError,
        MemoryError,
    ):
        raise WireError("The body is no CBOR.") from None
    if stream.read(1):
        raise WireError("The body is more than one data item of CBOR.")
    return members


def _encoded(members: Mapping[str, Any], shape: StructureShape) -> bytes:
    if _Serializer is None:
        return json.dumps(members).encode()
    encoded = bytearray()
    known = {name: value for name, value in members.items() if name in shape.members}
    _Serializer()._serialize_data_item(encoded, known, shape)
    return bytes(encoded)
