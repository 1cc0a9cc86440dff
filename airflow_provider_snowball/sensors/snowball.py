"""ClusterJobsSensor and JobsSensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_snowball.aws import passed_on
from airflow_provider_snowball.lifecycle import JobState
from airflow_provider_snowball.sensors.base import SnowballSensor
from airflow_provider_snowball.sensors.telling import OnChange, OnOverdue
from airflow_provider_snowball.waiting.config import LONGEST_WAIT

if TYPE_CHECKING:
    from airflow.sdk import XComArg

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
    :raises SnowballTargetUnreachableError: also if the cluster itself ended before it listed enough.
    :raises SnowballPermanentError: also if there is no such cluster.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_cluster_jobs`
    """

    template_fields: Sequence[str] = ("cluster_id", "min_jobs", *SnowballSensor.template_fields)
    trigger_class = "ClusterJobsTrigger"

    def __init__(
        self,
        *,
        cluster_id: str | XComArg,
        target_state: JobState | str | XComArg = JobState.COMPLETE,
        job_ids: Sequence[str] | str | XComArg | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        min_jobs: int | str | XComArg = 1,
        ignore_cancelled: bool = False,
        outage_timeout: timedelta | float = timedelta(days=2),
        max_days_in_state: Mapping[str, float] | None = None,
        on_overdue: OnOverdue = "warn",
        on_change: OnChange | None = None,
        change_interval: timedelta | float = 0.0,
        publish_devices: bool = False,
        describe_jobs: bool = False,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        poke_interval: timedelta | float | None = None,
        mode: Literal["poke", "reschedule"] = "reschedule",
        timeout: timedelta | float | None = LONGEST_WAIT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**passed_on(locals()))


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
    :raises SnowballPermanentError: also if a job is not listed, and does not exist either.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_jobs`
    """

    trigger_class = "JobsTrigger"
    left_out = frozenset({"cluster_id", "min_jobs"})

    def __init__(
        self,
        *,
        job_ids: Sequence[str] | str | XComArg,
        target_state: JobState | str | XComArg = JobState.COMPLETE,
        ignore_cancelled: bool = False,
        outage_timeout: timedelta | float = timedelta(days=2),
        max_days_in_state: Mapping[str, float] | None = None,
        on_overdue: OnOverdue = "warn",
        on_change: OnChange | None = None,
        change_interval: timedelta | float = 0.0,
        publish_devices: bool = False,
        describe_jobs: bool = False,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        poke_interval: timedelta | float | None = None,
        mode: Literal["poke", "reschedule"] = "reschedule",
        timeout: timedelta | float | None = LONGEST_WAIT,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**passed_on(locals()))
