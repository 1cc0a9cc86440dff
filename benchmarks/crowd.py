"""So many waits of a kind, as the processes of a deployment are told of them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from benchmarks.waits_in_one_loop import PER_CLUSTER
from tests.fakes.fleet_server import cluster_id

__all__ = ["MOVED", "WAITING_IN", "Crowd"]

#: Waits whose device moves while the others wait on, each in a cluster of its own.
MOVED = 5
#: The state of all devices at first.
WAITING_IN = "InTransitToCustomer"


@dataclass(frozen=True)
class Crowd:
    """
    So many waits of a kind.

    :param kind: ``ours`` and ``peer`` are deferred; ``reschedule`` and ``poke`` are our sensor's modes, and
        ``PythonSensor`` is in reschedule mode.
    :param dags: how many DAGs they are spread over, mapped in each.
    :param interval: seconds between two polls.
    """

    kind: str
    waits: int
    dags: int = 1
    interval: float = 60.0

    @property
    def deferred(self) -> bool:
        """Whether it waits in the triggerer."""
        return self.kind in ("ours", "peer")

    def clusters(self) -> list[list[str]]:
        """Return the clusters that the waits of each DAG are for."""
        numbers = [
            number if number < MOVED else MOVED + number // PER_CLUSTER for number in range(self.waits)
        ]
        each = self.waits // self.dags
        return [
            [cluster_id(number) for number in numbers[start : start + each]]
            for start in range(0, self.waits, each)
        ]

    def environment(self) -> dict[str, str]:
        """Return the environment that tells another process of it."""
        return {"BENCH_CROWD": json.dumps(asdict(self))}

    @classmethod
    def of_environment(cls) -> Crowd:
        """Return the crowd that this process was told of."""
        return cls(**json.loads(os.environ["BENCH_CROWD"]))
