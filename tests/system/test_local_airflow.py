"""``make airflow``: what it says is there is there, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from airflow import __version__ as airflow_version

from tests.fakes.emulated import KEY, REGION, jobs_at
from tests.system.airflow_api import AirflowApi
from tests.system.airflow_processes import COMPONENTS, processes_of, strange_listeners
from tests.system.demo import DAG_ID, WAIT
from tests.system.local_airflow import begins_dags
from tests.system.patience import until

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(airflow_version.startswith("2."), reason="the processes here are those of Airflow 3"),
]

ROOT = Path(__file__).parents[2]
HOME = re.compile(r"Starting Airflow, .*; its logs are in (\S+)\n")
LOGIN = re.compile(r"Airflow +(\S+) user (\S+) password (\S+)\n")
SNOWBALL = re.compile(r"Snowball +(\S+) ")
#: It takes a minute or two; a machine that does other things takes longer.
READY_WITHIN = 360.0
#: Seconds in which no task's state changes: the devices take less for each of their steps, and so does what
#: comes between a try that Airflow itself failed and the next.
STUCK_AFTER = 300.0
#: Devices arrive within a quarter of a minute, and an import is complete after a minute or so.
SECONDS_A_DAY = 3.0
WAIT_FOR_LATE = re.compile(r"Cluster +(CID\S+), whose 5 devices are on their way, and (JID\S+) is held up\n")
ANOTHER = re.compile(r"Another +(.+)\n")
WAITING = {"deferred", "awaiting_input"}
IS_3_0 = airflow_version.startswith("3.0.")
#: How each example ends, or which of its tasks goes on for as long as nobody sends its devices on.
EXAMPLES = {
    **(
        {"example_snowball_arrivals": "success", "example_snowball_whole_cluster": "success"}
        if begins_dags()
        else {}
    ),
    "example_snowball_cancel": "success",
    "example_snowball_cluster_jobs": "success",
    "example_snowball_fleet": "success",
    # Nobody approves, where somebody is asked.
    "example_snowball_migration": "success" if IS_3_0 else "approve",
    "example_snowball_order": "success" if IS_3_0 else "approve_order",
    "example_snowball_order_last_step": "success" if IS_3_0 else "approve_deletion",
    "example_snowball_per_device": "wait_until_sent_back",
    "example_snowball_plan": "success",
    "example_snowball_replace_node": "success",
    "example_snowball_tell": "success",
    "example_snowball_verify_by_prefix": "success",
    **({"example_snowball_migration_last_step": "success"} if IS_3_0 else {}),
}


class Program:
    """``make airflow`` as it runs, and what it has printed."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.local_airflow", *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.printed = ""

    def read_until(self, pattern: re.Pattern[str]) -> tuple[str, ...]:
        """Read lines until one matches, and return the groups of the match."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
            if found := pattern.match(line):
                return found.groups()
        raise AssertionError(f"ended with {self.process.wait()} before {pattern.pattern!r}:\n{self.printed}")

    def interrupt(self) -> int:
        """Do what Ctrl-C does, and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=60)
        self.printed += out
        return self.process.returncode


@pytest.fixture
def program() -> Iterator[Program]:
    program = Program("--seconds-a-day", f"{SECONDS_A_DAY:g}")
    yield program
    if program.process.poll() is None:
        program.interrupt()


def nothing_is_left(home: Path, *urls: str) -> None:
    assert processes_of(home) == []
    assert not home.exists()
    for url in urls:
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)


def test_it_shows_a_wait_and_leaves_nothing(program: Program) -> None:
    began = time.monotonic()
    [home] = map(Path, program.read_until(HOME))
    url, user, password = program.read_until(LOGIN)
    [snowball] = program.read_until(SNOWBALL)
    _, late = program.read_until(WAIT_FOR_LATE)
    [another] = program.read_until(ANOTHER)
    assert time.monotonic() - began < READY_WITHIN

    with AirflowApi(url, user, password) as api:
        [connection] = api.get("/connections")["connections"]
        assert connection["conn_type"] == "snowball"
        sent = {name: connection[name] for name in ("connection_id", "conn_type", "port")}
        if airflow_version.startswith("3.0."):
            # It takes nothing else from the stored connection.
            sent |= {name: connection[name] for name in ("login", "extra")}
            sent["password"] = KEY["aws_secret_access_key"]
        tested = api.post("/connections/test", sent)
        assert tested["status"] is True, tested
        assert tested["message"].startswith(f"{REGION}: arn:aws:sts::")

        assert api.get("/importErrors")["import_errors"] == []
        [run] = api.get(f"/dags/{DAG_ID}/dagRuns")["dag_runs"]

        def it_waits() -> bool:
            tasks = {each["task_id"]: each for each in api.task_instances(DAG_ID, run["dag_run_id"])}
            return bool(tasks[WAIT]["state"] == "deferred")

        until(it_waits, f"{WAIT} is deferred", within=300)
        examples_end_as_they_should(api, home / "scheduler.log")
        # It goes on while one of its devices is on its way; it may be with a worker just now, to tell.
        until(it_waits, f"{WAIT} is deferred again", within=300)
        [telling] = [
            each["dag_run_id"]
            for each in api.get("/dags/example_snowball_tell/dagRuns")["dag_runs"]
            if each["state"] == "running"
        ]
        until(
            lambda: {"Cancelled", "late"} <= shown(api, telling),
            "one device is shown as cancelled, and one as late",
            within=STUCK_AFTER,
        )
        if begins_dags():
            until(
                lambda: handled(api) >= 6,
                "runs are begun by devices, the sixth among them",
                within=STUCK_AFTER,
            )
            until(
                lambda: bool(begun_by_devices(api, "example_snowball_whole_cluster")),
                "a run is begun by a whole cluster",
                within=STUCK_AFTER,
            )
            [whole] = begun_by_devices(api, "example_snowball_whole_cluster")
            assert whole["state"] != "failed"
        [listed] = [each for each in jobs_at(snowball) if each["job_id"] == late]
        assert listed["state"] == "InTransitToCustomer"
        ordered = subprocess.run(another.split(), cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert ordered.startswith("CID")
        assert ordered.count("JID") == 5
        # The page for people, too.
        assert httpx.get(f"{url}/dags/{DAG_ID}").status_code == 200

    running = {name for each in processes_of(home) for name in COMPONENTS if name in each.cmdline()}
    assert running >= {"dag-processor", "scheduler", "triggerer"}
    assert strange_listeners(home) == []
    ours = psutil.Process(program.process.pid).net_connections("inet")
    assert {each.laddr.ip for each in ours if each.status == psutil.CONN_LISTEN} == {"127.0.0.1"}

    assert program.interrupt() == 0
    assert program.printed.endswith("Everything has ended.\n")
    nothing_is_left(home, url, snowball)


def shown(api: AirflowApi, run_id: str) -> set[str]:
    """Return the states of the devices that a run which goes on shows, and "late" if one is."""
    try:
        devices = api.xcom("example_snowball_tell", run_id, WAIT, key="devices")
    except httpx.HTTPStatusError as error:
        # Another try has begun, and has not listed them yet.
        if error.response.status_code != 404:
            raise
        devices = []
    return {each["state"] for each in devices} | {"late" for each in devices if each["late"]}


def begun_by_devices(api: AirflowApi, dag_id: str) -> list[dict[str, Any]]:
    runs = api.get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
    return [each for each in runs if each["run_type"] == "asset_triggered"]


def handled(api: AirflowApi) -> int:
    """Return how many events the runs that devices began have handled."""
    return sum(
        task["task_id"] == "handle" and task["state"] == "success"
        for run in begun_by_devices(api, "example_snowball_arrivals")
        for task in api.task_instances("example_snowball_arrivals", run["dag_run_id"])
    )


def examples_end_as_they_should(api: AirflowApi, scheduler_log: Path) -> None:
    """Trigger every example with the params that its form offers."""
    assert {each["dag_id"] for each in api.get("/dags")["dags"]} == EXAMPLES.keys()
    going = {dag_id: api.trigger(dag_id, {}) for dag_id in EXAMPLES}
    seen: dict[tuple[str, str, int], str] = {}
    stuck_at = math.inf
    while going:
        before = dict(seen)
        for dag_id, run_id in list(going.items()):
            tasks = api.task_instances(dag_id, run_id)
            seen |= {(dag_id, each["task_id"], each["map_index"]): each["state"] for each in tasks}
            state = api.run_state(dag_id, run_id)
            assert state != "failed", what_went_wrong(api, going, scheduler_log)
            left = [each for each in tasks if each["task_id"].endswith(EXAMPLES[dag_id])]
            # Up to 3.2 whoever waits for a person is deferred, too.
            if state == EXAMPLES[dag_id] or (left and {each["state"] for each in left} <= WAITING):
                del going[dag_id]
        # However slow the machine is, something moves as long as nothing is stuck.
        if seen != before:
            stuck_at = time.monotonic() + STUCK_AFTER
        assert time.monotonic() < stuck_at, what_went_wrong(api, going, scheduler_log)
        time.sleep(0.5)


def what_went_wrong(api: AirflowApi, going: dict[str, str], scheduler_log: Path) -> str:
    """Return the tasks of some runs, the logs of tries that failed, and the scheduler's complaints."""
    told: list[str] = []
    for dag_id, run_id in going.items():
        for each in api.task_instances(dag_id, run_id):
            task_id, map_index, tries = each["task_id"], each["map_index"], each["try_number"]
            told.append(f"{dag_id}.{task_id}[{map_index}]: {each['state']}, try {tries}")
            if each["state"] in ("up_for_retry", "failed"):
                told.append(api.log(dag_id, run_id, task_id, try_number=tries, map_index=map_index))
    # Of a try that Airflow fails while it goes from the triggerer to a worker, only the scheduler speaks.
    complaints = ("ERROR", "WARNING", "state attribute", "Executor")
    lines = scheduler_log.read_text().splitlines()
    told += [line for line in lines if any(each in line for each in complaints)][-50:]
    return "\n".join(told)


def test_it_can_be_interrupted_while_it_starts(program: Program) -> None:
    [home] = map(Path, program.read_until(HOME))
    deadline = time.monotonic() + 300
    while len(processes_of(home)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert program.interrupt() == 0
    nothing_is_left(home)
