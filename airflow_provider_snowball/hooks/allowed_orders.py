"""What a connection says of the orders that may be made by it: ``allowed_orders`` in its extra."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["ALLOWED_ORDERS", "check_allowed_orders", "not_allowed"]

#: The key in the extra. It stays, as do the names of its lists.
ALLOWED_ORDERS = "allowed_orders"


def _given(*names: str) -> Callable[[Mapping[str, Any]], set[str]]:
    return lambda request: {str(request[name]) for name in names if request.get(name) is not None}


def _buckets(request: Mapping[str, Any]) -> set[str]:
    resources = (request.get("Resources") or {}).get("S3Resources") or ()
    return {str(each.get("BucketArn")) for each in resources}


#: What each list is of.
_LISTS: Mapping[str, Callable[[Mapping[str, Any]], set[str]]] = {
    "address_ids": _given("AddressId", "ForwardingAddressId"),
    "buckets": _buckets,
    "role_arns": _given("RoleARN"),
    "snowball_types": _given("SnowballType"),
    "shipping_options": _given("ShippingOption"),
}


def check_allowed_orders(lists: Mapping[str, Any]) -> None:
    """
    Refuse lists that allow something else than is meant.

    :raises ValueError: saying what is wrong.
    """
    for name, values in lists.items():
        if name not in _LISTS:
            raise ValueError(f"{name!r} is none of {', '.join(_LISTS)}")
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise ValueError(f"{name} must be a list of texts")


def not_allowed(
    request: Mapping[str, Any], lists: Mapping[str, Any], cluster: Mapping[str, Any] | None = None
) -> tuple[str, list[str]] | None:
    """
    Return the first list that lacks something of a request, and what it lacks; None if all is allowed.

    :param request: what is ordered.
    :param cluster: of a node, what its cluster has, which is held against the lists as well.
    """
    for name, allowed in lists.items():
        found = _LISTS[name](request) | _LISTS[name](cluster or {})
        if name == "snowball_types" and not found:
            # AWS would choose one.
            return name, ["a SnowballType that is left out"]
        if others := sorted(found - set(allowed)):
            return name, others
    return None
