"""Generated histories of waits: what was asked for, and what AWS answers at each poll."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from tests.fakes.torn_answers import BROKE_OFF
from tests.properties.reference import CANCELLED, COMPLETE, WAYS, Asked, Trouble

__all__ = ["CLUSTER", "SPOKEN", "START", "Faults", "History", "Poll", "histories", "job_id"]

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY, HOUR = 86400.0, 3600.0
STATES = [*WAYS["IMPORT"], CANCELLED]


def job_id(number: int) -> str:
    """Return the id of a job."""
    return f"JID123e4567-e89b-12d3-a456-{number:012d}"


@dataclass
class Poll:
    """
    What AWS answers at one poll; it is a :class:`tests.properties.reference.World`.

    :param late: seconds after the time that was planned, since nobody was there to ask.
    """

    answer: list[dict[str, Any]] | Trouble
    cluster_answer: str | Trouble = "InUse"
    jobs: dict[str, tuple[dict[str, Any], list[dict[str, Any]]] | Trouble] = field(default_factory=dict)
    late: float = 0.0

    def listing(self) -> list[dict[str, Any]] | Trouble:
        return self.answer if isinstance(self.answer, Trouble) else [dict(each) for each in self.answer]

    def cluster(self) -> str | Trouble:
        return self.cluster_answer

    def job(self, job_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]] | Trouble:
        found = self.jobs.get(job_id, Trouble("not found", "no such job"))
        return found if isinstance(found, Trouble) else (dict(found[0]), [dict(each) for each in found[1]])


@dataclass
class History:
    """A wait, and its polls; the last one's answer is given for ever."""

    asked: Asked
    polls: list[Poll]
    #: At which polls a wait in the triggerer comes back to a worker.
    hand_backs: frozenset[int]

    def poll(self, number: int) -> Poll:
        """Return what is answered at a poll, the first being 0."""
        return self.polls[min(number, len(self.polls) - 1)]


@dataclass(frozen=True)
class Faults:
    """
    What may go wrong.

    :param passing: what a call fails with, and another time not.
    :param of_listings: the same, of listings.
    :param final: what no wait bears of a listing.
    :param late: whether there are times in which nobody is there to ask.
    """

    passing: st.SearchStrategy[Trouble]
    of_listings: st.SearchStrategy[Trouble]
    final: st.SearchStrategy[Trouble]
    late: bool = True


_PASSING = st.sampled_from(
    [
        Trouble("transient", "Rate exceeded"),
        Trouble("transient", "connection lost"),
        Trouble("transient", BROKE_OFF),
        Trouble("denied", "not allowed"),
    ]
)
#: Faults of which only the kind and the words are known.
SPOKEN = Faults(
    passing=_PASSING,
    of_listings=_PASSING,
    final=st.sampled_from([Trouble("not found", "no such cluster"), Trouble("bad input", "no id")]),
)


@st.composite
def _steps(draw: Callable[..., Any], count: int, job_type: object) -> list[object]:
    """Return the state of a job at each of the polls: forwards, with jumps, or off the path."""
    way = list(WAYS.get(str(job_type), WAYS["IMPORT"]))
    # Many end at the target at once; others take their time.
    at = draw(st.integers(0, len(way) - 1))
    found: list[object] = []
    state: object = way[at]
    for _ in range(count):
        found.append(state)
        if state == CANCELLED:
            continue
        move = draw(st.sampled_from(["stay", "on", "on", "jump", "end", "cancel", "unknown"]))
        if move == "on":
            at = min(at + 1, len(way) - 1)
        elif move == "jump":
            at = draw(st.integers(at, len(way) - 1))
        elif move == "end":
            at = len(way) - 1
        state = way[at]
        if move == "cancel" and state != COMPLETE and draw(st.integers(0, 3)) == 0:
            state = CANCELLED
        elif move == "unknown" and draw(st.integers(0, 2)) == 0:
            found_state = draw(st.sampled_from(["Teleported", None]))
            found[-1] = found_state if len(found) > 1 else found[-1]
    return found


@st.composite
def histories(draw: Callable[..., Any], *, faults: Faults | None = SPOKEN) -> History:
    """Return a history; without ``faults``, every call of it is answered."""
    of_cluster = draw(st.booleans())
    numbers = list(range(1, draw(st.integers(1, 5)) + 1))
    count = draw(st.integers(1, 6))
    named = None
    if not of_cluster or draw(st.integers(0, 3)) == 0:
        named = draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=4, unique=True))
    target = draw(st.one_of(st.sampled_from(STATES), st.sampled_from(["WithCustomer", COMPLETE])))
    asked = Asked(
        of_cluster=of_cluster,
        target=target,
        job_ids=None if named is None else [job_id(number) for number in named],
        min_jobs=draw(st.integers(1, len(named or numbers))) if of_cluster else 1,
        ignore_cancelled=target != CANCELLED and draw(st.booleans()),
        timeout=draw(st.sampled_from([HOUR, DAY, 30 * DAY, 400 * DAY])),
        poke_interval=draw(st.sampled_from([60.0, 900.0, 2 * HOUR, 3 * DAY])),
        backoff=draw(st.integers(0, 3)) == 0,
        max_wait=draw(st.sampled_from([None, HOUR])),
        silent_fail=faults is not None and draw(st.integers(0, 4)) == 0,
        outage_timeout=draw(st.sampled_from([1800.0, HOUR, 2 * DAY])),
    )
    kinds = {
        number: draw(st.sampled_from(["IMPORT", "LOCAL_USE", "EXPORT", None, "LOAN"])) for number in numbers
    }
    states = {number: draw(_steps(count, kinds[number])) for number in numbers}
    main = draw(st.sampled_from([None, None, *numbers]))
    polls = [draw(_polls(at, numbers, kinds, states, main, faults)) for at in range(count)]
    hand_backs = draw(st.frozensets(st.integers(0, 12), max_size=4))
    return History(asked, polls, hand_backs)


@st.composite
def _polls(
    draw: Callable[..., Any],
    at: int,
    numbers: list[int],
    kinds: dict[int, str | None],
    states: dict[int, list[object]],
    main: int | None,
    faults: Faults | None,
) -> Poll:
    entries: dict[int, dict[str, Any]] = {}
    for number in numbers:
        entry: dict[str, Any] = {"JobId": job_id(number), "JobState": states[number][at]}
        if kinds[number] is not None:
            entry["JobType"] = kinds[number]
        if number == main:
            entry |= {"IsMaster": True, "JobType": "EXPORT"}
        elif draw(st.booleans()):
            entry["IsMaster"] = False
        if draw(st.booleans()):
            entry["Description"] = f"device {number}"
        entries[number] = {key: value for key, value in entry.items() if value is not None}
    unlisted = (
        draw(st.frozensets(st.sampled_from(numbers), max_size=2)) if draw(st.integers(0, 2)) == 0 else ()
    )
    listed = [entries[number] for number in numbers if number not in unlisted]
    parts = [
        {"JobId": job_id(100 + number), "JobState": draw(st.sampled_from(STATES)), "JobType": "EXPORT"}
        for number in range(draw(st.integers(0, 2)))
    ]
    jobs: dict[str, Any] = {}
    for number in numbers:
        known: Any = (
            entries[number],
            [dict(part, IsMaster=False) for part in parts] if number == main else [],
        )
        if faults and draw(st.integers(0, 7)) == 0:
            known = draw(st.one_of(faults.passing, st.just(Trouble("not found", "no such job"))))
        jobs[job_id(number)] = known
    poll = Poll(
        listed, draw(st.sampled_from(["AwaitingQuorum", "InUse", "InUse", COMPLETE, CANCELLED])), jobs
    )
    if faults:
        if draw(st.integers(0, 9)) == 0:
            poll = replace(poll, cluster_answer=draw(faults.passing))
        what = draw(st.integers(0, 19))
        if what < 8:
            poll = replace(poll, answer=draw(faults.of_listings))
        elif what == 8:
            poll = replace(poll, answer=draw(faults.final))
        if faults.late and draw(st.integers(0, 9)) == 0:
            poll = replace(poll, late=3 * DAY + 3 * DAY * 3)
    return poll
