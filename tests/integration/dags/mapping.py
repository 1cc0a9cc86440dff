"""Lists and waits that are mapped, rendered and handed on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task  # type: ignore[attr-defined,no-redef]  # the same there
    from airflow.models.dag import DAG  # type: ignore[no-redef]  # the same there

from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor

HERE = "CID123e4567-e89b-12d3-a456-426655440000"
THERE = "CID123e4567-e89b-12d3-a456-426655440001"
WRONG = "CID1"

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}

with DAG(
    dag_id="mapping",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"cluster_id": HERE},
) as dag:

    @task
    def copy(job: dict[str, Any]) -> str:
        return str(job["JobId"])

    @task
    def ids_of(jobs: list[dict[str, Any]]) -> list[str]:
        return [job["JobId"] for job in jobs]

    @task
    def one_by_one(jobs: list[dict[str, Any]]) -> list[list[str]]:
        return [[job["JobId"]] for job in jobs]

    list_arrived = ListClusterJobsOperator(
        task_id="list_arrived", cluster_id="{{ params.cluster_id }}", job_states=["WithCustomer"]
    )
    copy.expand(job=list_arrived.output)
    ListClusterJobsOperator.partial(task_id="list_each").expand(cluster_id=[HERE, THERE])
    ListClusterJobsOperator.partial(task_id="list_one_wrong").expand(cluster_id=[HERE, WRONG])

    reached: dict[str, Any] = {"target_state": "WithCustomer", "poke_interval": 0.02}
    ClusterJobsSensor(
        task_id="wait_for_some",
        cluster_id=HERE,
        job_ids=ids_of(list_arrived.output),  # type: ignore[arg-type]  # tasks are typed as what they decorate
        deferrable=True,
        **reached,
    )
    ClusterJobsSensor.partial(task_id="wait_for_each_device", cluster_id=HERE, mode="poke", **reached).expand(
        job_ids=one_by_one(list_arrived.output)  # type: ignore[arg-type]  # as above
    )
    early: dict[str, Any] = {"target_state": "New", "poke_interval": 0.02}
    for mode, how in MODES.items():
        ClusterJobsSensor.partial(task_id=f"wait_{mode}", **early, **how).expand(cluster_id=[HERE, THERE])
        ClusterJobsSensor.partial(task_id=f"wait_{mode}_one_wrong", **early, **how).expand(
            cluster_id=[HERE, WRONG]
        )
        ClusterJobsSensor.partial(task_id=f"wait_{mode}_softly", soft_fail=True, **early, **how).expand(
            cluster_id=[HERE, WRONG]
        )
