"""
Thousands of waits in a whole Airflow on PostgreSQL, each with a task behind it.

``python -m benchmarks.deployment [NAME ...]`` measures what is named, everything if nothing is, and adds
a row of DEPLOYMENT.md for each, in five to nine minutes, on a machine that does nothing else. Needs
Debian's postgresql.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from airflow import __version__ as airflow_version

from benchmarks.crowd import MOVED, WAITING_IN, Crowd
from benchmarks.triggerer import until
from benchmarks.waits_in_one_loop import CONN
from tests.fakes.fleet_server import cluster_id
from tests.system.airflow_processes import AirflowProcesses
from tests.system.fire.snowball import FireSnowball
from tests.system.postgres import Postgres

__all__ = ["CROWDS"]

ROWS = Path(__file__).with_name("DEPLOYMENT.md")
_ROOT = Path(__file__).parents[1]
#: Seconds.
_WINDOW = 120.0
#: What a wait's log has once it has polled; of ours, which says nothing where nothing has changed, Airflow's
#: own line of its start, and its cluster has to have been polled.
_POLLED = {"peer": b"Status of cluster is", "ours": b" starting"}


CROWDS = {
    "ours-1000": Crowd("ours", 1000),
    "peer-1000": Crowd("peer", 1000),
    "ours-5000": Crowd("ours", 5000),
    "peer-5000": Crowd("peer", 5000),
    "ours-10000": Crowd("ours", 10_000),
    "ours-1000-spread": Crowd("ours", 1000, dags=100),
    "peer-1000-spread": Crowd("peer", 1000, dags=100),
    "ours-5000-spread": Crowd("ours", 5000, dags=100),
    "ours-10000-spread": Crowd("ours", 10_000, dags=100),
    # Each poll is a process.
    "reschedule-20": Crowd("reschedule", 20),
    "PythonSensor-20": Crowd("PythonSensor", 20),
    "poke-20": Crowd("poke", 20),
}


class Bench:
    """One crowd in a deployment of its own."""

    def __init__(self, crowd: Crowd, airflow: AirflowProcesses, postgres: Postgres, snowball: FireSnowball):
        self.crowd, self.airflow, self.postgres, self.snowball = crowd, airflow, postgres, snowball
        self.found: dict[str, Any] = {"waits": crowd.waits}
        #: In Unix time.
        self.triggerer_began = time.time()

    def run(self) -> None:
        """Measure it."""
        fields = self.snowball.connection_fields("bench")
        self.airflow.api.create_connection(CONN, **fields)
        clusters = {each: WAITING_IN for some in self.crowd.clusters() for each in some}
        self.snowball.move(clusters)
        until(self._all_dags_are_known)
        time.sleep(15)
        idle = self._load(45.0)
        self.found["idle CPU"] = idle["CPU"]
        if self.crowd.deferred:
            self._defer()
        else:
            self._trigger()
            until(lambda: self.snowball.polls().keys() == clusters.keys())
        time.sleep(20)
        with self._heartbeats() as gaps:
            load = self._load(_WINDOW)
        self.found |= load | self._triggerer()
        self.found["longest heartbeat"] = max(gaps, default=0.0)
        self._move()
        blocks = self._blocks()
        lengths = [length for _, length in blocks]
        self.found["blocks"], self.found["longest block"] = len(blocks), max(lengths, default=0.0)
        later = [length for at, length in blocks if at > self.found.get("all polled", 0.0)]
        self.found["later blocks"], self.found["longest later"] = len(later), max(later, default=0.0)

    def _blocks(self) -> list[tuple[float, float]]:
        """Return when the triggerer warned of a block, in seconds since its start, and how long each was."""
        log = self.airflow.log_of("triggerer").read_text(errors="replace")
        found = re.findall(r"^(\S+) .*blocked for (\d+\.\d+) seconds", log, re.MULTILINE)
        if len(found) != log.count("blocked for"):
            raise RuntimeError("The triggerer warns of blocks in another form than is read here")
        return [
            (datetime.fromisoformat(at).timestamp() - self.triggerer_began, float(length))
            for at, length in found
        ]

    def _all_dags_are_known(self) -> bool:
        return bool(self.airflow.api.get("/dags", limit=1)["total_entries"] == self.crowd.dags)

    def _trigger(self) -> None:
        for number in range(self.crowd.dags):
            self.airflow.api.trigger(f"crowd_{number}", {})

    def _defer(self) -> None:
        self.airflow.kill("scheduler")
        self.airflow.stop("triggerer")
        self._trigger()
        self.airflow.run_module("benchmarks.defer_waits")
        self.airflow.start("scheduler")
        until(lambda: self._count("select count(*) from dag_run where state = 'running'") == self.crowd.dags)
        began, self.triggerer_began = time.monotonic(), time.time()
        self.airflow.start("triggerer")
        polled: set[str] = set()
        until(lambda: self._polled(polled) == self.crowd.waits)
        if self.crowd.kind == "ours":
            clusters = {each for some in self.crowd.clusters() for each in some}
            until(lambda: clusters <= self._clusters_polled_since(self.triggerer_began))
        self.found["all polled"] = time.monotonic() - began

    def _clusters_polled_since(self, then: float) -> set[str]:
        return {each for each, times in self.snowball.polls().items() if times[-1] > then}

    def _polled(self, polled: set[str]) -> int:
        """Return how many waits have a line of a poll in their logs; those known already are not read."""
        line = _POLLED[self.crowd.kind]
        logs = self.airflow.home / "logs"
        for folder in logs.glob("dag_id=crowd_*/run_id=*/task_id=device.wait/map_index=*"):
            name = str(folder)
            if name not in polled and any(line in file.read_bytes() for file in folder.iterdir()):
                polled.add(name)
        return len(polled)

    def _load(self, seconds: float) -> dict[str, Any]:
        """Return what the deployment does in a while: CPU seconds a minute by component, transactions."""
        before, queries = self._cpu(), self._transactions()
        time.sleep(seconds)
        after, more = self._cpu(), self._transactions()
        minutes = seconds / 60
        return {
            "CPU": {name: (after[name] - before[name]) / minutes for name in after},
            "transactions": (more - queries) / seconds,
        }

    def _cpu(self) -> dict[str, float]:
        roots = {name: self.airflow.pid_of(name) for name in self.airflow.components}
        return {name: cpu_of(pid) for name, pid in (roots | {"postgres": self.postgres.pid}).items()}

    def _transactions(self) -> int:
        return self._count("select sum(xact_commit + xact_rollback) from pg_stat_database")

    def _count(self, query: str) -> int:
        return int(self._rows(query)[0][0])

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = self.postgres.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()

    @contextmanager
    def _heartbeats(self) -> Iterator[list[float]]:
        """Note how old the triggerer's last heartbeat is, once a second."""
        gaps: list[float] = []
        ended = threading.Event()
        query = (
            "select extract(epoch from now() - max(latest_heartbeat)) from job "
            "where job_type = 'TriggererJob'"
        )

        def watch() -> None:
            while not ended.wait(1.0):
                gaps.append(float(self._rows(query)[0][0]))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield gaps
        finally:
            ended.set()
            thread.join()

    def _triggerer(self) -> dict[str, float]:
        supervisor = psutil.Process(self.airflow.pid_of("triggerer"))
        runner = max(supervisor.children(recursive=True), key=lambda each: each.memory_info().rss)
        return {
            "supervisor MB": supervisor.memory_info().rss / 2**20,
            "supervisor files": supervisor.num_fds(),
            "runner MB": runner.memory_info().rss / 2**20,
            "runner files": runner.num_fds(),
        }

    def _move(self) -> None:
        """Have devices arrive, one after the other, and see when the task behind each begins."""
        moved = {}
        for number in range(MOVED):
            moved[number] = time.time()
            self.snowball.move({cluster_id(number): "WithCustomer"})
            time.sleep(self.crowd.interval / MOVED)
        query = (
            "select map_index, extract(epoch from start_date) from task_instance where dag_id = 'crowd_0' "
            "and task_id = 'device.copy' and start_date is not null"
        )
        until(lambda: len(self._rows(query)) == MOVED)
        polls = self.snowball.polls()
        began = {number: float(each) for number, each in self._rows(query)}
        seen = {
            number: min(each for each in polls[cluster_id(number)] if each >= moved[number])
            for number in moved
        }
        self.found["move to next task"] = statistics.median(began[each] - moved[each] for each in moved)
        self.found["poll to next task"] = statistics.median(began[each] - seen[each] for each in moved)


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and all that it started, whether they run still or have ended."""
    root = psutil.Process(pid)
    used = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used += times.user + times.system + times.children_user + times.children_system
    return used


def measure(crowd: Crowd) -> Mapping[str, Any]:
    """Measure one crowd in a deployment of its own."""
    home = Path(tempfile.mkdtemp(prefix="snowball-bench-"))
    dags = home / "dags"
    dags.mkdir()
    shutil.copy(_ROOT / "benchmarks" / "dags" / "many_waits.py", dags)
    try:
        with Postgres() as postgres, FireSnowball() as snowball:
            settings = crowd.environment() | {
                "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)]),
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url,
                "AIRFLOW__CORE__MAX_MAP_LENGTH": "20000",
                "AIRFLOW__TRIGGERER__CAPACITY": str(crowd.waits + 10),
                "AIRFLOW__CORE__PARALLELISM": "32" if crowd.kind == "poke" else "8",
                "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
            }
            with AirflowProcesses(home, dags, settings) as airflow:
                bench = Bench(crowd, airflow, postgres, snowball)
                bench.run()
                return bench.found
    finally:
        shutil.rmtree(home, ignore_errors=True)


_COLUMNS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "until all polled, s": lambda found: f"{found['all polled']:.0f}" if "all polled" in found else "",
    "runner, MB": lambda found: f"{found['runner MB']:.0f}",
    "supervisor, MB": lambda found: f"{found['supervisor MB']:.0f}",
    "files of both": lambda found: f"{found['runner files']} + {found['supervisor files']}",
    "blocks over 0.2 s": lambda found: f"{found['blocks']}",
    "longest, s": lambda found: f"{found['longest block']:.1f}",
    "after all polled": lambda found: f"{found['later blocks']}, {found['longest later']:.1f} s",
    "oldest heartbeat, s": lambda found: f"{found['longest heartbeat']:.0f}",
    "transactions/s": lambda found: f"{found['transactions']:.0f}",
    "CPU s a minute, triggerer": lambda found: _cpu(found, "triggerer"),
    "scheduler and workers": lambda found: _cpu(found, "scheduler"),
    "API server": lambda found: _cpu(found, "api-server"),
    "PostgreSQL": lambda found: _cpu(found, "postgres"),
    "a day of 1,000 waits, CPU s": lambda found: f"{_day(found):,.0f}",
    "move to next task, s": lambda found: f"{found['move to next task']:.0f}",
    "poll to next task, s": lambda found: f"{found['poll to next task']:.1f}",
}


def _cpu(found: Mapping[str, Any], name: str) -> str:
    return f"{found['CPU'][name]:.2f} ({found['idle CPU'][name]:.2f})"


def _day(found: Mapping[str, Any]) -> float:
    """Return what all processes together use in a day for a thousand waits, idling included."""
    idle, load = sum(found["idle CPU"].values()), sum(found["CPU"].values())
    return float(idle + (load - idle) * 1000 / found["waits"]) * 1440


def row(name: str, crowd: Crowd, found: Mapping[str, Any]) -> str:
    """Return a row of the table."""
    cells = [f"{datetime.now(UTC):%Y-%m-%d}", airflow_version, name, f"{crowd.waits:,}", f"{crowd.dags}"]
    return f"| {' | '.join([*cells, *(cell(found) for cell in _COLUMNS.values())])} |\n"


def main(names: list[str]) -> None:
    """Measure, and add the rows."""
    for name in names or CROWDS:
        began = time.monotonic()
        found = measure(CROWDS[name])
        line = row(name, CROWDS[name], found)
        print(json.dumps(found), f"{time.monotonic() - began:.0f} s", line, sep="\n", flush=True)
        with ROWS.open("a") as file:
            file.write(line)


if __name__ == "__main__":
    main(sys.argv[1:])
