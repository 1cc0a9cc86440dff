"""What became of the waits of a fire: counted from the database, the listener's log and the server's own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.system.fire.cast import OUTAGE_TIMEOUT, OVERDUE_AFTER, UNANSWERED, Cast, Wait
from tests.system.fire.plan import Fire
from tests.system.fire.snowball import JOBS, Log, job_id

__all__ = ["AIRFLOWS_FAULTS", "NAMES", "Verdicts", "all_are_told", "judge"]

NAMES = (
    "right",
    "wrong",
    "lost",
    "twice",
    "early",
    "late",
    "failed a try",
    "polled after its end",
    "told too little",
    "by Airflow",
)

#: What Airflow says where it fails a try by a fault of its own, and where that is discussed.
AIRFLOWS_FAULTS = {
    "finished with state success, but the task instance's state attribute is": (
        "a late word of the run before is taken for one of this run: apache/airflow#71172 (reschedule), "
        "apache/airflow#72716 (deferred)"
    ),
}
#: Seconds after which a deadline is told late by a triggerer.
_ON_TIME = 30.0
#: Seconds that a worker's run may take until it has told of an end, and for each that ends beside it.
_WORKER = 60.0
_BESIDE = 10.0
#: What a worker raises where Airflow's API server or database is away just when it needs them.
_AIRFLOW_IS_AWAY = frozenset(
    {
        "AirflowRuntimeError",
        "ConnectError",
        "HTTPStatusError",
        "ReadError",
        "ReadTimeout",
        "RemoteProtocolError",
        "ServerResponseError",
    }
)
#: Seconds in which a triggerer may not know yet that a task of its has ended.
_LAST_POLLS = 30.0


@dataclass
class Verdicts:
    """How many waits came to what they had to, and what is said of each that did not."""

    counts: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)
    #: Tries that Airflow failed by a fault of its own, most of which had another.
    faults: Counter[str] = field(default_factory=Counter)
    #: What tries failed for besides, other than what they have to come to.
    tries: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: str, text: str = "") -> None:
        """Count a verdict."""
        self.counts[verdict] += 1
        if text:
            self.texts.append(f"{verdict}: {text}")

    def bad(self) -> bool:
        """Tell whether anything is not as it has to be, and is not Airflow's fault."""
        return any(self.counts[name] for name in NAMES if name not in ("right", "by Airflow"))

    def row(self) -> list[int]:
        """Return the numbers, in the order of NAMES, and how many tries Airflow failed by its own faults."""
        return [*(self.counts[name] for name in NAMES), self.faults.total()]

    def __str__(self) -> str:
        table = "\n".join(f"{name:22}{self.counts[name]:5}" for name in NAMES)
        faults = [f"Airflow failed {count} tries: {fault}" for fault, count in self.faults.items()]
        tries = [f"{count} tries failed by {what}" for what, count in sorted(self.tries.items())]
        return "\n".join([table, *faults, *tries, *self.texts])


def judge(fire: Fire, log: Log, home: Path) -> Verdicts:
    """
    Judge the waits of a fire that is over.

    :param log: what Snowball has seen.
    """
    with fire.deployment.postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "select task_id, state, try_number, extract(epoch from end_date)::float8 from task_instance"
        )
        instances = {row[0]: row[1:] for row in cursor.fetchall()}
        # A worker that is killed as it ends has told its listeners, and not yet Airflow, which tries again.
        cursor.execute(
            "select task_id, try_number from task_instance_history where state not in ('success', 'skipped')"
        )
        not_ended = set(cursor.fetchall())
        cursor.execute("select task_id, value from xcom where key = 'return_value'")
        results = {task_id: json.loads(v) if isinstance(v, str) else v for task_id, v in cursor.fetchall()}
    ends = _by_task(_lines(home / "ends.jsonl"))
    twice = {
        name
        for name, of_task in ends.items()
        if sum(
            each["end"] in ("success", "skipped") and (name, each["try_number"]) not in not_ended
            for each in of_task
        )
        > 1 + (name in fire.cleared)
    }
    told = _told_jobs(home)
    changes = _changes(home)
    verdicts = Verdicts()
    for name, wait in fire.cast.waits.items():
        if name in fire.deleted:
            verdicts.add("wrong" if name in instances else "right", f"{name} is there" * (name in instances))
            _judge_time(verdicts, fire, wait, log.polls.get(wait.cluster, []), fire.deleted[name])
            continue
        state, tries, ended_at = instances[name]
        _judge_end(verdicts, fire, wait, state, tries, ends.get(name, []))
        _judge_tries(verdicts, fire, wait, ends.get(name, []), log)
        if name not in fire.by_hand and state == "success":
            _judge_result(verdicts, wait, results.get(name))
        if name in twice:
            verdicts.add("twice", f"{name}: {ends[name]}")
        if ended_at is not None:
            _judge_time(verdicts, fire, wait, log.polls.get(wait.cluster, []), ended_at, tries=tries)
        if wait.then is not None:
            _judge_changes(verdicts, wait, changes.get(name, []))
        if wait.told:
            _judge_told(verdicts, wait, told.get(name, Counter()), tries)
    return verdicts


def _judge_end(
    verdicts: Verdicts,
    fire: Fire,
    wait: Wait,
    state: str | None,
    tries: int,
    ends: Sequence[Mapping[str, Any]],
) -> None:
    expected = fire.by_hand.get(wait.name, wait.state)
    about = f"{wait.name} is {state} after {tries} tries, and should be {expected}: {ends}"
    faults = [fault for fault in map(_fault_of, ends) if fault]
    verdicts.faults.update(faults)
    last = ends[-1] if ends else None
    if state not in ("success", "failed", "skipped"):
        verdicts.add("lost", about)
    elif last and _fault_of(last) and state == "failed" and wait.name not in fire.by_hand:
        # No try is left, and the last one that there was had nothing to say.
        verdicts.add("by Airflow", about)
    elif state != expected:
        verdicts.add("wrong", about)
    elif wait.name not in fire.by_hand and wait.errors and last and last["error"][0] not in wait.errors:
        verdicts.add("wrong", f"{wait.name} failed for another reason: {last}")
    else:
        verdicts.add("right")


def _judge_tries(
    verdicts: Verdicts, fire: Fire, wait: Wait, ends: Sequence[Mapping[str, Any]], log: Log
) -> None:
    """Judge each end of a try: whether it could be so by then, and what it failed for."""
    before = 0.0
    cleared_at = fire.cleared_at.get(wait.name, 0.0)
    for end in ends:
        if before < cleared_at < end["at"]:
            # Of the try that was cleared, Airflow tells nobody.
            before = cleared_at
        kind = end["error"][0] if end["error"] else end["end"]
        not_before = None if wait.name in fire.by_hand else _not_before(fire, wait, kind, end["at"], log)
        if not_before is not None and end["at"] < not_before:
            verdicts.add("early", f"{wait.name}, {not_before - end['at']:.0f} s too early: {end}")
        if end["end"] == "failed" and kind not in wait.errors:
            verdicts.tries["Airflow's word" if kind == "str" else kind] += 1
        may_fail = kind in ("str", *_AIRFLOW_IS_AWAY)
        if kind in UNANSWERED:
            may_fail = True
            if _knows_answers(wait) and log.answered(wait.cluster, before + _LAST_POLLS, end["at"]):
                # Said, and no verdict: a scheduler that is killed may have failed the try before unheard.
                verdicts.tries[f"{kind}, after a good answer to {wait.name}"] += 1
        if end["end"] == "failed" and not may_fail and kind not in set(wait.errors) - set(UNANSWERED):
            verdicts.add("failed a try", f"{wait.name}: {end}")
        before = end["at"]


def _knows_answers(wait: Wait) -> bool:
    """
    Tell whether a try of a wait knows of the answers that it has had, and they are told apart.

    One that begins in the triggerer does not know after a restart; a listing of all is anybody's; and one
    that pokes goes on for a while after Airflow has given it up.
    """
    return wait.name.startswith(("deferred_", "rescheduled_")) and "cluster_id" in wait.arguments


def _not_before(fire: Fire, wait: Wait, kind: str, at: float, log: Log) -> float | None:
    """Return when an end may be at the earliest, None if it may be at any time."""
    began = min(log.polls.get(wait.cluster, [0.0]))
    match kind:
        case "success" | "SnowballTargetUnreachableError" if wait.reaches is not None:
            return log.moved_at(wait.cluster, wait.reaches)
        case "AirflowSensorTimeout" | "skipped" if wait.timeout is not None:
            # In a triggerer, it begins before its first poll: as Airflow defers it.
            return fire.since + wait.timeout
        case "SnowballJobsOverdueError":
            return began + OVERDUE_AFTER - 1.0
        case "SnowballOutageError":
            answers = [each for each in log.answers.get(wait.cluster, ()) if each < at]
            return max(answers, default=began) + OUTAGE_TIMEOUT - 1.0
    return None


def _judge_result(verdicts: Verdicts, wait: Wait, result: Any) -> None:
    """Judge what a wait hands on: the jobs that it waited for, where it has them."""
    jobs = {each["JobId"]: each["JobState"] for each in result} if isinstance(result, list) else {}
    if jobs != dict.fromkeys(wait.ids, wait.reaches):
        verdicts.add("wrong", f"{wait.name} hands on {result}")


def _fault_of(end: Mapping[str, Any]) -> str | None:
    text = end["error"][1] if end["error"] else ""
    return next((fault for sign, fault in AIRFLOWS_FAULTS.items() if sign in text), None)


def _judge_time(
    verdicts: Verdicts, fire: Fire, wait: Wait, polls: Sequence[float], ended_at: float, *, tries: int = 1
) -> None:
    # One that begins in the triggerer counts anew with each try (docs/modes.md).
    begins_anew = tries > 1 and wait.arguments.get("start_from_trigger")
    if wait.timeout is not None and polls and not begins_anew:
        # It began a moment before it first polled.
        deadline = min(polls) + wait.timeout
        # In a worker, by its next poll.
        on_time = wait.arguments["poke_interval"] if "mode" in wait.arguments else _ON_TIME
        on_time += _WORKER + _BESIDE * sum(each.timeout is not None for each in fire.cast.waits.values())
        due = deadline
        # Whatever was away by then has its time once it is back.
        for began, until in sorted(fire.down):
            if began <= due + on_time:
                due = max(due, until)
        if (late := ended_at - due) > on_time:
            text = f"{wait.name} timed out {ended_at - deadline:.0f} s after its deadline"
            verdicts.add("late", f"{text}, {late:.0f} s after all was there")
    after = [poll for poll in polls if poll > ended_at + _LAST_POLLS]
    if after:
        verdicts.add(
            "polled after its end", f"{wait.name}: {len(after)} polls, up to {after[-1] - ended_at:.0f} s"
        )


def _told_jobs(home: Path) -> dict[str, Counter[str]]:
    """Return how often somebody was told of each job, by the name of its wait."""
    found: dict[str, Counter[str]] = {}
    for name, _, texts in _lines(home / "told.jsonl"):
        found.setdefault(name, Counter()).update(text.split()[0] for text in texts)
    return found


def _judge_told(verdicts: Verdicts, wait: Wait, jobs: Mapping[str, int], tries: int) -> None:
    if len(jobs) < wait.told:
        verdicts.add("told too little", f"{wait.name}: somebody was told of {sorted(jobs)}")
    # Whoever is killed between telling and noting it tells again: Airflow then has another try.
    elif max(jobs.values()) > max(tries, 1):
        verdicts.add("twice", f"{wait.name} told of {jobs}, in {tries} tries")


def _changes(home: Path) -> dict[str, list[tuple[str, str, str]]]:
    """Return the changes that somebody was told of, by the name of the wait: job, id and state."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for name, changes in _lines(home / "changes.jsonl"):
        found.setdefault(name, []).extend((job, change_id, state) for job, change_id, state in changes)
    return found


def all_are_told(cast: Cast, home: Path) -> bool:
    """Tell whether somebody was told of all that was late or moved during the fire."""
    told, changes = _told_jobs(home), _changes(home)
    return all(
        len(told.get(name, ())) >= wait.told
        and (wait.then is None or not _untold(wait, changes.get(name, []), [wait.moves]))
        for name, wait in cast.waits.items()
    )


def _untold(
    wait: Wait, told: Sequence[tuple[str, str, str]], states: Sequence[str | None]
) -> set[tuple[str, str | None]]:
    expected = {(job_id(wait.cluster, number), state) for number in range(JOBS) for state in states}
    return expected - {(job, state) for job, _, state in told}


def _judge_changes(verdicts: Verdicts, wait: Wait, told: Sequence[tuple[str, str, str]]) -> None:
    if missing := _untold(wait, told, [wait.moves, wait.then]):
        verdicts.add("told too little", f"{wait.name}: nobody was told of {sorted(missing, key=str)}")
    # A change may be told of again, but then as the same.
    if len({change_id for _, change_id, _ in told}) > 2 * JOBS:
        verdicts.add("twice", f"{wait.name}: more changes than there were: {sorted(set(told))}")


def _by_task(ends: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in ends:
        found.setdefault(each["task_id"], []).append(each)
    return found


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
