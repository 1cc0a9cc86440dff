"""
What it costs to tell of a change: runs of a worker, their CPU seconds, and how long a pool makes it take.

``python -m benchmarks.telling [WAITS]`` has that many deferred waits (40) with ``on_change``, of a cluster
each, whose devices all move at once; the notifier fails every other time. Adds a row to TELLING.md for a pool
of 128 slots and one for 2, in some five minutes each, on a machine that does nothing else. Needs Debian's
postgresql.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from airflow import __version__ as airflow_version

from benchmarks.deployment import cpu_of
from benchmarks.triggerer import until
from tests.system.fire.cast import cast_of
from tests.system.fire.deployment import Deployment, deployed

ROWS = Path(__file__).with_name("TELLING.md")
_IDLE = 30.0


def cpu(deployment: Deployment) -> float:
    """Return the CPU seconds of the scheduler and its workers."""
    return cpu_of(deployment.airflow.pid_of("scheduler"))


def runs(home: Path) -> int:
    """Return how often a worker has called the notifier."""
    return sum(len(file.read_text()) for file in home.glob("*.calls"))


def measure(waits: int, slots: int) -> str:
    """Return a row."""
    cast = cast_of({"deferred": {"changes": waits}})
    home = Path(tempfile.mkdtemp(prefix="snowball-telling-"))
    try:
        with deployed(home, cast) as deployment:
            api = deployment.airflow.api
            api.patch("/pools/default_pool?update_mask=slots", {"pool": "default_pool", "slots": slots})
            began_runs = {dag_id: api.trigger(dag_id, {}) for dag_id in cast.dags}

            def all_wait() -> bool:
                states = [each["state"] for each in deployment.airflow.instances(began_runs)]
                polled = deployment.snowball.polls().keys() >= {each.cluster for each in cast.waits.values()}
                return polled and states == ["deferred"] * waits

            until(all_wait)
            time.sleep(15)
            before = cpu(deployment)
            time.sleep(_IDLE)
            idle = (cpu(deployment) - before) / _IDLE
            before, moved = cpu(deployment), time.monotonic()
            deployment.snowball.move({each.cluster: "WithCustomer" for each in cast.waits.values()})
            told = home / "changes.jsonl"
            until(lambda: told.exists() and len(told.read_text().splitlines()) >= waits)
            until(all_wait)
            seconds = time.monotonic() - moved
            used = cpu(deployment) - before - idle * seconds
            cells = [
                f"{datetime.now(UTC):%Y-%m-%d}",
                airflow_version,
                waits,
                slots,
                runs(home),
                f"{used / runs(home):.1f}",
                f"{seconds:.0f}",
            ]
            return f"| {' | '.join(map(str, cells))} |\n"
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main(waits: int) -> None:
    """Measure, and add the rows."""
    for slots in (128, 2):
        line = measure(waits, slots)
        print(line, flush=True)
        with ROWS.open("a") as file:
            file.write(line)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
