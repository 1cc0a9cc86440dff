"""
The journey of a job: the states it walks through, and how much simulated time it spends in each.

AWS publishes no durations. The usual ones here are plausible (a device is with its customer some
four days after it was ordered), and differ from job to job, as devices do.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable
from datetime import timedelta
from itertools import accumulate

from ..lifecycle import PATHS, JobState, JobType
from .clock import parse_duration

__all__ = ["FOREVER", "Plan", "Step", "usual_plan"]

#: A state and the simulated time spent in it; None: until somebody changes the plan.
Step = tuple[str, float | str | timedelta | None]
FOREVER = float("inf")
HOUR = 3600.0

#: Hours. AWS says of a new job that it can be changed for "usually 60 minutes" (UpdateJob).
_USUAL_HOURS = {
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
_JITTER = 0.2


class Plan:
    """
    States in their order, each with a duration. The last one lasts for ever.

    :param steps: any states, those that AWS does not know included.
    :raises ValueError: if there is none, a duration cannot be read, or one before the last is None.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        read = [(str(state), None if took is None else parse_duration(took)) for state, took in steps]
        if not read or any(not state for state, _ in read):
            raise ValueError("A plan needs at least one state, and no state is empty")
        if any(took is None for _, took in read[:-1]):
            raise ValueError("Only the last state of a plan can last for ever (None)")
        self.states = tuple(state for state, _ in read)
        self.durations = (*(took or 0.0 for _, took in read[:-1]), FOREVER)
        self._starts = (0.0, *accumulate(self.durations[:-1]))

    def state_at(self, elapsed: float) -> str:
        """Return the state after ``elapsed`` simulated seconds; before the plan, its first."""
        return self.states[max(bisect_right(self._starts, elapsed) - 1, 0)]

    def entered_by(self, elapsed: float) -> list[tuple[float, str]]:
        """Return every state entered so far, with the simulated second of the plan in which it was."""
        return list(zip(self._starts, self.states, strict=True))[: bisect_right(self._starts, elapsed)]

    def steps(self) -> list[tuple[str, float | None]]:
        """Return the states with their seconds, the last with None; :class:`Plan` takes it back."""
        return [(s, None if d == FOREVER else d) for s, d in zip(self.states, self.durations, strict=True)]


def usual_plan(job_type: JobType | str, seed: object = 0) -> list[tuple[str, float | None]]:
    """
    Return the usual journey of a job of this type, to be used or changed: states with their seconds.

    A LOCAL_USE job skips InProgress: nothing is imported.

    :param seed: jobs with the same seed and type take exactly as long.
    """
    job_type = JobType(job_type)
    dice = random.Random(str(seed))  # noqa: S311 - devices that differ, not a secret
    steps: list[tuple[str, float | None]] = []
    for state in PATHS[job_type][:-1]:
        factor = 1 + dice.uniform(-_JITTER, _JITTER)
        if state is JobState.IN_PROGRESS and job_type is JobType.LOCAL_USE:
            continue
        if state is JobState.NEW:
            # A whole cluster can be cancelled for at least an hour: no node may leave New before.
            factor = 1 + abs(factor - 1)
        steps.append((state.value, round(_USUAL_HOURS[state] * HOUR * factor, 1)))
    return [*steps, (JobState.COMPLETE.value, None)]
