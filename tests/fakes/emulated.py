"""Orders at a local Snowball, as a customer makes them with boto3."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

import boto3

__all__ = [
    "BUCKET",
    "KEY",
    "REGION",
    "add_device",
    "client_of",
    "create_address",
    "create_bucket",
    "jobs_at",
    "order_cluster",
    "order_import",
    "steer",
]

#: What the emulator lets in: anything, as long as the requests are signed.
KEY = {"aws_access_key_id": "demo-key", "aws_secret_access_key": "demo-secret"}
REGION = "us-east-1"
#: What :func:`order_import` imports into.
BUCKET = "archive"


_ADDRESS = {
    "Name": "A. Customer",
    "Street1": "1 Main Street",
    "City": "Seattle",
    "StateOrProvince": "WA",
    "Country": "US",
    "PostalCode": "98101",
    "PhoneNumber": "555-0100",
}


def client_of(endpoint_url: str, region_name: str = REGION, *, role_arn: str | None = None) -> Any:
    """
    Return a boto3 client of the emulator.

    :param role_arn: act as this role, which may belong to another account.
    """
    session = boto3.Session(KEY["aws_access_key_id"], KEY["aws_secret_access_key"], region_name=region_name)
    if role_arn is not None:
        sts = session.client("sts", endpoint_url=endpoint_url)
        assumed = sts.assume_role(RoleArn=role_arn, RoleSessionName="order")["Credentials"]
        session = boto3.Session(
            assumed["AccessKeyId"],
            assumed["SecretAccessKey"],
            assumed["SessionToken"],
            region_name=region_name,
        )
    return session.client("snowball", endpoint_url=endpoint_url)


def steer(endpoint_url: str, job_id: str, **plan: Any) -> None:
    """Say what becomes of a job (docs/rehearse_a_migration.md has the words for it)."""
    for what, how in plan.items():
        _post(f"{endpoint_url}/_snowball/jobs/{job_id}", {what: how})


def jobs_at(endpoint_url: str) -> list[dict[str, Any]]:
    """Return every job, as the emulator tells of it: its state, where it has been, and its plan."""
    with urlopen(f"{endpoint_url}/_snowball/jobs", timeout=30) as response:
        return list(json.load(response)["jobs"])


def add_device(endpoint_url: str, cluster_id: str) -> str:
    """Order another device for a cluster, and return its job's id."""
    [job_id] = _post(f"{endpoint_url}/_snowball/clusters/{cluster_id}/jobs", {"count": 1})["job_ids"]
    return str(job_id)


def _post(url: str, body: dict[str, Any]) -> Any:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as response:
        return json.load(response)


def order_cluster(client: Any, devices: int = 5) -> str:
    """Order a cluster, and return its id."""
    return str(
        client.create_cluster(
            JobType="LOCAL_USE",
            SnowballType="EDGE",
            ShippingOption="NEXT_DAY",
            AddressId=create_address(client),
            InitialClusterSize=devices,
        )["ClusterId"]
    )


def order_import(client: Any, *buckets: str) -> str:
    """Order an import into these buckets, or the usual one, and return the job's id."""
    return str(
        client.create_job(
            JobType="IMPORT",
            SnowballType="EDGE",
            ShippingOption="NEXT_DAY",
            AddressId=create_address(client),
            Resources={
                "S3Resources": [{"BucketArn": f"arn:aws:s3:::{bucket}"} for bucket in buckets or (BUCKET,)]
            },
            RoleARN="arn:aws:iam::123456789012:role/snowball",
        )["JobId"]
    )


def create_bucket(endpoint_url: str, name: str = BUCKET) -> Any:
    """Create a bucket in the S3 of a local Snowball, that of :func:`order_import`; return a client of S3."""
    session = boto3.Session(KEY["aws_access_key_id"], KEY["aws_secret_access_key"], region_name=REGION)
    s3 = session.client("s3", endpoint_url=endpoint_url)
    s3.create_bucket(Bucket=name)
    return s3


def create_address(client: Any) -> str:
    """Store an address, and return its id."""
    return str(client.create_address(Address=_ADDRESS)["AddressId"])
