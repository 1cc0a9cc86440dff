"""
Waits in flight outlive an upgrade of the package, a downgrade, and ``airflow db clean`` as our page has it.

The package that they begin with is the release, or ``--upgrade-from`` another commit.
"""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.system.airflow_processes import processes_of
from tests.system.fire.cast import OVERDUE_AFTER, Cast, Wait, cast_of
from tests.system.fire.deployment import Deployment, deployed
from tests.system.fire.judge import judge, told_jobs
from tests.system.fire.plan import Fire
from tests.system.fire.watching import ENDED, MARKS, until, until_all_have_ended, until_all_have_polled

pytestmark = MARKS

#: The commit of the newest release.
RELEASED = "6eca7b95c975b18a14512ee3631c664f0183f2bf"
PACKAGE = "airflow_provider_snowball"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """Return a folder with the package as it was."""
    folder = tmp_path_factory.mktemp("earlier")
    if _checkout() is None:
        pytest.skip("no clone of the repository")
    commit = pytestconfig.getoption("--upgrade-from") or RELEASED
    archive = subprocess.run(
        ["git", "archive", "--format=zip", commit, PACKAGE],
        cwd=_checkout(),
        capture_output=True,
        check=False,
    )
    assert archive.returncode == 0, f"{archive.stderr.decode()}: a shallow clone has no earlier commits"
    with zipfile.ZipFile(io.BytesIO(archive.stdout)) as file:
        file.extractall(folder)
    return folder


def _checkout() -> str | None:
    """Return the root of the clone that this file is in, also where it is in a folder below it."""
    done = subprocess.run(
        ["git", "rev-parse", "--show-toplevel"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


@pytest.fixture
def waits() -> Cast:
    kinds = ("reach", "jobs", "unreachable", "overdue")
    return cast_of(
        {
            "deferred": dict.fromkeys(kinds, 2),
            "triggered": dict.fromkeys(kinds[:3], 2),
            "rescheduled": dict.fromkeys(kinds, 2),
        }
    )


@pytest.fixture
def deployment(tmp_path: Path, waits: Cast, earlier: Path) -> Iterator[Deployment]:
    with deployed(tmp_path, waits, more={"PYTHONPATH": str(earlier)}) as deployment:
        yield deployment
    assert processes_of(tmp_path) == []


def test_waits_outlive_an_upgrade_and_a_downgrade(
    deployment: Deployment, waits: Cast, tmp_path: Path, earlier: Path
) -> None:
    airflow = deployment.airflow
    runs = {dag_id: airflow.api.trigger(dag_id, {}) for dag_id in waits.dags}
    fire = Fire(deployment, waits, runs, seed=0)
    until_all_have_polled(fire)
    assert parsed_with(tmp_path) == str(earlier)
    first, second = list(waits.waits.values())[::2], list(waits.waits.values())[1::2]

    fire.say("upgrade")
    restart(fire, {"PYTHONPATH": None})
    until(lambda: parsed_with(tmp_path) != str(earlier), "the DAGs are those of the new package", within=120)
    expected = {wait.name: wait.told for wait in waits.waits.values() if wait.told}
    until(
        lambda: {name: len(jobs) for name, jobs in told_jobs(tmp_path).items()} == expected,
        "with the new package, at the latest, all late jobs are told of",
        within=OVERDUE_AFTER + 180,
    )
    fire.move(first)
    until(lambda: ended(fire, first), "the first half has ended", within=180)

    fire.say(
        "airflow db clean, of all that is older than now, in the tables that docs/operating_waits.md names"
    )
    clean(deployment, "--tables", "log,job")

    fire.say("downgrade")
    restart(fire, {"PYTHONPATH": str(earlier)})
    until(lambda: parsed_with(tmp_path) == str(earlier), "the DAGs are those of the old package", within=120)
    fire.move(second)
    until_all_have_ended(fire)
    fire.say("all have ended")
    verdicts = judge(fire, deployment.snowball.polls(), tmp_path)
    print(verdicts)
    assert verdicts.counts["right"] == len(waits.waits), str(verdicts)
    assert not verdicts.bad(), str(verdicts)


def test_without_its_tables_named_airflow_db_clean_erases_a_wait(deployment: Deployment, waits: Cast) -> None:
    """Which is why the page says so: of a run, Airflow looks at its age alone."""
    [dag_id, *_] = waits.dags
    [name, *_] = waits.dags[dag_id]
    fire = Fire(deployment, waits, {dag_id: deployment.airflow.api.trigger(dag_id, {})}, seed=0)
    until(lambda: fire.states().get(name) == "deferred", "it waits", within=180)
    clean(deployment)
    with deployment.postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from task_instance")
        assert cursor.fetchone() == (0,)


def clean(deployment: Deployment, *arguments: str) -> None:
    """Erase what is older than this moment."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    deployment.airflow.run(
        *("db", "clean", "--clean-before-timestamp", now, "--skip-archive", "--yes"), *arguments
    )


def restart(fire: Fire, settings: dict[str, str | None]) -> None:
    """Stop everything, and start it again with other settings, as an upgrade does."""
    airflow = fire.deployment.airflow
    for name in airflow.components:
        airflow.stop(name)
    airflow.configure(settings)
    for name in airflow.components:
        airflow.start(name)
    fire.until_healthy()


def parsed_with(home: Path) -> str:
    """Return where the package is from that the DAGs were last parsed with."""
    return str(Path((home / "parsed_with").read_text()).parent.parent)


def ended(fire: Fire, some: Sequence[Wait]) -> bool:
    states = fire.states()
    return all(states[wait.name] in ENDED for wait in some)
