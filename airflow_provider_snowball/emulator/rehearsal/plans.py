"""
Plans: what is to become of a job, written as people do.

``[("InTransitToCustomer", "2d"), ("Cancelled", None)]`` is one. The usual ones differ from job to job, as
devices do. :func:`delayed`, :func:`held` and :func:`cancelled` make bad days of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta

from ..api.plan import Plan, usual_steps
from ..api.states import JobState, JobType
from .clock import parse_duration

__all__ = ["WrittenStep", "cancelled", "delayed", "held", "plan_of", "usual_plan"]

#: A state and the simulated time spent in it; None: until somebody changes the plan.
WrittenStep = tuple[str, float | str | timedelta | None]
_JITTER = 0.2


def plan_of(steps: Iterable[WrittenStep]) -> Plan:
    """
    Return the journey that is written as ``steps``.

    :raises ValueError: if there is none, a duration cannot be read, or one before the last is None.
    """
    return Plan((str(state), None if took is None else parse_duration(took)) for state, took in steps)


def delayed(steps: Iterable[WrittenStep], by: float | str | timedelta, state: str) -> list[WrittenStep]:
    """
    Return the steps of a laggard, which stays so much longer in ``state``.

    :raises ValueError: if ``state`` is none of the steps, or the duration cannot be read.
    """
    listed = list(steps)
    index = _index(listed, state)
    name, took = listed[index]
    longer = None if took is None else parse_duration(took) + parse_duration(by)
    return [*listed[:index], (name, longer), *listed[index + 1 :]]


def held(steps: Iterable[WrittenStep], state: str) -> list[WrittenStep]:
    """
    Return the steps of a job that stays in ``state`` until it is sent on.

    :raises ValueError: if ``state`` is none of the steps.
    """
    listed = list(steps)
    return [*listed[: _index(listed, state)], (state, None)]


def cancelled(steps: Iterable[WrittenStep], state: str) -> list[WrittenStep]:
    """
    Return the steps of a job that AWS cancels after the time that it would have spent in ``state``.

    :raises ValueError: if ``state`` is none of the steps, or the job would never leave it.
    """
    listed = list(steps)
    index = _index(listed, state)
    if listed[index][1] is None:
        raise ValueError(f"The plan never leaves {state}, so nothing can come after it")
    return [*listed[: index + 1], (JobState.CANCELLED.value, None)]


def _index(steps: list[WrittenStep], state: str) -> int:
    names = [name for name, _ in steps]
    if state not in names:
        raise ValueError(f"{state} is not ahead; the plan goes on with {', '.join(names)}")
    return names.index(state)


def usual_plan(job_type: JobType | str, seed: object = 0) -> list[tuple[str, float | None]]:
    """
    Return the usual journey of a job of this type, to be used or changed: states with their seconds.

    A LOCAL_USE job skips InProgress: nothing is imported.

    :param seed: jobs with the same seed and type take exactly as long.
    """
    dice = random.Random(str(seed))  # noqa: S311 - devices that differ, not a secret
    return [(state, took and _jittered(state, took, dice)) for state, took in usual_steps(JobType(job_type))]


def _jittered(state: str, took: float, dice: random.Random) -> float:
    factor = 1 + dice.uniform(-_JITTER, _JITTER)
    if state == JobState.NEW:
        # A whole cluster can be cancelled for at least an hour: no node may leave New before.
        factor = 1 + abs(factor - 1)
    return round(took * factor, 1)
