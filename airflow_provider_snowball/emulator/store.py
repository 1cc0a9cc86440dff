"""
The jobs, clusters and addresses of one account and region, and what becomes of the jobs.

The API (:mod:`.models`) is built on this. What a test or a rehearsal steers is here, too: plans,
laggards, cancellations, what a device carries.
"""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from moto.moto_api._internal import mock_random as random

from ..lifecycle import JobState, JobType
from .clock import Clock
from .clusters import Cluster
from .device_contents import DeviceContents, DeviceObject, buckets_of
from .exceptions import InvalidResourceException
from .faults import Faults
from .jobs import Job, MainJob, Transition
from .plan import FOREVER, Plan, Step, cancelled, delayed, held, usual_plan
from .transition_queue import TransitionQueue

__all__ = ["Address", "Store", "in_listing_order", "snowball_clock", "snowball_faults"]

#: The simulated time of the whole process: all accounts and regions live in it.
snowball_clock = Clock()
#: What goes wrong with requests, in all of them.
snowball_faults = Faults(snowball_clock)

#: Devices over which an export is spread, unless :meth:`Store.set_parts` says otherwise.
USUAL_PARTS = 2


@dataclass(frozen=True)
class Address:
    """An address, and its place among those of all regions."""

    members: dict[str, Any]
    order: int = field(default_factory=itertools.count().__next__)


class Store:
    """
    What one account and region has.

    Durations are of simulated time, in any form that :func:`.clock.parse_duration` reads.
    """

    region_name: str
    account_id: str

    def __init__(self) -> None:
        self.forget()
        # Requests are served by threads; what reads and then writes holds this.
        self._lock = threading.RLock()

    def forget(self) -> None:
        """Lose everything."""
        self.addresses: dict[str, Address] = {}
        self.clusters: dict[str, Cluster] = {}
        self.jobs: dict[str, Job] = {}
        # In the order in which they are listed, so that what is listed keeps its place.
        self._listed: list[Job] = []
        self._transitions = TransitionQueue()
        #: Whether any job has named a topic to notify.
        self.has_topics = False
        #: How many devices the account may have at a time; None: as many as are ordered.
        self.device_limit: int | None = None

    def announce(self) -> None:
        """Announce at once what came of something that was steered. A store by itself announces nothing."""

    @property
    def clock(self) -> Clock:
        """The simulated time, the same for all backends."""
        return snowball_clock

    def cluster(self, cluster_id: str) -> Cluster:
        """
        Return a cluster.

        :raises InvalidResourceException: if there is no such cluster.
        """
        if cluster_id not in self.clusters:
            raise InvalidResourceException("Cluster", cluster_id)
        return self.clusters[cluster_id]

    def job(self, job_id: str) -> Job:
        """
        Return a job.

        :raises InvalidResourceException: if there is no such job; a job part comes to be some time
            after its main job.
        """
        job = self.jobs.get(job_id)
        if job is None or job.created_at > self.clock.now():
            raise InvalidResourceException("Job", job_id)
        return job

    def known_jobs(self) -> list[Job]:
        """Return every job that came to be so far, listed or not."""
        now = self.clock.now()
        return [job for job in list(self.jobs.values()) if job.created_at <= now]

    def listed_jobs(self) -> list[Job]:
        """Return the jobs that listings have, in their order."""
        listed = self._listed
        return listed[: bisect_right(listed, self.clock.now(), key=_listed_at)]

    # What comes to be

    def add_job(
        self,
        job_type: JobType,
        snowball_type: str,
        description: str | None,
        details: dict[str, Any],
        lag: float = 0.0,
    ) -> Job:
        """
        Add a job that belongs to no cluster, on its way at once; an export with its parts.

        :param lag: simulated seconds until listings have it.
        """
        with self._lock:
            now = self.clock.now()
            kind = MainJob if job_type is JobType.EXPORT else Job
            job = self._add(now, kind, job_type, snowball_type, description, details, listed_at=now + lag)
            if isinstance(job, MainJob):
                self._split(job, USUAL_PARTS, now)
            self._start(job, now)
            return job

    def add_node(self, cluster: Cluster, now: float, description: str | None = None, lag: float = 0.0) -> Job:
        """
        Add a job to a cluster; with its quorum all its jobs are on their way.

        :param now: the simulated second; nodes that are ordered together share it.
        :param lag: simulated seconds until listings have it.
        """
        with self._lock:
            if description is None and cluster.description is not None:
                description = f"{cluster.description}-node-{len(cluster.jobs) + 1:03}"
            job = self._add(
                now,
                Job,
                JobType.LOCAL_USE,
                cluster.snowball_type,
                description,
                dict(cluster.details),
                cluster_id=cluster.cluster_id,
                listed_at=now + lag,
            )
            cluster.jobs.append(job)
            if len(cluster.live_jobs(now)) >= cluster.quorum:
                cluster.has_quorum = True
            if cluster.has_quorum:
                for node in cluster.jobs:
                    if not node.started:
                        self._start(node, now)
            return job

    def _add(
        self,
        now: float,
        kind: type[Job],
        job_type: JobType,
        snowball_type: str,
        description: str | None,
        details: dict[str, Any],
        *,
        cluster_id: str | None = None,
        listed_at: float | None = None,
    ) -> Job:
        # The n-th job of a backend takes as long in every run: what was rehearsed can be repeated.
        seed = f"{self.account_id} {self.region_name} {len(self.jobs)}"
        steps: list[Step] = [*usual_plan(job_type, seed)]
        if kind is MainJob:
            # From Pending on it goes as its parts go.
            steps = held(steps, JobState.PENDING)
        prefix = "MID" if kind is MainJob else "JID"
        job = kind(
            job_id=f"{prefix}{random.uuid4()}",
            job_type=job_type,
            snowball_type=snowball_type,
            created=self.clock.date(),
            created_at=now,
            listed_at=now if listed_at is None else listed_at,
            usual=Plan(steps),
            contents=DeviceContents.usual(details, seed),
            description=description,
            cluster_id=cluster_id,
            details=details,
        )
        self.jobs[job.job_id] = job
        self.note_topic(details)
        insort(self._listed, job, key=_place)
        self._transitions.put(job)
        return job

    def _split(self, main: MainJob, count: int, now: float) -> None:
        for part in main.parts:
            del self.jobs[part.job_id]
            self._listed.remove(part)
            self._transitions.drop(part)
        parts: list[Job] = []
        for contents in main.contents.split(count):
            part = self._add(
                now,
                Job,
                main.job_type,
                main.snowball_type,
                main.description,
                dict(main.details),
                listed_at=FOREVER,
            )
            # The wall clock cannot tell yet when that will be.
            part.created = main.created
            part.contents, part.main, part.after = contents, main, parts[-1] if parts else None
            parts.append(part)
        main.split(parts, now)
        self._changed(main)

    def _start(self, job: Job, now: float) -> None:
        job.follow(job.plan, now, usual=True)
        self._changed(job)

    def _changed(self, job: Job) -> None:
        if isinstance(job, MainJob):
            # Its parts may be listed at another time now. Replaced, as others read it meanwhile.
            self._listed = sorted(self._listed, key=_place)
        for member in job.family:
            self._transitions.put(member)

    def note_topic(self, details: Mapping[str, Any]) -> None:
        """Note whether a job or cluster names a topic to notify."""
        if (details.get("Notification") or {}).get("SnsTopicARN"):
            self.has_topics = True

    # What is steered

    def set_plan(self, job_id: str, plan: Iterable[Step]) -> None:
        """
        Replace what is to come for a job: ``[("InTransitToCustomer", "2d"), ("Cancelled", None)]``.

        The plan starts now, quorum or not; the last state lasts for ever. States are not checked
        against those that AWS knows, so that a pipeline can be shown one that it does not.

        :raises InvalidResourceException: if there is no such job.
        :raises ValueError: as :class:`Plan`.
        """
        self._follow(self.job(job_id), Plan(plan))
        self.announce()

    def _follow(self, job: Job, plan: Plan) -> None:
        with self._lock:
            job.follow(plan, self.clock.now())
            self._changed(job)

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

    def _send_on(self, job: Job) -> None:
        with self._lock:
            now = self.clock.now()
            (current, _), *later = job.rest(now)
            if not later and current in job.usual.states:
                later = job.usual.steps()[job.usual.states.index(current) + 1 :]
            if not later:
                raise ValueError(f"{job.job_id} is {current}, and nothing comes after that")
            job.follow(Plan(later), now, usual=job.still_usual)
            self._changed(job)

    def _change(self, job_id: str, change: Callable[[Sequence[Step]], list[Step]]) -> None:
        job = self.job(job_id)
        with self._lock:
            now = self.clock.now()
            job.change(Plan(change(job.rest(now))), now)
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
        self._load(job, job.contents.failing(failed))

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
            if not 1 <= count <= len(main.contents.objects):
                raise ValueError(
                    f"count must be from 1 to {len(main.contents.objects)}, the objects; got {count}"
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
        return any(job.next_due() < FOREVER for job in list(self.jobs.values()))

    def take_transitions(self) -> list[Transition]:
        """Return the transitions of all jobs since the last call, in the order in which they happened."""
        with self._lock:
            return self._transitions.take(self.clock.now())


def in_listing_order(listings: Iterable[Iterable[Job]]) -> list[Job]:
    """Return the jobs of several listings as one."""
    return sorted(itertools.chain.from_iterable(listings), key=_place)


def _listed_at(job: Job) -> float:
    return job.listed_at


def _place(job: Job) -> tuple[float, int]:
    return job.listed_at, job.order
