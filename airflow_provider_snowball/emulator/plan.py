"""
The journey of a job: the states it walks through, and how much simulated time it spends in each.

Steps are ``(state, duration)``. AWS publishes no durations; those of :func:`usual_plan` are plausible
(a device is with its customer some four days after it was ordered), and differ from job to job, as
devices do. :func:`delayed`, :func:`held` and :func:`cancelled` make bad days of them.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable
from datetime import timedelta
from itertools import accumulate

from ..lifecycle import PATHS, JobState, JobType
from .clock import parse_duration

__all__ = [
    "DAY",
    "FOREVER",
    "HOUR",
    "Plan",
    "Step",
    "cancelled",
    "delayed",
    "held",
    "usual_plan",
    "usual_seconds",
]

#: A state and the simulated time spent in it; None: until somebody changes the plan.
Step = tuple[str, float | str | timedelta | None]
FOREVER = float("inf")
HOUR = 3600.0
DAY = 24 * HOUR

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

    def timeline(self) -> list[tuple[float, str]]:
        """Return every state with the simulated second of the plan in which it is entered."""
        return list(zip(self._starts, self.states, strict=True))

    def steps(self) -> list[tuple[str, float | None]]:
        """Return the states with their seconds, the last with None; :class:`Plan` takes it back."""
        return [(s, None if d == FOREVER else d) for s, d in zip(self.states, self.durations, strict=True)]

    def rest(self, elapsed: float, current: str) -> list[tuple[str, float | None]]:
        """Return what is left after ``elapsed`` simulated seconds, when ``current`` is the state."""
        begun = [number for number, at in enumerate(self._starts) if at <= elapsed]
        # The latest of that name, as a plan may come through a state twice.
        index = max((number for number in begun if self.states[number] == current), default=0)
        (state, took), *later = self.steps()[index:]
        left = None if took is None else max(took - (elapsed - self._starts[index]), 0.0)
        return [(state, left), *later]

    def waiting_in(self, state: str, until: float) -> Plan:
        """Return this plan, but with ``state`` lasting until that second of the plan at least."""
        index = self.states.index(state) if state in self.states else None
        if index is None or self._starts[index] + self.durations[index] >= until:
            return self
        longer = None if until == FOREVER else until - self._starts[index]
        later = [] if longer is None else self.steps()[index + 1 :]
        return Plan([*self.steps()[:index], (state, longer), *later])


def delayed(steps: Iterable[Step], by: float | str | timedelta, state: str) -> list[Step]:
    """
    Return the steps of a laggard, which stays so much longer in ``state``.

    :raises ValueError: if ``state`` is none of the steps, or the duration cannot be read.
    """
    listed = list(steps)
    index = _index(listed, state)
    name, took = listed[index]
    longer = None if took is None else parse_duration(took) + parse_duration(by)
    return [*listed[:index], (name, longer), *listed[index + 1 :]]


def held(steps: Iterable[Step], state: str) -> list[Step]:
    """
    Return the steps of a job that stays in ``state`` until it is sent on.

    :raises ValueError: if ``state`` is none of the steps.
    """
    listed = list(steps)
    return [*listed[: _index(listed, state)], (state, None)]


def cancelled(steps: Iterable[Step], state: str) -> list[Step]:
    """
    Return the steps of a job that AWS cancels after the time that it would have spent in ``state``.

    :raises ValueError: if ``state`` is none of the steps, or the job would never leave it.
    """
    listed = list(steps)
    index = _index(listed, state)
    if listed[index][1] is None:
        raise ValueError(f"The plan never leaves {state}, so nothing can come after it")
    return [*listed[: index + 1], (JobState.CANCELLED.value, None)]


def _index(steps: list[Step], state: str) -> int:
    names = [name for name, _ in steps]
    if state not in names:
        raise ValueError(f"{state} is not ahead; the plan goes on with {', '.join(names)}")
    return names.index(state)


def usual_seconds(state: JobState) -> float:
    """Return how long a job usually spends in a state."""
    return _USUAL_HOURS[state] * HOUR


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
