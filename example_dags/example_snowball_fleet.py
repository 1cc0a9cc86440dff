"""
Wait for clusters in several accounts and regions, each through a connection of its own.

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

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor

# [START howto_snowball_fleet]
with DAG(
    dag_id="example_snowball_fleet",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    # For each site its cluster, how many devices were ordered, the connection to its account, and its region.
    params={
        "sites": [
            {
                "cluster_id": "CID123e4567-e89b-12d3-a456-426655440000",
                "min_jobs": 5,
                "aws_conn_id": "aws_default",
                "region_name": "us-east-1",
            },
            {
                "cluster_id": "CID123e4567-e89b-12d3-a456-426655440001",
                "min_jobs": 5,
                "aws_conn_id": "aws_default",
                "region_name": "eu-central-1",
            },
        ]
    },
    tags=["example", "snowball"],
    doc_md=__doc__,
) as dag:

    @task
    def sites(params: dict[str, Any]) -> list[dict[str, Any]]:
        """Return what differs from site to site, as arguments of the sensor."""
        return list(params["sites"])

    wait_for_site = ClusterJobsSensor.partial(
        task_id="wait_for_site",
        target_state="WithCustomer",
        deferrable=True,
        retries=3,
        retry_delay=timedelta(minutes=5),
        map_index_template="{{ task.region_name }}: {{ task.cluster_id }}",
    ).expand_kwargs(sites())

    @task
    def report(arrived: list[list[dict[str, Any]]]) -> list[str]:
        """Return how many devices each site has: those that arrived and left again are there no more."""
        here = [sum(job["JobState"] == "WithCustomer" for job in jobs) for jobs in arrived]
        return [f"{count} of {len(jobs)} are there" for count, jobs in zip(here, arrived, strict=True)]

    report(wait_for_site.output)
# [END howto_snowball_fleet]
