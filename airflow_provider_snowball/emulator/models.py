"""SnowballBackend class with methods for supported APIs."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend, backend_lock
from moto.moto_api._internal import mock_random as random

from ..lifecycle import ClusterState, JobState, JobType, is_at_or_past
from .clock import Clock
from .exceptions import (
    ClusterLimitExceededException,
    InvalidInputCombinationException,
    InvalidJobStateException,
    InvalidResourceException,
)
from .pagination import page
from .plan import HOUR, Plan, Step, usual_plan

__all__ = [
    "CLUSTER_LIMIT",
    "MINIMUM_QUORUM",
    "Cluster",
    "Job",
    "SnowballBackend",
    "Transition",
    "all_backends",
    "snowball_backends",
    "snowball_clock",
]

#: Nodes that a cluster can have (AWS Snowball Edge developer guide, "Clustering overview").
CLUSTER_LIMIT = 16
#: Nodes without which a cluster that was created empty does not start.
MINIMUM_QUORUM = 3

#: The simulated time of the whole process: all accounts and regions live in it.
snowball_clock = Clock()
_order = itertools.count()

#: Members of CreateClusterRequest that the jobs of the cluster inherit.
_INHERITED = (
    "Resources",
    "OnDeviceServiceConfiguration",
    "AddressId",
    "KmsKeyARN",
    "RoleARN",
    "ShippingOption",
    "Notification",
    "ForwardingAddressId",
    "TaxDocuments",
    "RemoteManagement",
    "SnowballCapacityPreference",
)
_US_REGIONS = ("us-east-", "us-west-")


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True)
class Transition:
    """A job entered ``state`` at the simulated second ``at``, coming from ``previous``."""

    job: Job
    at: float
    previous: str
    state: str


@dataclass(frozen=True)
class _Walk:
    """What happened to a job, and the plan that it follows since ``started_at`` (None: not yet)."""

    past: tuple[tuple[float, str], ...]
    plan: Plan
    started_at: float | None = None


@dataclass(eq=False)
class Job:
    """A job, and its journey. ``details`` are the rest of its members, as JobMetadata has them."""

    job_id: str
    job_type: JobType
    snowball_type: str
    created: datetime
    created_at: float
    first_plan: InitVar[Plan]
    description: str | None = None
    cluster: Cluster | None = None
    details: dict[str, Any] = field(default_factory=dict)
    order: int = field(default_factory=lambda: next(_order))
    # Replaced as a whole: a reader never sees a new plan with an old start.
    _walk: _Walk = field(init=False)
    _told: int = field(init=False, default=1)

    def __post_init__(self, first_plan: Plan) -> None:
        self._walk = _Walk(((self.created_at, JobState.NEW.value),), first_plan)

    @property
    def plan(self) -> Plan:
        """The plan that the job follows, or will once it has started."""
        return self._walk.plan

    @property
    def started(self) -> bool:
        """Whether the job follows its plan; until then it is New."""
        return self._walk.started_at is not None

    def follow(self, plan: Plan, now: float) -> None:
        """Walk ``plan`` from now on; what happened so far has happened."""
        self._walk = _Walk(tuple(self.journey(now)), plan, now)

    def state(self, now: float) -> str:
        """Return the state at the simulated second ``now``."""
        walk = self._walk
        return walk.past[-1][1] if walk.started_at is None else walk.plan.state_at(now - walk.started_at)

    def journey(self, now: float) -> list[tuple[float, str]]:
        """Return every state entered up to ``now``, with the simulated second in which it was."""
        walk = self._walk
        journey = list(walk.past)
        if walk.started_at is not None:
            for at, state in walk.plan.entered_by(now - walk.started_at):
                if state != journey[-1][1]:
                    journey.append((walk.started_at + at, state))
        return journey

    def news(self, now: float) -> list[Transition]:
        """Return what was entered since the last call, oldest first: each transition once."""
        journey = self.journey(now)
        steps = itertools.pairwise(journey[self._told - 1 :])
        self._told = len(journey)
        return [Transition(self, at, previous, state) for (_, previous), (at, state) in steps]

    def has_reached(self, state: JobState, now: float) -> bool:
        """Tell whether the job is at or past ``state``."""
        return is_at_or_past(self.state(now), state, self.job_type)

    def list_entry(self, now: float) -> dict[str, Any]:
        """Return the job as a JobListEntry."""
        return _given(
            JobId=self.job_id,
            JobState=self.state(now),
            IsMaster=False,
            JobType=self.job_type.value,
            SnowballType=self.snowball_type,
            CreationDate=self.created,
            Description=self.description,
        )

    def metadata(self, now: float) -> dict[str, Any]:
        """Return the job as a JobMetadata."""
        details = dict(self.details)
        shipping = _given(ShippingOption=details.pop("ShippingOption", None))
        return details | _given(
            JobId=self.job_id,
            JobState=self.state(now),
            JobType=self.job_type.value,
            SnowballType=self.snowball_type,
            CreationDate=self.created,
            Description=self.description,
            ShippingDetails=shipping or None,
            ClusterId=self.cluster.cluster_id if self.cluster else None,
        )


@dataclass(eq=False)
class Cluster:
    """
    A cluster. Its state follows from its jobs.

    Its jobs stay New until it has its quorum: as many as InitialClusterSize asked for, or three
    if it was created empty.
    """

    cluster_id: str
    snowball_type: str
    created: datetime
    created_at: float
    quorum: int
    description: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    cancelled: bool = False
    has_quorum: bool = False

    def live_jobs(self, now: float) -> list[Job]:
        """Return the jobs that were not cancelled."""
        return [job for job in self.jobs if job.state(now) != JobState.CANCELLED]

    def state(self, now: float) -> ClusterState:
        """
        Return the state at the simulated second ``now``.

        InUse: at least one node was delivered. Complete: all of them are back. AwaitingQuorum lasts
        for at least an hour: AWS promises as long to cancel a cluster, which is possible only then.
        """
        if self.cancelled:
            return ClusterState.CANCELLED
        live = self.live_jobs(now)
        if live and all(job.has_reached(JobState.WITH_AWS, now) for job in live):
            return ClusterState.COMPLETE
        if any(job.has_reached(JobState.WITH_CUSTOMER, now) for job in live):
            return ClusterState.IN_USE
        if live and self.has_quorum and now >= self.created_at + HOUR:
            return ClusterState.PENDING
        return ClusterState.AWAITING_QUORUM

    def list_entry(self, now: float) -> dict[str, Any]:
        """Return the cluster as a ClusterListEntry."""
        return _given(
            ClusterId=self.cluster_id,
            ClusterState=self.state(now).value,
            CreationDate=self.created,
            Description=self.description,
        )

    def metadata(self, now: float) -> dict[str, Any]:
        """Return the cluster as a ClusterMetadata."""
        return self.details | _given(
            **self.list_entry(now), JobType=JobType.LOCAL_USE.value, SnowballType=self.snowball_type
        )


class SnowballBackend(BaseBackend):  # type: ignore[misc]  # moto is not followed
    """Implementation of Snowball APIs, for one account and region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._forget()
        # Requests are served by threads; what reads and then writes holds this.
        self._lock = threading.RLock()

    def _forget(self) -> None:
        self.addresses: dict[str, dict[str, Any]] = {}
        self.clusters: dict[str, Cluster] = {}
        self.jobs: dict[str, Job] = {}

    @property
    def clock(self) -> Clock:
        """The simulated time, the same for all backends."""
        return snowball_clock

    def reset(self) -> None:
        """Forget everything, and put the clock back to its usual speed."""
        # Not moto's: it takes the lock away for a moment, under the feet of other threads.
        with self._lock:
            self._forget()
        snowball_clock.reset()

    def create_address(self, address: dict[str, Any]) -> str:
        """Store an address; every address counts as serviceable."""
        address_id = f"ADID{random.uuid4()}"
        self.addresses[address_id] = address | {"AddressId": address_id}
        return address_id

    def create_cluster(
        self,
        *,
        job_type: str,
        snowball_type: str,
        description: str | None = None,
        initial_cluster_size: int | None = None,
        details: dict[str, Any],
    ) -> tuple[str, list[dict[str, Any]]]:
        """Create a cluster, and its jobs if a size is given; ``details`` are the other members."""
        if job_type != JobType.LOCAL_USE:
            raise InvalidInputCombinationException(
                f"the only JobType of a cluster is {JobType.LOCAL_USE}, not {job_type}"
            )
        self._check_addresses(details)
        with self._lock:
            now = self.clock.now()
            cluster = Cluster(
                cluster_id=f"CID{random.uuid4()}",
                snowball_type=snowball_type,
                created=self.clock.wall(),
                created_at=now,
                quorum=initial_cluster_size or MINIMUM_QUORUM,
                description=description,
                details={name: details[name] for name in _INHERITED if name in details},
            )
            self.clusters[cluster.cluster_id] = cluster
            jobs = [self._add_node(cluster, now) for _ in range(initial_cluster_size or 0)]
            return cluster.cluster_id, [job.list_entry(now) for job in jobs]

    def create_job(
        self,
        *,
        job_type: str | None = None,
        cluster_id: str | None = None,
        snowball_type: str | None = None,
        description: str | None = None,
        details: dict[str, Any],
    ) -> str:
        """Create a job: a node of ``cluster_id``, or one that stands for itself."""
        self._check_addresses(details)
        if cluster_id is not None:
            return self._create_node(cluster_id, job_type, description)
        given = details | _given(JobType=job_type)
        missing = [name for name in ("JobType", "AddressId", "ShippingOption") if name not in given]
        if missing:
            raise InvalidInputCombinationException(
                f"a job that belongs to no cluster needs {', '.join(missing)}"
            )
        with self._lock:
            now = self.clock.now()
            job = self._add_job(JobType(given["JobType"]), snowball_type or "EDGE", description, details, now)
            job.follow(job.plan, now)
            return job.job_id

    def _create_node(self, cluster_id: str, job_type: str | None, description: str | None) -> str:
        cluster = self._cluster(cluster_id)
        if job_type not in (None, JobType.LOCAL_USE):
            raise InvalidInputCombinationException(
                f"the only JobType of a cluster's jobs is {JobType.LOCAL_USE}, not {job_type}"
            )
        with self._lock:
            now = self.clock.now()
            state = cluster.state(now)
            if state in (ClusterState.CANCELLED, ClusterState.COMPLETE):
                raise InvalidInputCombinationException(f"cluster {cluster_id} is {state}")
            if (
                sum(not job.has_reached(JobState.WITH_AWS, now) for job in cluster.live_jobs(now))
                >= CLUSTER_LIMIT
            ):
                raise ClusterLimitExceededException(cluster_id, CLUSTER_LIMIT)
            return self._add_node(cluster, now, description).job_id

    def _add_node(self, cluster: Cluster, now: float, description: str | None = None) -> Job:
        if description is None and cluster.description is not None:
            description = f"{cluster.description}-node-{len(cluster.jobs) + 1:03}"
        job = self._add_job(
            JobType.LOCAL_USE, cluster.snowball_type, description, dict(cluster.details), now, cluster
        )
        cluster.jobs.append(job)
        if not cluster.has_quorum and len(cluster.live_jobs(now)) >= cluster.quorum:
            cluster.has_quorum = True
        if cluster.has_quorum:
            for node in cluster.jobs:
                if not node.started:
                    node.follow(node.plan, now)
        return job

    def _add_job(
        self,
        job_type: JobType,
        snowball_type: str,
        description: str | None,
        details: dict[str, Any],
        now: float,
        cluster: Cluster | None = None,
    ) -> Job:
        # The n-th job of a backend takes as long in every run: what was rehearsed can be repeated.
        seed = f"{self.account_id} {self.region_name} {len(self.jobs)}"
        job = Job(
            job_id=f"JID{random.uuid4()}",
            job_type=job_type,
            snowball_type=snowball_type,
            created=self.clock.wall(),
            created_at=now,
            first_plan=Plan(usual_plan(job_type, seed)),
            description=description,
            cluster=cluster,
            details=details,
        )
        self.jobs[job.job_id] = job
        return job

    def cancel_job(self, job_id: str) -> None:
        """Cancel a job that is not being prepared yet."""
        job = self._job(job_id)
        with self._lock:
            now = self.clock.now()
            state = job.state(now)
            if state == JobState.CANCELLED or job.has_reached(JobState.PREPARING_APPLIANCE, now):
                rule = f"a job can be cancelled only before it is {JobState.PREPARING_APPLIANCE}"
                raise InvalidJobStateException(job_id, state, rule)
            job.follow(Plan([(JobState.CANCELLED, None)]), now)

    def cancel_cluster(self, cluster_id: str) -> None:
        """Cancel a cluster that awaits its quorum, and its jobs with it."""
        cluster = self._cluster(cluster_id)
        with self._lock:
            now = self.clock.now()
            state = cluster.state(now)
            if state is not ClusterState.AWAITING_QUORUM:
                rule = f"a cluster can be cancelled only while it is {ClusterState.AWAITING_QUORUM}"
                raise InvalidJobStateException(cluster_id, state, rule)
            cluster.cancelled = True
            for job in cluster.live_jobs(now):
                job.follow(Plan([(JobState.CANCELLED, None)]), now)

    def describe_cluster(self, cluster_id: str) -> dict[str, Any]:
        """Return a ClusterMetadata."""
        return self._cluster(cluster_id).metadata(self.clock.now())

    def describe_job(self, job_id: str) -> dict[str, Any]:
        """Return a JobMetadata."""
        return self._job(job_id).metadata(self.clock.now())

    def list_clusters(
        self, *, max_results: int | None = None, next_token: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of ClusterListEntry."""
        clusters, token = page(
            list(self.clusters.values()),
            listing="ListClusters",
            max_results=max_results,
            next_token=next_token,
        )
        now = self.clock.now()
        return [cluster.list_entry(now) for cluster in clusters], token

    def list_cluster_jobs(
        self, cluster_id: str, *, max_results: int | None = None, next_token: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of the JobListEntry of a cluster."""
        jobs = list(self._cluster(cluster_id).jobs)
        return self._job_page(jobs, f"ListClusterJobs {cluster_id}", max_results, next_token)

    def list_jobs(
        self, *, max_results: int | None = None, next_token: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of JobListEntry; in a US region, of those of all US regions."""
        jobs = list(self.jobs.values())
        if self.region_name.startswith(_US_REGIONS):
            jobs = sorted(
                (
                    job
                    for backend in all_backends()
                    if backend.account_id == self.account_id and backend.region_name.startswith(_US_REGIONS)
                    for job in list(backend.jobs.values())
                ),
                key=lambda job: job.order,
            )
        return self._job_page(jobs, "ListJobs", max_results, next_token)

    def _job_page(
        self, jobs: Sequence[Job], listing: str, max_results: int | None, next_token: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        found, token = page(jobs, listing=listing, max_results=max_results, next_token=next_token)
        now = self.clock.now()
        return [job.list_entry(now) for job in found], token

    def set_plan(self, job_id: str, plan: Iterable[Step]) -> None:
        """
        Replace what is to come for a job: ``[("InTransitToCustomer", "2d"), ("Cancelled", None)]``.

        The plan starts now, quorum or not; the last state lasts for ever. States are not checked
        against those that AWS knows, so that a pipeline can be shown one that it does not.

        :raises InvalidResourceException: if there is no such job.
        :raises ValueError: as :class:`Plan`.
        """
        job, new = self._job(job_id), Plan(plan)
        with self._lock:
            job.follow(new, self.clock.now())

    def set_state(self, job_id: str, state: str) -> None:
        """Put a job into ``state``, to stay there; otherwise as :meth:`set_plan`."""
        self.set_plan(job_id, [(state, None)])

    def add_jobs(self, cluster_id: str, count: int) -> list[str]:
        """
        Add nodes to a cluster, beyond AWS's limit if asked to, and return their job ids.

        For listings of many pages: AWS itself stops at 16 nodes, and so does CreateJob.

        :raises InvalidResourceException: if there is no such cluster.
        :raises ValueError: if ``count`` is below 1.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1; got {count}")
        cluster = self._cluster(cluster_id)
        with self._lock:
            now = self.clock.now()
            return [self._add_node(cluster, now).job_id for _ in range(count)]

    def news(self) -> list[Transition]:
        """Return the transitions of all jobs since the last call, in the order in which they happened."""
        with self._lock:
            now = self.clock.now()
            news = [transition for job in list(self.jobs.values()) for transition in job.news(now)]
        return sorted(news, key=lambda transition: transition.at)

    def _check_addresses(self, details: dict[str, Any]) -> None:
        for member in ("AddressId", "ForwardingAddressId"):
            if details.get(member) not in (None, *self.addresses):
                raise InvalidResourceException("Address", details[member])

    def _cluster(self, cluster_id: str) -> Cluster:
        if cluster_id not in self.clusters:
            raise InvalidResourceException("Cluster", cluster_id)
        return self.clusters[cluster_id]

    def _job(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise InvalidResourceException("Job", job_id)
        return self.jobs[job_id]


snowball_backends = BackendDict(SnowballBackend, "snowball")


def all_backends() -> list[SnowballBackend]:
    """Return the backend of every account and region that was used so far."""
    # moto adds to the dictionaries under this lock, in whatever thread asks first.
    with backend_lock:
        return [backend for _, _, backend in snowball_backends.iter_backends()]
