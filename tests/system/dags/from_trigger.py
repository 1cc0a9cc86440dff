"""Waits that begin in the triggerer, and those that cannot."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor

with DAG(
    dag_id="from_trigger",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"cluster_id": "", "job_id": "", "target_state": "WithCustomer", "min_jobs": 5},
    default_args={"poke_interval": 1, "start_from_trigger": True},
) as dag:

    @task
    def order(params: dict[str, Any]) -> str:
        return str(params["cluster_id"])

    @task
    def use(jobs: list[dict[str, Any]]) -> list[str]:
        return [job["JobId"] for job in jobs]

    @task
    def all_clusters(params: dict[str, Any]) -> list[str]:
        return [params["cluster_id"]]

    ordered = order()  # type: ignore[call-arg]  # Airflow gives it the params
    wait = ClusterJobsSensor(
        task_id="wait",
        cluster_id="{{ ti.xcom_pull(task_ids='order', map_indexes=-1) }}",
        target_state="{{ params.target_state }}",
        min_jobs="{{ params.min_jobs }}",
    )
    ordered >> wait
    use(wait.output)  # type: ignore[arg-type]  # the sensor returns such a list
    JobsSensor(task_id="by_id", job_ids=["{{ params.job_id }}"], target_state="WithCustomer")
    ordered >> ClusterJobsSensor(
        task_id="late", cluster_id="{{ params.cluster_id }}", target_state="Complete", timeout=5
    )
    ordered >> ClusterJobsSensor(task_id="wrong_id", cluster_id="{{ params.target_state }}")
    ordered >> ClusterJobsSensor(
        task_id="from_xcom_pull", cluster_id="{{ ti.xcom_pull(task_ids='order') }}", target_state="New"
    )
    ClusterJobsSensor(task_id="from_xcomarg", cluster_id=ordered, target_state="New")
    ClusterJobsSensor.partial(task_id="mapped", target_state="New").expand(
        cluster_id=all_clusters()  # type: ignore[call-arg]  # as above
    )
