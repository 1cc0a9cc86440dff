"""
For how long a wait has seen each job in its state, and which jobs that makes overdue.

Pure: no clock, no Airflow. AWS tells no time of entry into a state: what counts is when this wait first
saw a job in it, and that is forgotten with the wait's memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_snowball.durations import format_duration
from airflow_provider_snowball.lifecycle import Job, JobState, parse_state

__all__ = ["Overdue", "Sightings", "check_max_days_in_state"]

#: A job that was seen for less than this is not late yet.
_A_WHILE = timedelta(minutes=1)
#: How many jobs a line names before it says "and N more".
_NAMED = 20


def check_max_days_in_state(value: object) -> dict[str, float] | None:
    """
    Return ``value`` as days by state, or None if it is None.

    :raises ValueError: if it is not a mapping of job states that a job can leave to numbers above 0.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError(
            "max_days_in_state must be a dict of days by state, such as {'InTransitToCustomer': 10}; "
            f"got {value!r}"
        )
    found = {}
    for name, days in value.items():
        state = parse_state(name, "each state of max_days_in_state")
        if state in (JobState.COMPLETE, JobState.CANCELLED):
            raise ValueError(f"max_days_in_state cannot have {state}: no job leaves that state")
        if isinstance(days, bool) or not isinstance(days, int | float) or not days > 0:
            raise ValueError(f"max_days_in_state[{str(state)!r}] must be a number above 0; got {days!r}")
        found[str(state)] = float(days)
    return found


@dataclass(frozen=True)
class Overdue:
    """A job that has been in a state for longer than it may."""

    job_id: str
    state: str
    days: float
    max_days: float

    def __str__(self) -> str:
        return f"{self.job_id} in {self.state} for {self.days:.3g} days (at most {self.max_days:g})"


class Sightings:
    """
    What a wait has seen of the jobs that it still waits for.

    :param max_days: days by state after which a job is overdue.
    :param memory: what :meth:`memory` returned in another process.
    """

    __slots__ = ("_max_days", "_since", "_told")

    def __init__(self, max_days: Mapping[str, float] | None, memory: Mapping[str, str] | None = None) -> None:
        self._max_days = max_days or {}
        # By id and state in a text: a dict of texts and times is nothing to Python's garbage collector, which
        # stops the event loop for longer the more objects ten thousand waits are made of.
        self._since: dict[str, datetime] = {}
        self._told: dict[str, datetime] = {}
        for name, times in self._by_name().items():
            for text, value in (memory or {}).items():
                key = text.removeprefix(name)
                # What is not of a job and its state, a later version has left there.
                if key != text and " " in key:
                    times[key] = datetime.fromisoformat(value)

    def _by_name(self) -> dict[str, dict[str, datetime]]:
        return {"since ": self._since, "told ": self._told}

    def memory(self) -> dict[str, str]:
        """Return what is known, as ISO 8601 times by a text."""
        return {
            name + key: time.isoformat()
            for name, times in self._by_name().items()
            for key, time in times.items()
        }

    def see(self, jobs: Sequence[Job], now: datetime) -> None:
        """Take in the jobs that are waited for now, and forget others and other states."""
        present = sorted(f"{job.id} {job.state}" for job in jobs if job.state is not None)
        self._since = {key: self._since.get(key, now) for key in present}
        self._told = {key: self._told[key] for key in present if key in self._told}

    def describe(self, now: datetime) -> str:
        """Name each job that has been in its state for a while: ``JID… WithAWS for 2 days``."""
        late = [
            f"{key} for {format_duration((now - since).total_seconds())}"
            for key, since in self._since.items()
            if now - since >= _A_WHILE
        ]
        return ", ".join(late[:_NAMED] + ([f"and {len(late) - _NAMED} more"] if len(late) > _NAMED else []))

    def newly_overdue(self, now: datetime) -> list[Overdue]:
        """Return the jobs that are overdue, each once in a state."""
        found = []
        for key, since in self._since.items():
            job_id, _, state = key.rpartition(" ")
            limit = self._max_days.get(state)
            if limit is not None and key not in self._told and now - since >= timedelta(days=limit):
                self._told[key] = now
                found.append(Overdue(job_id, state, (now - since) / timedelta(days=1), limit))
        return found
