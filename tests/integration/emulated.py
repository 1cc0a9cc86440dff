"""Orders at a local Snowball, as a customer makes them with boto3."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

import boto3

__all__ = ["client_of", "order_import", "steer"]

_ADDRESS = {
    "Name": "A. Customer",
    "Street1": "1 Main Street",
    "City": "Seattle",
    "StateOrProvince": "WA",
    "Country": "US",
    "PostalCode": "98101",
    "PhoneNumber": "555-0100",
}


def client_of(endpoint_url: str, region_name: str = "us-east-1") -> Any:
    """Return a boto3 client of the emulator, with the credentials that the tests' connections have."""
    return boto3.client(
        "snowball",
        endpoint_url=endpoint_url,
        region_name=region_name,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def steer(endpoint_url: str, job_id: str, **plan: Any) -> None:
    """Say what becomes of a job (docs/rehearse_a_migration.md has the words for it)."""
    for what, how in plan.items():
        request = Request(f"{endpoint_url}/_snowball/jobs/{job_id}", json.dumps({what: how}).encode())
        with urlopen(request, timeout=30) as response:
            json.load(response)


def order_import(client: Any) -> str:
    """Order an import into a bucket, and return the job's id."""
    return str(
        client.create_job(
            JobType="IMPORT",
            SnowballType="EDGE",
            ShippingOption="NEXT_DAY",
            AddressId=client.create_address(Address=_ADDRESS)["AddressId"],
            Resources={"S3Resources": [{"BucketArn": "arn:aws:s3:::archive"}]},
            RoleARN="arn:aws:iam::123456789012:role/snowball",
        )["JobId"]
    )
