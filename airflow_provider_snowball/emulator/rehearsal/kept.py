"""
What a store has, as plain values that JSON can write, and the same store from them.

Jobs are what their fields are; the others are found by their ids. A date is ``{"$date": seconds}``.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..api.clusters import Cluster
from ..api.jobs import PLACES, Job, MainJob, Walk
from ..api.plan import Plan
from ..api.pricing import LongTermPricing
from ..api.shipping import ReturnLabel
from ..api.states import JobType
from ..api.store import ADDRESS_PLACES, Address
from .device_contents import DeviceContents, DeviceObject, contents_of
from .steering import SteeredStore

__all__ = ["KeptStore", "as_text", "from_text"]

_DATE = "$date"
#: Fields that are plain as they are.
_OF_JOB = (
    "order",
    "job_id",
    "snowball_type",
    "created",
    "created_at",
    "listed_at",
    "description",
    "cluster_id",
)
_OF_CLUSTER = (
    "cluster_id",
    "snowball_type",
    "created",
    "created_at",
    "quorum",
    "listed_at",
    "description",
    "details",
    "cancelled",
    "has_quorum",
)
_OF_PRICING = (
    "pricing_id",
    "pricing_type",
    "snowball_type",
    "start",
    "auto_renew",
    "term_ends",
    "replacement_job",
    "job_ids",
)


def as_text(value: Any) -> str:
    """Return plain values and dates as JSON."""
    return json.dumps(value, default=_as_date)


def _as_date(date: datetime) -> dict[str, float]:
    # moto reads those of a request as UTC, and does not say so.
    return {_DATE: (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()}


def from_text(text: str) -> Any:
    """Return what :func:`as_text` has written."""
    return json.loads(text, object_hook=_date_of)


def _date_of(found: dict[str, Any]) -> Any:
    return datetime.fromtimestamp(found[_DATE], UTC) if set(found) == {_DATE} else found


class KeptStore(SteeredStore):
    """A store that can be kept."""

    def snapshot(self) -> dict[str, Any]:
        """Return all that it has, apart from what becomes of it later."""
        with self._lock:
            return copy.deepcopy(self._values())

    def _values(self) -> dict[str, Any]:
        return {
            "account": self.account_id,
            "region": self.region_name,
            "device_limit": self.device_limit,
            "addresses": [(each.members, each.order) for each in self.addresses.values()],
            "pricing": [_fields(each, _OF_PRICING) for each in self.pricing.values()],
            "clusters": [
                _fields(each, _OF_CLUSTER) | {"job_ids": [job.job_id for job in each.jobs]}
                for each in self.clusters.values()
            ],
            "jobs": [
                _job_as_values(job) | {"taken": self._transitions.taken_of(job)} for job in self.jobs.values()
            ],
        }

    def restore(self, values: Mapping[str, Any]) -> None:
        """Have what a snapshot had, and nothing else."""
        with self._lock:
            self.forget()
            self.device_limit = values["device_limit"]
            self.addresses = {each["AddressId"]: Address(each, order) for each, order in values["addresses"]}
            for address in self.addresses.values():
                ADDRESS_PLACES.pass_by(address.order)
            self.pricing = {each["pricing_id"]: LongTermPricing(**each) for each in values["pricing"]}
            for each in values["jobs"]:
                job = self.jobs[each["job_id"]] = _job_of(each, self.jobs)
                self.note_topic(job.details)
                PLACES.pass_by(job.order)
            for each in values["clusters"]:
                job_ids = each["job_ids"]
                found = Cluster(**_fields_of(each, _OF_CLUSTER), jobs=[self.jobs[job] for job in job_ids])
                self.clusters[found.cluster_id] = found
            for each in values["jobs"]:
                # Not before: how a main job goes depends on its parts.
                self._transitions.resume(self.jobs[each["job_id"]], each["taken"])
            self.relist()


def _fields(thing: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}


def _fields_of(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: values[name] for name in names}


def _job_as_values(job: Job) -> dict[str, Any]:
    contents = contents_of(job)
    label = job.return_label
    return _fields(job, (*_OF_JOB, "details", "unlock_code")) | {
        "job_type": job.job_type.value,
        "is_main": isinstance(job, MainJob),
        "main": job.main and job.main.job_id,
        "after": job.after and job.after.job_id,
        "usual": job.usual.steps(),
        "walk": {
            "past": job.walk.past,
            "plan": job.walk.plan.steps(),
            "started_at": job.walk.started_at,
            "usual": job.walk.usual,
        },
        "return_label": label and {"requested_at": label.requested_at, "expires": label.expires},
        "recipe": contents.recipe,
        "objects": None
        if contents.recipe
        else [(each.bucket, each.key, each.size, each.error) for each in contents.objects],
    }


def _job_of(values: Mapping[str, Any], jobs: Mapping[str, Job]) -> Job:
    main = jobs.get(values["main"])
    label = values["return_label"]
    kind = MainJob if values["is_main"] else Job
    job = kind(
        **_fields_of(values, (*_OF_JOB, "details", "unlock_code")),
        job_type=JobType(values["job_type"]),
        usual=Plan(values["usual"]),
        contents=_contents_of(values, main.details if main else values["details"]),
        main=main if isinstance(main, MainJob) else None,
        after=jobs.get(values["after"]),
        return_label=ReturnLabel(**label) if label else None,
    )
    walk = values["walk"]
    past = tuple((at, state) for at, state in walk["past"])
    job.walk = Walk(past, Plan(walk["plan"]), walk["started_at"], walk["usual"])
    if isinstance(main, MainJob):
        main.parts.append(job)
    return job


def _contents_of(values: Mapping[str, Any], details: Mapping[str, Any]) -> DeviceContents:
    if values["recipe"] is None:
        return DeviceContents.of(DeviceObject(*each) for each in values["objects"])
    seed, shares = values["recipe"]
    return DeviceContents.by((seed, tuple((number, count) for number, count in shares)), details)
