"""
Replace a node of a running cluster: order the new device, once, and wait until it is there.

Orders what it is told to, as soon as ``[snowball] allow_orders`` is set.

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

from airflow_provider_snowball.operators.create import CreateJobOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor

# [START howto_snowball_replace_node]
with DAG(
    dag_id="example_snowball_replace_node",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"cluster_id": "CID123e4567-e89b-12d3-a456-426655440000"},
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["example", "snowball"],
    doc_md=__doc__,
) as dag:
    # As the cluster's others are. However often this is tried, it is one device.
    order_replacement = CreateJobOperator(
        task_id="order_replacement",
        cluster_id="{{ params.cluster_id }}",
        description="A replacement",
        submit=True,
    )

    # AWS lists the new job some time after the order. Until then it is waited for by its id.
    wait_for_replacement = ClusterJobsSensor(
        task_id="wait_for_replacement",
        cluster_id="{{ params.cluster_id }}",
        job_ids=order_replacement.output,
        target_state="WithCustomer",
        deferrable=True,
    )

    @task
    def join_cluster(jobs: list[dict[str, Any]]) -> str:
        """Stand in for unlocking the device and adding it to the cluster; fail if it has left."""
        [job] = jobs
        if job["JobState"] != "WithCustomer":
            raise RuntimeError(f"The device of {job['JobId']} is not there: its job is {job['JobState']}")
        return f"{job['JobId']} joined"

    join_cluster(wait_for_replacement.output)
# [END howto_snowball_replace_node]
