"""
What it costs to tell of a change: runs of a worker, their CPU seconds, and how long a pool makes it take.

``python -m benchmarks.telling [WAITS]`` has that many deferred waits (40) with ``on_change``, of a cluster
each, whose devices all move at once; the notifier fails every other time. Adds a row to TELLING.md for a pool
of 128 slots and one for 2, in some five minutes each, on a machine that does nothing else. With ``--kills``
there is a row for the former, while a triggerer, or the scheduler with all that its workers run, is killed
every half a minute. Needs Debian's postgresql.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
from airflow import __version__ as airflow_version

from benchmarks.triggerer import until
from tests.system.fire.cast import cast_of
from tests.system.fire.deployment import Deployment, deployed
from tests.system.fire.plan import states_of

ROWS = Path(__file__).with_name("TELLING.md")
_IDLE = 30.0
_BETWEEN_KILLS = 30.0
_TOLD_WITHIN = 3600.0


def cpu() -> float:
    """Return the CPU seconds of the machine: scheduler, workers, API server, triggerers and database."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def runs(home: Path) -> int:
    """Return how often a worker has called the notifier."""
    return sum(len(file.read_text()) for file in home.glob("*.calls"))


def told(home: Path) -> set[str]:
    """Return the names of the waits whose change somebody was told of."""
    file = home / "changes.jsonl"
    return {json.loads(line)[0] for line in file.read_text().splitlines()} if file.exists() else set()


class Kills:
    """Kill what telling needs, every half a minute while it goes on, and start it again."""

    def __init__(self, deployment: Deployment) -> None:
        self._airflow = deployment.airflow
        self._names = itertools.cycle(("triggerer", "scheduler", "triggerer-2"))
        self._next = time.monotonic() + _BETWEEN_KILLS
        self.count = 0

    def go_on(self) -> None:
        """Kill the next one, if it is time."""
        if time.monotonic() < self._next:
            return
        name = next(self._names)
        self._airflow.kill(name)
        self._airflow.start(name)
        self.count += 1
        self._next = time.monotonic() + _BETWEEN_KILLS


def measure(waits: int, slots: int, *, kills: bool = False) -> str:
    """Return a row."""
    cast = cast_of({"deferred": {"changes": waits}})
    home = Path(tempfile.mkdtemp(prefix="snowball-telling-"))
    try:
        with deployed(home, cast) as deployment:
            api = deployment.airflow.api
            api.patch("/pools/default_pool?update_mask=slots", {"pool": "default_pool", "slots": slots})
            begun = {dag_id: api.trigger(dag_id, {}) for dag_id in cast.dags}

            def all_wait() -> bool:
                states = list(states_of(deployment, begun.values()).values())
                polled = deployment.snowball.polls().keys() >= {each.cluster for each in cast.waits.values()}
                return polled and states == ["deferred"] * waits

            until(all_wait)
            time.sleep(15)
            before = cpu()
            time.sleep(_IDLE)
            idle = (cpu() - before) / _IDLE
            before, moved = cpu(), time.monotonic()
            deployment.snowball.move({each.cluster: "WithCustomer" for each in cast.waits.values()})
            killing = Kills(deployment) if kills else None

            def all_told() -> bool:
                if killing:
                    killing.go_on()
                return told(home) >= cast.waits.keys()

            until(all_told, within=_TOLD_WITHIN)
            until(all_wait)
            seconds = time.monotonic() - moved
            # Of those that were killed nobody knows.
            used = None if killing else cpu() - before - idle * seconds
            cells = [
                f"{datetime.now(UTC):%Y-%m-%d}",
                airflow_version,
                waits,
                slots,
                killing.count if killing else 0,
                runs(home),
                "" if used is None else f"{used / runs(home):.1f}",
                f"{seconds:.0f}",
            ]
            return f"| {' | '.join(map(str, cells))} |\n"
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """Measure, and add the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.telling")
    parser.add_argument("waits", type=int, nargs="?", default=40)
    parser.add_argument("--kills", action="store_true", help="kill triggerers and the scheduler meanwhile")
    options = parser.parse_args()
    for slots in (128,) if options.kills else (128, 2):
        line = measure(options.waits, slots, kills=options.kills)
        print(line, flush=True)
        with ROWS.open("a") as file:
            file.write(line)


if __name__ == "__main__":
    main()
