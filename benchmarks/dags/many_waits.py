"""Waits for devices, each with a task behind it, as many and of the kind that the environment asks for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import DAG, BaseOperator, task, task_group

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from benchmarks.crowd import Crowd
from benchmarks.waits_in_one_loop import CONN

CROWD = Crowd.of_environment()


class PeerSensor(BaseOperator):
    """What the peer's trigger comes back to."""

    def __init__(self, *, cluster_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster_id = cluster_id

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Return what the trigger found."""
        return event


def wait_for(cluster: Any) -> Any:
    """Return a wait of the crowd's kind."""
    if CROWD.kind == "peer":
        return PeerSensor(task_id="wait", cluster_id=cluster)
    interval = CROWD.interval
    if CROWD.kind == "PythonSensor":
        from airflow.providers.standard.sensors.python import PythonSensor

        from benchmarks.poke_processes import have_all_arrived

        return PythonSensor(
            task_id="wait",
            python_callable=have_all_arrived,
            op_args=[cluster],
            mode="reschedule",
            poke_interval=interval,
        )
    return ClusterJobsSensor(
        task_id="wait",
        cluster_id=cluster,
        target_state="WithCustomer",
        aws_conn_id=CONN,
        poke_interval=interval,
        **{"poke": {"mode": "poke"}, "reschedule": {"mode": "reschedule"}}.get(
            CROWD.kind, {"deferrable": True}
        ),
    )


@task
def copy() -> str:
    """Begin once the device is there."""
    return "copied"


for number, clusters in enumerate(CROWD.clusters()):
    with DAG(
        dag_id=f"crowd_{number}", schedule=None, start_date=datetime(2026, 1, 1), max_active_tasks=20_000
    ):

        @task_group
        def device(cluster: str) -> None:
            """Wait for a device, then copy to it."""
            wait_for(cluster) >> copy()

        device.expand(cluster=clusters)
