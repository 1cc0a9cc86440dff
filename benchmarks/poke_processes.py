"""
Make the first poll of N waits as PythonSensors in reschedule mode do: in a process each.

What Airflow adds around a poke, the supervisor's process, the scheduler's pass and the API server's
part, is left out, as is starting an interpreter: each process is forked from one that has imported
everything. So this is the least that such a poke can take.

Run by :mod:`benchmarks.waits`, in a process of its own for each measurement.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any

import psutil
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.standard.sensors.python import PythonSensor

from benchmarks.waits_in_one_loop import CONN, PER_CLUSTER
from tests.fakes.fleet_server import cluster_id, connection

#: Airflow's default for [core] parallelism.
_AT_ONCE = 32


def have_all_arrived(cluster_id: str) -> bool:
    """Ask as a DAG's author would, with the amazon provider's generic hook."""
    client: Any = AwsBaseHook(aws_conn_id=CONN, client_type="snowball").get_conn()
    pages = client.get_paginator("list_cluster_jobs").paginate(ClusterId=cluster_id)
    return all(job["JobState"] == "WithCustomer" for page in pages for job in page["JobListEntries"])


def poke(sensor: Any) -> dict[str, float]:
    """Poke in this process, and return what it took."""
    if sensor.poke({}):
        raise RuntimeError("nothing should have arrived yet")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_ms": (usage.ru_utime + usage.ru_stime) * 1e3,
        "rss_mb": psutil.Process().memory_info().rss / 2**20,
    }


def first_polls(waits: int) -> dict[str, float]:
    """Poke once for each wait, as many at once as Airflow would."""
    sensors = [
        PythonSensor(
            task_id=f"wait_{number}",
            python_callable=have_all_arrived,
            op_args=[cluster_id(number // PER_CLUSTER)],
            mode="reschedule",
        )
        for number in range(waits)
    ]
    began = time.perf_counter()
    under_way: dict[int, int] = {}
    found: list[dict[str, float]] = []
    peak = 0
    for sensor in sensors:
        while len(under_way) >= _AT_ONCE:
            found.append(_next_ended(under_way))
        reading, writing = os.pipe()
        if (pid := os.fork()) == 0:
            os.write(writing, json.dumps(poke(sensor)).encode())
            os._exit(0)
        os.close(writing)
        under_way[pid] = reading
        peak = max(peak, len(under_way))
    while under_way:
        found.append(_next_ended(under_way))
    return {
        "polled": len(found),
        "first_polls_s": time.perf_counter() - began,
        "processes": peak,
        "cpu_ms_a_poll": sum(each["cpu_ms"] for each in found) / waits,
        "peak_rss_mb": max(each["rss_mb"] for each in found),
        "calls": waits,
    }


def _next_ended(under_way: dict[int, int]) -> dict[str, float]:
    pid, status = os.wait()
    with os.fdopen(under_way.pop(pid)) as pipe:
        if status:
            raise RuntimeError(f"a poke ended with {status}")
        return dict(json.loads(pipe.read()))


if __name__ == "__main__":
    _waits, _port = sys.argv[1:]
    os.environ["AIRFLOW_CONN_FLEET"] = connection(f"http://127.0.0.1:{_port}")
    print(json.dumps(first_polls(int(_waits))))
