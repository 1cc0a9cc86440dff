"""
Take each device of a cluster by itself: copy as soon as it is there, and see it off.

A device that has left before its copy began fails that copy, and no other.

A cluster's jobs are LOCAL_USE. Their state Complete means that the devices are back and erased: nothing was
imported into S3.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

try:
    from airflow.sdk import DAG, task, task_group
except ImportError:  # Airflow 2.11
    from airflow.decorators import task, task_group
    from airflow.models.dag import DAG

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor

# [START howto_snowball_per_device]
with DAG(
    dag_id="example_snowball_per_device",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    # The cluster, and how many devices were ordered for it.
    params={"cluster_id": "CID123e4567-e89b-12d3-a456-426655440000", "min_jobs": 5},
    tags=["example", "snowball"],
    doc_md=__doc__,
) as dag:
    # A new cluster lists none of its jobs, or a few. New is the first state: what is listed has reached it.
    wait_for_list = ClusterJobsSensor(
        task_id="wait_for_list",
        cluster_id="{{ params.cluster_id }}",
        target_state="New",
        min_jobs="{{ params.min_jobs }}",
        deferrable=True,
        retries=3,
        retry_delay=timedelta(minutes=5),
    )

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
            retries=3,
            retry_delay=timedelta(minutes=5),
            map_index_template="{{ task.job_ids[0] }}",
        )

        @task(map_index_template="{{ task.op_kwargs['job_id'] }}")
        def copy_to_device(job_id: str) -> str:
            """Stand in for the copy of this device's share of the data; fail if the device has left."""
            from airflow_provider_snowball.hooks.snowball import SnowballHook

            state = SnowballHook().describe_job(job_id)["JobMetadata"]["JobState"]
            if state != "WithCustomer":
                raise RuntimeError(f"The device of {job_id} is not there: its job is {state}")
            return f"copied to the device of {job_id}"

        wait_until_sent_back = ClusterJobsSensor(
            task_id="wait_until_sent_back",
            cluster_id="{{ params.cluster_id }}",
            job_ids=[job_id],
            target_state="InTransitToAWS",
            deferrable=True,
            retries=3,
            retry_delay=timedelta(minutes=5),
            map_index_template="{{ task.job_ids[0] }}",
        )
        wait_for_arrival >> copy_to_device(job_id=job_id) >> wait_until_sent_back

    device.expand(job_id=devices(wait_for_list.output))
# [END howto_snowball_per_device]
