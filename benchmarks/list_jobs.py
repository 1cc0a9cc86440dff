"""Listing 10,000 jobs: SnowballHook against the boto3 paginator that it wraps."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable
from statistics import median

from benchmarks.pages import CLUSTER, serving
from benchmarks.report import Result, Target

JOBS = 10_000
ROUNDS = 31
_CONNECTION = "bench_snowball"


def run() -> Result:
    """Measure in alternation: wall-clock time, and this process's CPU time, which the server is not in."""
    import boto3

    from airflow_provider_snowball.hooks.snowball import SnowballHook

    with serving(JOBS) as endpoint_url:
        client = boto3.client(
            "snowball",
            endpoint_url=endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="bench",
            aws_secret_access_key="bench",
        )
        os.environ[f"AIRFLOW_CONN_{_CONNECTION.upper()}"] = json.dumps(
            {
                "conn_type": "aws",
                "login": "bench",
                "password": "bench",
                "extra": {"region_name": "us-east-1", "endpoint_url": endpoint_url},
            }
        )
        hook = SnowballHook(aws_conn_id=_CONNECTION)

        def raw() -> int:
            pages = client.get_paginator("list_cluster_jobs").paginate(ClusterId=CLUSTER)
            return len([job for page in pages for job in page["JobListEntries"]])

        def through_hook() -> int:
            return len(hook.list_cluster_jobs(CLUSTER))

        ways: dict[str, Callable[[], int]] = {"boto3 paginator": raw, "SnowballHook": through_hook}
        wall: dict[str, list[float]] = {name: [] for name in ways}
        cpu: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(ROUNDS + 1):
            # Each way goes first in every other round.
            for name in list(ways) if number % 2 else reversed(ways):
                gc.collect()
                began, used = time.perf_counter(), time.process_time()
                listed = ways[name]()
                took = time.perf_counter() - began, time.process_time() - used
                assert listed == JOBS, f"{name} listed {listed} of {JOBS}"
                if number:  # the first round warms up clients and connections
                    wall[name].append(took[0])
                    cpu[name].append(took[1])
    # Of each round by itself: a machine that slows down in between slows both ways of a round.
    ratios = {
        what: median(
            mine / theirs
            for mine, theirs in zip(times["SnowballHook"], times["boto3 paginator"], strict=True)
        )
        for what, times in (("time", wall), ("CPU", cpu))
    }
    return Result(
        title="Listing 10,000 jobs (100 pages)",
        command="python -m benchmarks list_jobs",
        how=(
            f"Medians of {ROUNDS} rounds in alternation, against a server in a process of its own; "
            "the ratio is the median of the rounds' ratios."
        ),
        rows=[
            ("way", "ms", "CPU ms"),
            *((name, f"{median(wall[name]) * 1e3:.0f}", f"{median(cpu[name]) * 1e3:.0f}") for name in ways),
            ("ratio", f"{ratios['time']:.3f}", f"{ratios['CPU']:.3f}"),
        ],
        targets=[Target("time of the hook against the paginator", ratios["time"], 1.05)],
    )
