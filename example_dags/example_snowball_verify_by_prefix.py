"""Verify imports by the jobs' own logs alone, prefix by prefix: each is retried by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

from airflow_provider_snowball.operators.verify_import import VerifyImportOperator
from airflow_provider_snowball.sensors.snowball import JobsSensor

# [START howto_snowball_verify_by_prefix]
with DAG(
    dag_id="example_snowball_verify_by_prefix",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"job_ids": ["JID123e4567-e89b-12d3-a456-426655440000"]},
    render_template_as_native_obj=True,
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
    verify = VerifyImportOperator.partial(
        task_id="verify",
        job_ids="{{ params.job_ids }}",
        # The bucket has other objects, too.
        tolerate=["extra"],
        map_index_template="{{ task.prefixes | join(' ') }}",
        # Together these have to cover all that was imported: what is outside is counted, and not compared.
    ).expand(prefixes=[["data/object-00"], ["data/object-01"]])
    wait_for_imports >> verify
# [END howto_snowball_verify_by_prefix]
