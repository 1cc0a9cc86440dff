"""
For how long a wait has seen each job in its state, and which jobs that makes overdue.

Pure: no clock, no Airflow. AWS tells no time of entry into a state: what counts is when this wait first
saw a job in it, and that is forgotten with the wait's memory. A listing that lacks a job, or its state, says
nothing of where it is: it counts on from before once it is back in the same state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_snowball.lifecycle import Job

__all__ = ["Overdue", "TimeInState"]


@dataclass(frozen=True, slots=True)
class Overdue:
    """A job that has been in a state for longer than it may."""

    job_id: str
    state: str
    days: float
    max_days: float

    def __str__(self) -> str:
        return f"{self.job_id} in {self.state} for {self.days:.3g} days (at most {self.max_days:g})"


#: One for all waits: Python's garbage collector looks at each of ten thousand.
_NONE: frozenset[tuple[str, str, str]] = frozenset()
#: Times by job and state.
_Times = dict[tuple[str, str], datetime]


class TimeInState:
    """
    Since when a wait has seen each job in its state; only one that it still waits for can be overdue.

    :param max_days: days by state after which a job is overdue.
    :param memory: what :meth:`memory` returned in another process.
    """

    __slots__ = ("_away", "_max_days", "_seen", "_since", "_told")

    def __init__(self, max_days: Mapping[str, float] | None, memory: Mapping[str, str] | None = None) -> None:
        self._max_days = max_days or {}
        self._since: _Times = {}
        #: As ``_since``, of the jobs that are not waited for.
        self._seen: _Times = {}
        #: As ``_since``, of the jobs that the last listing did not show in any state. No more of them than
        #: were ever listed, each in the state that it was in last.
        self._away: _Times = {}
        self._told: _Times = {}
        for text, value in (memory or {}).items():
            name, _, key = text.partition(" ")
            job_id, _, state = key.rpartition(" ")
            # What is not of a job and its state, a later version has left there.
            if job_id and name in self._by_name():
                self._by_name()[name][job_id, state] = datetime.fromisoformat(value)

    def _by_name(self) -> dict[str, _Times]:
        return {"since": self._since, "seen": self._seen, "away": self._away, "told": self._told}

    def memory(self) -> dict[str, str]:
        """Return what is known as ISO 8601 times, by a name, a job and a state: ``since JID… WithAWS``."""
        return {
            f"{name} {job_id} {state}": time.isoformat()
            for name, times in self._by_name().items()
            for (job_id, state), time in times.items()
        }

    def see(self, waiting: Sequence[Job], others: Sequence[Job], now: datetime) -> bool:
        """
        Take in the jobs that are there now, and forget the states that they have left.

        :param waiting: those that are waited for.
        :return: whether any is in another state than before, has come or has gone.
        """
        before = self._since.keys() | self._seen.keys()
        known = self._away | self._seen | self._since
        shown = {job.id for job in (*waiting, *others) if job.state is not None}
        self._since, self._seen = (
            {
                key: known.get(key, now)
                for key in sorted((job.id, job.state) for job in jobs if job.state is not None)
            }
            for jobs in (waiting, others)
        )
        self._away = {key: time for key, time in known.items() if key[0] not in shown}
        self._told = {
            key: time for key, time in self._told.items() if key in self._since or key in self._away
        }
        return before != self._since.keys() | self._seen.keys()

    def since(self, job: Job) -> datetime | None:
        """Return since when a job was seen in its state."""
        key = (job.id, job.state or "")
        return self._since.get(key) or self._seen.get(key)

    def limit(self, job: Job) -> float | None:
        """Return the days that a job may be in its state, None if any number."""
        return self._max_days.get(job.state or "")

    def alarms(self) -> frozenset[tuple[str, str, str]]:
        """Return what alarms hang on: that a job is in a state with a limit, and that somebody was told."""
        if not self._max_days:
            return _NONE
        return frozenset(
            (name, job_id, state)
            # What comes back is not to be kept again.
            for name, times in (("since", self._since), ("since", self._away), ("told", self._told))
            for job_id, state in times
            if state in self._max_days
        )

    def overdue(self, now: datetime) -> tuple[Overdue, ...]:
        """Return the jobs that are overdue in a state of which nobody was told yet."""
        return tuple(
            Overdue(job_id, state, (now - since) / timedelta(days=1), limit)
            for (job_id, state), since in self._since.items()
            if (limit := self._max_days.get(state)) is not None
            and (job_id, state) not in self._told
            and now - since >= timedelta(days=limit)
        )

    def mark_told(self, overdue: Sequence[Overdue], now: datetime) -> None:
        """Note that somebody was told of these jobs: each is told of once in a state."""
        for each in overdue:
            self._told[each.job_id, each.state] = now
