"""Each operation with a real boto3 client, in-process and over HTTP."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_snowball.emulator import snowball_clock
from airflow_provider_snowball.lifecycle import PATHS, JobType
from tests.emulator.snowball_calls import (
    ABSENT,
    BAD_TOKEN,
    CANNOT_BE_FOUND,
    UUID,
    WRONG_INPUT,
    WRONG_STATE,
    Connect,
    backend,
    cluster_state,
    create_address,
    create_cluster,
    create_job,
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


def test_example_of_the_api_page(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([4, 4, 5, 5, 5, 5])
    monkeypatch.setattr(
        snowball_clock, "wall", lambda: datetime(2016, 11, 30, 3, 12, next(seconds), tzinfo=UTC)
    )
    cluster_id = create_cluster(client, Description="MyClustrer")

    response = client.list_cluster_jobs(ClusterId=cluster_id)

    assert set(response) == {"JobListEntries", "ResponseMetadata"}
    job_ids = [job.pop("JobId") for job in response["JobListEntries"]]
    assert len(set(job_ids)) == 5
    assert all(re.fullmatch(f"JID{UUID}", job_id) for job_id in job_ids)
    assert response["JobListEntries"] == [
        {
            "CreationDate": datetime(2016, 11, 30, 3, 12, second, tzinfo=UTC),
            "Description": f"MyClustrer-node-00{number}",
            "IsMaster": False,
            "JobState": "New",
            "JobType": "LOCAL_USE",
            "SnowballType": "EDGE",
        }
        for number, second in enumerate([4, 5, 5, 5, 5], start=1)
    ]


def test_creation_dates_are_of_the_wall_clock(client: Any) -> None:
    snowball_clock.jump("300d")
    before = datetime.now(UTC).replace(microsecond=0)
    cluster_id = create_cluster(client)
    for created in (jobs_of(client, cluster_id)[0], client.list_clusters()["ClusterListEntries"][0]):
        assert created["CreationDate"].tzinfo is not None
        assert before <= created["CreationDate"] <= datetime.now(UTC)


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


def test_empty_cluster_waits_for_three_nodes(client: Any) -> None:
    cluster_id = create_cluster(client, size=None)
    assert jobs_of(client, cluster_id) == []
    assert cluster_state(client, cluster_id) == "AwaitingQuorum"

    client.create_job(ClusterId=cluster_id)
    client.create_job(ClusterId=cluster_id, Description="by hand")
    snowball_clock.jump("30d")
    assert states_of(client, cluster_id) == ["New", "New"]
    assert cluster_state(client, cluster_id) == "AwaitingQuorum"

    client.create_job(ClusterId=cluster_id)
    assert states_of(client, cluster_id) == ["New"] * 3
    assert cluster_state(client, cluster_id) == "Pending"
    snowball_clock.jump("6d")
    assert states_of(client, cluster_id) == ["WithCustomer"] * 3
    assert [job.get("Description") for job in jobs_of(client, cluster_id)] == [None, "by hand", None]


def test_initial_size_is_the_quorum(client: Any) -> None:
    cluster_id = create_cluster(client, size=2)
    snowball_clock.jump("6d")
    assert states_of(client, cluster_id) == ["WithCustomer"] * 2


def test_replacement_of_a_node_is_listed_a_while_after_it_was_ordered(client: Any) -> None:
    cluster_id = create_cluster(client)
    broken = ids_of(client, cluster_id)[2]
    snowball_clock.jump("6d")
    backend().set_state(broken, "Cancelled")
    job_id = client.create_job(ClusterId=cluster_id)["JobId"]
    # It can be described at once, as its id is known; listings take ten minutes to have it.
    assert client.describe_job(JobId=job_id)["JobMetadata"]["JobState"] == "New"
    snowball_clock.jump("9m")
    assert job_id not in ids_of(client, cluster_id)
    assert job_id not in [job["JobId"] for job in client.list_jobs()["JobListEntries"]]
    snowball_clock.jump("1m")
    assert ids_of(client, cluster_id)[5] == job_id
    assert client.list_jobs()["JobListEntries"][5]["JobId"] == job_id
    assert states_of(client, cluster_id)[2:] == ["Cancelled", "WithCustomer", "WithCustomer", "New"]
    snowball_clock.jump("6d")
    assert states_of(client, cluster_id)[5] == "WithCustomer"
    assert cluster_state(client, cluster_id) == "InUse"


@pytest.mark.parametrize("job_type", list(JobType))
def test_jobs_walk_through_their_lifecycle(client: Any, job_type: JobType) -> None:
    job_id = create_job(client, job_type)
    seen = []
    for _ in range(40 * 24):
        # Not over the wire each time: that is a thousand requests.
        state = backend().describe_job(job_id)["JobState"]
        if state not in seen:
            seen.append(state)
        snowball_clock.jump("1h")
    assert client.describe_job(JobId=job_id)["JobMetadata"]["JobState"] == "Complete"
    skipped = {"InProgress"} if job_type is JobType.LOCAL_USE else set()
    assert seen == [state.value for state in PATHS[job_type] if state not in skipped]


def test_cluster_lives_through_its_states(client: Any) -> None:
    cluster_id = create_cluster(client)
    seen = []
    for _ in range(30 * 4):
        state = backend().describe_cluster(cluster_id)["ClusterState"]
        if state not in seen:
            seen.append(state)
        snowball_clock.jump("6h")
    assert seen == ["AwaitingQuorum", "Pending", "InUse", "Complete"]
    assert cluster_state(client, cluster_id) == "Complete"


@pytest.mark.parametrize(
    ("job_states", "state"),
    [
        (["New", "New", "New"], "Pending"),
        (["InTransitToCustomer"] * 3, "Pending"),
        (["WithCustomer", "InTransitToCustomer", "New"], "InUse"),
        (["InTransitToAWS", "PreparingShipment", "New"], "InUse"),
        (["WithAWS", "WithAWS", "WithCustomer"], "InUse"),
        (["Complete", "Complete", "New"], "InUse"),
        (["WithAWS", "Complete", "WithAWS"], "Complete"),
        (["Complete", "Complete", "Cancelled"], "Complete"),
        (["Pending", "Pending", "Cancelled"], "Pending"),
        (["Cancelled", "Cancelled", "Cancelled"], "AwaitingQuorum"),
        (["Teleporting", "New", "New"], "Pending"),
    ],
)
def test_cluster_state_follows_its_jobs(client: Any, job_states: list[str], state: str) -> None:
    cluster_id = create_cluster(client, size=3)
    for job_id, job_state in zip(ids_of(client, cluster_id), job_states, strict=True):
        backend().set_state(job_id, job_state)
    snowball_clock.jump("2h")
    assert states_of(client, cluster_id) == job_states
    assert cluster_state(client, cluster_id) == state


def test_what_becomes_of_a_job_can_be_planned(client: Any) -> None:
    cluster_id = create_cluster(client, size=3)
    laggard, lost, _ = ids_of(client, cluster_id)
    backend().set_plan(laggard, [("PreparingAppliance", "20d"), ("WithCustomer", None)])
    backend().set_plan(lost, [("InTransitToCustomer", "2d"), ("Cancelled", None)])
    assert states_of(client, cluster_id) == ["PreparingAppliance", "InTransitToCustomer", "New"]
    snowball_clock.jump("6d")
    assert states_of(client, cluster_id) == ["PreparingAppliance", "Cancelled", "WithCustomer"]
    snowball_clock.jump("100d")
    assert states_of(client, cluster_id) == ["WithCustomer", "Cancelled", "Complete"]
    backend().set_state(laggard, "Teleporting")
    assert states_of(client, cluster_id)[0] == "Teleporting"


def test_transitions_are_taken_once_and_in_order(client: Any) -> None:
    cluster_id = create_cluster(client, size=3)
    job_id = ids_of(client, cluster_id)[0]
    job = backend().jobs[job_id]
    now = snowball_clock.now()
    # That it was created is announced by the request itself.
    assert job.take_transitions(now) == []
    states = [t.state for t in job.take_transitions(now + 6 * 86400)]
    assert states == [state.value for state in PATHS[JobType.LOCAL_USE][1:7]]
    assert job.take_transitions(now + 6 * 86400) == []
    snowball_clock.jump("6d")
    backend().set_plan(job_id, [("WithCustomer", 10), ("Complete", None)])
    assert job.take_transitions(snowball_clock.now()) == []
    (last,) = job.take_transitions(snowball_clock.now() + 10)
    assert (last.previous, last.state, last.at) == ("WithCustomer", "Complete", snowball_clock.now() + 10)


def test_cancel_job(client: Any) -> None:
    cluster_id = create_cluster(client)
    job_id, other = ids_of(client, cluster_id)[:2]
    client.cancel_job(JobId=job_id)
    assert states_of(client, cluster_id) == ["Cancelled", "New", "New", "New", "New"]
    snowball_clock.jump("100d")
    assert client.describe_job(JobId=job_id)["JobMetadata"]["JobState"] == "Cancelled"

    for wrong, state in ((job_id, "Cancelled"), (other, "Complete")):
        error = fails(client.cancel_job, JobId=wrong)["Error"]
        assert error["Code"] == "InvalidJobStateException"
        assert error["Message"] == WRONG_STATE.format(
            f"{wrong} is {state}; a job can be cancelled only before it is PreparingAppliance"
        )


@pytest.mark.parametrize(
    ("state", "possible"),
    [
        ("New", True),
        ("Listing", True),
        ("Pending", True),
        ("PreparingAppliance", False),
        ("InProgress", False),
    ],
)
def test_until_when_an_export_can_be_cancelled(client: Any, state: str, possible: bool) -> None:
    job_id = create_job(client, "EXPORT")
    backend().set_state(job_id, state)
    if possible:
        client.cancel_job(JobId=job_id)
    else:
        assert fails(client.cancel_job, JobId=job_id)["Error"]["Code"] == "InvalidJobStateException"


def test_cancel_cluster(client: Any) -> None:
    cluster_id = create_cluster(client)
    snowball_clock.jump("59m")
    client.cancel_cluster(ClusterId=cluster_id)
    assert cluster_state(client, cluster_id) == "Cancelled"
    assert states_of(client, cluster_id) == ["Cancelled"] * 5

    error = fails(client.create_job, ClusterId=cluster_id)["Error"]
    assert error["Code"] == "InvalidInputCombinationException"
    assert error["Message"] == WRONG_INPUT.format(f"cluster {cluster_id} is Cancelled")
    assert fails(client.cancel_cluster, ClusterId=cluster_id)["Error"]["Code"] == "InvalidJobStateException"


def test_cluster_that_has_its_quorum_cannot_be_cancelled(client: Any) -> None:
    cluster_id = create_cluster(client)
    snowball_clock.jump("1h")
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


def test_pages(client: Any) -> None:
    cluster_id = create_cluster(client, size=None)
    job_ids = backend().add_jobs(cluster_id, 250)

    first = client.list_cluster_jobs(ClusterId=cluster_id, MaxResults=100)
    second = client.list_cluster_jobs(ClusterId=cluster_id, MaxResults=100, NextToken=first["NextToken"])
    third = client.list_cluster_jobs(ClusterId=cluster_id, MaxResults=100, NextToken=second["NextToken"])

    assert [len(page["JobListEntries"]) for page in (first, second, third)] == [100, 100, 50]
    assert "NextToken" not in third
    listed = [job["JobId"] for page in (first, second, third) for job in page["JobListEntries"]]
    assert listed == job_ids
    assert len(client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]) == 100


@pytest.mark.parametrize("page_size", [1, 6, 7])
@pytest.mark.parametrize(
    ("operation", "key", "ident"),
    [
        ("list_cluster_jobs", "JobListEntries", "JobId"),
        ("list_jobs", "JobListEntries", "JobId"),
        ("list_clusters", "ClusterListEntries", "ClusterId"),
    ],
)
def test_paginators(client: Any, operation: str, key: str, ident: str, page_size: int) -> None:
    for _ in range(6):
        cluster_id = create_cluster(client, size=1)
    backend().add_jobs(cluster_id, 5)
    params = {"ClusterId": cluster_id} if operation == "list_cluster_jobs" else {}
    count = {"list_cluster_jobs": 6, "list_jobs": 11, "list_clusters": 6}[operation]

    pages = list(client.get_paginator(operation).paginate(**params, PaginationConfig={"PageSize": page_size}))

    assert [len(page[key]) for page in pages] == [
        min(page_size, count - start) for start in range(0, count, page_size)
    ]
    assert len({entry[ident] for page in pages for entry in page[key]}) == count


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


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("list_compatible_images", {}),
        ("get_software_updates", {"JobId": f"JID{ABSENT}"}),
        ("list_long_term_pricing", {}),
    ],
)
def test_operations_that_are_not_here(client: Any, operation: str, params: dict[str, str]) -> None:
    error = fails(getattr(client, operation), **params)["Error"]
    assert error["Code"] == "UnknownOperationException"
    name = client.meta.method_to_api_mapping[operation]
    assert error["Message"] == f"This local Snowball does not implement the operation {name}."


def credentials_of(connect: Connect, account: str) -> dict[str, str]:
    role = connect(service="sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/other", RoleSessionName="other"
    )
    return {
        "aws_access_key_id": role["Credentials"]["AccessKeyId"],
        "aws_secret_access_key": role["Credentials"]["SecretAccessKey"],
        "aws_session_token": role["Credentials"]["SessionToken"],
    }


def test_accounts_and_regions_are_apart(connect: Connect) -> None:
    here, abroad = connect(), connect("eu-west-1")
    other = connect(credentials=credentials_of(connect, "222222222222"))
    cluster_id = create_cluster(here)
    for stranger in (abroad, other):
        assert stranger.list_clusters()["ClusterListEntries"] == []
        assert stranger.list_jobs()["JobListEntries"] == []
        error = fails(stranger.list_cluster_jobs, ClusterId=cluster_id)["Error"]
        assert error["Code"] == "InvalidResourceException"
    create_cluster(other, size=1)
    assert len(backend(account="222222222222").jobs) == 1
    assert len(here.list_jobs()["JobListEntries"]) == 5


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
