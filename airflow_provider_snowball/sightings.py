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

_SINCE = "since"
_TOLD = "told"
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

    def __init__(self, max_days: Mapping[str, float] | None, memory: Mapping[str, str] | None = None) -> None:
        self._max_days = max_days or {}
        #: When a job was first seen in its state, and when it was found to be overdue there.
        self._times: dict[tuple[str, str, str], datetime] = {}
        for key, value in (memory or {}).items():
            what, *of = key.split(" ")
            if what in (_SINCE, _TOLD) and len(of) == 2:
                self._times[what, of[0], of[1]] = datetime.fromisoformat(value)

    def memory(self) -> dict[str, str]:
        """Return what is known, as ISO 8601 times by a text."""
        return {" ".join(key): value.isoformat() for key, value in self._times.items()}

    def see(self, jobs: Sequence[Job], now: datetime) -> None:
        """Take in the jobs that are waited for now, and forget others and other states."""
        present = {(job.id, job.state) for job in jobs if job.state is not None}
        self._times = {key: value for key, value in self._times.items() if key[1:] in present}
        for job_id, state in sorted(present):
            self._times.setdefault((_SINCE, job_id, state), now)

    def describe(self, now: datetime) -> str:
        """Name each job that has been in its state for a while: ``JID… WithAWS for 2 days``."""
        late = [
            f"{job_id} {state} for {format_duration((now - since).total_seconds())}"
            for (what, job_id, state), since in self._times.items()
            if what == _SINCE and now - since >= _A_WHILE
        ]
        return ", ".join(late[:_NAMED] + ([f"and {len(late) - _NAMED} more"] if len(late) > _NAMED else []))

    def newly_overdue(self, now: datetime) -> list[Overdue]:
        """Return the jobs that are overdue, each once in a state."""
        found = []
        for (what, job_id, state), since in list(self._times.items()):
            limit = self._max_days.get(state)
            if what != _SINCE or limit is None or now - since < timedelta(days=limit):
                continue
            if (_TOLD, job_id, state) not in self._times:
                self._times[_TOLD, job_id, state] = now
                found.append(Overdue(job_id, state, (now - since) / timedelta(days=1), limit))
        return found
