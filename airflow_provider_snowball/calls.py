"""
The calls of Snowball's API that a wait may ask for.

Pure: standard library only. Values, not functions: whoever drives a wait makes them, and waits that
ask for an equal one can share its answer.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Call", "DescribeCluster", "ListClusterJobs"]


@dataclass(frozen=True)
class ListClusterJobs:
    """List every job of a cluster."""

    cluster_id: str


@dataclass(frozen=True)
class DescribeCluster:
    """Look at the cluster itself."""

    cluster_id: str


Call = ListClusterJobs | DescribeCluster
