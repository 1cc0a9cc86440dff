"""
The calls of Snowball's API that a wait may ask for, and what it is told where one fails.

Pure: standard library only. Values, not functions: whoever drives a wait makes them, and waits that
ask for an equal one can share its result.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = [
    "Call",
    "DescribeCluster",
    "DescribeJob",
    "ErrorKind",
    "ListClusterJobs",
    "ListJobs",
    "RequestError",
]


@dataclass(frozen=True, slots=True)
class ListClusterJobs:
    """List every job of a cluster: a list of JobListEntry."""

    cluster_id: str


@dataclass(frozen=True, slots=True)
class ListJobs:
    """List every job of the account, as :class:`ListClusterJobs` does: one for all waits of a client."""


@dataclass(frozen=True, slots=True)
class DescribeCluster:
    """Look at a cluster itself: its ClusterMetadata."""

    cluster_id: str


@dataclass(frozen=True, slots=True)
class DescribeJob:
    """
    Look at a job by its id.

    :return: ``job``, as a JobListEntry; ``parts``, the entries of the job parts of an export; and
        ``delivery``, with the ShippingDetails and the DataTransferProgress that the job has by now.
    """

    job_id: str


Call = ListClusterJobs | ListJobs | DescribeCluster | DescribeJob


class ErrorKind(Enum):
    """What a failed call means, before anything is known of the wait that made it."""

    NOT_FOUND = "not found"
    BAD_INPUT = "bad input"
    #: Access, credentials, region or connection: wrong at the start; once it worked, somebody may mend it.
    DENIED = "denied"
    #: Throttling, 5xx, time-outs, lost connections.
    TRANSIENT = "transient"


class RequestError(Exception):
    """
    A call that failed, told apart by :class:`ErrorKind`; ``__cause__`` is the exception as it came.

    :param code: the API's code, or the name of the exception's class.
    :param throttled: whether it failed for coming too often.
    """

    def __init__(self, kind: ErrorKind, message: str, *, code: str = "", throttled: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.throttled = throttled

    def copy(self) -> RequestError:
        """Return the same error to be raised once more: a traceback belongs to one raising only."""
        twin = RequestError(self.kind, str(self), code=self.code, throttled=self.throttled)
        twin.__cause__ = self.__cause__
        return twin
