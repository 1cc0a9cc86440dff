"""A thousand waits that begin in the triggerer, of the kind that the environment names."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from airflow.sdk import DAG, BaseOperator
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from tests.fleet_server import cluster_id

WAITS = 1000
INTERVAL = 30


class PeerSensor(BaseOperator):
    """Hands the peer's wait to the triggerer."""

    start_from_trigger = True

    def __init__(self, *, cluster_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="benchmarks.peer.PeerTrigger",
            trigger_kwargs={"cluster_id": cluster_id, "waiter_delay": INTERVAL, "aws_conn_id": "aws_default"},
            next_method="execute_complete",
            next_kwargs={},
            timeout=None,
        )


with DAG(
    dag_id="thousand_waits", schedule=None, start_date=datetime(2026, 1, 1), max_active_tasks=WAITS
) as dag:
    for number in range(WAITS):
        of = {"task_id": f"wait_{number}", "cluster_id": cluster_id(number // 10)}
        if os.environ["BENCH_KIND"] == "peer":
            PeerSensor(**of)
        else:
            ClusterJobsSensor(
                **of, target_state="WithCustomer", poke_interval=INTERVAL, start_from_trigger=True
            )
