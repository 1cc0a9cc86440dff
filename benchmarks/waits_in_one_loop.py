"""
Hold N waits in one event loop, as a triggerer does, and print what that took as JSON.

Run by :mod:`benchmarks.waits`, in a process of its own for each measurement.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psutil
import structlog

from tests.fleet_server import FleetServer, cluster_id, connection

_CONN = "fleet"
_PER_CLUSTER = 10
_STEADY = 20.0
_GIVE_UP = 300.0


class Heard:
    """Counts the log lines with which a wait tells what its first poll brought."""

    def __init__(self, beginning: str) -> None:
        self.count = 0
        self._beginning = beginning

    def attach(self) -> None:
        """Listen to both of Airflow's ways of logging."""

        def structured(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
            self._hear(str(event.get("event")) % (event.get("positional_args") or ()))
            raise structlog.DropEvent

        structlog.configure(processors=[structured])
        handler = logging.Handler()
        handler.emit = lambda record: self._hear(record.getMessage())  # type: ignore[method-assign]
        logging.root.handlers = [handler]
        logging.root.setLevel(logging.INFO)

    def _hear(self, text: str) -> None:
        self.count += text.startswith(self._beginning)


class Ticker:
    """Measures for how long the loop was blocked at most."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            self.longest = max(self.longest, time.perf_counter() - began - 0.01)

    def take(self) -> float:
        """Return the longest block so far, and begin anew."""
        longest, self.longest = self.longest, 0.0
        return longest


def ours(number: int, interval: float) -> Any:
    """Return a trigger of ours, as a triggerer rebuilds it after a restart: its first poll is due."""
    from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger

    return ClusterJobsTrigger(
        cluster_id=cluster_id(number // _PER_CLUSTER),
        target_state="WithCustomer",
        started_at=datetime.now(UTC).isoformat(),
        timeout=86400.0,
        poke_interval=interval,
        aws_conn_id=_CONN,
    )


def peer(number: int, interval: float) -> Any:
    """Return the peer's trigger."""
    from benchmarks.peer import PeerTrigger

    return PeerTrigger(
        cluster_id=cluster_id(number // _PER_CLUSTER), waiter_delay=int(interval), aws_conn_id=_CONN
    )


KINDS: dict[str, tuple[Callable[[int, float], Any], str]] = {
    "ours": (ours, "Cluster CID"),
    "peer": (peer, "Status of cluster is"),
}


async def measure(kind: str, waits: int, interval: float, port: int) -> dict[str, float]:
    """Measure one kind of trigger."""
    make, beginning = KINDS[kind]
    server = FleetServer(port)
    process = psutil.Process()

    # What is paid once for a process, imports and botocore's data, is paid before the measurement.
    server.change(state="WithCustomer")
    warm_up = make(10**9, interval)
    # Importing Airflow sets its logging up, so that this comes after.
    heard = Heard(beginning)
    heard.attach()
    await _run(warm_up)
    server.change(state="InTransitToCustomer")
    heard.count = 0
    gc.collect()
    rss, calls = process.memory_info().rss, server.counts()["calls"]
    ticker = Ticker()
    await asyncio.sleep(0.1)
    ticker.take()

    began = time.perf_counter()
    tasks = []
    for number in range(waits):
        tasks.append(asyncio.create_task(_run(make(number, interval))))
        await asyncio.sleep(0)
    while heard.count < waits and time.perf_counter() - began < _GIVE_UP:
        await asyncio.sleep(0.005)
    found: dict[str, float] = {
        "polled": heard.count,
        "first_polls_s": time.perf_counter() - began,
        "block_start_ms": ticker.take() * 1e3,
    }
    await asyncio.sleep(interval / 2)
    ticker.take()
    cpu = process.cpu_times()
    await asyncio.sleep(_STEADY)
    after = process.cpu_times()
    used = after.user + after.system - cpu.user - cpu.system
    found |= {
        "rss_kb_a_wait": (process.memory_info().rss - rss) / 1024 / waits,
        "rss_mb": process.memory_info().rss / 2**20,
        "threads": process.num_threads(),
        "sockets": len(process.net_connections("tcp")),
        "cpu_ms_a_poll": used / (waits * _STEADY / interval) * 1e3,
        "calls": await asyncio.to_thread(lambda: server.counts()["calls"]) - calls,
    }
    await asyncio.to_thread(lambda: server.change(state="WithCustomer"))
    changed = time.perf_counter()
    ended = await asyncio.wait_for(asyncio.gather(*tasks), _GIVE_UP)
    found |= {
        "to_last_fired_s": time.perf_counter() - changed,
        "fired": sum(status in ("done", "success") for status in ended),
        "block_later_ms": ticker.take() * 1e3,
        "peak_rss_mb": _peak_rss_mb(),
    }
    return found


async def _run(trigger: Any) -> str:
    async for event in trigger.run():
        return str(event.payload["status"])
    raise RuntimeError("the trigger ended without an event")


def _peak_rss_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    _kind, _waits, _interval, _port = sys.argv[1:]
    os.environ["AIRFLOW_CONN_FLEET"] = connection(f"http://127.0.0.1:{_port}", retries=True)
    print(json.dumps(asyncio.run(measure(_kind, int(_waits), float(_interval), int(_port)))))
