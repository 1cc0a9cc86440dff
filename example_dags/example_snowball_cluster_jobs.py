"""Wait until the devices of a Snowball cluster have arrived, list them, and start a copy to each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG

from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor

# [START howto_snowball_cluster_jobs]
with DAG(
    dag_id="example_snowball_cluster_jobs",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    # The cluster, and how many devices were ordered for it.
    params={"cluster_id": "CID123e4567-e89b-12d3-a456-426655440000", "min_jobs": 5},
    tags=["example", "snowball"],
    doc_md=__doc__,
) as dag:
    wait_for_devices = ClusterJobsSensor(
        task_id="wait_for_devices",
        cluster_id="{{ params.cluster_id }}",
        target_state="WithCustomer",
        min_jobs="{{ params.min_jobs }}",
        deferrable=True,
    )
    list_jobs = ListClusterJobsOperator(task_id="list_jobs", cluster_id="{{ params.cluster_id }}")

    @task(map_index_template="{{ task.op_kwargs['job']['JobId'] }}")
    def copy_to_device(job: dict[str, Any]) -> str:
        """Stand in for the copy of this device's share of the data."""
        return f"copying to the device of {job['JobId']}, which is {job['JobState']}"

    wait_for_devices >> list_jobs
    copy_to_device.expand(job=list_jobs.output)
# [END howto_snowball_cluster_jobs]
