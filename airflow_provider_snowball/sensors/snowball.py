"""ClusterJobsSensor and JobsSensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_snowball.calls import ListClusterJobs, ListJobs
from airflow_provider_snowball.lifecycle import check_min_jobs
from airflow_provider_snowball.sensors.base import SnowballSensor
from airflow_provider_snowball.validate import check_cluster_id, check_named_jobs, is_literal

__all__ = ["ClusterJobsSensor", "JobsSensor"]


class ClusterJobsSensor(SnowballSensor):
    """
    Wait until every job of a Snowball cluster is at or past a state.

    At or past on the job's own path: a device that arrived and left again between two polls counts.
    Returns the jobs seen then (those of ``job_ids``, if given), as
    :class:`~airflow_provider_snowball.operators.snowball.ListClusterJobsOperator` does. Its other
    parameters and what it raises are those of
    :class:`~airflow_provider_snowball.sensors.base.SnowballSensor`.

    :param cluster_id: ``CID`` and a UUID (templated).
    :param job_ids: wait for these jobs only; one that is not listed yet is waited for (templated).
    :param min_jobs: how many jobs must be listed before they can be all (templated).
    :raises ClusterJobsFailed: also if the cluster itself ended before it listed enough.
    :raises SnowballRequestFailed: also if there is no such cluster.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_cluster_jobs`
    """

    template_fields: Sequence[str] = ("cluster_id", "min_jobs", *SnowballSensor.template_fields)
    trigger_class = "ClusterJobsTrigger"

    def __init__(self, *, cluster_id: str, min_jobs: int | str = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster_id = cluster_id
        self.min_jobs = min_jobs
        self._settle()

    def _source(self) -> ListClusterJobs:
        return ListClusterJobs(self.cluster_id)

    def _check_literals(self) -> None:
        if is_literal(self.cluster_id):
            check_cluster_id(self.cluster_id)
        super()._check_literals()
        if is_literal(self.min_jobs):
            check_min_jobs(self.min_jobs)

    def _trigger_arguments(self) -> dict[str, Any]:
        return {"cluster_id": self.cluster_id, "min_jobs": self.min_jobs, **super()._trigger_arguments()}


class JobsSensor(SnowballSensor):
    """
    Wait until jobs are at or past a state, whether they belong to a cluster or not.

    For the jobs that bring data into S3, since those belong to none. All such waits of a triggerer
    share one listing of the account's jobs. In place of an export's main job, which has no device,
    its job parts are waited for once there are any.

    Returns the jobs seen then, with the parts of main jobs, in the form of
    :class:`~airflow_provider_snowball.operators.snowball.ListClusterJobsOperator`. Its other parameters
    and what it raises are those of :class:`~airflow_provider_snowball.sensors.base.SnowballSensor`.

    :param job_ids: the jobs, at least one (templated); one that is not listed yet is waited for.
    :raises SnowballRequestFailed: also if a job is not listed, and does not exist either.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_jobs`
    """

    trigger_class = "JobsTrigger"

    def __init__(self, *, job_ids: Sequence[str], **kwargs: Any) -> None:
        super().__init__(job_ids=job_ids, **kwargs)
        self._settle()

    def _check_literals(self) -> None:
        super()._check_literals()
        if self.job_ids is None:
            check_named_jobs(self.job_ids)

    def _source(self) -> ListJobs:
        return ListJobs()
