"""
The plan of a job: the states it walks through, and how many seconds it spends in each.

AWS publishes no durations; :data:`USUAL_HOURS` are plausible (a device is with its customer some four
days after it was ordered).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from .states import PATHS, JobState, JobType

__all__ = ["DAY", "FOREVER", "HOUR", "USUAL_HOURS", "Plan", "Step", "usual_steps"]

#: A state and the seconds spent in it; None: until somebody changes the plan.
Step = tuple[str, "float | None"]
FOREVER = float("inf")
HOUR = 3600.0
DAY = 24 * HOUR

#: AWS says of a new job that it can be changed for "usually 60 minutes" (UpdateJob).
USUAL_HOURS = {
    JobState.NEW: 1.0,
    JobState.LISTING: 1.0,
    JobState.PENDING: 4.0,
    JobState.PREPARING_APPLIANCE: 24.0,
    JobState.PREPARING_SHIPMENT: 12.0,
    JobState.IN_TRANSIT_TO_CUSTOMER: 48.0,
    JobState.WITH_CUSTOMER: 240.0,
    JobState.IN_TRANSIT_TO_AWS: 48.0,
    JobState.WITH_AWS_SORTING_FACILITY: 12.0,
    JobState.WITH_AWS: 24.0,
    JobState.IN_PROGRESS: 48.0,
}


def usual_steps(job_type: JobType) -> list[Step]:
    """Return the usual journey of a job. A LOCAL_USE job skips InProgress: nothing is imported."""
    skipped = JobState.IN_PROGRESS if job_type is JobType.LOCAL_USE else None
    ahead = [state for state in PATHS[job_type][:-1] if state is not skipped]
    return [*((state.value, USUAL_HOURS[state] * HOUR) for state in ahead), (JobState.COMPLETE.value, None)]


class Plan:
    """
    States in their order, each with a duration in seconds. The last one lasts for ever.

    :param steps: any states, those that AWS does not know included.
    :raises ValueError: if there is none, or a duration before the last is None.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        listed = list(steps)
        if not listed or any(not state for state, _ in listed):
            raise ValueError("A plan needs at least one state, and no state is empty")
        if any(took is None for _, took in listed[:-1]):
            raise ValueError("Only the last state of a plan can last for ever (None)")
        self.states = tuple(str(state) for state, _ in listed)
        self.durations = (*(took or 0.0 for _, took in listed[:-1]), FOREVER)
        self._starts = (0.0, *accumulate(self.durations[:-1]))

    def state_at(self, elapsed: float) -> str:
        """Return the state after ``elapsed`` seconds; before the plan, its first."""
        return self.states[max(bisect_right(self._starts, elapsed) - 1, 0)]

    def timeline(self) -> list[tuple[float, str]]:
        """Return every state with the second of the plan in which it is entered."""
        return list(zip(self._starts, self.states, strict=True))

    def steps(self) -> list[Step]:
        """Return the states with their seconds, the last with None; :class:`Plan` takes it back."""
        return [(s, None if d == FOREVER else d) for s, d in zip(self.states, self.durations, strict=True)]

    def rest(self, elapsed: float, current: str) -> list[Step]:
        """Return what is left after ``elapsed`` seconds, when ``current`` is the state."""
        begun = [number for number, at in enumerate(self._starts) if at <= elapsed]
        # The latest of that name, as a plan may come through a state twice.
        index = max((number for number in begun if self.states[number] == current), default=0)
        (state, took), *later = self.steps()[index:]
        left = None if took is None else max(took - (elapsed - self._starts[index]), 0.0)
        return [(state, left), *later]

    def waiting_in(self, state: str, until: float) -> Plan:
        """Return this plan, but with ``state`` lasting until that second of it at least."""
        index = self.states.index(state) if state in self.states else None
        if index is None or self._starts[index] + self.durations[index] >= until:
            return self
        longer = None if until == FOREVER else until - self._starts[index]
        later = [] if longer is None else self.steps()[index + 1 :]
        return Plan([*self.steps()[:index], (state, longer), *later])
