"""The AWS CLI, a client that nobody here wrote, against the server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name

from airflow_provider_snowball.emulator import snowball_backends, snowball_clock
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.emulator.api.calls import (
    BAD_TOKEN,
    CANNOT_BE_FOUND,
    WRONG_STATE,
    client_of,
)
from tests.emulator.api.journey import ERRORS, every_operation

# Beside the interpreter: an environment need not be active for its tests to run.
AWS = shutil.which(
    "aws", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)

pytestmark = pytest.mark.skipif(
    AWS is None, reason="there is no aws executable; pip install awscli, or the group test"
)

Aws = Callable[..., Any]


@pytest.fixture(scope="module")
def server() -> Iterator[SnowballServer]:
    with SnowballServer() as server:
        snowball_clock.pause()
        yield server


@pytest.fixture
def aws(server: SnowballServer) -> Aws:
    """Return ``aws(operation, *arguments)``: what the CLI printed as JSON, or, if it failed, as error."""

    def call(operation: str, *arguments: str) -> Any:
        assert AWS is not None
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [AWS, "snowball", operation, *arguments],
            env=environment
            | {
                "AWS_ENDPOINT_URL_SNOWBALL": server.endpoint_url,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_PAGER": "",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            return done.stderr.strip()
        return json.loads(done.stdout) if done.stdout else None

    return call


@pytest.fixture(scope="module")
def cluster(server: SnowballServer) -> dict[str, Any]:
    client = client_of(server.endpoint_url)
    address_id = client.create_address(Address={"Street1": "1 Main St"})["AddressId"]
    created: dict[str, Any] = client.create_cluster(
        JobType="LOCAL_USE",
        AddressId=address_id,
        SnowballType="EDGE",
        ShippingOption="STANDARD",
        InitialClusterSize=3,
        Description="example",
    )
    return created


def test_lists(aws: Aws, cluster: dict[str, Any]) -> None:
    job_ids = [job["JobId"] for job in cluster["JobListEntries"]]
    listed = aws("list-cluster-jobs", "--cluster-id", cluster["ClusterId"])["JobListEntries"]
    assert [job["JobId"] for job in listed] == job_ids
    assert [job["Description"] for job in listed] == [f"example-node-00{number}" for number in (1, 2, 3)]
    paged = aws("list-jobs", "--page-size", "1")
    assert [job["JobId"] for job in paged["JobListEntries"]] == job_ids
    first = aws("list-jobs", "--max-items", "2")
    assert len(first["JobListEntries"]) == 2
    rest = aws("list-jobs", "--starting-token", first["NextToken"])
    assert [job["JobId"] for job in rest["JobListEntries"]] == job_ids[2:]
    assert aws("list-clusters")["ClusterListEntries"][0]["ClusterId"] == cluster["ClusterId"]


def test_describes(aws: Aws, cluster: dict[str, Any]) -> None:
    described = aws("describe-cluster", "--cluster-id", cluster["ClusterId"])["ClusterMetadata"]
    assert (described["ClusterState"], described["Description"]) == ("AwaitingQuorum", "example")
    job_id = cluster["JobListEntries"][0]["JobId"]
    job = aws("describe-job", "--job-id", job_id)["JobMetadata"]
    assert (job["JobId"], job["JobState"], job["ClusterId"]) == (job_id, "New", cluster["ClusterId"])
    assert aws("get-snowball-usage") == {"SnowballLimit": 1, "SnowballsInUse": 0}


def test_creates_and_cancels(aws: Aws) -> None:
    address = aws("create-address", "--address", "Street1=1 Main St,City=Seattle,Country=US")
    job_id = aws(
        "create-job", "--job-type", "IMPORT", "--shipping-option", "STANDARD",
        "--address-id", address["AddressId"], "--resources", "S3Resources=[{BucketArn=arn:aws:s3:::b}]",
    )["JobId"]  # fmt: skip
    assert aws("cancel-job", "--job-id", job_id) is None
    assert aws("describe-job", "--job-id", job_id)["JobMetadata"]["JobState"] == "Cancelled"
    assert aws("cancel-job", "--job-id", job_id).endswith(
        "An error occurred (InvalidJobStateException) when calling the CancelJob operation: "
        + WRONG_STATE.format(
            f"{job_id} is Cancelled; a job can be cancelled only before it is PreparingAppliance"
        )
    )


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (
            ("describe-job", "--job-id", "JID123e4567-e89b-12d3-a456-426655440000"),
            "An error occurred (InvalidResourceException) when calling the DescribeJob operation: "
            + CANNOT_BE_FOUND.format("job JID123e4567-e89b-12d3-a456-426655440000"),
        ),
        (
            ("list-jobs", "--next-token", "bad"),
            f"An error occurred (InvalidNextTokenException) when calling the ListJobs operation: {BAD_TOKEN}",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_errors(aws: Aws, command: tuple[str, ...], error: str) -> None:
    assert aws(*command).endswith(error)


def test_every_operation(aws: Aws, server: SnowballServer) -> None:
    snowball_backends["123456789012"]["us-east-1"].reset()
    snowball_clock.pause()

    def call(operation: str, **members: Any) -> Any:
        return aws(xform_name(operation, "-"), "--cli-input-json", json.dumps(members)) or {}

    names = set(client_of(server.endpoint_url).meta.service_model.operation_names)
    assert every_operation(call, snowball_clock.jump) == names
    for operation, (members, code) in ERRORS.items():
        assert f"An error occurred ({code}) when calling the {operation} operation: " in call(
            operation, **members
        )
