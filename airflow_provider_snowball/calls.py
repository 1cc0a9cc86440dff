"""
The calls of Snowball's API that a wait may ask for.

Pure: standard library only. Values, not functions: whoever drives a wait makes them, and waits that
ask for an equal one can share its answer.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Call", "DescribeCluster", "DescribeJob", "ListClusterJobs", "ListJobs"]


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
    """Look at a job by its id: a JobListEntry of it, and the entries of the job parts of an export."""

    job_id: str


Call = ListClusterJobs | ListJobs | DescribeCluster | DescribeJob
