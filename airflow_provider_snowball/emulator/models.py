"""SnowballBackend class with methods for supported APIs."""

from __future__ import annotations

from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend, backend_lock
from moto.moto_api._internal import mock_random as random

from ..lifecycle import ClusterState, JobState, JobType
from .announcer import Announcer
from .clusters import CLUSTER_LIMIT, MINIMUM_QUORUM, Cluster
from .credentials import unlock_code
from .exceptions import (
    ClusterLimitExceededException,
    ConflictException,
    InvalidAddressException,
    InvalidInputCombinationException,
    InvalidJobStateException,
    InvalidResourceException,
    ReturnShippingLabelAlreadyExistsException,
    UnsupportedAddressException,
)
from .jobs import Job, MainJob, given
from .links import MANIFEST, RETURN_LABEL, Links
from .pagination import page
from .plan import DAY, Plan
from .shipping import LABEL_LASTS, ReturnLabel
from .store import Address, Store, in_listing_order, snowball_clock, snowball_faults

__all__ = ["SnowballBackend", "all_backends", "announcer", "snowball_backends", "snowball_clock"]

#: Simulated seconds until listings have a node that was ordered for a cluster that runs already.
LISTING_LAG = 600.0
#: Simulated days after its creation on which a job's manifest and unlock code expire.
CREDENTIALS_LAST = 360
#: SnowballLimit of GetSnowballUsage: AWS's default. Nothing is refused because of it, unless a limit is set.
SNOWBALL_LIMIT = 1

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
#: Types of device that can be no node of a cluster, and those that can be no LOCAL_USE job at all.
_NO_NODE = ("STANDARD", "SNC1_HDD", "SNC1_SSD")
_NO_LOCAL_USE = ("STANDARD",)
_US_REGIONS = ("us-east-", "us-west-")
_US_NAMES = ("us", "usa", "united states", "united states of america")
_CANCELLED = Plan([(JobState.CANCELLED, None)])
#: What a customer can say of a shipment: the state of the job in which it can be said, and the next.
_SHIPMENTS = {
    "RECEIVED": (JobState.IN_TRANSIT_TO_CUSTOMER, JobState.WITH_CUSTOMER),
    "RETURNED": (JobState.WITH_CUSTOMER, JobState.IN_TRANSIT_TO_AWS),
}


class SnowballBackend(Store, BaseBackend):  # type: ignore[misc]  # moto is not followed
    """Implementation of Snowball APIs, for one account and region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        BaseBackend.__init__(self, region_name, account_id)
        Store.__init__(self)

    def reset(self) -> None:
        """Forget everything, remove all faults and put the clock back to its usual speed."""
        # Not moto's: it takes the lock away for a moment, under the feet of other threads.
        with self._lock:
            self.forget()
        snowball_faults.clear()
        snowball_clock.reset()

    def announce(self) -> None:
        """Announce at once what has happened."""
        announcer.settle()

    def create_address(self, address: dict[str, Any]) -> str:
        """Store an address. In US regions one of another country is refused; elsewhere any will do."""
        if not address.get("Street1"):
            raise InvalidAddressException("it has no Street1")
        country = address.get("Country", "US")
        if self.region_name.startswith(_US_REGIONS) and country.casefold() not in _US_NAMES:
            raise UnsupportedAddressException(country, self.region_name)
        address_id = f"ADID{random.uuid4()}"
        self.addresses[address_id] = Address(address | {"AddressId": address_id})
        return address_id

    def describe_address(self, address_id: str) -> dict[str, Any]:
        """Return an Address."""
        if address_id not in self.addresses:
            raise InvalidResourceException("Address", address_id)
        return self.addresses[address_id].members

    def describe_addresses(
        self, *, max_results: int | None = None, next_token: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of Address; in a US region, of those of all US regions."""
        found = [address for backend in self._together() for address in list(backend.addresses.values())]
        addresses, token = page(
            sorted(found, key=lambda address: address.order),
            listing="DescribeAddresses",
            max_results=max_results,
            next_token=next_token,
        )
        return [address.members for address in addresses], token

    def create_cluster(
        self,
        *,
        job_type: str,
        snowball_type: str,
        description: str | None = None,
        initial_cluster_size: int | None = None,
        force_create_jobs: bool = False,
        details: dict[str, Any],
        listing_lag: float = 0.0,
    ) -> tuple[str, list[dict[str, Any]]]:
        """
        Create a cluster, and its jobs if a size is given; ``details`` are the other members.

        :param listing_lag: simulated seconds until listings have it.
        """
        size = initial_cluster_size or 0
        if job_type != JobType.LOCAL_USE:
            raise InvalidInputCombinationException(
                f"the only JobType of a cluster is {JobType.LOCAL_USE}, not {job_type}"
            )
        if snowball_type in _NO_NODE:
            raise InvalidInputCombinationException(f"{snowball_type} cannot be clustered")
        needed = (details.get("OnDeviceServiceConfiguration") or {}).get("S3OnDeviceService", {})
        if needed.get("ServiceSize", size) != size and not force_create_jobs:
            raise InvalidInputCombinationException(
                f"S3OnDeviceService needs {needed['ServiceSize']} nodes and InitialClusterSize is {size}; "
                "set ForceCreateJobs to create the cluster nevertheless"
            )
        self._check_addresses(details)
        with self._lock:
            self._check_device_limit(size)
            now = self.clock.now()
            cluster = Cluster(
                cluster_id=f"CID{random.uuid4()}",
                snowball_type=snowball_type,
                created=self.clock.date(),
                created_at=now,
                quorum=size or MINIMUM_QUORUM,
                listed_at=now + listing_lag,
                description=description,
                details={name: details[name] for name in _INHERITED if name in details},
            )
            self.clusters[cluster.cluster_id] = cluster
            jobs = [self.add_node(cluster, now, lag=listing_lag) for _ in range(size)]
            return cluster.cluster_id, [job.list_entry(now) for job in jobs]

    def update_cluster(self, cluster_id: str, changes: dict[str, Any]) -> None:
        """Change a cluster that awaits its quorum; what its jobs inherited changes with it."""
        cluster = self.cluster(cluster_id)
        self._check_addresses(changes)
        with self._lock:
            self._check_awaits_quorum(cluster, "updated")
            cluster.description = changes.pop("Description", cluster.description)
            cluster.details |= changes
            self.note_topic(changes)
            for job in cluster.jobs:
                job.details |= changes

    def cancel_cluster(self, cluster_id: str) -> None:
        """Cancel a cluster that awaits its quorum, and its jobs with it."""
        cluster = self.cluster(cluster_id)
        with self._lock:
            self._check_awaits_quorum(cluster, "cancelled")
            cluster.cancelled = True
            for job in cluster.live_jobs(self.clock.now()):
                self._follow(job, _CANCELLED)

    def _check_awaits_quorum(self, cluster: Cluster, what: str) -> None:
        state = cluster.state(self.clock.now())
        if state is not ClusterState.AWAITING_QUORUM:
            rule = f"a cluster can be {what} only while it is {ClusterState.AWAITING_QUORUM}"
            raise InvalidJobStateException(cluster.cluster_id, state, rule)

    def describe_cluster(self, cluster_id: str) -> dict[str, Any]:
        """Return a ClusterMetadata."""
        return self.cluster(cluster_id).metadata(self.clock.now())

    def list_clusters(
        self, *, max_results: int | None = None, next_token: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of ClusterListEntry."""
        now = self.clock.now()
        clusters, token = page(
            [cluster for cluster in list(self.clusters.values()) if cluster.listed_at <= now],
            listing="ListClusters",
            max_results=max_results,
            next_token=next_token,
        )
        return [cluster.list_entry(now) for cluster in clusters], token

    def list_cluster_jobs(
        self, cluster_id: str, *, max_results: int | None = None, next_token: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of the JobListEntry of a cluster."""
        now = self.clock.now()
        jobs, token = page(
            [job for job in self.cluster(cluster_id).jobs if job.listed_at <= now],
            listing=f"ListClusterJobs {cluster_id}",
            max_results=max_results,
            next_token=next_token,
        )
        return [job.list_entry(now) for job in jobs], token

    def create_job(
        self,
        *,
        job_type: str | None = None,
        cluster_id: str | None = None,
        snowball_type: str | None = None,
        description: str | None = None,
        details: dict[str, Any],
        listing_lag: float = 0.0,
    ) -> str:
        """
        Create a job: a node of ``cluster_id``, or one that stands for itself.

        :param listing_lag: simulated seconds until listings have it.
        """
        self._check_addresses(details)
        if cluster_id is not None:
            return self._create_node(cluster_id, job_type, snowball_type, description, listing_lag)
        members = details | given(JobType=job_type)
        missing = [name for name in ("JobType", "AddressId", "ShippingOption") if name not in members]
        if missing or job_type is None:
            raise InvalidInputCombinationException(
                f"a job that belongs to no cluster needs {', '.join(missing)}"
            )
        if job_type == JobType.LOCAL_USE and snowball_type in _NO_LOCAL_USE:
            raise InvalidInputCombinationException(f"{snowball_type} does not support {job_type} jobs")
        with self._lock:
            self._check_device_limit(1)
            return self.add_job(
                JobType(job_type), snowball_type or "EDGE", description, details, listing_lag
            ).job_id

    def _create_node(
        self,
        cluster_id: str,
        job_type: str | None,
        snowball_type: str | None,
        description: str | None,
        listing_lag: float,
    ) -> str:
        cluster = self.cluster(cluster_id)
        if job_type not in (None, JobType.LOCAL_USE):
            raise InvalidInputCombinationException(
                f"the only JobType of a cluster's jobs is {JobType.LOCAL_USE}, not {job_type}"
            )
        if snowball_type not in (None, cluster.snowball_type):
            raise InvalidInputCombinationException(
                f"the nodes of cluster {cluster_id} are of type {cluster.snowball_type}, not {snowball_type}"
            )
        with self._lock:
            now = self.clock.now()
            state = cluster.state(now)
            if state in (ClusterState.CANCELLED, ClusterState.COMPLETE):
                raise InvalidInputCombinationException(f"cluster {cluster_id} is {state}")
            out = [job for job in cluster.live_jobs(now) if not job.has_reached(JobState.WITH_AWS, now)]
            if len(out) >= CLUSTER_LIMIT:
                raise ClusterLimitExceededException(cluster_id, CLUSTER_LIMIT)
            self._check_device_limit(1)
            lag = 0.0 if state is ClusterState.AWAITING_QUORUM else LISTING_LAG
            return self.add_node(cluster, now, description, max(lag, listing_lag)).job_id

    def update_job(self, job_id: str, changes: dict[str, Any]) -> None:
        """Change a job that is New."""
        job = self.job(job_id)
        self._check_addresses(changes)
        with self._lock:
            state = job.state(self.clock.now())
            if state != JobState.NEW:
                raise InvalidJobStateException(
                    job_id, state, f"a job can be updated only while it is {JobState.NEW}"
                )
            self.note_topic(changes)
            for member in job.family:
                member.description = changes.get("Description", member.description)
                member.details |= {name: value for name, value in changes.items() if name != "Description"}

    def cancel_job(self, job_id: str) -> None:
        """Cancel a job that is not being prepared yet; a main job with its parts."""
        job = self.job(job_id)
        with self._lock:
            now = self.clock.now()
            state = job.state(now)
            group = job.family if isinstance(job, MainJob) else [job]
            if state == JobState.CANCELLED or any(
                member.has_reached(JobState.PREPARING_APPLIANCE, now) for member in group
            ):
                rule = f"a job can be cancelled only before it is {JobState.PREPARING_APPLIANCE}"
                raise InvalidJobStateException(job_id, state, rule)
            for member in group:
                if member.created_at <= now:
                    self._follow(member, _CANCELLED)

    def describe_job(self, job_id: str, base_url: str = "") -> dict[str, Any]:
        """Return a JobMetadata, with links below ``base_url``."""
        return self.job(job_id).metadata(self.clock.now(), self._links(base_url))

    def describe_parts(self, job_id: str, base_url: str = "") -> list[dict[str, Any]]:
        """Return a JobMetadata for each part of an export that is listed so far."""
        job, now = self.job(job_id), self.clock.now()
        if not isinstance(job, MainJob):
            return []
        return [part.metadata(now, self._links(base_url)) for part in job.parts if part.listed_at <= now]

    def list_jobs(
        self, *, max_results: int | None = None, next_token: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of JobListEntry; in a US region, of those of all US regions."""
        listings = [listed for backend in self._together() if (listed := backend.listed_jobs())]
        jobs, token = page(
            listings[0] if len(listings) == 1 else in_listing_order(listings),
            listing="ListJobs",
            max_results=max_results,
            next_token=next_token,
        )
        now = self.clock.now()
        return [job.list_entry(now) for job in jobs], token

    def get_job_manifest(self, job_id: str, base_url: str) -> str:
        """Return the link to a job's manifest."""
        self._check_has_credentials(self.job(job_id))
        return self._links(base_url).to(job_id, MANIFEST)

    def get_job_unlock_code(self, job_id: str) -> str:
        """Return a job's unlock code."""
        self._check_has_credentials(self.job(job_id))
        return unlock_code(job_id)

    def _check_has_credentials(self, job: Job) -> None:
        now = self.clock.now()
        self._check_with_customer(job, "has a manifest and an unlock code")
        if now >= job.created_at + CREDENTIALS_LAST * DAY:
            rule = f"manifest and unlock code expire {CREDENTIALS_LAST} days after the job is created"
            raise InvalidJobStateException(job.job_id, job.state(now), rule)

    def _check_with_customer(self, job: Job, what: str) -> None:
        state = job.state(self.clock.now())
        if not job.has_device:
            raise InvalidJobStateException(job.job_id, state, "a main job has no device, only its parts have")
        if state != JobState.WITH_CUSTOMER:
            rule = f"a job {what} only while it is {JobState.WITH_CUSTOMER}"
            raise InvalidJobStateException(job.job_id, state, rule)

    def update_job_shipment_state(self, job_id: str, shipment_state: str) -> None:
        """Take a customer's word that a device arrived (RECEIVED) or was sent back (RETURNED)."""
        job = self.job(job_id)
        before, after = _SHIPMENTS[shipment_state]
        with self._lock:
            state = job.state(self.clock.now())
            if not job.has_device or state not in (before, after):
                rule = f"a device is {shipment_state} only while its job is {before}"
                raise InvalidJobStateException(job_id, state, rule)
            if state == before:
                self._send_on(job)

    def create_return_shipping_label(self, job_id: str) -> str:
        """Ask for a label for the way back, and return its status."""
        job = self.job(job_id)
        with self._lock:
            self._check_with_customer(job, "gets a return shipping label")
            now, label = self.clock.now(), job.return_label
            if label is not None and not label.expired(now):
                if label.status(now) == "InProgress":
                    raise ConflictException(job_id)
                raise ReturnShippingLabelAlreadyExistsException(job_id)
            job.return_label = ReturnLabel(now, self.clock.date() + LABEL_LASTS)
            return job.return_label.status(now)

    def describe_return_shipping_label(self, job_id: str, base_url: str) -> dict[str, Any]:
        """Return a DescribeReturnShippingLabelResult."""
        label, now = self.job(job_id).return_label, self.clock.now()
        if label is None:
            raise InvalidResourceException("ReturnShippingLabel", job_id)
        status = label.status(now)
        if status == "InProgress":
            return {"Status": status}
        uri = self._links(base_url).to(job_id, RETURN_LABEL)
        return {"Status": status, "ExpirationDate": label.expires, "ReturnShippingLabelURI": uri}

    def get_snowball_usage(self) -> dict[str, int]:
        """Return a GetSnowballUsageResult: devices from when they are prepared until they are erased."""
        now = self.clock.now()
        in_use = [
            job
            for job in self.known_jobs()
            if job.has_device
            and job.has_reached(JobState.PREPARING_APPLIANCE, now)
            and not job.has_reached(JobState.COMPLETE, now)
        ]
        limit = SNOWBALL_LIMIT if self.device_limit is None else self.device_limit
        return {"SnowballLimit": limit, "SnowballsInUse": len(in_use)}

    def _check_device_limit(self, more: int) -> None:
        """Refuse what would be more devices, ordered and not back yet, than the account may have."""
        if self.device_limit is None:
            return
        now = self.clock.now()
        out = [
            job
            for job in self.known_jobs()
            if job.has_device
            and job.state(now) != JobState.CANCELLED
            and not job.has_reached(JobState.COMPLETE, now)
        ]
        if len(out) + more > self.device_limit:
            raise InvalidInputCombinationException(
                f"the account may have {self.device_limit} devices at a time, and has {len(out)}"
            )

    def _links(self, base_url: str) -> Links:
        return Links(base_url, self.account_id, self.region_name, self.clock.wall())

    def _together(self) -> list[SnowballBackend]:
        """Return the backends that answer a listing together: those of all US regions, or this one alone."""
        if not self.region_name.startswith(_US_REGIONS):
            return [self]
        return [
            backend
            for backend in all_backends()
            if backend.account_id == self.account_id and backend.region_name.startswith(_US_REGIONS)
        ]

    def _check_addresses(self, details: dict[str, Any]) -> None:
        for member in ("AddressId", "ForwardingAddressId"):
            if details.get(member) not in (None, *self.addresses):
                raise InvalidResourceException("Address", details[member])


snowball_backends = BackendDict(SnowballBackend, "snowball")


def all_backends() -> list[SnowballBackend]:
    """Return the backend of every account and region that was used so far."""
    # moto adds to the dictionaries under this lock, in whatever thread asks first.
    with backend_lock:
        return [backend for _, _, backend in snowball_backends.iter_backends()]


#: Announces what happens to the jobs of all backends.
announcer = Announcer(all_backends)
snowball_clock.after_jump.append(announcer.settle)
