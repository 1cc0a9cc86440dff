"""What a DAG file pays at each parse for importing our sensor and operator, against an amazon sensor."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median

from benchmarks.report import Result, Target

ROUNDS = 11
OURS = ("airflow_provider_snowball.sensors.snowball", "airflow_provider_snowball.operators.snowball")
PEER = ("airflow.providers.amazon.aws.sensors.emr",)

_MEASURE = """
import importlib, json, sys, time
from pathlib import Path
from airflow.sdk import DAG

def rss():
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)

modules, kb, began = len(sys.modules), rss(), time.perf_counter()
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps([(time.perf_counter() - began) * 1e3, (rss() - kb) / 1024, len(sys.modules) - modules]))
"""


def _measure(names: tuple[str, ...]) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *names], check=True, capture_output=True, text=True
    )
    return list(json.loads(done.stdout.splitlines()[-1]))


def run() -> Result:
    """Measure each in a new interpreter, in alternation, after ``from airflow.sdk import DAG``."""
    ways = {"our sensor and operator": OURS, "amazon's EMR sensors": PEER}
    found: dict[str, list[list[float]]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, modules in ways.items():
            measured = _measure(modules)
            if number:  # the first round fills the caches of compiled modules
                found[name].append(measured)
    middle = {name: [median(column) for column in zip(*rows, strict=True)] for name, rows in found.items()}
    ours, peer = middle.values()
    return Result(
        title="Import at each parse of a DAG file",
        command="python -m benchmarks import_cost",
        how=f"{ROUNDS} new interpreters each, in alternation, after `from airflow.sdk import DAG`; medians.",
        rows=[
            ("what", "ms", "MB", "modules"),
            *((name, f"{ms:.1f}", f"{mb:.1f}", f"{new:.0f}") for name, (ms, mb, new) in middle.items()),
            ("ratio", *(f"1/{theirs / mine:.1f}" for mine, theirs in zip(ours, peer, strict=True))),
        ],
        targets=[
            Target("import of our sensor and operator", ours[0], 25, "ms"),
            Target("against the amazon sensor", ours[0] / peer[0], 1 / 6),
        ],
    )
