"""
Wait until the devices of a Snowball cluster have arrived, and start a copy to each that is still there.

The wait is over when every device is at or past WithCustomer. In a run that is late, or cleared, devices may
have left again: then the run fails, and names them.

A cluster's jobs are LOCAL_USE. Their state Complete means that the devices are back and erased: nothing was
imported into S3.
"""

from __future__ import annotations

from datetime import datetime, timedelta
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
        retries=3,
        retry_delay=timedelta(minutes=5),
    )
    list_jobs = ListClusterJobsOperator(
        task_id="list_jobs", cluster_id="{{ params.cluster_id }}", job_states=["WithCustomer"]
    )

    @task
    def devices_here(arrived: list[dict[str, Any]], here: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the jobs to copy to; fail if a device has left since it arrived."""
        gone = {job["JobId"] for job in arrived} - {job["JobId"] for job in here}
        if gone:
            raise RuntimeError(f"{len(gone)} of {len(arrived)} devices have left: {', '.join(sorted(gone))}")
        return here

    @task(map_index_template="{{ task.op_kwargs.job.Description | default(task.op_kwargs.job.JobId, true) }}")
    def copy_to_device(job: dict[str, Any]) -> str:
        """Stand in for the copy of this device's share of the data."""
        return f"copying to the device of {job['JobId']}, which is {job['JobState']}"

    wait_for_devices >> list_jobs
    copy_to_device.expand(job=devices_here(wait_for_devices.output, list_jobs.output))
# [END howto_snowball_cluster_jobs]
