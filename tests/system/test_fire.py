"""
A deployment under fire: no wait is lost, ends twice or wrongly, whatever is killed, frozen or away.

``--fire-seed N`` repeats a fire; it is printed, with each thing that is done. ``--fire-times N`` is a larger
one, ``--fire-celery`` one at Celery's workers; ``--fire-more`` one at waits that tell of changes, too.
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

from tests.system.airflow_processes import processes_of, strange_listeners
from tests.system.fire.cast import OVERDUE_AFTER, Cast, cast
from tests.system.fire.deployment import Deployment, deployed
from tests.system.fire.judge import judge
from tests.system.fire.plan import Fire
from tests.system.fire.watching import (
    MARKS,
    until,
    until_all_have_ended,
    until_all_have_polled,
    until_told_of_moves,
)

pytestmark = MARKS


@pytest.fixture
def deployment(tmp_path: Path, waits: Cast, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    with deployed(tmp_path, waits, celery=request.config.getoption("--fire-celery")) as deployment:
        yield deployment
    assert processes_of(tmp_path) == []


@pytest.fixture(scope="module")
def waits(request: pytest.FixtureRequest) -> Cast:
    return cast(request.config.getoption("--fire-times"), telling=request.config.getoption("--fire-more"))


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
    # Had they moved on before, they would rightly be told of as they are then.
    until_told_of_moves(fire, tmp_path)
    fire.move_the_late()
    until_all_have_ended(fire)
    fire.say("all have ended")
    seconds = fire.seconds()
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
    # Those that keep something for each wait keep more.
    assert all(last - first < len(waits.waits) / 3 for first, last in zip(before[:2], after[:2], strict=True))
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
