"""
The main job from end to end, on this machine alone: ``make demo``.

A local Snowball with an accelerated clock, a cluster of five, and the example DAG in a throw-away
Airflow with real processes. Shows the journey as it happens and checks what it claims.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.lifecycle import JobState, evaluate
from tests.fakes import emulated
from tests.fakes.emulated import KEY, REGION, client_of, steer
from tests.system.airflow_processes import AirflowProcesses, processes_of, strange_listeners

EXAMPLES = Path(__file__).parents[2] / "example_dags"
DAG_ID = "example_snowball_cluster_jobs"
WAIT = "wait_for_devices"
DEVICES = 5
#: Devices arrive after three to four days.
SECONDS_A_DAY = 6
TRIGGER = "airflow_provider_snowball.triggers.snowball.ClusterJobsTrigger"
_ENDS_WITHIN = 600.0


class Journey:
    """What has been seen so far, told line by line as it changes."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._said: dict[str, str] = {}
        self.trigger: dict[str, Any] | None = None

    def say(self, text: str) -> None:
        """Print a line, with the seconds since the beginning."""
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    def devices(self, jobs: list[dict[str, Any]]) -> None:
        """Tell where the devices are."""
        self._news("Snowball", str(evaluate(jobs, JobState.WITH_CUSTOMER)))

    def tasks(self, instances: list[dict[str, Any]]) -> None:
        """Tell where the tasks are, and keep the trigger of the deferred one."""
        for instance in instances:
            if instance["task_id"] == WAIT and instance["state"] == "deferred" and instance["trigger"]:
                self.trigger = instance["trigger"]
        for task_id in dict.fromkeys(instance["task_id"] for instance in instances):
            states = [each["state"] or "to come" for each in instances if each["task_id"] == task_id]
            told = states if len(states) == 1 else [f"{n} {state}" for state, n in Counter(states).items()]
            self._news(f"Airflow   {task_id}", ", ".join(told))

    def _news(self, topic: str, text: str) -> None:
        if self._said.get(topic) != text:
            self._said[topic] = text
            self.say(f"{topic}: {text}")


def order_cluster(endpoint_url: str) -> tuple[Any, str]:
    """Order a cluster of five, as a user of boto3 does; return the client and the cluster's id."""
    client = client_of(endpoint_url)
    return client, emulated.order_cluster(client, DEVICES)


class LateDevice:
    """
    The last device of a cluster, on its way until the wait has seen the others arrive.

    So the log shows a part of the devices there, and all of them are there to be listed, however slow the
    machine is.
    """

    def __init__(self, endpoint_url: str, job_ids: list[str]) -> None:
        self._endpoint_url = endpoint_url
        *others, self._job_id = job_ids
        self._is_late = True
        self._seen = f"{len(others)} of {len(job_ids)} jobs"
        for job_id in others:
            steer(endpoint_url, job_id, hold="WithCustomer")
        steer(endpoint_url, self._job_id, hold="InTransitToCustomer")

    def arrive_after(self, log: str) -> None:
        """Arrive, if the log of the wait tells of the others."""
        if self._is_late and self._seen in log:
            steer(self._endpoint_url, self._job_id, send_on=True)
            steer(self._endpoint_url, self._job_id, hold="WithCustomer")
            self._is_late = False


def connect(airflow: AirflowProcesses, endpoint_url: str, conn_id: str = "aws_default") -> None:
    """Create a connection to a local Snowball."""
    airflow.api.create_connection(
        conn_id,
        "snowball",
        login=KEY["aws_access_key_id"],
        password=KEY["aws_secret_access_key"],
        # For the Test button: see connection.metadata().
        port=0,
        extra=json.dumps({"region_name": REGION, "endpoint_url": endpoint_url}),
    )


def run(airflow: AirflowProcesses, endpoint_url: str, journey: Journey) -> list[dict[str, Any]]:
    """
    Run the example DAG against a new cluster, and return the jobs that it listed.

    :raises AssertionError: if anything is not as promised.
    """
    connect(airflow, endpoint_url)
    client, cluster_id = order_cluster(endpoint_url)
    jobs = client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]
    last = LateDevice(endpoint_url, [job["JobId"] for job in jobs])
    run_id = airflow.api.trigger(DAG_ID, {"cluster_id": cluster_id, "min_jobs": DEVICES})
    journey.say(f"{cluster_id} is ordered, and {DAG_ID} waits for it at {airflow.url}")
    deadline = time.monotonic() + _ENDS_WITHIN
    while True:
        journey.devices(client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"])
        instances = airflow.api.task_instances(DAG_ID, run_id)
        journey.tasks(instances)
        if journey.trigger is not None:
            last.arrive_after(airflow.api.log(DAG_ID, run_id, WAIT))
        state = airflow.api.run_state(DAG_ID, run_id)
        if state in ("success", "failed"):
            break
        assert time.monotonic() < deadline, f"{DAG_ID} is still {state} after {_ENDS_WITHIN:g} s: {instances}"
        time.sleep(0.5)

    journey.tasks(airflow.api.task_instances(DAG_ID, run_id))
    assert state == "success", f"{DAG_ID} ended as {state}\n{airflow.api.log(DAG_ID, run_id, WAIT)}"
    assert journey.trigger is not None, f"{WAIT} was never seen deferred with a trigger"
    assert journey.trigger["classpath"] == TRIGGER
    assert not strange_listeners(airflow.home), strange_listeners(airflow.home)
    print(f"\nThe log of {WAIT}:")
    for line in airflow.api.log(DAG_ID, run_id, WAIT).splitlines():
        if line.startswith("Cluster "):
            print(f"  {line}")
    jobs = airflow.api.xcom(DAG_ID, run_id, "list_jobs")
    assert len(jobs) == DEVICES
    assert all(evaluate([job], JobState.WITH_CUSTOMER).done for job in jobs)
    return list(jobs)


def table(jobs: list[dict[str, Any]]) -> str:
    """Return a job list as text, a line each."""
    columns = ("JobId", "JobState", "JobType", "SnowballType", "CreationDate")
    rows = [columns, *(tuple(str(job.get(column, "")) for column in columns) for job in jobs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def main() -> int:
    """Run the demo; return 0 once everything was as promised."""
    journey = Journey()
    home = Path(tempfile.mkdtemp(prefix="snowball-demo-"))
    dags = home / "dags"
    dags.mkdir()
    shutil.copy(EXAMPLES / f"{DAG_ID}.py", dags)
    journey.say("starting a local Snowball, and Airflow with scheduler, DAG processor, API server, triggerer")
    ended_well = False
    try:
        with (
            SnowballServer(speed=86400 / SECONDS_A_DAY) as snowball,
            AirflowProcesses(home, dags, {"AIRFLOW__SNOWBALL__POKE_INTERVAL": "2"}) as airflow,
        ):
            journey.say(f"Airflow is ready; a simulated day takes {SECONDS_A_DAY} s")
            jobs = run(airflow, snowball.endpoint_url, journey)
            print(f"\nWhat list_jobs handed on:\n{table(jobs)}\n")
        left = processes_of(home)
        assert not left, f"left behind: {left}"
        ended_well = True
    finally:
        if ended_well:
            shutil.rmtree(home, ignore_errors=True)
        else:
            print(f"The logs of Airflow's processes are in {home}", file=sys.stderr)
    journey.say("done: the wait was deferred, its devices arrived, and no process is left")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
