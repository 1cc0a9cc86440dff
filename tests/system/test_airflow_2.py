"""Waits in the scheduler and the triggerer of Airflow 2: the other system tests are about Airflow 3's."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from airflow import __version__ as airflow_version
from cryptography.fernet import Fernet

from tests.fakes.scripted_snowball import CLUSTER, ScriptedSnowball, job
from tests.system.airflow_processes import processes_of, strange_listeners

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not airflow_version.startswith("2."), reason="the processes here are those of Airflow 2"
    ),
]

RUN = "run"
DAG_FILE = f'''
from datetime import datetime

from airflow.models.dag import DAG

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor

with DAG("waits", schedule=None, start_date=datetime(2026, 1, 1), is_paused_upon_creation=False):
    for name, more in {{
        "deferred": {{"deferrable": True}},
        "from_trigger": {{"start_from_trigger": True}},
        "rescheduled": {{"mode": "reschedule"}},
    }}.items():
        ClusterJobsSensor(
            task_id=name, cluster_id="{CLUSTER}", target_state="WithCustomer", poke_interval=1, **more
        )
'''
WAITS = ("deferred", "from_trigger", "rescheduled")
WAITING = ("deferred", "up_for_reschedule")
#: Seconds without a change: each task and each command of the CLI imports all of Airflow.
STUCK_AFTER = 240.0


class Airflow2:
    """Scheduler and triggerer on SQLite, in a home of their own."""

    def __init__(self, home: Path, connection: str) -> None:
        self.home = home
        (home / "dags").mkdir()
        (home / "dags" / "waits.py").write_text(DAG_FILE)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW"))}
        self._environment = kept | {
            # Its executor calls airflow by its name.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW_CONN_AWS_DEFAULT": connection,
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__WEBSERVER__SECRET_KEY": secrets.token_hex(32),
            "SPT_NOENV": "1",
        }
        self.cli("db", "migrate")
        self._running = [self._start(name) for name in ("scheduler", "triggerer")]

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "airflow", name, "--skip-serve-logs"],
                env=self._environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def cli(self, *arguments: str) -> str:
        """Return what a command of Airflow's prints."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self._environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def states(self) -> dict[str, str]:
        """Return the states of the tasks of the run."""
        # Lines of Airflow's own log may come before.
        _, bracket, found = self.cli(
            "tasks", "states-for-dag-run", "waits", RUN, "--output", "json"
        ).partition("[{")
        return {each["task_id"]: each["state"] for each in json.loads(bracket + found)}

    def end(self) -> None:
        """End all processes."""
        left = processes_of(self.home)
        for each in left:
            each.terminate()
        _, alive = psutil.wait_procs(left, timeout=20)
        for each in alive:
            each.kill()
        for process in self._running:
            process.wait(timeout=5)


@pytest.fixture
def snowball() -> Iterator[ScriptedSnowball]:
    with ScriptedSnowball([[job(1, "New")]]) as snowball:
        yield snowball


@pytest.fixture
def airflow(snowball: ScriptedSnowball, tmp_path: Path) -> Iterator[Airflow2]:
    airflow = Airflow2(tmp_path, snowball.connection())
    try:
        yield airflow
    finally:
        airflow.end()
    assert processes_of(tmp_path) == []


def test_waits_end_in_every_mode(airflow: Airflow2, snowball: ScriptedSnowball) -> None:
    seen: Any = None
    waited: set[str] = set()
    stuck_at = time.monotonic() + STUCK_AFTER
    while "waits" not in airflow.cli("dags", "list"):
        assert time.monotonic() < stuck_at, (airflow.home / "scheduler.log").read_text()[-3000:]
    airflow.cli("dags", "trigger", "waits", "--run-id", RUN)
    stuck_at = time.monotonic() + STUCK_AFTER
    while True:
        states = airflow.states()
        if all(states[task_id] in ("success", "failed") for task_id in WAITS):
            break
        waited |= {task_id for task_id, state in states.items() if state in WAITING}
        # Not before: a wait that one worker after another begins would find the device there.
        if waited == set(WAITS):
            snowball.listings = [[job(1, "WithCustomer")]]
        if states != seen:
            seen, stuck_at = states, time.monotonic() + STUCK_AFTER
        assert time.monotonic() < stuck_at, (states, (airflow.home / "scheduler.log").read_text()[-3000:])
    assert states == dict.fromkeys(WAITS, "success")
    assert waited == set(WAITS)
    assert strange_listeners(airflow.home) == []
    logs = "\n".join(log.read_text() for log in (airflow.home / "logs").rglob("*.log"))
    assert "1 of 1 jobs at or past WithCustomer" in logs
    began = (airflow.home / "triggerer.log").read_text()
    assert all(
        f"trigger waits/{RUN}/{task_id}/-1/1 (ID " in began for task_id in ("deferred", "from_trigger")
    )
