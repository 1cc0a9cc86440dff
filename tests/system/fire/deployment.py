"""
The deployment that is fired at: PostgreSQL, and an Airflow with two triggerers.

Its executor is the LocalExecutor, or the CeleryExecutor with Redis and two workers.

``make deployment`` starts it alone, with the waits of a fire, to look at.
"""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system.airflow_processes import USER, AirflowProcesses
from tests.system.fire.cast import CONN_ID, Cast, cast
from tests.system.fire.snowball import FireSnowball
from tests.system.postgres import Postgres
from tests.system.redis_server import Redis

__all__ = ["Deployment", "connect", "deployed"]

HERE = Path(__file__).parent
SETTINGS = {
    # How long the waits of a triggerer that is gone stay its own; half a minute by default.
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
    "AIRFLOW__SCHEDULER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
    # How soon a worker's run that is gone is another try; minutes by default.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    # How soon assets end of which no DAG knows any more; a minute by default.
    "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "10",
}
#: Tasks at a time; each is a process of a worker.
_SLOTS = 4
CELERY = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    # How soon what a killed worker had taken is somebody else's; a day by default.
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "40",
    # How soon a task that nobody takes fails; ten minutes by default.
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "90",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "15",
}


@dataclass
class Deployment:
    """What is fired at; with Redis, it has Celery's workers."""

    postgres: Postgres
    airflow: AirflowProcesses
    snowball: FireSnowball
    redis: Redis | None = None


@contextmanager
def deployed(
    home: Path, waits: Cast, *, celery: bool = False, more: Mapping[str, str] | None = None
) -> Iterator[Deployment]:
    """
    Run a deployment whose DAGs are the waits, connected to a Snowball where all devices are being prepared.

    :param home: an empty directory, for everything that Airflow writes.
    :param more: further environment variables of Airflow.
    """
    dags = home / "dags"
    dags.mkdir()
    shutil.copy(HERE.parent / "dags" / "fire.py", dags)
    (dags / "fire.json").write_text(json.dumps(waits.dags))
    if waits.watched:
        shutil.copy(HERE.parent / "dags" / "fire_watch.py", dags)
        (dags / "fire_watch.json").write_text(json.dumps(waits.watched))
    shutil.copytree(HERE / "plugins", home / "plugins")
    with Postgres() as postgres, FireSnowball() as snowball, ExitStack() as stack:
        clusters = [*(wait.cluster for wait in waits.waits.values()), *waits.watched]
        snowball.move(dict.fromkeys(clusters, "PreparingShipment"))
        settings = SETTINGS | dict(more or {}) | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url}
        # Waits of the mode poke keep theirs, and the others need some.
        poking = sum(wait.arguments.get("mode") == "poke" for wait in waits.waits.values())
        settings["AIRFLOW__CORE__PARALLELISM"] = str(_SLOTS + poking)
        redis = stack.enter_context(Redis()) if celery else None
        if redis is not None:
            settings |= CELERY | {
                "AIRFLOW__CELERY__BROKER_URL": redis.url,
                "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{postgres.url}",
            }
        workers = 2 if celery else 0
        with AirflowProcesses(home, dags, settings, triggerers=2, celery_workers=workers) as airflow:
            deployment = Deployment(postgres, airflow, snowball, redis)
            connect(deployment, "first")
            yield deployment


def connect(deployment: Deployment, key: str) -> None:
    """Create the connection, as a user does in the form."""
    deployment.airflow.api.create_connection(CONN_ID, **deployment.snowball.connection_fields(key))


def main() -> None:
    """Run a deployment until Ctrl-C."""
    # SIGINT as well: a shell that starts this in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    home = Path(tempfile.mkdtemp(prefix="snowball-deployment-"))
    print(f"Starting PostgreSQL and Airflow; the logs are in {home}", flush=True)
    try:
        with deployed(home, waits := cast()) as deployment:
            airflow = deployment.airflow
            for dag_id in waits.dags:
                airflow.api.trigger(dag_id, {})
            print(f"Airflow     {airflow.url} user {USER} password {airflow.password}")
            print(
                f"PostgreSQL  psql --host 127.0.0.1 --port {deployment.postgres.port} --user airflow airflow"
            )
            print(f"Processes   {', '.join(f'{each} {airflow.pid_of(each)}' for each in airflow.components)}")
            print(f"Waits       {len(waits.waits)}, whose devices stay in PreparingShipment")
            print(f"Watchers    {3 * len(waits.watched)}, which fire no event")
            print("Ctrl-C ends everything.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("Everything has ended.")
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
