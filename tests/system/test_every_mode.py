"""
The scenario table for waits that begin in a triggerer, in a real one.

All rows are tasks of one DAG run, each with a connection to a server of its own. The other modes are in
tests/integration/test_every_mode.py.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from tests.fakes.scripted_snowball import ScriptedSnowball
from tests.integration.airflow_runner import SCENARIO_DAG, Outcome
from tests.integration.scenarios import CASES, Row
from tests.system.airflow_processes import AirflowProcesses
from tests.system.fire.judge import AIRFLOWS_FAULTS

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(airflow_version.startswith("2."), reason="the processes here are those of Airflow 3"),
]

DAG_ID = "every_mode"
_line = Version(airflow_version).release[:2]
#: Airflow 3.1 and 3.2 begin every task on a worker, and 3.0 renders nothing in the triggerer.
BEGINS_IN_TRIGGERER = _line not in ((3, 1), (3, 2))
RENDERS_IN_TRIGGERER = _line >= (3, 3)
#: 3.1.8 counts another try for some waits that come back from the triggerer.
COUNTS_TRIES = _line != (3, 1)
#: Seconds without a task that changes its state.
STUCK_AFTER = 240.0
#: A triggerer that begins a hundred waits at once may take its time. By timeout: another, and how both read.
LONGER = {1: (45, "45 seconds", "1 second"), 2: (60, "1 minute", "2 seconds")}


@dataclass(frozen=True)
class Ended:
    """
    What became of the waits, by name.

    :param on_workers: those that a worker began.
    """

    outcomes: Mapping[str, Outcome]
    polls: Mapping[str, int]
    on_workers: frozenset[str]


def begun_in_triggerer(row: Row) -> Row:
    """Return a row as it ends where it begins in a triggerer, if Airflow begins any there."""
    if BEGINS_IN_TRIGGERER:
        row = replace(row, **row.in_triggerer)
    if "timeout" not in row.arguments:
        return row
    timeout, longer, shorter = LONGER[row.arguments["timeout"]]
    error = row.error and (row.error[0], row.error[1].replace(shorter, longer))
    # How many polls fit in depends on the machine.
    return replace(row, arguments=row.arguments | {"timeout": timeout}, error=error, polls=None)


WAITS = {name: (kind, begun_in_triggerer(row)) for name, (kind, row) in CASES.items()}
#: By the names that tasks and connections may have.
TASKS = {name: f"case_{number:03d}" for number, name in enumerate(WAITS)}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    dags.mkdir()
    shutil.copytree(Path(__file__).with_name("plugins"), home / "plugins")
    with ExitStack() as stack:
        servers = {name: stack.enter_context(row.snowball()) for name, (_, row) in WAITS.items()}
        write_dag(dags)
        airflow = stack.enter_context(AirflowProcesses(home, dags, settings_of(servers)))
        run_id = airflow.api.trigger(DAG_ID, {})
        tasks = until_all_have_ended(airflow, run_id, servers)
        yield read(airflow, run_id, tasks, {name: server.polls for name, server in servers.items()})


def write_dag(dags: Path) -> None:
    spec = {
        "dag_id": DAG_ID,
        "tasks": {
            TASKS[name]: row.arguments_of(kind) | {"aws_conn_id": TASKS[name], "start_from_trigger": True}
            for name, (kind, row) in WAITS.items()
        },
    }
    shutil.copy(SCENARIO_DAG, dags / f"{DAG_ID}.py")
    (dags / f"{DAG_ID}.json").write_text(json.dumps(spec))


def settings_of(servers: Mapping[str, ScriptedSnowball]) -> dict[str, str]:
    connections = {
        f"AIRFLOW_CONN_{TASKS[name].upper()}": server.connection() for name, server in servers.items()
    }
    return connections | {"AIRFLOW__SNOWBALL__MAX_CALLS_PER_SECOND": "1000"}


def until_all_have_ended(
    airflow: AirflowProcesses, run_id: str, servers: Mapping[str, ScriptedSnowball]
) -> dict[str, dict[str, Any]]:
    """Return the task instances once each has ended, or is borne: it has polled thrice, and goes on."""
    tasks: dict[str, dict[str, Any]] = {}
    seen: dict[str, str] = {}
    stuck_at = time.monotonic() + STUCK_AFTER
    while True:
        tasks = {each["task_id"]: each for each in airflow.api.task_instances(DAG_ID, run_id)}
        states = {name: tasks[task_id]["state"] for name, task_id in TASKS.items()}
        left = [
            name
            for name, (_, row) in WAITS.items()
            if states[name]
            not in (("deferred",) if row.state == "deferred" else ("success", "failed", "skipped"))
            or servers[name].polls < (3 if row.state == "deferred" else 0)
        ]
        if not left:
            return tasks
        if states != seen:
            seen, stuck_at = states, time.monotonic() + STUCK_AFTER
        assert time.monotonic() < stuck_at, {name: (states[name], servers[name].polls) for name in left}
        # To tell of a hundred tasks keeps an API server busy for a while.
        time.sleep(3)


def read(
    airflow: AirflowProcesses, run_id: str, tasks: Mapping[str, dict[str, Any]], polls: Mapping[str, int]
) -> Ended:
    told = airflow.home / "failures.jsonl"
    failures = [json.loads(line) for line in told.read_text().splitlines()]
    outcomes = {
        name: Outcome(
            state=tasks[task_id]["state"],
            try_number=tasks[task_id]["try_number"],
            xcom=airflow.api.xcom(DAG_ID, run_id, task_id) if tasks[task_id]["state"] == "success" else None,
            errors=[(kind, text) for failed, kind, text in failures if failed == task_id],
        )
        for name, task_id in TASKS.items()
    }
    begun = "Begun on a worker in spite of start_from_trigger"
    on_workers = {
        name
        for name, task_id in TASKS.items()
        for log in airflow.home.glob(f"logs/dag_id={DAG_ID}/run_id={run_id}/task_id={task_id}/attempt=1.log")
        if begun in log.read_text()
    }
    return Ended(outcomes, polls, frozenset(on_workers))


@pytest.mark.parametrize("name", WAITS)
def test_same_end_where_it_begins_in_a_triggerer(name: str, ended: Ended) -> None:
    kind, row = WAITS[name]
    # Airflow measures a timeout of that kind on workers alone.
    needs_worker = "execution_timeout" in row.arguments or not (
        BEGINS_IN_TRIGGERER and (RENDERS_IN_TRIGGERER or "{{" not in str(row.arguments))
    )
    assert (name in ended.on_workers) == needs_worker
    outcome = ended.outcomes[name]
    if not BEGINS_IN_TRIGGERER:
        for said, fault in AIRFLOWS_FAULTS.items():
            if any(said in error for _, error in outcome.errors):
                pytest.xfail(f"Airflow failed a try: {fault}")
    if not COUNTS_TRIES:
        outcome = replace(outcome, try_number=row.try_number)
    row.check(kind, outcome, ended.polls[name], TASKS[name])
