"""A thousand waits that begin in the triggerer, of the kind that the environment names."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from airflow.sdk import DAG, BaseOperator
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from tests.fakes.fleet_server import cluster_id

WAITS = 1000
DAGS = 100
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


# A DAG for each cluster: for each trigger that begins by itself, Airflow reads its whole DAG anew.
for cluster in range(DAGS):
    with DAG(dag_id=f"waits_{cluster}", schedule=None, start_date=datetime(2026, 1, 1)):
        for number in range(WAITS // DAGS):
            of: dict[str, Any] = {"task_id": f"wait_{number}", "cluster_id": cluster_id(cluster)}
            if os.environ["BENCH_KIND"] == "peer":
                PeerSensor(**of)
            else:
                ClusterJobsSensor(
                    **of, target_state="WithCustomer", poke_interval=INTERVAL, start_from_trigger=True
                )
