"""
Defer every wait of the crowd, in the database of the Airflow whose environment this runs in.

A worker takes a second or so to defer a wait: for ten thousand, hours in which nothing is measured. The rows
are as Airflow's API leaves them for a worker that deferred; a trigger's arguments are those that the sensor
gives it.

Run by :mod:`benchmarks.deployment`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select

from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Wait
from benchmarks.crowd import WAITING_IN, Crowd
from benchmarks.peer import PeerTrigger
from benchmarks.waits_in_one_loop import CONN
from tests.system.fire.snowball import jobs_of

CROWD = Crowd.of_environment()


def trigger_for(cluster: str) -> Any:
    """Return the trigger of a wait whose worker has polled once."""
    if CROWD.kind == "peer":
        return PeerTrigger(cluster_id=cluster, waiter_delay=int(CROWD.interval), aws_conn_id=CONN)
    asked = {
        "cluster_id": cluster,
        "target_state": "WithCustomer",
        "timeout": 86400.0,
        "poke_interval": CROWD.interval,
    }
    return ClusterJobsTrigger(
        **asked,
        aws_conn_id=CONN,
        memory=memory_of(asked, jobs_of(cluster, WAITING_IN)) | {"try_number": "1"},
    )


def memory_of(asked: dict[str, Any], listing: list[Any]) -> dict[str, str]:
    """Return what a wait knows that has polled once."""
    now = datetime.now(UTC)
    wait = Wait(WaitConfig.read(asked), started_at=now)
    next(wait.judge(listing, lambda: now), None)
    return wait.memory()


def main() -> None:
    """Defer all, and print how many that are."""
    now, clusters = datetime.now(UTC), CROWD.clusters()
    with create_session() as session:
        waits = session.scalars(select(TaskInstance).where(TaskInstance.task_id == "device.wait")).all()
        for wait in waits:
            cluster = clusters[int(wait.dag_id.rpartition("_")[2])][wait.map_index]
            classpath, arguments = trigger_for(cluster).serialize()
            trigger = Trigger(classpath=classpath, kwargs=arguments)
            session.add(trigger)
            session.flush()
            wait.state = TaskInstanceState.DEFERRED
            wait.trigger_id = trigger.id
            wait.next_method, wait.next_kwargs = "execute_complete", {}
            wait.trigger_timeout = now + timedelta(days=1, minutes=10)
            wait.start_date = now
            wait.try_number = 1
    print(len(waits))


if __name__ == "__main__":
    main()
