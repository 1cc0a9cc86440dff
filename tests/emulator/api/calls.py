"""What the tests of the API have in common: calls, and the words of errors. Nothing of the package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

#: Lets time pass: ``jump("3d")``.
Jump = Callable[[str], None]
#: Makes a client: ``connect(region=..., service=..., credentials=...)``.
Connect = Callable[..., Any]

CREDENTIALS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
ACCOUNT = "123456789012"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ABSENT = "123e4567-e89b-12d3-a456-426655440000"
BAD_TOKEN = (
    "The NextToken string was altered unexpectedly, and the operation has stopped. "
    "Run the operation without changing the NextToken string, and try again."
)
CANNOT_BE_FOUND = (
    "The specified resource can't be found: {}. "
    "Check the information you provided in your last request, and try again."
)
WRONG_STATE = (
    "The action can't be performed because the job's current state doesn't allow that action "
    "to be performed: {}."
)
WRONG_INPUT = "Job or cluster creation failed. One or more inputs were invalid: {}."


#: One for all tests: a session of its own for each would read botocore's data again each time.
_SESSION = boto3.Session()


def client_of(
    endpoint_url: str | None = None,
    *,
    service: str = "snowball",
    region: str = "us-east-1",
    credentials: dict[str, str] = CREDENTIALS,
    **options: Any,
) -> Any:
    """Return a client of a server, or of what boto3 is led to."""
    make: Any = _SESSION.client  # typed by the service's literal name only
    return make(service, region_name=region, endpoint_url=endpoint_url, **credentials, **options)


def create_address(client: Any) -> str:
    address = {"Name": "A. N. Other", "Street1": "1 Main St", "City": "Seattle"}
    return str(client.create_address(Address=address)["AddressId"])


def create_cluster(client: Any, size: int | None = 5, **members: Any) -> str:
    wanted = {
        "JobType": "LOCAL_USE",
        "AddressId": create_address(client),
        "SnowballType": "EDGE",
        "ShippingOption": "SECOND_DAY",
    } | members
    if size is not None:
        wanted["InitialClusterSize"] = size
    return str(client.create_cluster(**wanted)["ClusterId"])


def create_job(client: Any, job_type: str, **members: Any) -> str:
    created = client.create_job(
        JobType=job_type, AddressId=create_address(client), ShippingOption="STANDARD", **members
    )
    return str(created["JobId"])


def jobs_of(client: Any, cluster_id: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]
    return entries


def ids_of(client: Any, cluster_id: str) -> list[str]:
    return [job["JobId"] for job in jobs_of(client, cluster_id)]


def states_of(client: Any, cluster_id: str) -> list[str]:
    return [job["JobState"] for job in jobs_of(client, cluster_id)]


def cluster_state(client: Any, cluster_id: str) -> str:
    return str(client.describe_cluster(ClusterId=cluster_id)["ClusterMetadata"]["ClusterState"])


def failure(call: Callable[..., Any], **params: Any) -> dict[str, Any]:
    """Return the error that a call is answered, whatever it is."""
    with pytest.raises(ClientError) as raised:
        call(**params)
    return dict(raised.value.response)


def fails(call: Callable[..., Any], **params: Any) -> dict[str, Any]:
    """Return the error that a call is answered, which is a client's own and was sent once."""
    response = failure(call, **params)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["ResponseMetadata"]["RetryAttempts"] == 0
    return response


def credentials_of(connect: Connect, account: str) -> dict[str, str]:
    role = connect(service="sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/other", RoleSessionName="other"
    )
    return {
        "aws_access_key_id": role["Credentials"]["AccessKeyId"],
        "aws_secret_access_key": role["Credentials"]["SecretAccessKey"],
        "aws_session_token": role["Credentials"]["SessionToken"],
    }
