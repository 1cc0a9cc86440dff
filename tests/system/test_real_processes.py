"""What only Airflow's own processes can show."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from airflow_provider_snowball.emulator import snowball_clock
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.pages import blocks_of, not_printed
from tests.system.airflow_processes import AirflowProcesses, processes_of, strange_listeners
from tests.system.demo import DAG_ID, EXAMPLES, TRIGGER, WAIT, connect, order_cluster
from tests.system.patience import until

pytestmark = [
    pytest.mark.system,
    pytest.mark.alone,
    pytest.mark.skipif(airflow_version.startswith("2."), reason="the processes here are those of Airflow 3"),
]

FROM_TRIGGER = "from_trigger"
ROOT = Path(__file__).parents[2]
DAY = 86400.0
CONSOLE = "AWS Snow Family console"


def links(snowball: SnowballServer) -> dict[str, str]:
    """Return the links of a task that asks this local Snowball."""
    return {CONSOLE: f"{snowball.endpoint_url}/_snowball/jobs"}


@pytest.fixture(scope="module")
def snowball() -> Iterator[SnowballServer]:
    with SnowballServer(speed=1.0) as server:
        yield server


class Metrics:
    """What Airflow sends to a statsd server: the last value by name."""

    def __init__(self) -> None:
        self.last: dict[str, str] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            name, _, value = self._socket.recv(4096).decode().partition(":")
            self.last[name] = value.partition("|")[0]


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, snowball: SnowballServer, metrics: Metrics
) -> Iterator[AirflowProcesses]:
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    dags.mkdir()
    shutil.copy(EXAMPLES / f"{DAG_ID}.py", dags)
    shutil.copy(Path(__file__).with_name("dags") / f"{FROM_TRIGGER}.py", dags)
    settings = {
        "AIRFLOW__SNOWBALL__POKE_INTERVAL": "1",
        # How long a dead triggerer's waits stay its own; half a minute by default.
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
        "AIRFLOW__SCHEDULER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(metrics.port),
    }
    with AirflowProcesses(home, dags, settings) as processes:
        connect(processes, snowball.endpoint_url)
        yield processes
    assert processes_of(home) == []


def test_demo_shows_the_main_job() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.demo"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not_printed(blocks_of("text", ROOT / "README.md")[0], done.stdout) == []
    assert "copy_to_device: 5 success" in done.stdout
    assert "no process is left" in done.stdout
    assert done.stdout.count("JID") == 5


def test_wait_outlives_a_killed_triggerer(airflow: AirflowProcesses, snowball: SnowballServer) -> None:
    _, cluster_id = order_cluster(snowball.endpoint_url)
    run_id = airflow.api.trigger(DAG_ID, {"cluster_id": cluster_id, "min_jobs": 5})

    def wait() -> dict[str, object]:
        return next(each for each in airflow.api.task_instances(DAG_ID, run_id) if each["task_id"] == WAIT)

    until(lambda: wait()["state"] == "deferred", "the wait is deferred")
    local = links(snowball)
    # Airflow writes it once it has deferred the task.
    until(lambda: airflow.api.links(DAG_ID, run_id, WAIT) == local, "a deferred task has its link", within=60)
    assert strange_listeners(airflow.home) == []
    airflow.kill("triggerer")
    # The devices arrive while nobody looks.
    snowball_clock.jump(5 * DAY)
    airflow.start("triggerer")
    until(lambda: airflow.api.run_state(DAG_ID, run_id) in ("success", "failed"), "the run has ended")
    assert airflow.api.run_state(DAG_ID, run_id) == "success", airflow.api.log(DAG_ID, run_id, WAIT)
    assert wait()["try_number"] == 1
    for task_id in (WAIT, "list_jobs"):
        assert airflow.api.links(DAG_ID, run_id, task_id) == local
    assert len(airflow.api.xcom(DAG_ID, run_id, WAIT)) == 5


@pytest.mark.xfail(
    Version(airflow_version) < Version("3.3"),
    reason="Airflow 3.1 and 3.2 begin every task on a worker, and 3.0 renders no template elsewhere",
    strict=True,
)
def test_waits_begin_in_the_triggerer(
    airflow: AirflowProcesses, snowball: SnowballServer, metrics: Metrics
) -> None:
    client, cluster_id = order_cluster(snowball.endpoint_url)
    job_id = client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"][0]["JobId"]
    run_id = airflow.api.trigger(FROM_TRIGGER, {"cluster_id": cluster_id, "job_id": job_id})

    def tasks() -> dict[str, dict[str, Any]]:
        return {each["task_id"]: each for each in airflow.api.task_instances(FROM_TRIGGER, run_id)}

    def log_of(task_id: str, **more: Any) -> str:
        return airflow.api.log(FROM_TRIGGER, run_id, task_id, **more)

    until(lambda: tasks()["wait"]["state"] == "deferred", "the wait is deferred")
    wait = tasks()["wait"]
    assert wait["trigger"]["classpath"] == TRIGGER
    assert (wait["pid"], wait["hostname"]) == (None, ""), "no worker has had this task"
    assert airflow.api.links(FROM_TRIGGER, run_id, "wait") == {CONSOLE: None}
    until(lambda: metrics.last.get("airflow.snowball.outage_seconds.aws_default.default") == "0.0", "a poll")
    # The one before, of the other test, may have been the last to be told.
    until(lambda: int(metrics.last["airflow.snowball.waits"]) > 0, "a wait is counted")
    assert "airflow.snowball.polls" in metrics.last
    until(lambda: "0 of 5 jobs at or past WithCustomer (" in log_of("wait"), "its first poll")
    snowball_clock.jump(5 * DAY)
    until(lambda: airflow.api.run_state(FROM_TRIGGER, run_id) in ("success", "failed"), "the run has ended")
    ended = tasks()
    assert {task_id: each["state"] for task_id, each in ended.items()} == {
        "order": "success",
        "all_clusters": "success",
        "wait": "success",
        "use": "success",
        "late": "failed",
        "wrong_id": "failed",
        "from_xcomarg": "success",
        "by_id": "success",
        "from_xcom_pull": "success",
        "mapped": "success",
    }
    # Once a worker has ended it, a wait has its link however it began.
    assert airflow.api.links(FROM_TRIGGER, run_id, "wait") == links(snowball)
    assert airflow.api.links(FROM_TRIGGER, run_id, "late") == links(snowball)
    assert airflow.api.links(FROM_TRIGGER, run_id, "mapped", map_index=0) == links(snowball)
    assert metrics.last["airflow.snowball.waits"] == "0"
    assert [job["JobId"] for job in airflow.api.xcom(FROM_TRIGGER, run_id, "by_id")] == [job_id]
    jobs = airflow.api.xcom(FROM_TRIGGER, run_id, "wait")
    assert [job["JobState"] for job in jobs] == ["WithCustomer"] * 5
    assert airflow.api.xcom(FROM_TRIGGER, run_id, "use") == [job["JobId"] for job in jobs]
    assert (
        "AirflowSensorTimeout: Timed out after 5 seconds [SNB407]: 0 of 5 jobs at or past Complete"
        in log_of("late")
    )
    # They shared their polls, and each told its own log.
    for task_id, target, other in (
        ("wait", "WithCustomer", "Complete"),
        ("late", "Complete", "WithCustomer"),
    ):
        assert f"0 of 5 jobs at or past {target} (" in log_of(task_id)
        assert f"jobs at or past {other}" not in log_of(task_id)
    assert "cluster_id must be CID followed by a UUID" in log_of("wrong_id")
    on_worker = "Begun on a worker in spite of start_from_trigger: "
    assert on_worker not in log_of("wait")
    assert f"{on_worker}an argument is neither a plain value nor a template" in log_of("from_xcomarg")
    otherwise = f"{on_worker}cluster_id is a template that the triggerer may render otherwise: "
    assert f"{otherwise}the triggerer answers xcom_pull only" in log_of("from_xcom_pull")
    assert f"{on_worker}mapped tasks" in log_of("mapped", map_index=0)
