"""Take each device of a cluster by itself: copy as soon as it is there, and see it off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

try:
    from airflow.sdk import DAG, task, task_group
except ImportError:  # Airflow 2.11
    from airflow.decorators import task, task_group
    from airflow.models.dag import DAG

from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor

# [START howto_snowball_per_device]
with DAG(
    dag_id="example_snowball_per_device",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"cluster_id": "CID123e4567-e89b-12d3-a456-426655440000"},
    tags=["example", "snowball"],
    doc_md=__doc__,
) as dag:
    list_jobs = ListClusterJobsOperator(task_id="list_jobs", cluster_id="{{ params.cluster_id }}")

    @task
    def devices(jobs: list[dict[str, Any]]) -> list[str]:
        """Return the job id of each device."""
        return [job["JobId"] for job in jobs]

    @task_group
    def device(job_id: str) -> None:
        """Handle one device from its arrival until it has left."""
        wait_for_arrival = ClusterJobsSensor(
            task_id="wait_for_arrival",
            cluster_id="{{ params.cluster_id }}",
            job_ids=[job_id],
            target_state="WithCustomer",
            deferrable=True,
            map_index_template="{{ task.job_ids[0] }}",
        )

        @task(map_index_template="{{ task.op_kwargs['job_id'] }}")
        def copy_to_device(job_id: str) -> str:
            """Stand in for the copy of this device's share of the data."""
            return f"copied to the device of {job_id}"

        wait_until_sent_back = ClusterJobsSensor(
            task_id="wait_until_sent_back",
            cluster_id="{{ params.cluster_id }}",
            job_ids=[job_id],
            target_state="InTransitToAWS",
            deferrable=True,
            map_index_template="{{ task.job_ids[0] }}",
        )
        wait_for_arrival >> copy_to_device(job_id=job_id) >> wait_until_sent_back

    device.expand(job_id=devices(list_jobs.output))
# [END howto_snowball_per_device]
