"""
What orders need of boto3: sent once and no more, told apart by what came of them, found by their marker.

.. seealso:: https://docs.aws.amazon.com/snowball/latest/api-reference/API_CreateJob.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from time import time as now
from typing import TYPE_CHECKING, Any, Literal

import botocore.exceptions as bc
import botocore.session
from botocore.config import Config
from botocore.model import ListShape, Shape, StringShape, StructureShape
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from airflow_provider_snowball.hooks.errors import classify
from airflow_provider_snowball.lifecycle import ArgumentError, JobState, JobType, is_main
from airflow_provider_snowball.ordering.machine import Described, NotTaken, Seen, Taken, Unknown
from airflow_provider_snowball.ordering.marker import is_marked
from airflow_provider_snowball.waiting.calls import ErrorKind

if TYPE_CHECKING:
    from airflow_provider_snowball.hooks.snowball import SnowballHook

__all__ = ["check_request", "described_order", "marked_orders", "send_once"]

Operation = Literal["CreateJob", "CreateCluster"]

#: One request and no second; whoever takes an order may take a while.
_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=15, read_timeout=120)
_METHODS: Mapping[Operation, str] = {"CreateJob": "create_job", "CreateCluster": "create_cluster"}
_ID_KEYS: Mapping[Operation, str] = {"CreateJob": "JobId", "CreateCluster": "ClusterId"}
#: No connection, so that nothing was sent.
_NO_CONNECTION = (bc.EndpointConnectionError, bc.ConnectTimeoutError)
#: Codes of 4xx answers to requests that may have been read.
_TIMED_OUT = frozenset({"RequestTimeout", "RequestTimeoutException"})
#: Members of a request that DescribeJob and DescribeCluster tell as they were given.
_COMPARED = (
    "JobType",
    "SnowballType",
    "AddressId",
    "ForwardingAddressId",
    "KmsKeyARN",
    "RoleARN",
    "ClusterId",
    "LongTermPricingId",
)


class _LeaseOverError(Exception):
    """The request would have left too late."""


def check_request(operation: Operation, request: Mapping[str, Any]) -> None:
    """
    Hold a request against the API's model: members, types, lengths, patterns, values.

    botocore checks types and lower bounds only, and the rest is refused by AWS.

    :raises ArgumentError: naming each member that is wrong.
    """
    shape = botocore.session.Session().get_service_model("snowball").operation_model(operation).input_shape
    wrong = list(_violations(request, shape, "")) if isinstance(shape, StructureShape) else []
    if wrong:
        raise ArgumentError(f"{operation} cannot be asked for: {'; '.join(wrong)} [SNB115]")


def send_once(
    hook: SnowballHook, operation: Operation, request: Mapping[str, Any], *, before: float
) -> Taken | NotTaken | Unknown:
    """
    Send an order, once, and tell what came of it.

    :param before: Unix time after which it does not leave any more.
    """
    has_left = False

    def leave(**_: Any) -> None:
        nonlocal has_left
        if now() > before:
            raise _LeaseOverError("the lease is over")
        has_left = True

    try:
        client = hook.get_client_type(config=hook.config.merge(_ONCE))
        client.meta.events.register_last("before-send.snowball", leave)
        answer = getattr(client, _METHODS[operation])(**request)
    except Exception as error:
        return _outcome(error, has_left=has_left, where=hook.where())
    order_id = answer.get(_ID_KEYS[operation])
    return Taken(str(order_id)) if order_id else Unknown(f"the answer has no {_ID_KEYS[operation]}")


def _outcome(error: Exception, *, has_left: bool, where: str) -> NotTaken | Unknown:
    found = classify(error, where)
    final = found.kind is not ErrorKind.TRANSIENT
    if not has_left:
        # Credentials that cannot be had, a role that cannot be assumed, a lease that is over.
        return NotTaken(str(found), final=final and not isinstance(error, _LeaseOverError))
    if isinstance(error, _NO_CONNECTION) or _is_of_no_proxy(error):
        return NotTaken(str(found))
    if isinstance(error, bc.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = error.response.get("Error", {}).get("Code") or ""
        if 400 <= status < 500 and status != 408 and code not in _TIMED_OUT and not str(code).isdecimal():
            return NotTaken(str(found), final=final)
    return Unknown(str(found))


def _is_of_no_proxy(error: Exception) -> bool:
    """Tell whether a proxy could not be connected to: botocore says so too where one has broken off later."""
    if not isinstance(error, bc.ProxyConnectionError):
        return False
    cause = getattr(error.kwargs.get("error"), "original_error", None)
    return isinstance(cause, NewConnectionError | ConnectTimeoutError)


def marked_orders(
    hook: SnowballHook, operation: Operation, marker: str, cluster_id: str | None
) -> tuple[Seen, ...]:
    """
    Return the orders that have a marker, from all pages.

    :param cluster_id: of the cluster whose nodes they are, if they are nodes.
    """
    if operation == "CreateCluster":
        clusters = [each for each in hook.list_clusters() if is_marked(each.get("Description"), marker)]
        return tuple(_seen(each, "ClusterId", "ClusterState") for each in clusters)
    listed = hook.list_jobs() if cluster_id is None else hook.list_cluster_jobs(cluster_id)
    jobs = [each for each in listed if is_marked(each.get("Description"), marker)]
    if any(map(is_main, jobs)):
        # An export's parts are described as their main job is, which is what was ordered.
        jobs = [each for each in jobs if is_main(each) or each.get("JobType") != JobType.EXPORT]
    return tuple(_seen(each, "JobId", "JobState") for each in jobs)


def _seen(entry: Mapping[str, Any], id_key: str, state_key: str) -> Seen:
    return Seen(str(entry[id_key]), _is_cancelled(entry, state_key))


def _is_cancelled(entry: Mapping[str, Any], state_key: str) -> bool:
    # Jobs and clusters have one word for it.
    return entry.get(state_key) == JobState.CANCELLED


def described_order(
    hook: SnowballHook, operation: Operation, order_id: str, request: Mapping[str, Any]
) -> Described:
    """Return what AWS says of an order, and what of it is not as in the request."""
    metadata: Mapping[str, Any]
    if operation == "CreateCluster":
        metadata, state_key = hook.describe_cluster(order_id), "ClusterState"
    else:
        metadata, state_key = hook.describe_job(order_id).get("JobMetadata") or {}, "JobState"
    created = metadata.get("CreationDate")
    return Described(
        _is_cancelled(metadata, state_key),
        # Not known: as young as it can be.
        created.timestamp() if isinstance(created, datetime) else now(),
        tuple(_differences(request, metadata)),
    )


def _differences(request: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[str]:
    for key in _COMPARED:
        asked, there = request.get(key), metadata.get(key)
        if asked is not None and there is not None and asked != there:
            yield f"{key} is {there}, and should be {asked}"
    asked_for, those_there = _buckets(request), _buckets(metadata)
    if asked_for and those_there and asked_for != those_there:
        there, asked = ", ".join(sorted(those_there)), ", ".join(sorted(asked_for))
        yield f"its buckets are {there}, and should be {asked}"


def _buckets(request: Mapping[str, Any]) -> set[str]:
    resources = (request.get("Resources") or {}).get("S3Resources") or ()
    return {str(each["BucketArn"]) for each in resources if each.get("BucketArn")}


def _violations(value: Any, shape: Shape, where: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        if not isinstance(value, Mapping):
            yield f"{where} must be a dict; got a {type(value).__name__}"
            return
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"{where}{name} is missing"
        for name, item in value.items():
            if name not in shape.members:
                yield f"{where}{name} is none of {', '.join(shape.members)}"
            elif item is not None:
                member = shape.members[name]
                dot = "." if isinstance(member, StructureShape) else ""
                yield from _violations(item, member, f"{where}{name}{dot}")
    elif isinstance(shape, ListShape):
        if isinstance(value, str) or not isinstance(value, list | tuple):
            yield f"{where} must be a list; got a {type(value).__name__}"
            return
        for number, item in enumerate(value):
            dot = "." if isinstance(shape.member, StructureShape) else ""
            yield from _violations(item, shape.member, f"{where}[{number}]{dot}")
    else:
        yield from _wrong_scalar(value, shape, where)


def _wrong_scalar(value: Any, shape: Shape, where: str) -> Iterator[str]:
    if not isinstance(shape, StringShape):
        if shape.type_name in ("integer", "long") and (isinstance(value, bool) or not isinstance(value, int)):
            yield f"{where} must be a whole number; got {value!r}"
        elif shape.type_name == "boolean" and not isinstance(value, bool):
            yield f"{where} must be True or False; got {value!r}"
        elif "max" in shape.metadata and value > shape.metadata["max"]:
            yield f"{where} may be {shape.metadata['max']} at most; got {value!r}"
        elif "min" in shape.metadata and value < shape.metadata["min"]:
            yield f"{where} must be at least {shape.metadata['min']}; got {value!r}"
        return
    if not isinstance(value, str):
        yield f"{where} must be text; got a {type(value).__name__}"
    elif shape.enum and value not in shape.enum:
        yield f"{where} must be one of {', '.join(shape.enum)}; got {value!r}"
    elif not shape.metadata.get("min", 0) <= len(value) <= shape.metadata.get("max", len(value)):
        yield f"{where} has {len(value)} characters: {value!r}"
    elif (pattern := shape.metadata.get("pattern")) and not re.fullmatch(pattern, value, re.DOTALL):
        yield f"{where} must be of the form {pattern}; got {value!r}"
