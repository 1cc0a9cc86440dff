"""Gate a migration on its imports: the source may go once every object is there, and somebody says so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow import __version__ as airflow_version

try:
    from airflow.sdk import DAG, Asset, task
except ImportError:  # Airflow 2.11
    from airflow import Dataset as Asset
    from airflow.decorators import task
    from airflow.models.dag import DAG

from airflow_provider_snowball.operators.verify_import import VerifyImportOperator
from airflow_provider_snowball.sensors.snowball import JobsSensor

# Airflow asks people from 3.1 on.
ASKS_PEOPLE = not airflow_version.startswith(("2.", "3.0."))
if ASKS_PEOPLE:
    from airflow.providers.standard.operators.hitl import ApprovalOperator

# [START howto_snowball_migration]
# Begins the DAGs that are scheduled on it, once all of a migration is there.
imported = Asset("s3://imported-bucket/")


@task
def source_may_be_deleted() -> str:
    """Stand in for what must never run too early."""
    return "the source may be deleted"


with DAG(
    dag_id="example_snowball_migration",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={
        # Its import jobs. Complete means that AWS is done with a job, not that all is there.
        "job_ids": ["JID123e4567-e89b-12d3-a456-426655440000"],
        # What the source has, s3://bucket/manifest.csv with key and size; without, what the jobs' logs say.
        "manifest": "",
    },
    render_template_as_native_obj=True,
    # A run takes weeks. The next migration is its own.
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["example", "snowball"],
    doc_md=__doc__,
) as dag:
    wait_for_imports = JobsSensor(
        task_id="wait_for_imports",
        job_ids="{{ params.job_ids }}",
        target_state="Complete",
        deferrable=True,
    )

    verify = VerifyImportOperator(
        task_id="verify",
        job_ids="{{ params.job_ids }}",
        manifest="{{ params.manifest or None }}",
    )

    @task(trigger_rule="all_failed")
    def list_what_differs(ti: Any = None) -> list[dict[str, str]]:
        """Return the first twenty objects that differ; the operator's ``report``, if set, has all."""
        summary = ti.xcom_pull(task_ids="verify", key="verification")
        return summary["first"] if summary else []

    @task(outlets=[imported])
    def everything_is_there(summary: dict[str, Any]) -> str:
        """Let the DAGs begin that use what was imported."""
        return f"{summary['alike']} objects, {summary['bytes']} bytes"

    arrived = everything_is_there(verify.output)
    wait_for_imports >> verify >> [arrived, list_what_differs()]
    if ASKS_PEOPLE:
        approve = ApprovalOperator(
            task_id="approve",
            subject="May the source of {{ params.job_ids | join(', ') }} be deleted?",
            body=f"What was compared: {verify.output}",
        )
        arrived >> approve >> source_may_be_deleted()

if not ASKS_PEOPLE:
    # Whoever has read what was compared triggers this one.
    with DAG(
        dag_id="example_snowball_migration_last_step",
        schedule=None,
        start_date=datetime(2026, 1, 1),
        tags=["example", "snowball"],
        doc_md=__doc__,
    ):
        source_may_be_deleted()
# [END howto_snowball_migration]
