"""Many waits in one triggerer's event loop, against the amazon provider's way and a process a poke."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks.report import Result, Target
from tests.fakes.fleet_server import FleetServer

__all__ = ["child", "run"]

#: How many waits, and seconds between two polls: at 10,000 waits, the cap of 20 calls a second allows 60.
CROWDS = {50: 10.0, 300: 10.0, 1000: 10.0, 10_000: 60.0}
#: 10,000 of the peers' waits would take 11 GB, or 20 minutes until all have polled.
PEERS_UP_TO = 1000

#: ClusterJobsTrigger, JobsTrigger, and the two peers.
KINDS = ("ours", "jobs", "peer", "process")

_COLUMNS = {
    "first_polls_s": ("until all polled, s", "{:.2f}"),
    "rss_kb_a_wait": ("RSS a wait, KB", "{:.0f}"),
    "peak_rss_mb": ("peak RSS, MB", "{:.0f}"),
    "threads": ("threads", "{:.0f}"),
    "sockets": ("sockets", "{:.0f}"),
    "block_ms": ("longest block, ms", "{:.0f}"),
    "cpu_ms_a_poll": ("CPU a poll, ms", "{:.2f}"),
    "calls_an_interval": ("calls an interval", "{:.0f}"),
    "to_last_fired_s": ("change to last fired, s", "{:.1f}"),
}


def run() -> Result:
    """Measure each crowd of each kind, one after the other, on a server of its own."""
    rows: list[tuple[str, ...]] = [("waits", "kind", *(title for title, _ in _COLUMNS.values()))]
    found: dict[tuple[int, str], dict[str, float]] = {}
    for waits, interval in CROWDS.items():
        for kind in KINDS if waits <= PEERS_UP_TO else KINDS[:1]:
            found[waits, kind] = measured = _measure(kind, waits, interval)
            rows.append((f"{waits:,}", kind, *_cells(measured)))
        if waits <= PEERS_UP_TO:
            rows += [
                (f"{waits:,}", f"ours / {kind}", *_ratios(found, waits, kind)) for kind in ("peer", "process")
            ]
    ours, peer, most = found[1000, "ours"], found[1000, "peer"], found[max(CROWDS), "ours"]
    return Result(
        title="Waits in one triggerer's event loop",
        command="python -m benchmarks waits",
        how=(
            "Ten waits a cluster, a cluster of five jobs, on a server in a process of its own; each line "
            "is a process of its own, in the order of the table. `jobs` is our JobsTrigger: a job each of an "
            "account's thousand, ten pages of ListJobs. `peer` is AwsBaseWaiterTrigger with a "
            "custom waiter; `process` is a PythonSensor in reschedule mode, of which only the forked poke "
            "is counted: its RSS is one process's, of which up to 32 run at once. Polls come every 10 s, "
            "every 60 s at 10,000 waits. A poll is a wait's look at its cluster, whoever made the call "
            "for it."
        ),
        rows=rows,
        targets=[
            Target("RSS a wait against the peer's at 1,000", _part(ours, peer, "rss_kb_a_wait"), 1 / 50),
            Target("time to first polls against the peer's", _part(ours, peer, "first_polls_s"), 1 / 50),
            Target(
                "ListJobs calls an interval, of 10 pages, at 1,000 jobs",
                found[1000, "jobs"]["calls_an_interval"],
                11,
                "",
            ),
            Target("longest block at 1,000", ours["block_ms"], 200, "ms"),
            Target("RSS in all at 10,000", most["peak_rss_mb"], 300, "MB"),
            Target("longest block at 10,000", most["block_ms"], 200, "ms"),
            Target("waits that did not fire at 10,000", max(CROWDS) - most["fired"], 0, ""),
        ],
    )


def child(module: str, *arguments: object) -> dict[str, float]:
    """
    Run a module of the benchmarks in a process of its own, and return the JSON that it prints last.

    :raises RuntimeError: if it fails; the message has the end of its output.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(kind: str, waits: int, interval: float) -> dict[str, float]:
    with FleetServer() as server:
        if kind == "process":
            found = child("poke_processes", waits, server.port)
            found["calls_an_interval"] = found["calls"]
        else:
            found = child("waits_in_one_loop", "at_ease", kind, waits, interval, server.port)
            found["block_ms"] = max(found["block_start_ms"], found["block_end_ms"])
    if found["polled"] < waits:
        raise RuntimeError(f"{waits - found['polled']:.0f} of {waits} waits of kind {kind} never polled")
    return found


def _cells(measured: dict[str, float]) -> list[str]:
    return [form.format(measured[name]) if name in measured else "" for name, (_, form) in _COLUMNS.items()]


def _ratios(found: dict[tuple[int, str], dict[str, float]], waits: int, kind: str) -> list[str]:
    ours, theirs = found[waits, "ours"], found[waits, kind]
    return [_ratio(ours[name], theirs.get(name)) for name in _COLUMNS]


def _part(ours: dict[str, float], theirs: dict[str, float], name: str) -> float:
    return ours[name] / theirs[name]


def _ratio(mine: float, theirs: float | None) -> str:
    if not mine or not theirs:
        return ""
    return f"1/{theirs / mine:.1f}" if theirs > mine else f"{mine / theirs:.1f}"
