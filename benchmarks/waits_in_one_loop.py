"""
Hold N waits in one event loop, as a triggerer does, and print what that took as JSON.

Run by :mod:`benchmarks.waits` and :mod:`benchmarks.throttled`, in a process of its own for each
measurement.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, NoReturn, Self

import psutil
import structlog

from tests.fakes.fleet_server import JOBS_LISTED, FleetServer, cluster_id, connection
from tests.fakes.scripted_snowball import job_id

CONN = "fleet"
PER_CLUSTER = 10
_GIVE_UP = 600.0


class Heard:
    """Knows the asyncio tasks that have logged the line with which a wait tells what a poll brought."""

    def __init__(self, beginning: str) -> None:
        self.tasks: set[object] = set()
        self._beginning = beginning

    def attach(self) -> None:
        """Listen to both of Airflow's ways of logging."""

        def structured(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> NoReturn:
            self._hear(str(event.get("event")) % (event.get("positional_args") or ()))
            raise structlog.DropEvent

        structlog.configure(processors=[structured])
        logging.root.handlers = [_Ear(self._hear)]
        logging.root.setLevel(logging.INFO)

    def _hear(self, text: str) -> None:
        if text.startswith(self._beginning):
            self.tasks.add(asyncio.current_task())


class _Ear(logging.Handler):
    """Hands the text of each record on."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__()
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it on."""
        self._hear(record.getMessage())


class Ticker:
    """Measures, while it is entered, for how long the loop was blocked at most."""

    def __init__(self) -> None:
        self.longest = 0.0

    def __enter__(self) -> Self:
        self._task = asyncio.create_task(self._tick())
        return self

    def __exit__(self, *_: object) -> None:
        self._task.cancel()

    async def _tick(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            self.longest = max(self.longest, time.perf_counter() - began - 0.01)


def ours(number: int, interval: float) -> Any:
    """Return a trigger of ours that waits for the jobs of a cluster."""
    from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger

    return ClusterJobsTrigger(cluster_id=cluster_id(number // PER_CLUSTER), **_begun(interval))


def jobs(number: int, interval: float) -> Any:
    """Return a trigger of ours that waits for a job by its id."""
    from airflow_provider_snowball.triggers.snowball import JobsTrigger

    return JobsTrigger(job_ids=[job_id(number % JOBS_LISTED)], **_begun(interval))


def _begun(interval: float) -> dict[str, Any]:
    """Return what a triggerer rebuilds a trigger with after a restart: its first poll is due."""
    return {
        "target_state": "WithCustomer",
        "memory": {"started_at": datetime.now(UTC).isoformat()},
        "timeout": 86400.0,
        "poke_interval": interval,
        "aws_conn_id": CONN,
    }


def peer(number: int, interval: float) -> Any:
    """Return the peer's trigger."""
    from benchmarks.peer import PeerTrigger

    return PeerTrigger(
        cluster_id=cluster_id(number // PER_CLUSTER), waiter_delay=int(interval), aws_conn_id=CONN
    )


KINDS: dict[str, tuple[Callable[[int, float], Any], str]] = {
    "ours": (ours, "Cluster CID"),
    "jobs": (jobs, "Job JID"),
    "peer": (peer, "Status of cluster is"),
}


class Crowd:
    """
    Many waits of one kind in the running event loop.

    :param kind: a key of KINDS.
    :param interval: seconds between two polls.
    """

    def __init__(self, kind: str, waits: int, interval: float, server: FleetServer) -> None:
        self.waits = waits
        self._make, beginning = KINDS[kind]
        self._interval = interval
        self._server = server
        self._tasks: list[asyncio.Task[str]] = []
        # Importing Airflow sets its logging up, so that listening comes after.
        self._warm_up = self._make(10**9, interval)
        self.heard = Heard(beginning)

    async def warm_up(self) -> None:
        """Pay what is paid once for a process, such as imports and botocore's data."""
        self.heard.attach()
        await asyncio.to_thread(self._server.change, state="WithCustomer")
        await _run(self._warm_up)
        await asyncio.to_thread(self._server.change, state="InTransitToCustomer")
        self.heard.tasks.clear()
        gc.collect()

    async def begin(self, give_up: float = _GIVE_UP) -> float:
        """Begin all waits, and return the seconds until each has polled once."""
        began = time.perf_counter()
        for number in range(self.waits):
            self._tasks.append(asyncio.create_task(_run(self._make(number, self._interval))))
            await asyncio.sleep(0)
        while len(self.heard.tasks) < self.waits and time.perf_counter() - began < give_up:
            await asyncio.sleep(0.005)
        return time.perf_counter() - began

    async def end(self) -> tuple[float, int]:
        """Let all jobs reach the target; return the seconds until the last wait fired, and how many did."""
        await asyncio.to_thread(self._server.change, state="WithCustomer")
        changed = time.perf_counter()
        ended = await asyncio.wait_for(asyncio.gather(*self._tasks), _GIVE_UP)
        return time.perf_counter() - changed, sum(status in ("done", "success") for status in ended)

    async def calls(self) -> int:
        """Return how many calls the server has had."""
        return (await asyncio.to_thread(self._server.counts))["calls"]


async def at_ease(kind: str, waits: int, interval: float, port: int) -> dict[str, float]:
    """Measure one kind of wait from the first poll to the last event, on a server that always answers."""
    process = psutil.Process()
    crowd = Crowd(kind, waits, interval, FleetServer(port))
    await crowd.warm_up()
    rss, calls = process.memory_info().rss, await crowd.calls()
    with Ticker() as ticker:
        first_polls = await crowd.begin()
    found: dict[str, float] = {
        "polled": len(crowd.heard.tasks),
        "first_polls_s": first_polls,
        "block_start_ms": ticker.longest * 1e3,
    }
    await asyncio.sleep(interval / 2)
    cpu, calls_then = process.cpu_times(), await crowd.calls()
    await asyncio.sleep(2 * interval)
    after = process.cpu_times()
    used = after.user + after.system - cpu.user - cpu.system
    found |= {
        "rss_kb_a_wait": (process.memory_info().rss - rss) / 1024 / waits,
        "rss_mb": process.memory_info().rss / 2**20,
        "threads": process.num_threads(),
        "sockets": len(process.net_connections("tcp")),
        # Of each look that a wait gets, whoever made the call for it.
        "cpu_ms_a_poll": used / (2 * waits) * 1e3,
        "calls_an_interval": (await crowd.calls() - calls_then) / 2,
        "calls": await crowd.calls() - calls,
    }
    with Ticker() as ticker:
        found["to_last_fired_s"], found["fired"] = await crowd.end()
    return found | {
        "block_end_ms": ticker.longest * 1e3,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


async def throttled(kind: str, waits: int, interval: float, port: int) -> dict[str, float]:
    """Measure for 90 seconds what reaches a server that throttles at five calls a second."""
    server = FleetServer(port)
    crowd = Crowd(kind, waits, interval, server)
    await crowd.warm_up()
    await asyncio.to_thread(server.change, throttle=5.0)
    before = await asyncio.to_thread(server.counts)
    began = time.perf_counter()
    first_polls = await crowd.begin(give_up=90.0)
    await asyncio.sleep(max(90.0 - (time.perf_counter() - began), 0.0))
    after = await asyncio.to_thread(server.counts)
    return {
        "calls": after["calls"] - before["calls"],
        "throttled": after["throttled"] - before["throttled"],
        "polled": len(crowd.heard.tasks),
        "first_polls_s": first_polls,
    }


async def _run(trigger: Any) -> str:
    async for event in trigger.run():
        return str(event.payload["status"])
    raise RuntimeError("the trigger ended without an event")


if __name__ == "__main__":
    _measure, _kind, _waits, _interval, _port = sys.argv[1:]
    os.environ["AIRFLOW_CONN_FLEET"] = connection(f"http://127.0.0.1:{_port}", retries=True)
    _measurement = {"at_ease": at_ease, "throttled": throttled}[_measure]
    print(json.dumps(asyncio.run(_measurement(_kind, int(_waits), float(_interval), int(_port)))), flush=True)
    # What still waits, and the threads of what was measured, need no orderly end.
    os._exit(0)
