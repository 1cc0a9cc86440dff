"""A cluster: its state follows from its jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .jobs import Job, given
from .plan import HOUR
from .states import ClusterState, JobState, JobType

__all__ = ["CLUSTER_LIMIT", "MINIMUM_QUORUM", "Cluster"]

#: Nodes that a cluster can have (AWS Snowball Edge developer guide, "Clustering overview").
CLUSTER_LIMIT = 16
#: Nodes without which a cluster that was created empty does not start.
MINIMUM_QUORUM = 3


@dataclass(eq=False)
class Cluster:
    """
    A cluster. Its state follows from its jobs.

    Its jobs stay New until it has its quorum: as many as InitialClusterSize asked for, or three
    if it was created empty.
    """

    cluster_id: str
    snowball_type: str
    created: datetime
    created_at: float
    quorum: int
    #: The second from which on listings have it.
    listed_at: float
    description: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    cancelled: bool = False
    has_quorum: bool = False

    def live_jobs(self, now: float) -> list[Job]:
        """Return the jobs that were not cancelled."""
        return [job for job in self.jobs if job.state(now) != JobState.CANCELLED]

    def state(self, now: float) -> ClusterState:
        """
        Return the state at the second ``now``.

        InUse: at least one node was delivered. Complete: all of them are back. AwaitingQuorum lasts
        for at least an hour: AWS promises as long to cancel a cluster, which is possible only then.
        """
        if self.cancelled:
            return ClusterState.CANCELLED
        live = self.live_jobs(now)
        if live and all(job.has_reached(JobState.WITH_AWS, now) for job in live):
            return ClusterState.COMPLETE
        if any(job.has_reached(JobState.WITH_CUSTOMER, now) for job in live):
            return ClusterState.IN_USE
        if live and self.has_quorum and now >= self.created_at + HOUR:
            return ClusterState.PENDING
        return ClusterState.AWAITING_QUORUM

    def list_entry(self, now: float) -> dict[str, Any]:
        """Return the cluster as a ClusterListEntry."""
        return given(
            ClusterId=self.cluster_id,
            ClusterState=self.state(now).value,
            CreationDate=self.created,
            Description=self.description,
        )

    def metadata(self, now: float) -> dict[str, Any]:
        """Return the cluster as a ClusterMetadata."""
        return self.details | given(
            **self.list_entry(now), JobType=JobType.LOCAL_USE.value, SnowballType=self.snowball_type
        )
