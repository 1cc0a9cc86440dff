"""What is done to a deployment while its waits go on: seeded, and printed as it happens."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.system.fire.cast import CONN_ID, Cast, Wait
from tests.system.fire.deployment import Deployment, connect
from tests.system.patience import until

__all__ = ["ENDED", "WAITING", "Fire", "clean", "states_of"]

ENDED = ("success", "failed", "skipped")
WAITING = ("deferred", "up_for_reschedule")

#: How long a fault of Snowball's, a frozen process and the like lasts.
_A_WHILE = (6.0, 14.0)
_GAP = (0.5, 3.0)
#: How long before the first deadline all goes down, and how long that lasts at most.
_BEFORE = 20.0
_ALL_DOWN = 60.0
#: The connection goes among so many first attacks: what ends by its timeout may begin anew, and would rightly
#: fail without it.
_EARLY = 6
_HEALTHY_WITHIN = 300.0
#: Airflow takes half a minute without a heartbeat for unwell; then so long, for what starts beside others.
_PROBED_AFTER = 60.0


def clean(deployment: Deployment, seconds: float, *arguments: str) -> None:
    """Have Airflow erase what is older than so many seconds."""
    before = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="seconds")
    deployment.airflow.run(
        *("db", "clean", "--clean-before-timestamp", before, "--skip-archive", "--yes"), *arguments
    )


class _Instance(NamedTuple):
    state: str | None
    try_number: int


def _instances(deployment: Deployment, runs: Iterable[str]) -> dict[str, _Instance]:
    # Of the database, for it is often asked: an API server takes a fifth of a second for a DAG.
    query = "select task_id, state, try_number from task_instance where run_id = any(%s)"
    with closing(deployment.postgres.connect()) as database, database.cursor() as cursor:
        cursor.execute(query, (list(runs),))
        return {name: _Instance(state, try_number) for name, state, try_number in cursor.fetchall()}


def states_of(deployment: Deployment, runs: Iterable[str]) -> dict[str, str | None]:
    """Return the state of each task of runs."""
    return {name: each.state for name, each in _instances(deployment, runs).items()}


@dataclass
class Fire:
    """
    A plan, and what was done.

    :param seed: everything that is left to chance follows from it.
    :param down: when a part of the deployment was away, from and until, in Unix time; Snowball is none.
    :param by_hand: what a user did to tasks: their names, and the states that they have to have since.
    :param since: from when on waits may have begun, in Unix time.
    :param cleared: the names of those that a user cleared, and which try that was; ``cleared_at``, when.
    :param deleted: the names of the waits whose run was deleted, and when, in Unix time.
    :param ends: how often something ended or stood still that may have had events in its hands.
    :param earlier: where an earlier package is, which the waits begin with and the last of them end with.
    """

    deployment: Deployment
    cast: Cast
    runs: dict[str, str]
    seed: int
    earlier: Path | None = None
    since: float = 0.0
    ends: int = 0
    down: list[tuple[float, float]] = field(default_factory=list)
    by_hand: dict[str, str | None] = field(default_factory=dict)
    cleared: dict[str, int] = field(default_factory=dict)
    cleared_at: dict[str, float] = field(default_factory=dict)
    deleted: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._began = time.monotonic()

    def rage(self) -> None:
        """Do everything once, in an order left to chance, with the devices' moves among it."""
        names = list(self.deployment.airflow.components)
        self._random.shuffle(names)
        attacks: list[tuple[str, Callable[[], None]]] = [
            *(
                (f"kill -9 {name}, restart {other}", partial(self._kill, name, other))
                for name, other in zip(names, [*names[1:], names[0]], strict=True)
            ),
            *((f"freeze {name}", partial(self._freeze, name)) for name in ("triggerer", "scheduler")),
            ("PostgreSQL restarts fast", partial(self._postgres, signal.SIGINT)),
            ("PostgreSQL restarts at once", partial(self._postgres, signal.SIGQUIT)),
            ("the connection is edited", self._edit_connection),
            ("DAGs are paused for a while", self._pause),
            ("tasks are cleared and marked", self._by_hand),
            ("a run is marked and deleted", self._delete_run),
            ("airflow db clean, with the tables that docs/operating_waits.md names", self._clean),
        ]
        if self.deployment.redis is not None:
            attacks.append(("Redis is away", self._redis))
        waits = self.cast.waits.values()
        moves = [
            (each.cluster, each.moves) for each in waits if each.moves and not each.told and not each.last
        ]
        self._random.shuffle(attacks)
        gone = self._random.randrange(_EARLY)
        attacks.insert(gone, ("the connection is gone for a while", self._delete_connection))
        kinds = ("hang", "reset", "throttle", "500", "torn")
        # For the connection to be gone, all must have had an answer.
        others = [number for number in range(len(attacks)) if number != gone]
        faults = dict(zip(self._random.sample(others, len(kinds)), kinds, strict=True))
        self._random.shuffle(moves)
        self.say("clusters are answered with errors")
        self.deployment.snowball.fail([each.cluster for each in waits if each.fails])
        deadlines = self._deadlines()
        for number, (name, attack) in enumerate(attacks):
            if deadlines and time.time() > min(deadlines) - _BEFORE:
                self._all_down(deadlines)
                deadlines = []
            due = dict(moves[number :: len(attacks)])
            due |= dict.fromkeys(self.cast.watched[number :: len(attacks)], "WithCustomer")
            # Some just before, so that waits end while it happens.
            self.deployment.snowball.move(due)
            self.say(f"{name}; {len(due)} clusters move")
            with self._fault(faults[number]) if number in faults else nullcontext():
                attack()
                self.until_healthy()
            time.sleep(self._random.uniform(*_GAP))
        if deadlines:
            time.sleep(max(min(deadlines) - _BEFORE - time.time(), 0.0))
            self._all_down(deadlines)

    def move_the_late(self) -> None:
        """Have the jobs arrive of which somebody was to be told."""
        waits = self.cast.waits.values()
        late = {wait.cluster: wait.moves for wait in waits if wait.told and wait.moves}
        self.deployment.snowball.move(
            late | {wait.cluster: wait.then for wait in waits if wait.then is not None}
        )

    def move_the_last(self) -> None:
        """Have the jobs of the last waits move on."""
        last = [wait for wait in self.cast.waits.values() if wait.last]
        self.deployment.snowball.move({wait.cluster: wait.moves for wait in last if wait.moves})

    def upgrade(self) -> None:
        """Restart all with the package that is tested."""
        self.say("upgrade")
        self._roll(None)
        self.until_parsed_with(earlier=False)

    def downgrade(self) -> None:
        """Restart all with the earlier package."""
        self.say("downgrade")
        self._roll(self.earlier)
        self.until_parsed_with(earlier=True)

    def until_parsed_with(self, *, earlier: bool) -> None:
        """Wait until the DAGs are those of the earlier package, or of the one that is tested."""
        home = self.deployment.airflow.home

        def parsed() -> bool:
            return (home / "parsed_with").read_text().startswith(str(self.earlier)) == earlier

        self.until(parsed, f"the DAGs are those of the {'earlier' if earlier else 'tested'} package")

    def until(self, condition: Callable[[], bool], what: str, within: float = 300.0) -> None:
        """Wait until a condition holds, and start again what ends meanwhile; fail after so many seconds."""

        def holds() -> bool:
            # Some end a while after they lost their database.
            self.until_healthy()
            return condition()

        until(holds, what, within)

    def until_healthy(self) -> None:
        """Wait until all components are well; start those again that have ended, as a supervisor does."""
        airflow = self.deployment.airflow
        began, unwell_since = time.time(), time.monotonic()
        deadline = time.monotonic() + _HEALTHY_WITHIN
        was_well = True
        while True:
            for name in airflow.ended():
                self.say(f"{name} has ended, and is started again")
                airflow.start(name)
                self.ends += 1
                was_well = False
            unhealthy = airflow.unhealthy()
            if not unhealthy:
                break
            was_well = False
            now = time.monotonic()
            if "api-server" not in unhealthy and now - unwell_since > _PROBED_AFTER:
                # A scheduler that lost its database waits for its workers first, however long they take.
                for name in unhealthy:
                    self.say(f"{name} is not well, and is killed, as a liveness probe has it")
                    airflow.kill(name)
                    airflow.start(name)
                    self.ends += 1
                unwell_since = now
            if now > deadline:
                raise RuntimeError(f"not well within {_HEALTHY_WITHIN:g} s: {unhealthy}")
            time.sleep(0.5)
        if not was_well:
            self._away(began)

    def states(self) -> dict[str, str | None]:
        """Return the state of each wait."""
        return states_of(self.deployment, self.runs.values())

    def seconds(self) -> float:
        """Return how long it has been going on."""
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """Print a line, with the seconds since the beginning."""
        print(f"{self.seconds():6.1f} s  {text}", flush=True)

    def _away(self, began: float, ends: int = 0) -> None:
        self.down.append((began, time.time()))
        self.ends += ends

    def _deadlines(self) -> Sequence[float]:
        """Return when waits end by their timeout, in Unix time."""
        polls = self.deployment.snowball.polls()
        return [min(polls[wait.cluster]) + wait.timeout for wait in self.cast.waits.values() if wait.timeout]

    def _all_down(self, deadlines: Sequence[float]) -> None:
        """Kill all that could tell of deadlines, until they are past."""
        began = time.time()
        past = min(max(deadlines) + 5.0, began + _ALL_DOWN)
        passed = sum(began < each < past for each in deadlines)
        self.say(f"all is down for {past - began:.0f} s, past {passed} deadlines")
        names = [name for name in self.deployment.airflow.components if name != "api-server"]
        for name in names:
            self.deployment.airflow.kill(name)
        time.sleep(max(past - time.time(), 0.0))
        for name in names:
            self.deployment.airflow.start(name)
        self.until_healthy()
        self._away(began, len(names))

    def _kill(self, name: str, other: str) -> None:
        """Kill a component while another ends politely, as on a machine that is drained too late."""
        airflow = self.deployment.airflow
        began = time.time()
        airflow.kill(name)
        airflow.stop(other)
        time.sleep(self._random.uniform(0.0, 5.0))
        for each in (name, other):
            airflow.start(each)
        self._away(began, 2)

    def _roll(self, package: Path | None) -> None:
        airflow = self.deployment.airflow
        airflow.configure({"PYTHONPATH": None if package is None else str(package)})
        began = time.time()
        # Triggerers last, as docs/operating_waits.md has it: no newer one of them meets an older worker.
        for name in sorted(airflow.components, key=lambda name: name.startswith("triggerer")):
            airflow.stop(name)
            airflow.start(name)
        self.until_healthy()
        self._away(began, len(airflow.components))

    def _freeze(self, name: str) -> None:
        began = time.time()
        self.deployment.airflow.freeze(name)
        # Longer than it takes until another triggerer has its waits.
        time.sleep(15.0)
        self.deployment.airflow.thaw(name)
        self._away(began, 1)

    @contextmanager
    def _fault(self, kind: str) -> Iterator[None]:
        """Have Snowball fail, for a while at the least."""
        began, seconds = time.time(), self._random.uniform(*_A_WHILE)
        self.say(f"meanwhile, Snowball: {kind}")
        self.deployment.snowball.fault(kind)
        yield
        time.sleep(max(began + seconds - time.time(), 0.0))
        self.deployment.snowball.fault(None)

    def _postgres(self, how: signal.Signals) -> None:
        began = time.time()
        self.deployment.postgres.stop(how)
        time.sleep(self._random.uniform(0.0, 4.0))
        self.deployment.postgres.start()
        self._away(began, 1)

    def _redis(self) -> None:
        redis = self.deployment.redis
        assert redis is not None
        began = time.time()
        redis.stop(signal.SIGKILL)
        time.sleep(self._random.uniform(*_A_WHILE))
        redis.start()
        self._away(began)

    def _edit_connection(self) -> None:
        self._connect("second")

    def _delete_connection(self) -> None:
        # One that begins while its connection is gone fails, and rightly.
        self._until_begun_anew()
        self._api(partial(self.deployment.airflow.api.delete, f"/connections/{CONN_ID}"))
        time.sleep(self._random.uniform(*_A_WHILE))
        self._connect("third")

    def _connect(self, key: str) -> None:
        api = self.deployment.airflow.api
        with suppress(httpx.HTTPStatusError):
            api.delete(f"/connections/{CONN_ID}")
        self._api(partial(connect, self.deployment, key))

    def _clean(self) -> None:
        """Erase what is older than a moment, but for who sends heartbeats; most waits are older."""
        clean(self.deployment, 60, "--tables", "log,job")

    def _pause(self) -> None:
        api = self.deployment.airflow.api
        for paused in (True, False):
            for dag_id in self.runs:
                self._api(partial(api.patch, f"/dags/{dag_id}", {"is_paused": paused}))
            time.sleep(self._random.uniform(*_A_WHILE) if paused else 0.0)

    def _by_hand(self) -> None:
        """Clear two waits that go on, and mark two."""
        before = _instances(self.deployment, self.runs.values())
        going = [
            wait
            for wait in self.cast.waits.values()
            if wait.name in before
            and before[wait.name].state in WAITING
            and "_reach_" in wait.name
            and wait.state != "deleted"
        ]
        chosen = self._random.sample(going, min(4, len(going)))
        for wait, state in zip(chosen, ("cleared", "cleared", "success", "failed"), strict=False):
            self.say(f"{wait.name} is {state} by hand")
            if state == "cleared":
                self._clear(wait)
            else:
                self._mark(wait, state)

    def _until_begun_anew(self) -> None:
        """Wait until those that were cleared have had an answer again."""

        def begun_anew() -> bool:
            now = _instances(self.deployment, self.runs.values())
            return all(
                now[name].try_number > tries and now[name].state in (*WAITING, *ENDED)
                for name, tries in self.cleared.items()
            )

        self.until(begun_anew, f"{sorted(self.cleared)} begin anew")

    def _clear(self, wait: Wait) -> None:
        dag_id = self._dag_of(wait)
        body: dict[str, Any] = {
            "dry_run": False,
            "task_ids": [wait.name],
            "dag_run_id": self.runs[dag_id],
            "only_failed": False,
        }
        self.cleared[wait.name] = _instances(self.deployment, self.runs.values())[wait.name].try_number
        self._api(partial(self.deployment.airflow.api.post, f"/dags/{dag_id}/clearTaskInstances", body))
        self.cleared_at[wait.name] = time.time()

    def _mark(self, wait: Wait, state: str) -> None:
        dag_id = self._dag_of(wait)
        path = f"/dags/{dag_id}/dagRuns/{self.runs[dag_id]}/taskInstances/{wait.name}"
        self.by_hand[wait.name] = state
        self._api(partial(self.deployment.airflow.api.patch, path, {"new_state": state}))

    def _dag_of(self, wait: Wait) -> str:
        return next(dag_id for dag_id, tasks in self.cast.dags.items() if wait.name in tasks)

    def _delete_run(self) -> None:
        for dag_id, tasks in self.cast.dags.items():
            if any(self.cast.waits[name].state == "deleted" for name in tasks):
                api, path = self.deployment.airflow.api, f"/dags/{dag_id}/dagRuns/{self.runs.pop(dag_id)}"
                # The API deletes none that is running.
                self._api(partial(api.patch, path, {"state": "failed"}))
                self._api(partial(api.delete, path))
                self.deleted |= dict.fromkeys(tasks, time.time())

    def _api(self, call: Callable[[], Any]) -> None:
        """Call the API as a user does, who tries again where it has just been restarted."""
        deadline = time.monotonic() + 60
        while True:
            try:
                call()
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                return
