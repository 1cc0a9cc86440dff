"""Cancel an order: a job, or a cluster with its jobs, as long as AWS does that."""

from __future__ import annotations

from datetime import datetime, timedelta

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

from airflow_provider_snowball.operators.cancel import CancelJobOperator

# [START howto_snowball_cancel]
with DAG(
    dag_id="example_snowball_cancel",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"job_id": "JID123e4567-e89b-12d3-a456-426655440000"},
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["example", "snowball"],
    doc_md=__doc__,
) as dag:
    CancelJobOperator(task_id="cancel", job_id="{{ params.job_id }}")
# [END howto_snowball_cancel]
