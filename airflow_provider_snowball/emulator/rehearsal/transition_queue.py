"""Which job changes next: so that looking for transitions costs nothing while there are none."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from ..api.jobs import Job
from ..api.plan import FOREVER

__all__ = ["Transition", "TransitionQueue"]


@dataclass(frozen=True)
class Transition:
    """A job entered ``state`` at the simulated second ``at``, from ``previous`` (None: it was created)."""

    job: Job
    at: float
    previous: str | None
    state: str


class TransitionQueue:
    """The jobs of one backend by their next transition that was not taken yet. Not safe by itself."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Job]] = []
        #: When each job has its next; FOREVER if it has none.
        self._due: dict[Job, float] = {}
        #: How many states of each were taken.
        self._taken: dict[Job, int] = {}

    @property
    def has_more(self) -> bool:
        """Whether a transition comes, sooner or later."""
        return any(due < FOREVER for due in self._due.values())

    def put(self, job: Job) -> None:
        """Note a job, or that its plan has changed."""
        timeline, taken = job.timeline(), self._taken.get(job, 0)
        due = timeline[taken][0] if taken < len(timeline) else FOREVER
        self._due[job] = due
        if due < FOREVER:
            heapq.heappush(self._heap, (due, job.order, job))

    def taken_of(self, job: Job) -> int:
        """Return how many transitions of a job were taken."""
        return self._taken.get(job, 0)

    def resume(self, job: Job, taken: int) -> None:
        """Note a job of which so many were taken."""
        self._taken[job] = taken
        self.put(job)

    def drop(self, job: Job) -> None:
        """Forget a job."""
        self._due.pop(job, None)
        self._taken.pop(job, None)

    def take(self, now: float) -> list[Transition]:
        """Return each transition up to ``now`` once, in the order in which they happened."""
        transitions: list[Transition] = []
        while self._heap and self._heap[0][0] <= now:
            due, _, job = heapq.heappop(self._heap)
            # An entry that a later one has replaced says nothing.
            if self._due.get(job) == due:
                transitions += self._take(job, now)
                self.put(job)
        return sorted(transitions, key=lambda transition: (transition.at, transition.job.order))

    def _take(self, job: Job, now: float) -> list[Transition]:
        journey, taken = job.journey(now), self._taken.get(job, 0)
        previous = journey[taken - 1][1] if taken else None
        transitions = []
        for at, state in journey[taken:]:
            transitions.append(Transition(job, at, previous, state))
            previous = state
        self._taken[job] = len(journey)
        return transitions
