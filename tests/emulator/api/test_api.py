"""Operations, their rules and their errors, with a real boto3 client."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.emulator.api.calls import (
    ABSENT,
    BAD_TOKEN,
    CANNOT_BE_FOUND,
    UUID,
    WRONG_INPUT,
    WRONG_STATE,
    Connect,
    Jump,
    cluster_state,
    create_address,
    create_cluster,
    create_job,
    credentials_of,
    fails,
    ids_of,
    jobs_of,
    states_of,
)


def test_boto3_speaks_json(client: Any) -> None:
    # The model lists CBOR first. Should boto3 come to prefer it, moto could not answer.
    # Older botocore knows one protocol of a service only.
    model = client.meta.service_model
    assert getattr(model, "resolved_protocol", model.protocol) == "json"


def test_creation_dates_are_of_the_wall_clock(client: Any, jump: Jump) -> None:
    jump("300d")
    before = datetime.now(timezone.utc).replace(microsecond=0)
    cluster_id = create_cluster(client)
    for created in (jobs_of(client, cluster_id)[0], client.list_clusters()["ClusterListEntries"][0]):
        assert created["CreationDate"].tzinfo is not None
        assert before <= created["CreationDate"] <= datetime.now(timezone.utc)


def test_cluster_is_described(client: Any) -> None:
    address_id = create_address(client)
    members = {
        "AddressId": address_id,
        "Description": "Environmental Data Cluster-01",
        "KmsKeyARN": "arn:aws:kms:us-east-1:123456789012:key/abcd1234-12ab-34cd-56ef-123456123456",
        "RoleARN": "arn:aws:iam::123456789012:role/snowball-import-S3-role",
        "Resources": {"S3Resources": [{"BucketArn": "arn:aws:s3:::bucket", "KeyRange": {}}]},
        "Notification": {"NotifyAll": False, "JobStatesToNotify": ["WithCustomer"]},
    }
    created = client.create_cluster(
        JobType="LOCAL_USE", SnowballType="V3_5C", ShippingOption="EXPRESS", InitialClusterSize=3, **members
    )
    assert re.fullmatch(f"CID{UUID}", created["ClusterId"])
    assert re.fullmatch(f"ADID{UUID}", address_id)
    assert created["JobListEntries"] == jobs_of(client, created["ClusterId"])

    metadata = client.describe_cluster(ClusterId=created["ClusterId"])["ClusterMetadata"]

    entry = client.list_clusters()["ClusterListEntries"][0]
    assert metadata == {
        **members,
        **entry,
        "JobType": "LOCAL_USE",
        "SnowballType": "V3_5C",
        "ShippingOption": "EXPRESS",
    }
    assert entry["ClusterState"] == "AwaitingQuorum"

    node = client.describe_job(JobId=created["JobListEntries"][0]["JobId"])["JobMetadata"]
    listed = {name: value for name, value in created["JobListEntries"][0].items() if name != "IsMaster"}
    assert node == {
        **members,
        **listed,
        "ClusterId": created["ClusterId"],
        "ShippingDetails": {"ShippingOption": "EXPRESS"},
    }


def test_empty_cluster_waits_for_three_nodes(client: Any, jump: Jump) -> None:
    cluster_id = create_cluster(client, size=None)
    assert jobs_of(client, cluster_id) == []
    assert cluster_state(client, cluster_id) == "AwaitingQuorum"

    client.create_job(ClusterId=cluster_id)
    client.create_job(ClusterId=cluster_id, Description="by hand")
    jump("30d")
    assert states_of(client, cluster_id) == ["New", "New"]
    assert cluster_state(client, cluster_id) == "AwaitingQuorum"

    client.create_job(ClusterId=cluster_id)
    assert states_of(client, cluster_id) == ["New"] * 3
    assert cluster_state(client, cluster_id) == "Pending"
    jump("6d")
    assert states_of(client, cluster_id) == ["WithCustomer"] * 3
    assert [job.get("Description") for job in jobs_of(client, cluster_id)] == [None, "by hand", None]


def test_initial_size_is_the_quorum(client: Any, jump: Jump) -> None:
    cluster_id = create_cluster(client, size=2)
    jump("6d")
    assert states_of(client, cluster_id) == ["WithCustomer"] * 2


def test_cancel_job(client: Any, jump: Jump) -> None:
    cluster_id = create_cluster(client)
    job_id, other = ids_of(client, cluster_id)[:2]
    client.cancel_job(JobId=job_id)
    assert states_of(client, cluster_id) == ["Cancelled", "New", "New", "New", "New"]
    jump("100d")
    assert client.describe_job(JobId=job_id)["JobMetadata"]["JobState"] == "Cancelled"

    for wrong, state in ((job_id, "Cancelled"), (other, "Complete")):
        error = fails(client.cancel_job, JobId=wrong)["Error"]
        assert error["Code"] == "InvalidJobStateException"
        assert error["Message"] == WRONG_STATE.format(
            f"{wrong} is {state}; a job can be cancelled only before it is PreparingAppliance"
        )


def test_cancel_cluster(client: Any, jump: Jump) -> None:
    cluster_id = create_cluster(client)
    jump("59m")
    client.cancel_cluster(ClusterId=cluster_id)
    assert cluster_state(client, cluster_id) == "Cancelled"
    assert states_of(client, cluster_id) == ["Cancelled"] * 5

    error = fails(client.create_job, ClusterId=cluster_id)["Error"]
    assert error["Code"] == "InvalidInputCombinationException"
    assert error["Message"] == WRONG_INPUT.format(f"cluster {cluster_id} is Cancelled")
    assert fails(client.cancel_cluster, ClusterId=cluster_id)["Error"]["Code"] == "InvalidJobStateException"


def test_cluster_that_has_its_quorum_cannot_be_cancelled(client: Any, jump: Jump) -> None:
    cluster_id = create_cluster(client)
    jump("1h")
    error = fails(client.cancel_cluster, ClusterId=cluster_id)["Error"]
    assert error["Code"] == "InvalidJobStateException"
    assert error["Message"] == WRONG_STATE.format(
        f"{cluster_id} is Pending; a cluster can be cancelled only while it is AwaitingQuorum"
    )


@pytest.mark.parametrize(
    ("operation", "params", "resource"),
    [
        ("list_cluster_jobs", {"ClusterId": f"CID{ABSENT}"}, "Cluster"),
        ("describe_cluster", {"ClusterId": f"CID{ABSENT}"}, "Cluster"),
        ("cancel_cluster", {"ClusterId": f"CID{ABSENT}"}, "Cluster"),
        ("create_job", {"ClusterId": f"CID{ABSENT}"}, "Cluster"),
        ("describe_job", {"JobId": f"JID{ABSENT}"}, "Job"),
        ("cancel_job", {"JobId": f"JID{ABSENT}"}, "Job"),
        ("create_job", {"JobType": "IMPORT", "AddressId": f"ADID{ABSENT}"}, "Address"),
        (
            "create_cluster",
            {
                "JobType": "LOCAL_USE",
                "AddressId": f"ADID{ABSENT}",
                "SnowballType": "EDGE",
                "ShippingOption": "STANDARD",
            },
            "Address",
        ),
    ],
)
def test_what_is_not_there(client: Any, operation: str, params: dict[str, str], resource: str) -> None:
    missing = next(value for value in params.values() if ABSENT in value)
    response = fails(getattr(client, operation), **params)
    assert response["Error"]["Code"] == "InvalidResourceException"
    assert response["Error"]["Message"] == CANNOT_BE_FOUND.format(f"{resource.lower()} {missing}")
    assert response["ResourceType"] == resource


@pytest.mark.parametrize(
    ("operation", "params", "violation"),
    [
        (
            "list_cluster_jobs",
            {"ClusterId": f"CID{ABSENT}", "MaxResults": 101},
            "Value '101' at 'maxResults' failed to satisfy constraint: "
            "Member must have value less than or equal to 100",
        ),
        (
            "list_jobs",
            {"MaxResults": 0},
            "Value '0' at 'maxResults' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
        (
            "describe_job",
            {"JobId": f"XID{ABSENT}"},
            f"Value 'XID{ABSENT}' at 'jobId' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: "
            "(M|J)ID[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        ),
        (
            "create_job",
            {"JobType": "LOAN"},
            "Value 'LOAN' at 'jobType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [IMPORT, EXPORT, LOCAL_USE]",
        ),
        (
            "create_address",
            {"Address": {"City": "x" * 1025}},
            f"Value '{'x' * 1025}' at 'address.city' failed to satisfy constraint: "
            "Member must have length less than or equal to 1024",
        ),
        (
            "create_job",
            {"Resources": {"S3Resources": [{"BucketArn": "bucket"}]}},
            "Value 'bucket' at 'resources.s3Resources.1.member.bucketArn' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: arn:aws.*:*",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_what_the_model_rules_out(
    client: Any, operation: str, params: dict[str, Any], violation: str
) -> None:
    error = fails(getattr(client, operation), **params)["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"] == f"1 validation error detected: {violation}"


def test_every_violation_is_named(client: Any) -> None:
    error = fails(create_cluster, client=client, size=17, ShippingOption="PIGEON")["Error"]
    assert error["Message"] == (
        "2 validation errors detected: "
        "Value 'PIGEON' at 'shippingOption' failed to satisfy constraint: "
        "Member must satisfy enum value set: [SECOND_DAY, NEXT_DAY, EXPRESS, STANDARD]; "
        "Value '17' at 'initialClusterSize' failed to satisfy constraint: "
        "Member must have value less than or equal to 16"
    )


def test_clusters_are_for_local_use_only(client: Any) -> None:
    error = fails(create_cluster, client=client, JobType="IMPORT")["Error"]
    assert error["Code"] == "InvalidInputCombinationException"
    assert error["Message"] == WRONG_INPUT.format("the only JobType of a cluster is LOCAL_USE, not IMPORT")

    error = fails(client.create_job, ClusterId=create_cluster(client), JobType="EXPORT")["Error"]
    assert error["Code"] == "InvalidInputCombinationException"
    assert error["Message"] == WRONG_INPUT.format(
        "the only JobType of a cluster's jobs is LOCAL_USE, not EXPORT"
    )


def test_job_without_a_cluster_says_what_it_needs(client: Any) -> None:
    error = fails(client.create_job, JobType="IMPORT")["Error"]
    assert error["Code"] == "InvalidInputCombinationException"
    assert error["Message"] == WRONG_INPUT.format(
        "a job that belongs to no cluster needs AddressId, ShippingOption"
    )


def test_cluster_has_sixteen_nodes_at_most(client: Any) -> None:
    cluster_id = create_cluster(client, size=16)
    error = fails(client.create_job, ClusterId=cluster_id)["Error"]
    assert error["Code"] == "ClusterLimitExceededException"
    assert (
        error["Message"]
        == f"Job creation failed. Cluster {cluster_id} already has 16 nodes, the most it can."
    )
    client.cancel_job(JobId=ids_of(client, cluster_id)[0])
    client.create_job(ClusterId=cluster_id)
    assert len(jobs_of(client, cluster_id)) == 17


def test_tokens_are_good_for_their_own_listing_only(client: Any) -> None:
    mine, other = create_cluster(client), create_cluster(client)
    token = client.list_cluster_jobs(ClusterId=mine, MaxResults=2)["NextToken"]
    start, listing, digest = json.loads(base64.urlsafe_b64decode(token))

    def forged(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()

    bad = [
        "x",
        "not a token",
        "é",
        token + "A",
        token[:-4],
        token.swapcase(),
        forged(1),
        forged({}),
        forged([start + 1, listing, digest]),
        forged(["2", listing, digest]),
        forged([start, "ListJobs", digest]),
        forged([start, None, digest]),
        forged([start, digest]),
    ]
    for bad_token in bad:
        error = fails(client.list_cluster_jobs, ClusterId=mine, NextToken=bad_token)["Error"]
        assert (error["Code"], error["Message"]) == ("InvalidNextTokenException", BAD_TOKEN), bad_token
    assert fails(client.list_cluster_jobs, ClusterId=other, NextToken=token)["Error"]["Message"] == BAD_TOKEN
    assert fails(client.list_jobs, NextToken=token)["Error"]["Code"] == "InvalidNextTokenException"
    assert fails(client.list_clusters, NextToken=token)["Error"]["Code"] == "InvalidNextTokenException"


@pytest.mark.parametrize("where", ["another region", "another US region", "another account"])
@pytest.mark.parametrize(
    ("operation", "member", "params"),
    [
        ("describe_job", "JobId", {}),
        ("update_job", "JobId", {"Description": "mine"}),
        ("cancel_job", "JobId", {}),
        ("get_job_manifest", "JobId", {}),
        ("get_job_unlock_code", "JobId", {}),
        ("update_job_shipment_state", "JobId", {"ShipmentState": "RETURNED"}),
        ("create_return_shipping_label", "JobId", {}),
        ("describe_return_shipping_label", "JobId", {}),
        ("describe_cluster", "ClusterId", {}),
        ("update_cluster", "ClusterId", {"Description": "mine"}),
        ("cancel_cluster", "ClusterId", {}),
        ("list_cluster_jobs", "ClusterId", {}),
        ("create_job", "ClusterId", {}),
        ("describe_address", "AddressId", {}),
    ],
)
def test_strangers_reach_nothing(
    connect: Connect, operation: str, member: str, params: dict[str, Any], where: str
) -> None:
    """What botocore documents for all US regions together are listings, and no operation with an id."""
    owner = connect()
    cluster_id = create_cluster(owner, 1)
    (job_id,) = ids_of(owner, cluster_id)
    owned = {"ClusterId": cluster_id, "JobId": job_id, "AddressId": create_address(owner)}
    if where == "another account":
        stranger = connect(credentials=credentials_of(connect, "222222222222"))
    else:
        stranger = connect("us-west-2" if "US" in where else "ap-southeast-2")
    error = fails(getattr(stranger, operation), **{member: owned[member]}, **params)["Error"]
    assert error["Code"] == "InvalidResourceException"
    assert error["Message"] == CANNOT_BE_FOUND.format(f"{member[:-2].lower()} {owned[member]}")


def test_us_regions_list_their_jobs_together(connect: Connect) -> None:
    regions = ["us-west-2", "us-east-1", "eu-west-1", "us-east-2"]
    jobs = {region: create_job(connect(region), "IMPORT") for region in regions}
    american = [jobs[region] for region in regions if region.startswith("us-")]
    for region in regions:
        listed = [job["JobId"] for job in connect(region).list_jobs()["JobListEntries"]]
        assert listed == (american if region.startswith("us-") else [jobs[region]])
