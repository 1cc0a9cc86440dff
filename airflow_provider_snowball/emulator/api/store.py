"""What one account and region has: its jobs, clusters, addresses and long-term pricing."""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.moto_api._internal import mock_random as random

from .clock import Clock, WallClock
from .clusters import Cluster
from .exceptions import InvalidResourceException
from .jobs import Job, MainJob
from .places import Places
from .plan import FOREVER, Plan, Step, usual_steps
from .pricing import LongTermPricing
from .states import JobState, JobType
from .transfer import Contents, Load

__all__ = ["ADDRESS_PLACES", "USUAL_PARTS", "Address", "Store", "in_listing_order"]

#: Devices over which an export is spread.
USUAL_PARTS = 2
#: Of all addresses.
ADDRESS_PLACES = Places()


@dataclass(frozen=True)
class Address:
    """An address, and its place among those of all regions."""

    members: dict[str, Any]
    order: int = field(default_factory=ADDRESS_PLACES.take)


class Store:
    """What one account and region has. Durations are in seconds of its clock."""

    region_name: str
    account_id: str
    clock: Clock = WallClock()

    def __init__(self) -> None:
        self.forget()
        # Requests are served by threads; what reads and then writes holds this.
        self._lock = threading.RLock()

    def forget(self) -> None:
        """Lose everything."""
        self.addresses: dict[str, Address] = {}
        self.clusters: dict[str, Cluster] = {}
        self.jobs: dict[str, Job] = {}
        self.pricing: dict[str, LongTermPricing] = {}
        # In the order in which they are listed, so that what is listed keeps its place.
        self._listed: list[Job] = []
        #: How many devices the account may have at a time; None: as many as are ordered.
        self.device_limit: int | None = None

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

        :param lag: seconds until listings have it.
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

        :param now: the second; nodes that are ordered together share it.
        :param lag: seconds until listings have it.
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
        number = len(self.jobs)
        steps = self._usual_steps(job_type, number)
        if kind is MainJob:
            # From Pending on it goes as its parts go.
            (at,) = [place for place, (state, _) in enumerate(steps) if state == JobState.PENDING]
            steps = [*steps[:at], (JobState.PENDING.value, None)]
        prefix = "MID" if kind is MainJob else "JID"
        job = kind(
            job_id=f"{prefix}{random.uuid4()}",
            job_type=job_type,
            snowball_type=snowball_type,
            created=self.clock.date(),
            created_at=now,
            listed_at=now if listed_at is None else listed_at,
            usual=Plan(steps),
            contents=self._usual_contents(details, number),
            description=description,
            cluster_id=cluster_id,
            details=details,
        )
        self.jobs[job.job_id] = job
        insort(self._listed, job, key=_place)
        return job

    def _split(self, main: MainJob, count: int, now: float) -> None:
        for part in main.parts:
            del self.jobs[part.job_id]
            self._listed.remove(part)
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

    def relist(self) -> None:
        """Put the jobs in the order in which they are listed."""
        # Replaced, as others read it meanwhile.
        self._listed = sorted(self.jobs.values(), key=_place)

    def _changed(self, job: Job) -> None:
        """Note that what is to come for a job is not what it was."""
        if isinstance(job, MainJob):
            # Its parts may be listed at another time now.
            self.relist()

    def _usual_steps(self, job_type: JobType, number: int) -> list[Step]:
        """Return what becomes of the job that is ``number`` of those of the account and region."""
        return usual_steps(job_type)

    def _usual_contents(self, details: Mapping[str, Any], number: int) -> Contents:
        """Return what the device of that job carries."""
        return Load()

    def _follow(self, job: Job, plan: Plan) -> None:
        with self._lock:
            job.follow(plan, self.clock.now())
            self._changed(job)

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


def in_listing_order(listings: Iterable[Iterable[Job]]) -> list[Job]:
    """Return the jobs of several listings as one."""
    return sorted(itertools.chain.from_iterable(listings), key=_place)


def _listed_at(job: Job) -> float:
    return job.listed_at


def _place(job: Job) -> tuple[float, int]:
    return job.listed_at, job.order
