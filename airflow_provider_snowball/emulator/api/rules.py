"""
What does not go together in an order, by the documentation of the API.

.. seealso:: https://docs.aws.amazon.com/snowball/latest/api-reference/API_CreateJob.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .exceptions import InvalidInputCombinationException
from .states import JobType

__all__ = ["check_cluster", "check_job"]

#: The capacities of each type of device; of one that is not here, none is documented.
_CAPACITIES: Mapping[str, tuple[str, ...]] = {
    "SNC1_SSD": ("T14",),
    "SNC1_HDD": ("T8",),
    "EDGE_S": ("T98",),
    "EDGE_CG": ("T42",),
    "EDGE_C": ("T42",),
    # "This device is replaced with T98."
    "EDGE": ("T100", "T98"),
    "STANDARD": ("T50", "T80"),
    "RACK_5U_C": ("T13",),
    "V3_5S": ("T240",),
}
_ANY = "NoPreference"
#: Singapore, Beijing, Ningxia.
_WITH_STANDARD = ("ap-southeast-1", "cn-north-1", "cn-northwest-1")
#: Types of device that can be no node of a cluster, and those that can be no LOCAL_USE job at all.
_NO_NODE = ("STANDARD", "SNC1_HDD", "SNC1_SSD")
_NO_LOCAL_USE = ("STANDARD",)
#: Virtual tapes that a Snowball Edge holds.
_TAPES = 80


def check_cluster(
    job_type: str, snowball_type: str, size: int, details: Mapping[str, Any], *, force: bool
) -> None:
    """
    Hold the order of a cluster against what is documented.

    :param force: the cluster is wanted though the service on it needs another number of nodes.
    :raises InvalidInputCombinationException: if it does not go together.
    """
    if job_type != JobType.LOCAL_USE:
        raise InvalidInputCombinationException(
            f"the only JobType of a cluster is {JobType.LOCAL_USE}, not {job_type}"
        )
    if snowball_type in _NO_NODE:
        raise InvalidInputCombinationException(f"{snowball_type} cannot be clustered")
    needed = (details.get("OnDeviceServiceConfiguration") or {}).get("S3OnDeviceService", {})
    if needed.get("ServiceSize", size) != size and not force:
        raise InvalidInputCombinationException(
            f"S3OnDeviceService needs {needed['ServiceSize']} nodes and InitialClusterSize is {size}; "
            "set ForceCreateJobs to create the cluster nevertheless"
        )
    _refuse(_wrong(job_type, snowball_type, details))


def check_job(job_type: str, snowball_type: str, details: Mapping[str, Any], region_name: str) -> None:
    """
    Hold the order of a job that belongs to no cluster, or a change of one, against what is documented.

    :raises InvalidInputCombinationException: if it does not go together.
    """
    if job_type == JobType.LOCAL_USE and snowball_type in _NO_LOCAL_USE:
        raise InvalidInputCombinationException(f"{snowball_type} does not support {job_type} jobs")
    if snowball_type == "STANDARD" and region_name not in _WITH_STANDARD:
        raise InvalidInputCombinationException(
            f"{snowball_type} is available in {', '.join(_WITH_STANDARD)} only, not in {region_name}"
        )
    _refuse(_wrong(job_type, snowball_type, details))


def _refuse(wrong: Iterator[str]) -> None:
    for why in wrong:
        raise InvalidInputCombinationException(why)


def _wrong(job_type: str, snowball_type: str, details: Mapping[str, Any]) -> Iterator[str]:
    capacity = details.get("SnowballCapacityPreference", _ANY)
    possible = _CAPACITIES.get(snowball_type, (capacity,))
    if capacity not in (*possible, _ANY):
        yield f"the capacity of {snowball_type} is {' or '.join(possible)}, not {capacity}"
    ranged = any(each.get("KeyRange") for each in (details.get("Resources") or {}).get("S3Resources") or ())
    if ranged and job_type != JobType.EXPORT:
        yield f"a KeyRange is of {JobType.EXPORT} jobs, not of {job_type}"
    gateway = (details.get("OnDeviceServiceConfiguration") or {}).get("TGWOnDeviceService") or {}
    tapes = gateway.get("StorageLimit", _TAPES)
    if snowball_type.startswith("EDGE") and tapes != _TAPES:
        yield f"StorageLimit of TGWOnDeviceService must be {_TAPES} for {snowball_type}, not {tapes}"
