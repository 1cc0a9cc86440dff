"""A hundred waits on ten clusters, on a server that throttles at five calls a second."""

from __future__ import annotations

from benchmarks.report import Result, Target
from benchmarks.waits import child
from tests.fakes.fleet_server import FleetServer

WAITS = 100
INTERVAL = 15.0


def run() -> Result:
    """Measure both, one after the other, on a server of its own."""
    found = {}
    for kind in ("ours", "peer"):
        with FleetServer() as server:
            found[kind] = child("waits_in_one_loop", "throttled", kind, WAITS, INTERVAL, server.port)
    return Result(
        title="Throttled at 5 calls a second",
        command="python -m benchmarks throttled",
        how=f"{WAITS} waits on 10 clusters that poll every {INTERVAL:.0f} s, for 90 s. `peer` as above.",
        rows=[
            ("kind", "calls", "of them throttled", "waits that polled", "until all polled, s"),
            *(
                (
                    kind,
                    f"{each['calls']:.0f}",
                    f"{each['throttled']:.0f}",
                    f"{each['polled']:.0f}",
                    f"{each['first_polls_s']:.1f}" if each["polled"] >= WAITS else "over 90",
                )
                for kind, each in found.items()
            ),
        ],
        targets=[
            Target("calls in 90 s", found["ours"]["calls"], 99, ""),
            Target("waits that never polled", WAITS - found["ours"]["polled"], 0, ""),
        ],
    )
