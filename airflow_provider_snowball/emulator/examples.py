"""Clusters and jobs to look at, for whoever starts the emulator without a pipeline that orders any."""

from __future__ import annotations

from typing import Any

from .api.states import JobType
from .rehearsal.models import SnowballBackend

__all__ = ["order"]

_ADDRESS = {
    "Name": "Warehouse",
    "Street1": "1 Main Street",
    "City": "Seattle",
    "StateOrProvince": "WA",
    "PostalCode": "98101",
    "PhoneNumber": "555-0100",
}
#: What an example import imports into; those after the first have one each, as all bring the same keys.
_BUCKET = "example-bucket"
#: Nodes of an example cluster.
_NODES = 5


def order(backend: SnowballBackend, *, clusters: int = 0, imports: int = 0, exports: int = 0) -> list[str]:
    """Order so many of each, and return a line about each."""
    if not clusters + imports + exports:
        return []
    address_id = backend.create_address(_ADDRESS)

    def details(number: int = 1) -> dict[str, Any]:
        bucket = _bucket_of(number)
        return {
            "AddressId": address_id,
            "ShippingOption": "SECOND_DAY",
            "Resources": {"S3Resources": [{"BucketArn": f"arn:{backend.partition}:s3:::{bucket}"}]},
        }

    for number in range(1, imports + 1):
        _create_bucket(backend, _bucket_of(number))
    lines = []
    for number in range(1, clusters + 1):
        name = f"example-cluster-{number}"
        cluster_id, jobs = backend.create_cluster(
            job_type=JobType.LOCAL_USE,
            snowball_type="EDGE",
            description=name,
            initial_cluster_size=_NODES,
            details=details(),
        )
        lines.append(f"{cluster_id} {name}: {', '.join(job['JobId'] for job in jobs)}")
    for job_type, count in ((JobType.IMPORT, imports), (JobType.EXPORT, exports)):
        for number in range(1, count + 1):
            name = f"example-{job_type.lower()}-{number}"
            job_id = backend.create_job(job_type=job_type, description=name, details=details(number))
            lines.append(f"{job_id} {name}")
    return lines


def _bucket_of(number: int) -> str:
    return _BUCKET if number == 1 else f"{_BUCKET}-{number}"


def _create_bucket(backend: SnowballBackend, name: str) -> None:
    # S3 is wanted by those who import only.
    from moto.s3.models import s3_backends

    s3 = s3_backends[backend.account_id][backend.partition]
    if name not in s3.buckets:
        s3.create_bucket(name, backend.region_name)
