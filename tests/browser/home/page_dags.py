"""DAGs that wait for devices, for the page that shows them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor

#: Seconds in transit that are too long.
LATE_AFTER = 5.0

WAIT: dict[str, Any] = {
    "cluster_id": "{{ params.cluster_id }}",
    "target_state": "Complete",
    "ignore_cancelled": True,
    "poke_interval": 2,
    "deferrable": True,
    # Airflow itself fails a try now and then, on a machine that is slow.
    "retries": 5,
    "retry_delay": timedelta(seconds=5),
}

for dag_id in ("page_north", "page_south"):
    with DAG(
        dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1),
        params={"cluster_id": ""},
        is_paused_upon_creation=False,
    ):
        ClusterJobsSensor(
            task_id="wait_for_devices",
            publish_devices=True,
            max_days_in_state={"InTransitToCustomer": LATE_AFTER / 86400} if dag_id == "page_north" else None,
            **WAIT,
        )
        if dag_id == "page_north":
            ClusterJobsSensor(task_id="wait_in_silence", **WAIT)
