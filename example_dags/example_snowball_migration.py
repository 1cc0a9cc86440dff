"""Gate a migration on its import jobs: the source may be deleted only if every object has arrived."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

try:
    from airflow.sdk import DAG, Asset, Label, task
except ImportError:  # Airflow 2.11
    from airflow import Dataset as Asset
    from airflow.decorators import task
    from airflow.models.dag import DAG
    from airflow.utils.edgemodifier import Label

from airflow_provider_snowball.sensors.snowball import JobsSensor

# [START howto_snowball_migration]
# Begins the DAGs that are scheduled on it, once all of a migration is there.
imported = Asset("s3://imported-bucket/")

with DAG(
    dag_id="example_snowball_migration",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    # The import jobs of this migration. Complete means that AWS is done with a job, not that all is there.
    params={"job_ids": ["JID123e4567-e89b-12d3-a456-426655440000"]},
    render_template_as_native_obj=True,
    # A run takes weeks. The next migration is its own.
    max_active_runs=1,
    tags=["example", "snowball"],
    doc_md=__doc__,
) as dag:
    wait_for_imports = JobsSensor(
        task_id="wait_for_imports",
        job_ids="{{ params.job_ids }}",
        target_state="Complete",
        deferrable=True,
        retries=3,
        retry_delay=timedelta(minutes=5),
    )

    @task(map_index_template="{{ task.op_kwargs.job.Description | default(task.op_kwargs.job.JobId, true) }}")
    def read_failure_log(job: dict[str, Any]) -> list[str]:
        """Return the lines about objects that did not arrive; whatever is no heading counts as one."""
        from airflow_provider_snowball.hooks.snowball import SnowballHook

        lines = SnowballHook().iter_job_log(job["JobId"], "failure")
        return [line for line in lines if line and not line.startswith("Bucket,Key,")]

    @task.branch
    def did_everything_arrive(failures: list[list[str]]) -> str:
        """Choose between the two ends."""
        return "list_failed_objects" if any(failures) else "verify"

    @task
    def list_failed_objects(failures: list[list[str]]) -> list[str]:
        """Return what has to be sent again."""
        return [line for lines in failures for line in lines]

    @task
    def verify() -> None:
        """Stand in for a comparison of the bucket with the source's own inventory."""

    @task(outlets=[imported])
    def source_may_be_deleted() -> str:
        """Stand in for what must never run too early."""
        return "the source may be deleted"

    failures = read_failure_log.expand(job=wait_for_imports.output)
    verified = verify()
    everything_arrived = did_everything_arrive(failures)
    everything_arrived >> Label("no object failed") >> verified >> source_may_be_deleted()
    everything_arrived >> Label("objects failed") >> list_failed_objects(failures)
# [END howto_snowball_migration]
