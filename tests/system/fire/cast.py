"""The waits of a fire, and what each has to come to."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.system.fire.snowball import JOBS, cluster_id, job_id

__all__ = ["CONN_ID", "OUTAGE_TIMEOUT", "OVERDUE_AFTER", "UNANSWERED", "Cast", "Wait", "cast", "cast_of"]

CONN_ID = "fire"
#: Seconds, and for each further hundred of waits: time enough for all to begin, and for some attacks.
_TIMEOUT = 300.0
_MORE_TIMEOUT = 240.0
_SECOND = 1 / 86400
#: Seconds in a state that make a job overdue, and seconds that a wait bears without an answer.
OVERDUE_AFTER = 60.0
OUTAGE_TIMEOUT = 30.0
#: Tasks of one DAG. Of those that begin in the triggerer, Airflow reads the whole DAG for each.
_IN_ONE_DAG = 20
BEGUN: Mapping[str, Mapping[str, Any]] = {
    "deferred": {"deferrable": True, "poke_interval": 5},
    "triggered": {"start_from_trigger": True, "poke_interval": 5},
    # Each poll is a process of some seconds, which the machine has to have beside all else.
    "rescheduled": {"mode": "reschedule", "poke_interval": 75},
    "poke": {"mode": "poke", "poke_interval": 5},
    # Their run is deleted.
    "gone": {"deferrable": True, "poke_interval": 5},
}
#: How many of each kind wait in each way.
KINDS: Mapping[str, Mapping[str, int]] = {
    "deferred": {
        "reach": 16,
        "jobs": 6,
        "unreachable": 6,
        "timeout": 6,
        "soft": 3,
        "outage": 2,
        "overdue": 5,
        "late": 2,
    },
    # A triggerer that was restarted does not know whether one that began there ever had an answer.
    "triggered": {"reach": 16, "jobs": 6, "unreachable": 5, "timeout": 5, "soft": 3},
    "rescheduled": {
        "reach": 4,
        "jobs": 2,
        "unreachable": 2,
        "timeout": 2,
        "soft": 1,
        "outage": 1,
        "overdue": 2,
        "late": 1,
    },
    "poke": {"reach": 2},
    "gone": {"reach": 3},
}


#: And of those that tell of changes, where those are asked for.
TELLING: Mapping[str, Mapping[str, int]] = {
    "deferred": {"changes": 6},
    "rescheduled": {"changes": 2},
    "poke": {"changes": 1},
}
#: How many clusters are watched by assets besides: one moves at each attack.
WATCHED = 18
#: Ends that are waited for in each of these ways after the downgrade, too.
_LAST = {"reach", "jobs", "unreachable"}
_LAST_WAYS = {"deferred", "triggered", "rescheduled"}


#: What goes up as it came, where a try has had no answer yet; the connection may be gone just then.
UNANSWERED = (
    "SnowballAnswerError",
    "ClientError",
    "ConnectionClosedError",
    "EndpointConnectionError",
    "HTTPClientError",
    "ReadTimeoutError",
    "ResponseStreamingError",
    "SnowballConnectionError",
)
#: The first try ends in an outage; no later one has an answer at all.
OUTAGE = ("SnowballOutageError", *UNANSWERED)


@dataclass(frozen=True)
class Wait:
    """
    A wait.

    :param arguments: of its sensor.
    :param state: what it has to come to.
    :param errors: what may be raised by the try that ends it.
    :param moves: what its jobs do during the fire: the state that they move to.
    :param fails: whether its cluster is answered with errors during the fire.
    :param told: how many jobs its notifier is told of.
    :param then: the state that its jobs move to after the fire, of which somebody is told as of the first.
    :param last: whether its jobs move after the downgrade only.
    """

    name: str
    cluster: str
    arguments: Mapping[str, Any]
    state: str = "success"
    errors: tuple[str, ...] = ()
    moves: str | None = "WithCustomer"
    fails: bool = False
    told: int = 0
    then: str | None = None
    last: bool = False

    @property
    def reaches(self) -> str | None:
        """The state of its jobs by which it ends, if it ends by one."""
        return self.then or self.moves

    @property
    def ids(self) -> set[str]:
        """The ids of the jobs that it waits for."""
        named = self.arguments.get("job_ids")
        return set(named or (job_id(self.cluster, number) for number in range(JOBS)))

    @property
    def timeout(self) -> float | None:
        """Seconds until its end by its timeout, if that is how it ends."""
        return self.arguments.get("timeout")


@dataclass
class Cast:
    """
    All waits, and the DAGs that they are in.

    :param timeout: of those that end by it.
    :param watched: further clusters, which asset watchers look at.
    """

    timeout: float
    waits: dict[str, Wait] = field(default_factory=dict)
    watched: tuple[str, ...] = ()

    @property
    def dags(self) -> dict[str, dict[str, Any]]:
        """The arguments of each task, by DAG; each way to wait has DAGs of its own."""
        found: dict[str, dict[str, Any]] = {}
        by_way: dict[str, list[Wait]] = {}
        for wait in self.waits.values():
            by_way.setdefault(wait.name.split("_")[0], []).append(wait)
        for way, waits in by_way.items():
            for number in range(0, len(waits), _IN_ONE_DAG):
                part = waits[number : number + _IN_ONE_DAG]
                found[f"fire_{way}_{number // _IN_ONE_DAG}"] = {
                    each.name: dict(each.arguments) for each in part
                }
        return found


def cast(times: int = 1, *, telling: bool = False) -> Cast:
    """
    Return the waits, about a hundred, and the watched clusters.

    :param times: of what is in a triggerer, so many times as many.
    :param telling: whether some tell of changes.
    """
    more = TELLING if telling else {}
    counts = {
        way: {
            kind: count * (times if way in ("deferred", "triggered") else 1)
            for kind, count in (*kinds.items(), *more.get(way, {}).items())
        }
        for way, kinds in KINDS.items()
    }
    found = cast_of(counts, _TIMEOUT + (times - 1) * _MORE_TIMEOUT)
    for way, kind in itertools.product(_LAST_WAYS, _LAST):
        name = next(name for name in found.waits if name.startswith(f"{way}_{kind}_"))
        found.waits[name] = replace(found.waits[name], last=True)
    first = len(found.waits) + 1
    found.watched = tuple(cluster_id(number) for number in range(first, first + WATCHED * times))
    return found


def cast_of(counts: Mapping[str, Mapping[str, int]], timeout: float = _TIMEOUT) -> Cast:
    """
    Return other waits.

    :param counts: how many of each of KINDS.
    """
    found = Cast(timeout)
    for way, kinds in counts.items():
        for kind in (kind for kind, count in kinds.items() for _ in range(count)):
            number = len(found.waits) + 1
            name = f"{way}_{kind}_{number:03d}"
            found.waits[name] = _wait(name, cluster_id(number), kind, BEGUN[way], timeout)
    return found


def _wait(name: str, cluster: str, kind: str, more: Mapping[str, Any], timeout: float) -> Wait:
    arguments: dict[str, Any] = {
        "aws_conn_id": CONN_ID,
        "target_state": "WithCustomer",
        **more,
    }
    if kind == "jobs":
        arguments["job_ids"] = [job_id(cluster, number) for number in range(3)]
    else:
        arguments |= {"cluster_id": cluster, "min_jobs": 5}
    match kind:
        case _ if name.startswith("gone_"):
            return Wait(name, cluster, arguments, "deleted", moves=None)
        case "unreachable":
            return Wait(
                name, cluster, arguments, "failed", ("SnowballTargetUnreachableError",), moves="Cancelled"
            )
        case "timeout":
            arguments["timeout"] = timeout
            return Wait(name, cluster, arguments, "failed", ("AirflowSensorTimeout",), moves=None)
        case "soft":
            arguments |= {"timeout": timeout, "soft_fail": True}
            return Wait(name, cluster, arguments, "skipped", moves=None)
        case "outage":
            arguments["outage_timeout"] = OUTAGE_TIMEOUT
            return Wait(name, cluster, arguments, "failed", OUTAGE, moves=None, fails=True)
        case "overdue":
            arguments |= {
                "max_days_in_state": {"PreparingShipment": OVERDUE_AFTER * _SECOND},
                "on_overdue": "notify",
            }
            return Wait(name, cluster, arguments, told=5)
        case "changes":
            arguments |= {"target_state": "InTransitToAWS", "on_change": "notify"}
            return Wait(name, cluster, arguments, then="InTransitToAWS")
        case "late":
            arguments |= {
                "max_days_in_state": {"PreparingShipment": OVERDUE_AFTER * _SECOND},
                "on_overdue": "fail",
            }
            return Wait(name, cluster, arguments, "failed", ("SnowballJobsOverdueError",), moves=None)
    return Wait(name, cluster, arguments)
