"""
A deployment under fire: no wait is lost, ends twice or wrongly, whatever is killed, frozen, away or upgraded.

The waits begin with the released package (``--upgrade-from`` another commit's), then all is upgraded to this
one; after a downgrade, the last of them end.

``--fire-seed N`` repeats a fire; it is printed, with each thing that is done. ``--fire-times N`` is a larger
one, ``--fire-celery`` one at Celery's workers; ``--fire-more`` one at waits that tell of changes, too.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from tests.system.airflow_processes import processes_of, strange_listeners
from tests.system.fire.cast import Cast, cast
from tests.system.fire.deployment import Deployment, deployed
from tests.system.fire.earlier import earlier_package
from tests.system.fire.events import events_by_asset, events_without_a_run, expected_events, repeats
from tests.system.fire.judge import Verdicts, judge
from tests.system.fire.plan import Fire, clean, states_of
from tests.system.fire.waiting import until_all_are_told, until_all_have_ended, until_all_have_polled
from tests.system.postgres import programs

pytestmark = [
    pytest.mark.system,
    pytest.mark.alone,
    pytest.mark.skipif(
        Version(airflow_version) < Version("3.3"), reason="the cast counts on what 3.3 remembers of a try"
    ),
    pytest.mark.skipif(
        programs() is None, reason="PostgreSQL is not installed (Debian's package postgresql)"
    ),
]


#: Seconds within which a watcher has stored what it fired, a busy machine's among them.
_REMEMBERED_AFTER = 30.0


@dataclass(frozen=True)
class Burnt:
    """
    A fire that is over.

    :param verdicts: on its waits.
    :param growth: by how much threads and open files of the triggerers had grown before the downgrade.
    """

    fire: Fire
    verdicts: Verdicts
    growth: tuple[int, int]


@pytest.fixture(scope="module")
def waits(request: pytest.FixtureRequest) -> Cast:
    return cast(request.config.getoption("--fire-times"), telling=request.config.getoption("--fire-more"))


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path | None:
    return earlier_package(tmp_path_factory.mktemp("earlier"), pytestconfig.getoption("--upgrade-from"))


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, waits: Cast, earlier: Path | None, pytestconfig: pytest.Config
) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("fire")
    more = {} if earlier is None else {"PYTHONPATH": str(earlier)}
    with deployed(home, waits, celery=pytestconfig.getoption("--fire-celery"), more=more) as deployment:
        yield deployment
    assert processes_of(home) == []


@pytest.fixture(scope="module")
def burnt(deployment: Deployment, waits: Cast, earlier: Path | None, request: pytest.FixtureRequest) -> Burnt:
    seed = request.config.getoption("--fire-seed") or random.randrange(10**6)
    executor = "LocalExecutor" if deployment.redis is None else "CeleryExecutor"
    print(f"\n--fire-seed {seed}; {len(waits.waits)} waits, {3 * len(waits.watched)} watchers, {executor}")
    before = footprint(deployment)
    airflow = deployment.airflow
    since = time.time()
    runs = {dag_id: airflow.api.trigger(dag_id, {}) for dag_id in waits.dags}
    fire = Fire(deployment, waits, runs, seed, earlier, since)
    until_all_have_polled(fire)
    fire.say("all have polled")
    if earlier is not None:
        fire.until_parsed_with(earlier=True)
        fire.upgrade()
    fire.rage()
    # Had they moved on before, they would rightly be told of as they are then, or not at all.
    until_all_are_told(fire, airflow.home)
    fire.move_the_late()
    until_all_have_ended(fire, but_for=[wait.name for wait in waits.waits.values() if wait.last])
    after = footprint(deployment)
    if earlier is not None:
        fire.downgrade()
    fire.move_the_last()
    until_all_have_ended(fire)
    fire.say("all have ended")
    seconds = fire.seconds()
    verdicts = judge(fire, deployment.snowball.log(), airflow.home)
    print(verdicts, f"before  {before}", f"after   {after}", sep="\n")
    if results := request.config.getoption("--fire-results"):
        row = [
            f"{datetime.now(UTC):%Y-%m-%d}",
            airflow_version,
            executor,
            len(waits.waits),
            f"{seed}, {'no upgrade' if earlier is None else 'upgraded'}",
            f"{seconds:.0f}",
        ]
        row += [*verdicts.row(), *(f"{first} → {last}" for first, last in zip(before, after, strict=True))]
        with results.open("a") as file:
            file.write(f"| {' | '.join(map(str, row))} |\n")
    return Burnt(fire, verdicts, (after[0] - before[0], after[1] - before[1]))


def test_nothing_is_lost(burnt: Burnt) -> None:
    assert not burnt.verdicts.bad(), str(burnt.verdicts)
    # Those that keep something for each wait keep more.
    assert all(growth < len(burnt.fire.cast.waits) / 3 for growth in burnt.growth)


def test_no_event_is_lost(burnt: Burnt, waits: Cast) -> None:
    deployment, expected = burnt.fire.deployment, expected_events(waits)

    def events() -> dict[str, set[str]]:
        return {name: set(ids) for name, ids in events_by_asset(deployment).items()}

    burnt.fire.until(lambda: events() == expected, "every event is there, and no other")
    burnt.fire.until(
        lambda: events_without_a_run(deployment, later=True) == 0, "a run begins after each event"
    )
    # Which of them it is told of is Airflow's to say (docs/reliability.md).
    print(f"events that no run is told of: {events_without_a_run(deployment, later=False)}")
    counts = Counter(count for ids in events_by_asset(deployment).values() for count in ids.values())
    print(f"events by how often they came: {dict(sorted(counts.items()))}; {burnt.fire.ends} ends")
    # What was fired within the quarter of a minute before something ended comes again, under the same id; and
    # before a triggerer lost its triggers to the other, since it was late with a heartbeat: that is seen here
    # only by what it does. That no restart has old events fired again is in test_watching.py.
    unexplained = [
        each
        for each in repeats(deployment)
        if not any(began - _REMEMBERED_AFTER <= each[1] <= until for began, until in burnt.fire.down)
    ]
    print(f"events that came again with nothing away: {len(unexplained)}")
    assert max(counts) <= 1 + burnt.fire.ends


def test_airflow_db_clean_of_runs_erases_a_wait(burnt: Burnt, waits: Cast) -> None:
    """Which is why docs/operating_waits.md names other tables: of a run, Airflow looks at its age alone."""
    deployment = burnt.fire.deployment
    name, dag_id = next(
        (name, dag_id)
        for dag_id, tasks in waits.dags.items()
        for name in tasks
        if name.startswith("deferred_timeout_")
    )
    run_id = deployment.airflow.api.trigger(dag_id, {})
    burnt.fire.until(lambda: states_of(deployment, [run_id]).get(name) == "deferred", "it waits")
    clean(deployment, 0, "--tables", "dag_run,task_instance")
    with deployment.postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from task_instance where task_id = %s", (name,))
        assert cursor.fetchone() == (0,)


def test_nothing_is_left(burnt: Burnt) -> None:
    deployment = burnt.fire.deployment
    assert strange_listeners(deployment.airflow.home) == []
    (deployment.airflow.home / "dags" / "fire_watch.json").write_text("[]")
    burnt.fire.until(lambda: sockets_to(deployment) == [], "all sockets to Snowball are closed")


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
