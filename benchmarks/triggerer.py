"""A thousand deferred tasks, a triggerer's default capacity, in the real ``airflow triggerer``."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Result
from tests.fakes.fleet_server import FleetServer, connection
from tests.system.airflow_processes import AirflowProcesses, processes_of

WAITS = 1000
DAGS = 100
_DAG_FILE = "thousand_waits.py"
#: What a wait's first line in its task's log has, once it has polled.
_POLLED = {"ours": "jobs at or past WithCustomer", "peer": "Status of cluster is"}
_GIVE_UP = 900.0
_ROOT = Path(__file__).parents[1]


def run() -> Result:
    """Measure both, one after the other, each in an Airflow of its own."""
    found = {kind: _measure(kind) for kind in _POLLED}
    columns = {
        "first_polls_s": ("until all polled, s", "{:.1f}"),
        "rss_mb": ("RSS of the triggerer, MB", "{:.0f}"),
        "grown_mb": ("of it for the waits, MB", "{:.0f}"),
        "blocked": ('"blocked" warnings', "{:.0f}"),
        "calls": ("calls until then", "{:.0f}"),
    }
    return Result(
        title="1,000 deferred tasks in the real airflow triggerer",
        command="python -m benchmarks triggerer",
        how=(
            "The tasks are deferred while no triggerer runs; then one is started, as after a restart. "
            "Time runs from the triggerer's start until each task's own log has the line of its first "
            "poll. RSS is that of the triggerer's processes together. Airflow's own part is in all of it: "
            "for each wait that begins by itself it reads a DAG anew, and keeps a logger and a log file."
        ),
        rows=[
            ("kind", *(title for title, _ in columns.values())),
            *(
                (kind, *(form.format(each[name]) for name, (_, form) in columns.items()))
                for kind, each in found.items()
            ),
        ],
    )


def _measure(kind: str) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix="snowball-bench-") as folder,
        FleetServer() as server,
    ):
        home = Path(folder)
        dags = home / "dags"
        dags.mkdir()
        shutil.copy(_ROOT / "benchmarks" / "dags" / _DAG_FILE, dags)
        settings = {
            "BENCH_KIND": kind,
            "PYTHONPATH": f"{_ROOT}:{':'.join(path for path in sys.path if path)}",
            "AIRFLOW_CONN_AWS_DEFAULT": connection(server.endpoint_url, retries=True),
            "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": str(WAITS),
            "AIRFLOW__CORE__PARALLELISM": "256",
            "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": "256",
        }
        with AirflowProcesses(home, dags, settings) as airflow:
            idle = _rss_mb(home)
            airflow.kill("triggerer")
            for number in range(DAGS):
                airflow.api.trigger(f"waits_{number}", {})
            path = "/dags/~/dagRuns/~/taskInstances"
            until(lambda: airflow.api.get(path, state="deferred", limit=1)["total_entries"] == WAITS)
            began = time.perf_counter()
            airflow.start("triggerer")
            waiting = {
                f"dag_id=waits_{dag}/run_id=*/task_id=wait_{number}/*"
                for dag in range(DAGS)
                for number in range(WAITS // DAGS)
            }
            until(lambda: _all_polled(home / "logs", waiting, _POLLED[kind]), every=0.5)
            took = time.perf_counter() - began
            # Once more around, so that what a first poll leaves behind is settled.
            calls = server.counts()["calls"]
            time.sleep(30)
            rss = _rss_mb(home)
            blocked = len(re.findall("async thread was blocked", airflow.log_of("triggerer").read_text()))
    return {"first_polls_s": took, "rss_mb": rss, "grown_mb": rss - idle, "blocked": blocked, "calls": calls}


def _all_polled(logs: Path, waiting: set[str], line: str) -> bool:
    """Take tasks whose logs have the line off those waited for, and tell whether none is left."""
    for pattern in list(waiting):
        if any(line in file.read_text(errors="replace") for file in logs.glob(pattern)):
            waiting.remove(pattern)
    return not waiting


def until(condition: Callable[[], bool], every: float = 1.0, within: float = _GIVE_UP) -> None:
    """Wait until a condition holds; fail if it does not in so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {within:.0f} s")
        time.sleep(every)


def _rss_mb(home: Path) -> float:
    """Return the memory of the triggerer and of the process that it runs the triggers in."""
    triggerers = [each for each in processes_of(home) if "triggerer" in " ".join(each.cmdline())]
    return sum(each.memory_info().rss for each in triggerers) / 2**20
