"""
What a test or a rehearsal steers: plans, laggards, cancellations, what a device carries.

Durations are of simulated time, in any form that :func:`.clock.parse_duration` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from ..api.jobs import Job, MainJob
from ..api.plan import Step
from ..api.states import JobState, JobType
from ..api.store import Store
from .clock import Clock
from .device_contents import DeviceContents, DeviceObject, buckets_of, contents_of
from .plans import WrittenStep, cancelled, delayed, held, plan_of, usual_plan
from .transition_queue import Transition, TransitionQueue

__all__ = ["SteeredStore", "snowball_clock"]

#: The simulated time of the whole process: all accounts and regions live in it.
snowball_clock = Clock()


class SteeredStore(Store):
    """What one account and region has, and what becomes of it."""

    clock: Clock = snowball_clock

    def forget(self) -> None:
        """Lose everything."""
        super().forget()
        self._transitions = TransitionQueue()
        #: Whether any job has named a topic to notify.
        self.has_topics = False

    def announce(self) -> None:
        """Announce at once what came of something that was steered. A store by itself announces nothing."""

    def note_topic(self, details: Mapping[str, Any]) -> None:
        """Note whether a job or cluster names a topic to notify."""
        if (details.get("Notification") or {}).get("SnsTopicARN"):
            self.has_topics = True

    def _add(self, now: float, kind: type[Job], *args: Any, **kwargs: Any) -> Job:
        job = super()._add(now, kind, *args, **kwargs)
        self.note_topic(job.details)
        self._transitions.put(job)
        return job

    def _split(self, main: MainJob, count: int, now: float) -> None:
        for part in main.parts:
            self._transitions.drop(part)
        super()._split(main, count, now)

    def _changed(self, job: Job) -> None:
        super()._changed(job)
        for member in job.family:
            self._transitions.put(member)

    def _usual_steps(self, job_type: JobType, number: int) -> list[Step]:
        return usual_plan(job_type, self._seed(number))

    def _usual_contents(self, details: Mapping[str, Any], number: int) -> DeviceContents:
        return DeviceContents.usual(details, self._seed(number))

    def _seed(self, number: int) -> str:
        # The n-th job of a backend takes as long in every run: what was rehearsed can be repeated.
        return f"{self.account_id} {self.region_name} {number}"

    def set_plan(self, job_id: str, plan: Iterable[WrittenStep]) -> None:
        """
        Replace what is to come for a job: ``[("InTransitToCustomer", "2d"), ("Cancelled", None)]``.

        The plan starts now, quorum or not; the last state lasts for ever. States are not checked
        against those that AWS knows, so that a pipeline can be shown one that it does not.

        :raises InvalidResourceException: if there is no such job.
        :raises ValueError: as :func:`plan_of`.
        """
        self._follow(self.job(job_id), plan_of(plan))
        self.announce()

    def set_state(self, job_id: str, state: str) -> None:
        """Put a job into ``state``, to stay there; otherwise as :meth:`set_plan`."""
        self.set_plan(job_id, [(state, None)])

    def delay(self, job_id: str, by: float | str | timedelta, state: str | None = None) -> None:
        """
        Let a job lag: it stays so much longer in ``state``, by default in the one that it is in.

        :raises InvalidResourceException: if there is no such job.
        :raises ValueError: if ``state`` is not ahead of it, or the duration cannot be read.
        """
        self._change(job_id, lambda steps: delayed(steps, by, state or steps[0][0]))

    def hold(self, job_id: str, state: str = JobState.WITH_CUSTOMER.value) -> None:
        """
        Let a job stay in ``state`` until it is sent on: by :meth:`send_on` or UpdateJobShipmentState.

        :raises InvalidResourceException: if there is no such job.
        :raises ValueError: if ``state`` is not ahead of it.
        """
        self._change(job_id, lambda steps: held(steps, state))

    def cancel_in(self, job_id: str, state: str) -> None:
        """
        Let AWS cancel a job as it would leave ``state``, however late that is.

        :raises InvalidResourceException: if there is no such job.
        :raises ValueError: if ``state`` is not ahead of it, or it would never leave it.
        """
        self._change(job_id, lambda steps: cancelled(steps, state))

    def send_on(self, job_id: str) -> None:
        """
        Move a job to the state that comes next, now; a held one goes on as usual from there.

        :raises InvalidResourceException: if there is no such job.
        :raises ValueError: if nothing comes next.
        """
        self._send_on(self.job(job_id))
        self.announce()

    def _change(self, job_id: str, change: Callable[[Sequence[WrittenStep]], list[WrittenStep]]) -> None:
        job = self.job(job_id)
        with self._lock:
            now = self.clock.now()
            job.change(plan_of(change(job.rest(now))), now)
            self._changed(job)
        self.announce()

    def set_device_limit(self, limit: int | None) -> None:
        """
        Refuse orders that would be more devices at a time; None for no limit.

        AWS documents a limit, one device by default, and not how an order beyond it is refused.

        :raises ValueError: if it is below 0.
        """
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
            raise ValueError(f"limit must be a whole number of at least 0, or none; got {limit!r}")
        self.device_limit = limit

    def set_objects(self, job_id: str, objects: Mapping[str, int]) -> None:
        """
        Say what a device carries: the size in bytes of each object, by its key.

        :raises InvalidResourceException: if there is no such job.
        :raises ValueError: if a size is no number of bytes.
        """
        job = self.job(job_id)
        if wrong := [key for key, size in objects.items() if not isinstance(size, int) or size < 0]:
            raise ValueError(f"The size of an object is a number of bytes, which that of {wrong[0]} is not")
        bucket = buckets_of(job.details)[0]
        self._load(job, DeviceContents.of(DeviceObject(bucket, key, size) for key, size in objects.items()))

    def fail_objects(self, job_id: str, failed: int | Mapping[str, str]) -> None:
        """
        Let objects fail: so many of them, or those with these keys for these reasons; no others.

        The job ends as it would; its report and its failure log tell of them.

        :raises InvalidResourceException: if there is no such job.
        :raises ValueError: if the device does not carry them.
        """
        job = self.job(job_id)
        self._load(job, contents_of(job).failing(failed))

    def _load(self, job: Job, contents: DeviceContents) -> None:
        with self._lock:
            job.contents = contents
            if isinstance(job, MainJob):
                for part, share in zip(job.parts, contents.split(len(job.parts)), strict=True):
                    part.contents = share

    def set_parts(self, job_id: str, count: int) -> None:
        """
        Spread an export over so many devices; its objects are divided among them.

        :raises InvalidResourceException: if there is no such job.
        :raises ValueError: if it is no main job, its parts are listed already, or there are too few objects.
        """
        main = self.job(job_id)
        if not isinstance(main, MainJob):
            raise ValueError(f"{job_id} is not the main job of an export")
        with self._lock:
            now = self.clock.now()
            if any(part.listed_at <= now for part in main.parts):
                raise ValueError(f"The parts of {job_id} are listed already")
            if not 1 <= count <= len(contents_of(main).objects):
                raise ValueError(
                    f"count must be from 1 to {len(contents_of(main).objects)}, the objects; got {count}"
                )
            self._split(main, count, now)

    def add_jobs(self, cluster_id: str, count: int) -> list[str]:
        """
        Add nodes to a cluster, beyond AWS's limit if asked to, and return their job ids.

        For listings of many pages: AWS itself stops at 16 nodes, and so does CreateJob.

        :raises InvalidResourceException: if there is no such cluster.
        :raises ValueError: if ``count`` is below 1.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1; got {count}")
        cluster = self.cluster(cluster_id)
        with self._lock:
            now = self.clock.now()
            return [self.add_node(cluster, now).job_id for _ in range(count)]

    def awaits_transition(self) -> bool:
        """Tell whether time will change the state of any job."""
        with self._lock:
            return self._transitions.has_more

    def take_transitions(self) -> list[Transition]:
        """Return the transitions of all jobs since the last call, in the order in which they happened."""
        with self._lock:
            return self._transitions.take(self.clock.now())
