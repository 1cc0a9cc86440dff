"""Tasks whose link to the console leads to different regions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG  # type: ignore[no-redef]  # the same there

from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor

HERE = "CID123e4567-e89b-12d3-a456-426655440000"
THERE = "CID123e4567-e89b-12d3-a456-426655440001"

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}

with DAG(
    dag_id="links", schedule=None, start_date=datetime(2026, 1, 1), params={"region": "cn-north-1"}
) as dag:
    ListClusterJobsOperator(task_id="list", cluster_id=HERE)
    ListClusterJobsOperator(task_id="list_in_china", cluster_id=HERE, region_name="{{ params.region }}")
    ListClusterJobsOperator.partial(task_id="list_each", cluster_id=HERE).expand(
        region_name=["us-gov-west-1", "eu-north-1", "us-iso-east-1"]
    )
    ClusterJobsSensor(task_id="unknown_connection", cluster_id=HERE, aws_conn_id="nobody_made_this")
    for name, mode in MODES.items():
        how = mode | {"poke_interval": 0.02, "target_state": "WithCustomer"}
        ClusterJobsSensor(task_id=f"wait_{name}", cluster_id=HERE, region_name="us-gov-east-1", **how)
        ClusterJobsSensor.partial(task_id=f"wait_{name}_each", **how).expand(cluster_id=[HERE, THERE])
        ClusterJobsSensor(task_id=f"wait_{name}_in_vain", cluster_id=HERE, min_jobs=2, timeout=0.5, **how)
