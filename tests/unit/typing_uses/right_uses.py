"""Uses of the public classes that a type checker has to let pass; test_types.py has them checked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseNotifier, Context, task

from airflow_provider_snowball.hooks.snowball import JobListEntry, SnowballHook
from airflow_provider_snowball.lifecycle import ClusterState, JobState
from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator, ListClustersOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
JOB = "JID123e4567-e89b-12d3-a456-426655440000"


class Notifier(BaseNotifier):
    template_fields: Sequence[str] = ()

    if TYPE_CHECKING:
        # What it inherits has no types before Airflow 3.1.
        def __init__(self) -> None: ...

    def notify(self, context: Context) -> None:
        print(context.get("run_id"))


def tell(context: Context) -> None:
    print(context.get("run_id"))


@task
def order() -> list[str]:
    return [JOB]


with DAG(dag_id="right_uses", schedule=None, start_date=datetime(2026, 1, 1)):
    listed = ListClusterJobsOperator(
        task_id="list",
        cluster_id=CLUSTER,
        job_states=[JobState.WITH_CUSTOMER, "InTransitToAWS"],
        page_size=50,
        aws_conn_id=None,
        retries=3,
    )
    clusters = ListClustersOperator(task_id="clusters", cluster_states=[ClusterState.IN_USE], pool="aws")
    wait = ClusterJobsSensor(
        task_id="wait",
        cluster_id=CLUSTER,
        target_state=JobState.WITH_CUSTOMER,
        min_jobs=5,
        ignore_cancelled=True,
        deferrable=True,
        outage_timeout=timedelta(days=1),
        max_days_in_state={"InTransitToCustomer": 10},
        on_overdue=Notifier(),
        poke_interval=600,
        timeout=None,
        mode="poke",
        aws_conn_id="snow",
        region_name="eu-central-1",
        verify="/etc/ssl/ca.pem",
        botocore_config={"connect_timeout": 5},
        soft_fail=True,
        retries=3,
        retry_delay=timedelta(minutes=5),
        exponential_backoff=True,
    )
    templates = ClusterJobsSensor(
        task_id="templates",
        cluster_id="{{ params.cluster }}",
        target_state="{{ params.state }}",
        min_jobs="{{ params.devices }}",
        job_ids="{{ params.jobs }}",
        on_overdue=tell,
    )
    outputs = ClusterJobsSensor(
        task_id="outputs", cluster_id=listed.output, job_ids=listed.output, min_jobs=clusters.output
    )
    ordered = JobsSensor(task_id="ordered", job_ids=order(), on_overdue="fail", start_from_trigger=True)
    named = JobsSensor(task_id="named", job_ids=(JOB,), target_state="Complete")
    ListClusterJobsOperator(task_id="again", cluster_id=clusters.output, job_states=order())
    ClusterJobsSensor.partial(task_id="mapped", min_jobs=3).expand(cluster_id=[CLUSTER])

entries: list[JobListEntry] = SnowballHook(aws_conn_id="snow").list_cluster_jobs(CLUSTER, page_size=10)
states: list[str | None] = [entry.get("JobState") for entry in entries]
verdict: tuple[bool, str] = SnowballHook().test_connection()
metadata: Any = SnowballHook().describe_job(JOB)
