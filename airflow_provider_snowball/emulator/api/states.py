"""
The states that jobs and clusters walk through, and how far a state is.

The order is that of the page "Statuses of Snowball Edge jobs" of the AWS Snowball Edge developer guide.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["PATHS", "ClusterState", "JobState", "JobType", "is_at_or_past"]


class _Name(str, Enum):
    """A value of the API, which prints as itself."""

    __str__ = str.__str__


class JobState(_Name):
    """The values of ``JobState``, in the order in which an import walks through them."""

    NEW = "New"
    LISTING = "Listing"
    PENDING = "Pending"
    PREPARING_APPLIANCE = "PreparingAppliance"
    PREPARING_SHIPMENT = "PreparingShipment"
    IN_TRANSIT_TO_CUSTOMER = "InTransitToCustomer"
    WITH_CUSTOMER = "WithCustomer"
    IN_TRANSIT_TO_AWS = "InTransitToAWS"
    WITH_AWS_SORTING_FACILITY = "WithAWSSortingFacility"
    WITH_AWS = "WithAWS"
    IN_PROGRESS = "InProgress"
    COMPLETE = "Complete"
    CANCELLED = "Cancelled"


class JobType(_Name):
    """The values of ``JobType``."""

    IMPORT = "IMPORT"
    EXPORT = "EXPORT"
    LOCAL_USE = "LOCAL_USE"


class ClusterState(_Name):
    """The values of ``ClusterState``."""

    AWAITING_QUORUM = "AwaitingQuorum"
    PENDING = "Pending"
    IN_USE = "InUse"
    COMPLETE = "Complete"
    CANCELLED = "Cancelled"


_IMPORT = tuple(state for state in JobState if state is not JobState.CANCELLED)
_BEFORE_DEVICE = _IMPORT[: _IMPORT.index(JobState.PREPARING_SHIPMENT)]
_WITH_DEVICE = _IMPORT[_IMPORT.index(JobState.PREPARING_SHIPMENT) : _IMPORT.index(JobState.IN_PROGRESS)]

#: The way of each job type, first state to last. An export is InProgress before its device is shipped.
PATHS = {
    JobType.IMPORT: _IMPORT,
    JobType.LOCAL_USE: _IMPORT,
    JobType.EXPORT: (*_BEFORE_DEVICE, JobState.IN_PROGRESS, *_WITH_DEVICE, JobState.COMPLETE),
}


def is_at_or_past(state: str, target: JobState, job_type: JobType) -> bool:
    """Tell whether a job in ``state`` has come as far as ``target``; one in a state off its way has not."""
    path = PATHS[job_type]
    return state in path and path.index(JobState(state)) >= path.index(target)
