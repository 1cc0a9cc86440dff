"""DAGs that devices begin, in Airflow's own processes, through kills; under fire, test_fire.py has them."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from airflow_provider_snowball.emulator.server import SnowballServer
from tests.fakes.emulated import client_of, order_cluster, steer
from tests.system.airflow_processes import AirflowProcesses
from tests.system.demo import connect
from tests.system.patience import until

pytestmark = [
    pytest.mark.system,
    pytest.mark.alone,
    pytest.mark.skipif(
        Version(airflow_version) < Version("3.3"), reason="asset watchers remember from Airflow 3.3 on"
    ),
]

#: Seconds after which a watcher has stored what it fired; it does so after a quarter of a minute.
REMEMBERED_AFTER = 30.0
EACH, TWIN, ALL = "each_device", "each_device_again", "all_devices"


@pytest.fixture
def snowball() -> Iterator[SnowballServer]:
    with SnowballServer(speed=1.0) as server:
        yield server


@pytest.fixture
def cluster(snowball: SnowballServer) -> tuple[str, list[str]]:
    """Return a cluster of three devices, and their jobs."""
    client = client_of(snowball.endpoint_url)
    cluster_id = order_cluster(client, 3)
    return cluster_id, [
        each["JobId"] for each in client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]
    ]


@pytest.fixture
def airflow(
    tmp_path: Path, snowball: SnowballServer, cluster: tuple[str, list[str]]
) -> Iterator[AirflowProcesses]:
    dags = tmp_path / "dags"
    dags.mkdir()
    shutil.copy(Path(__file__).with_name("dags") / "watch.py", dags)
    settings = {
        "WATCHED_CLUSTER": cluster[0],
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
        "AIRFLOW__SCHEDULER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
    }
    with AirflowProcesses(tmp_path, dags, settings) as processes:
        connect(processes, snowball.endpoint_url)
        yield processes


def events(airflow: AirflowProcesses) -> list[dict[str, Any]]:
    """Return all events; Airflow 3.3.2 answers 500 while a run of one is queued (apache/airflow#71360)."""
    for _ in range(60):
        try:
            return list(airflow.api.get("/assets/events", limit=100)["asset_events"])
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 500:
                raise
            time.sleep(1)
    raise AssertionError("a run is queued for a minute")


def told(airflow: AirflowProcesses) -> dict[str, Counter[str]]:
    """Return how often each asset has an event of each id."""
    found: dict[str, Counter[str]] = {name: Counter() for name in (EACH, TWIN, ALL)}
    for event in events(airflow):
        found[event["name"]][event["extra"]["payload"]["id"]] += 1
    return found


def runs(airflow: AirflowProcesses, name: str) -> list[dict[str, Any]]:
    return list(airflow.api.get(f"/dags/on_{name}/dagRuns", limit=100)["dag_runs"])


def test_devices_begin_dags_through_kills(
    airflow: AirflowProcesses, snowball: SnowballServer, cluster: tuple[str, list[str]]
) -> None:
    cluster_id, (first, second, third) = cluster

    def arrive(job_id: str) -> str:
        steer(snowball.endpoint_url, job_id, state="WithCustomer")
        return f"{job_id}/WithCustomer/reached"

    one = arrive(first)
    until(lambda: told(airflow)[EACH][one] > 0 and told(airflow)[TWIN][one] > 0, "the first has arrived")
    # Right after it was fired, before it is known that Airflow has it.
    airflow.kill("triggerer")
    two = arrive(second)
    airflow.start("triggerer")
    until(lambda: told(airflow)[EACH][two] > 0, "one arrived while no triggerer ran")
    # What was fired a while ago is remembered, and no restart has it fired again.
    time.sleep(REMEMBERED_AFTER)
    before = told(airflow)
    airflow.stop("triggerer")
    airflow.start("triggerer")
    three, every = arrive(third), f"{cluster_id}/WithCustomer/all_reached"
    until(lambda: told(airflow)[EACH][three] > 0 and told(airflow)[ALL][every] > 0, "all have arrived")
    for name in (EACH, TWIN):
        assert {each: told(airflow)[name][each] for each in (one, two)} == before[name]
    for name, ids in told(airflow).items():
        assert ids.keys() == ({every} if name == ALL else {one, two, three})
        assert all(count <= 2 for count in ids.values())
        assert ids[one] <= 2
    assert told(airflow)[EACH][three] == told(airflow)[ALL][every] == 1
    for name in (EACH, TWIN, ALL):
        until(lambda name=name: bool(runs(airflow, name)), f"on_{name} has a run")  # type: ignore[misc]
        until(
            lambda name=name: all(run["state"] == "success" for run in runs(airflow, name)),  # type: ignore[misc]
            f"the runs of on_{name} succeed",
        )
