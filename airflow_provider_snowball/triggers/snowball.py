"""ClusterJobsTrigger and JobsTrigger. Airflow stores these class paths: they stay."""

from __future__ import annotations

from typing import Any

from airflow_provider_snowball.calls import ListClusterJobs, ListJobs
from airflow_provider_snowball.triggers.base import SnowballTrigger

__all__ = ["ClusterJobsTrigger", "JobsTrigger"]


class ClusterJobsTrigger(SnowballTrigger):
    """
    Wait for the jobs of a cluster.

    :param cluster_id: as :class:`~airflow_provider_snowball.sensors.snowball.ClusterJobsSensor` has it.
    :param min_jobs: likewise.

    The other parameters are those of :class:`~airflow_provider_snowball.triggers.base.SnowballTrigger`.
    """

    def __init__(self, *, cluster_id: str, min_jobs: int | str = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster_id = cluster_id
        self.min_jobs = min_jobs

    def _source(self) -> ListClusterJobs:
        return ListClusterJobs(self.cluster_id)

    def _arguments(self) -> dict[str, Any]:
        return {"cluster_id": self.cluster_id, "min_jobs": self.min_jobs, **super()._arguments()}


class JobsTrigger(SnowballTrigger):
    """
    Wait for jobs by their ids, whether they belong to a cluster or not.

    The parameters are those of :class:`~airflow_provider_snowball.triggers.base.SnowballTrigger`, of
    which ``job_ids`` has to be given.
    """

    def _source(self) -> ListJobs:
        return ListJobs()
