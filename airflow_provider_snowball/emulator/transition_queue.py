"""Which job changes next: so that looking for transitions costs nothing while there are none."""

from __future__ import annotations

import heapq

from .jobs import Job, Transition
from .plan import FOREVER

__all__ = ["TransitionQueue"]


class TransitionQueue:
    """The jobs of one backend by their next transition that was not announced yet. Not safe by itself."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Job]] = []

    @property
    def due(self) -> float:
        """The simulated second of the next transition, or an earlier one; FOREVER if none comes."""
        heap = self._heap
        return heap[0][0] if heap else FOREVER

    def put(self, job: Job) -> None:
        """Note a job, or that its plan has changed."""
        due = job.next_due()
        job.due = due
        if due < FOREVER:
            heapq.heappush(self._heap, (due, job.order, job))

    def drop(self, job: Job) -> None:
        """Forget a job."""
        job.due = FOREVER

    def take(self, now: float) -> list[Transition]:
        """Return each transition up to ``now`` once, in the order in which they happened."""
        transitions: list[Transition] = []
        while self._heap and self._heap[0][0] <= now:
            due, _, job = heapq.heappop(self._heap)
            # An entry that a later one has replaced says nothing.
            if job.due == due:
                transitions += job.take_transitions(now)
                self.put(job)
        return sorted(transitions, key=lambda transition: (transition.at, transition.job.order))
