"""
The connection type ``snowball``: what its form shows, declared once for every form that Airflow has had.

Pure: standard library only. Airflow 3.2 and later read the form from the provider's metadata
(:func:`metadata`), older lines ask the hook (:func:`field_behaviour`, and :data:`EXTRA_FIELDS` as widgets).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "ACCEPTED_TYPES",
    "CONN_TYPE",
    "EXTRA_FIELDS",
    "HOOK_NAME",
    "ExtraField",
    "field_behaviour",
    "metadata",
    "without_empty",
]

CONN_TYPE = "snowball"
HOOK_NAME = "AWS Snowball"
#: The types that hold what the hook needs.
ACCEPTED_TYPES = (CONN_TYPE, "aws")


@dataclass(frozen=True)
class ExtraField:
    """A field of its own in the form, stored in the connection's extra under ``key``."""

    key: str
    label: str
    description: str
    placeholder: str


#: The names are those of the amazon provider's extra, so that either type's connection works as the other.
#: The last is ours.
EXTRA_FIELDS = (
    ExtraField(
        "region_name",
        "Region",
        "Where the jobs were ordered, such as us-east-1. Empty: the region that boto3 finds.",
        "us-east-1",
    ),
    ExtraField(
        "role_arn",
        "Role ARN",
        "A role to assume, such as arn:aws:iam::123456789012:role/airflow. Empty: none.",
        "arn:aws:iam::123456789012:role/airflow",
    ),
    ExtraField(
        "endpoint_url",
        "Endpoint URL",
        "Where else than at AWS to send requests, such as the address of a local Snowball. Empty: AWS.",
        "http://127.0.0.1:5000",
    ),
    ExtraField(
        "allowed_orders",
        "Allowed orders",
        "What may be ordered by it, as JSON with address_ids, buckets, role_arns, snowball_types and "
        "shipping_options. Empty: anything, once [snowball] allow_orders is set.",
        '{"address_ids": ["ADID..."], "buckets": ["arn:aws:s3:::archive"]}',
    ),
)
#: Airflow's own fields that nothing is read from.
_HIDDEN = ("host", "schema", "port")
_LABELS = {"login": "Access key ID", "password": "Secret access key"}
_PLACEHOLDERS = {
    "login": "empty: the credentials that boto3 finds",
    "password": "empty: the credentials that boto3 finds",
    "extra": '{"profile_name": "snow", "assume_role_kwargs": {"ExternalId": "..."}, "verify": true}',
}


def field_behaviour() -> dict[str, Any]:
    """Return what ``get_ui_field_behaviour`` of a hook does."""
    return {
        "hidden_fields": list(_HIDDEN),
        "relabeling": dict(_LABELS),
        "placeholders": _PLACEHOLDERS | {field.key: field.placeholder for field in EXTRA_FIELDS},
    }


def metadata(hook_class: str) -> dict[str, Any]:
    """
    Return the entry of ``connection-types`` in the provider's metadata.

    :param hook_class: the full name of the hook's class.
    """
    behaviour = field_behaviour()
    # The UI of Airflow 3.3 cannot test a connection, of whatever type, that is stored without a port
    # (apache/airflow#73298, merged after 3.3.2).
    behaviour["hidden_fields"].remove("port")
    behaviour["relabeling"]["port"] = "Port (for Test only)"
    behaviour["placeholders"]["port"] = "0: without it, Airflow 3.3 answers Test with Bad Request"
    return {
        "connection-type": CONN_TYPE,
        "hook-class-name": hook_class,
        "hook-name": HOOK_NAME,
        "ui-field-behaviour": {name.replace("_", "-"): value for name, value in behaviour.items()},
        "conn-fields": {
            field.key: {
                "label": field.label,
                "description": field.description,
                # Without "null" the form would demand a value.
                "schema": {"type": ["string", "null"]},
            }
            for field in EXTRA_FIELDS
        },
    }


def without_empty(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return a connection's extra without the fields that a form stored although nobody filled them in."""
    return {name: value for name, value in extra.items() if value is not None and value != ""}
