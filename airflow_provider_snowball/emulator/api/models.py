"""SnowballBackend class with methods for supported APIs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend, backend_lock
from moto.moto_api._internal import mock_random as random

from .catalogue import SERVICE_VERSIONS, compatible_images, pickup_locations
from .clusters import CLUSTER_LIMIT, MINIMUM_QUORUM, Cluster
from .exceptions import (
    ClusterLimitExceededException,
    ConflictException,
    InvalidAddressException,
    InvalidInputCombinationException,
    InvalidJobStateException,
    InvalidNextTokenException,
    InvalidResourceException,
    ReturnShippingLabelAlreadyExistsException,
    UnsupportedAddressException,
    ValidationException,
)
from .jobs import MANIFEST, RETURN_LABEL, SOFTWARE_UPDATE, Job, Link, MainJob, given, lifetime_of
from .pagination import page
from .plan import DAY, Plan
from .pricing import LongTermPricing
from .rules import check_cluster, check_job
from .shipping import LABEL_LASTS, ReturnLabel
from .states import ClusterState, JobState, JobType
from .store import Address, Store, in_listing_order

__all__ = ["SnowballBackend", "snowball_backends"]

#: Seconds until listings have a node that was ordered for a cluster that runs already.
LISTING_LAG = 600.0
#: Days after its creation on which a job's manifest and unlock code expire.
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
#: The type of device that an order means which names none.
_USUAL_TYPE = "EDGE"
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
        """Forget everything."""
        # Not moto's: it takes the lock away for a moment, under the feet of other threads.
        with self._lock:
            self.forget()

    def link(self, job_id: str, name: str, base_url: str) -> str:
        """
        Return the URI of a file of a job, in the form of S3's presigned URLs. This one leads nowhere.

        :param base_url: scheme and host under which the client reached the service.
        """
        return (
            f"https://s3.{self.region_name}.amazonaws.com/snowball-{self.account_id}/{job_id}_{name}"
            f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires={lifetime_of(name)}&X-Amz-SignedHeaders=host"
        )

    def _link(self, base_url: str) -> Link:
        return lambda job_id, name: self.link(job_id, name, base_url)

    def _of_all_regions(self) -> list[SnowballBackend]:
        """Return the backends of the account, one a region that was used so far."""
        # moto adds to the dictionaries under this lock, in whatever thread asks first.
        with backend_lock:
            return list(snowball_backends[self.account_id].values())

    def create_address(self, address: dict[str, Any]) -> str:
        """Store an address. In US regions one of another country is refused; elsewhere any will do."""
        if not address.get("Street1"):
            raise InvalidAddressException("it has no Street1")
        country = address.get("Country", "US")
        if self.region_name.startswith(_US_REGIONS) and country.casefold() not in _US_NAMES:
            raise UnsupportedAddressException(country, self.region_name)
        address_id = f"ADID{random.uuid4()}"
        with self._lock:
            self.addresses[address_id] = Address(address | {"AddressId": address_id})
        return address_id

    def describe_address(self, address_id: str) -> dict[str, Any]:
        """Return an Address."""
        if address_id in self.addresses:
            return self.addresses[address_id].members
        locations = pickup_locations(self.region_name)
        if address_id not in locations:
            raise InvalidResourceException("Address", address_id)
        return locations[address_id]

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
        long_term_pricing_ids: Sequence[str] = (),
        details: dict[str, Any],
        listing_lag: float = 0.0,
    ) -> tuple[str, list[dict[str, Any]]]:
        """
        Create a cluster, and its jobs if a size is given; ``details`` are the other members.

        :param long_term_pricing_ids: of the contracts for its nodes, in their order.
        :param listing_lag: seconds until listings have it.
        """
        size = initial_cluster_size or 0
        check_cluster(job_type, snowball_type, size, details, force=force_create_jobs)
        for pricing_id in long_term_pricing_ids:
            self._pricing(pricing_id)
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
            for job, pricing_id in zip(jobs, long_term_pricing_ids, strict=False):
                self._order_under(pricing_id, job)
            return cluster.cluster_id, [job.list_entry(now) for job in jobs]

    def update_cluster(self, cluster_id: str, changes: dict[str, Any]) -> None:
        """Change a cluster that awaits its quorum; what its jobs inherited changes with it."""
        cluster = self.cluster(cluster_id)
        self._check_addresses(changes)
        with self._lock:
            self._check_awaits_quorum(cluster, "updated")
            check_job(JobType.LOCAL_USE, cluster.snowball_type, cluster.details | changes, self.region_name)
            cluster.description = changes.pop("Description", cluster.description)
            cluster.details |= changes
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

        :param listing_lag: seconds until listings have it.
        """
        self._check_addresses(details)
        if "LongTermPricingId" in details:
            self._pricing(details["LongTermPricingId"])
        if cluster_id is not None:
            return self._create_node(cluster_id, job_type, snowball_type, description, details, listing_lag)
        members = details | given(JobType=job_type)
        missing = [name for name in ("JobType", "AddressId", "ShippingOption") if name not in members]
        if missing or job_type is None:
            raise InvalidInputCombinationException(
                f"a job that belongs to no cluster needs {', '.join(missing)}"
            )
        snowball_type = snowball_type or _USUAL_TYPE
        check_job(job_type, snowball_type, details, self.region_name)
        with self._lock:
            self._check_device_limit(1)
            job = self.add_job(JobType(job_type), snowball_type, description, details, listing_lag)
            self._order_under(details.get("LongTermPricingId"), job)
            return job.job_id

    def _create_node(
        self,
        cluster_id: str,
        job_type: str | None,
        snowball_type: str | None,
        description: str | None,
        details: Mapping[str, Any],
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
            job = self.add_node(cluster, now, description, max(lag, listing_lag))
            # What a cluster has is inherited, whatever the order of a node says.
            job.details |= {name: value for name, value in details.items() if name not in _INHERITED}
            self._order_under(details.get("LongTermPricingId"), job)
            return job.job_id

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
            check_job(job.job_type, job.snowball_type, job.details | changes, self.region_name)
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
        return self.job(job_id).metadata(self.clock.now(), self._link(base_url))

    def describe_parts(self, job_id: str, base_url: str = "") -> list[dict[str, Any]]:
        """Return a JobMetadata for each part of an export that is listed so far."""
        job, now = self.job(job_id), self.clock.now()
        if not isinstance(job, MainJob):
            return []
        return [part.metadata(now, self._link(base_url)) for part in job.parts if part.listed_at <= now]

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
        return self.link(job_id, MANIFEST, base_url)

    def get_job_unlock_code(self, job_id: str) -> str:
        """Return a job's unlock code."""
        job = self.job(job_id)
        self._check_has_credentials(job)
        return job.unlock_code

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
        uri = self.link(job_id, RETURN_LABEL, base_url)
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

    def get_software_updates(self, job_id: str, base_url: str) -> str:
        """Return the link to the updates for a job's device."""
        job = self.job(job_id)
        state = job.state(self.clock.now())
        if not job.has_device or state in (JobState.COMPLETE, JobState.CANCELLED):
            raise InvalidJobStateException(job_id, state, "updates are for a job that has a device")
        return self.link(job_id, SOFTWARE_UPDATE, base_url)

    def create_long_term_pricing(
        self, *, pricing_type: str, snowball_type: str, auto_renew: bool = False
    ) -> str:
        """Close a contract, and return its id."""
        pricing_id = f"LTPID{random.uuid4()}"
        start = self.clock.date()
        with self._lock:
            self.pricing[pricing_id] = LongTermPricing(
                pricing_id, pricing_type, snowball_type, start, auto_renew
            )
        return pricing_id

    def update_long_term_pricing(
        self, pricing_id: str, *, replacement_job: str | None = None, auto_renew: bool | None = None
    ) -> None:
        """Change whether a contract renews itself, or the job whose device replaces the one that there is."""
        pricing = self._pricing(pricing_id)
        replacement = None if replacement_job is None else self.job(replacement_job).job_id
        with self._lock:
            pricing.replacement_job = replacement or pricing.replacement_job
            if auto_renew is not None:
                pricing.renew(auto_renew, self.clock.date())

    def list_long_term_pricing(
        self, *, max_results: int | None = None, next_token: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of LongTermPricingListEntry."""
        contracts, token = page(
            list(self.pricing.values()),
            listing="ListLongTermPricing",
            max_results=max_results,
            next_token=next_token,
        )
        today = self.clock.date()
        return [each.list_entry(today, self._active_job(each)) for each in contracts], token

    def list_compatible_images(
        self, *, max_results: int | None = None, next_token: str | None = None
    ) -> tuple[list[dict[str, str]], str | None]:
        """Return a page of CompatibleImage."""
        images, token = page(
            compatible_images(self.account_id, self.region_name),
            listing="ListCompatibleImages",
            max_results=max_results,
            next_token=next_token,
        )
        return list(images), token

    def list_pickup_locations(
        self, *, max_results: int | None = None, next_token: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of Address."""
        try:
            locations, token = page(
                list(pickup_locations(self.region_name).values()),
                listing="ListPickupLocations",
                max_results=max_results,
                next_token=next_token,
            )
        except InvalidNextTokenException as error:
            # The one listing whose model has no error for it.
            raise ValidationException([error.message]) from None
        return list(locations), token

    def list_service_versions(
        self,
        service_name: str,
        dependent_services: Sequence[Mapping[str, Any]] = (),
        *,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> tuple[list[dict[str, str]], str | None]:
        """Return a page of ServiceVersion; any goes with any of the services that it depends on."""
        for each in dependent_services:
            name, version = each.get("ServiceName"), (each.get("ServiceVersion") or {}).get("Version")
            if version is not None and version not in SERVICE_VERSIONS.get(str(name), ()):
                raise InvalidResourceException("ServiceVersion", f"{name} {version}")
        versions, token = page(
            SERVICE_VERSIONS[service_name],
            listing=f"ListServiceVersions {service_name}",
            max_results=max_results,
            next_token=next_token,
        )
        return [{"Version": version} for version in versions], token

    def _pricing(self, pricing_id: str) -> LongTermPricing:
        if pricing_id not in self.pricing:
            raise InvalidResourceException("LongTermPricing", pricing_id)
        return self.pricing[pricing_id]

    def _order_under(self, pricing_id: str | None, job: Job) -> None:
        """Note that a job is ordered under a contract, if it is."""
        if pricing_id is not None:
            job.details["LongTermPricingId"] = pricing_id
            self._pricing(pricing_id).job_ids.append(job.job_id)

    def _active_job(self, pricing: LongTermPricing) -> str | None:
        now = self.clock.now()
        ended = (JobState.COMPLETE, JobState.CANCELLED)
        active = [each for each in pricing.job_ids if self.jobs[each].state(now) not in ended]
        return active[-1] if active else None

    def _together(self) -> list[SnowballBackend]:
        """Return the backends that answer a listing together: those of all US regions, or this one alone."""
        if not self.region_name.startswith(_US_REGIONS):
            return [self]
        return [each for each in self._of_all_regions() if each.region_name.startswith(_US_REGIONS)]

    def _check_addresses(self, details: dict[str, Any]) -> None:
        for member in ("AddressId", "ForwardingAddressId"):
            if details.get(member) is not None:
                self.describe_address(details[member])


snowball_backends = BackendDict(SnowballBackend, "snowball")
