"""
A deployment under fire: no wait is lost, ends twice or wrongly, whatever is killed, frozen or away.

``--fire-seed N`` repeats a fire; it is printed, with each thing that is done. ``--fire-times N`` is a larger
one, ``--fire-celery`` one at Celery's workers.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from tests.system.airflow_processes import processes_of, strange_listeners
from tests.system.fire.cast import OVERDUE_AFTER, Cast, cast
from tests.system.fire.deployment import Deployment, deployed
from tests.system.fire.judge import judge
from tests.system.fire.plan import Fire
from tests.system.postgres import programs

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        Version(airflow_version) < Version("3.3"), reason="the cast counts on what 3.3 remembers of a try"
    ),
    pytest.mark.skipif(
        programs() is None, reason="PostgreSQL is not installed (Debian's package postgresql)"
    ),
]

ENDED = ("success", "failed", "skipped")
#: Seconds in which no task's state changes.
STUCK_AFTER = 300.0


@pytest.fixture
def deployment(tmp_path: Path, waits: Cast, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    with deployed(tmp_path, waits, celery=request.config.getoption("--fire-celery")) as deployment:
        yield deployment
    assert processes_of(tmp_path) == []


@pytest.fixture(scope="module")
def waits(request: pytest.FixtureRequest) -> Cast:
    return cast(request.config.getoption("--fire-times"))


def test_nothing_is_lost(
    deployment: Deployment, waits: Cast, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = request.config.getoption("--fire-seed") or random.randrange(10**6)
    executor = "LocalExecutor" if deployment.redis is None else "CeleryExecutor"
    print(f"\n--fire-seed {seed}; {len(waits.waits)} waits, {executor}")
    before = footprint(deployment)
    airflow = deployment.airflow
    runs = {dag_id: airflow.api.trigger(dag_id, {}) for dag_id in waits.dags}
    fire = Fire(deployment, waits, runs, seed)
    until_all_have_polled(fire)
    began = max(min(times) for times in deployment.snowball.polls().values())
    fire.say("all have polled")
    fire.rage()
    fire.all_down(until=began + waits.timeout + 5)
    time.sleep(max(began + OVERDUE_AFTER + 60 - time.time(), 0))
    fire.move_the_late()
    until_all_have_ended(fire)
    seconds = fire.say("all have ended")
    assert strange_listeners(tmp_path) == []
    verdicts = judge(fire, deployment.snowball.polls(), tmp_path)
    after = footprint(deployment)
    print(verdicts, f"before  {before}", f"after   {after}", sep="\n")
    if results := request.config.getoption("--fire-results"):
        row = [
            f"{datetime.now(UTC):%Y-%m-%d}",
            airflow_version,
            executor,
            len(waits.waits),
            seed,
            f"{seconds:.0f}",
        ]
        row += [*verdicts.row(), *(f"{first} → {last}" for first, last in zip(before, after, strict=True))]
        with results.open("a") as file:
            file.write(f"| {' | '.join(map(str, row))} |\n")
    assert not verdicts.bad(), str(verdicts)
    until(lambda: sockets_to(deployment) == [], "all sockets to Snowball are closed", within=60)


def footprint(deployment: Deployment) -> tuple[int, int, int]:
    """Return the threads, open files and resident MB of both triggerers, with all their processes."""
    threads = files = memory = 0
    for name in ("triggerer", "triggerer-2"):
        first = psutil.Process(deployment.airflow.pid_of(name))
        for process in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                threads += process.num_threads()
                files += process.num_fds()
                memory += process.memory_info().rss
    return threads, files, memory // 10**6


def until_all_have_polled(fire: Fire) -> None:
    clusters = {wait.cluster for wait in fire.cast.waits.values() if "cluster_id" in wait.arguments}
    jobs = {wait.name for wait in fire.cast.waits.values() if "job_ids" in wait.arguments}

    def all_have() -> bool:
        states = {each["task_id"]: each["state"] for each in fire.deployment.airflow.instances(fire.runs)}
        return clusters <= fire.deployment.snowball.polls().keys() and all(
            states[name] in ("deferred", "up_for_reschedule") for name in jobs
        )

    until(all_have, "all waits have polled", within=fire.cast.timeout)


def until_all_have_ended(fire: Fire) -> None:
    seen: dict[str, str] = {}
    stuck_at = time.monotonic() + STUCK_AFTER
    while True:
        fire.until_healthy()
        states = {each["task_id"]: each["state"] for each in fire.deployment.airflow.instances(fire.runs)}
        going = {name: state for name, state in states.items() if state not in ENDED}
        if not going:
            return
        if states != seen:
            seen, stuck_at = states, time.monotonic() + STUCK_AFTER
        if time.monotonic() > stuck_at:
            # The judge says what is lost.
            print(f"nothing has moved for {STUCK_AFTER:g} s: {going}")
            return
        time.sleep(1)


def until(condition: object, what: str, within: float) -> None:
    assert callable(condition)
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(0.5)


def sockets_to(deployment: Deployment) -> list[str]:
    """Return what of Airflow is connected to the server."""
    found = []
    for process in processes_of(deployment.airflow.home):
        try:
            connections = process.net_connections("tcp")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        found += [
            f"{process.pid} {each.status}"
            for each in connections
            if each.raddr and each.raddr.port == deployment.snowball.port and each.status == "ESTABLISHED"
        ]
    return found
