"""All operations of the service model: an answer and an error each, and nothing that is said gets lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.model import ListShape, Shape, StringShape, StructureShape

from tests.emulator.api.calls import (
    ABSENT,
    UUID,
    WRONG_INPUT,
    Connect,
    Jump,
    create_address,
    create_cluster,
    create_job,
    fails,
    ids_of,
)
from tests.emulator.api.journey import ERRORS, PRICING, WITHOUT_ERRORS, every_operation


def method_of(client: Any, operation: str) -> Callable[..., Any]:
    (name,) = [each for each, api in client.meta.method_to_api_mapping.items() if api == operation]
    found: Callable[..., Any] = getattr(client, name)
    return found


def test_every_operation_is_here(client: Any) -> None:
    assert set(ERRORS) | WITHOUT_ERRORS == set(client.meta.service_model.operation_names)


@pytest.mark.parametrize("operation", ERRORS)
def test_every_operation_has_its_error(client: Any, operation: str) -> None:
    members, code = ERRORS[operation]
    assert fails(method_of(client, operation), **members)["Error"]["Code"] == code


def test_every_operation_has_an_answer(client: Any, jump: Jump) -> None:
    """The shapes of the answers are looked at by the client's fixture."""

    def call(operation: str, **members: Any) -> dict[str, Any]:
        found: dict[str, Any] = method_of(client, operation)(**members)
        return found

    assert every_operation(call, jump) == set(client.meta.service_model.operation_names)


@pytest.mark.parametrize("page_size", [1, 2])
@pytest.mark.parametrize(
    "operation",
    [
        "describe_addresses",
        "list_cluster_jobs",
        "list_clusters",
        "list_compatible_images",
        "list_jobs",
        "list_long_term_pricing",
    ],
)
def test_every_paginator(client: Any, operation: str, page_size: int) -> None:
    assert client.can_paginate(operation)
    clusters = [create_cluster(client, 3) for _ in range(3)]
    for _ in range(3):
        client.create_long_term_pricing(LongTermPricingType="OneYear", SnowballType="EDGE")
    params = {"ClusterId": clusters[0]} if operation == "list_cluster_jobs" else {}
    paginator = client.get_paginator(operation)
    (key,) = [each.expression for each in paginator.result_keys]
    whole = getattr(client, operation)(**params)[key]
    pages = [*paginator.paginate(**params, PaginationConfig={"PageSize": page_size})]
    assert [entry for page in pages for entry in page[key]] == whole
    assert len(whole) == (9 if operation == "list_jobs" else 3)
    assert {len(page[key]) for page in pages[:-1]} == {page_size}


def test_there_is_no_other_paginator(client: Any) -> None:
    names = client.meta.method_to_api_mapping
    assert sum(client.can_paginate(name) for name in names) == 6


@pytest.mark.parametrize("operation", ["list_pickup_locations", "list_service_versions"])
def test_listings_without_a_paginator(client: Any, operation: str) -> None:
    params = {"ServiceName": "KUBERNETES"} if operation == "list_service_versions" else {}
    key = "ServiceVersions" if params else "Addresses"
    whole = getattr(client, operation)(**params)[key]
    found: list[Any] = []
    token: dict[str, str] = {}
    while True:
        page = getattr(client, operation)(**params, **token, MaxResults=1)
        assert len(page[key]) == 1
        found += page[key]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == whole
    assert len(whole) > 1


class TestMembers:
    """What a request says is in what describes it, member by member of the service model."""

    #: Those that are said at an order and are in no description of what was ordered.
    NOT_DESCRIBED = frozenset({"InitialClusterSize", "ForceCreateJobs", "LongTermPricingIds"})
    #: Of a cluster these are described by its jobs only.
    OF_ITS_JOBS = frozenset({"RemoteManagement", "SnowballCapacityPreference"})
    VALUES: dict[str, Any] = {  # noqa: RUF012 - read only
        "SnowballCapacityPreference": "T100",
        "SnowballType": "EDGE",
        "ImpactLevel": "IL4",
        "Email": "a@example.com",
        "PhoneNumber": "206-555-0100",
        "BucketArn": "arn:aws:s3:::bucket",
        "EventResourceARN": "arn:aws:s3:::bucket",
        "LambdaArn": "arn:aws:lambda:us-east-1:123456789012:function:made-up",
        "AmiId": "ami-0123456789abcdef0",
        "GSTIN": "12ABCDE1234F1Z1",
        "KmsKeyARN": f"arn:aws:kms:us-east-1:123456789012:key/{ABSENT}",
        "RoleARN": "arn:aws:iam::123456789012:role/importer",
        "SnsTopicARN": "arn:aws:sns:us-east-1:123456789012:topic",
        "DevicePickupRoleARN": "arn:aws:iam::123456789012:role/pickup",
        "DevicePickupSnsTopicARN": "arn:aws:sns:us-east-1:123456789012:pickup",
        "DevicePickupId": f"DPID{ABSENT}",
        "ServiceSize": 3,
        "StorageLimit": 80,
        "ForceCreateJobs": False,
        "InitialClusterSize": 3,
    }

    def sample(self, shape: Shape, name: str, given: dict[str, Any]) -> Any:
        """Return a value of a shape that has all of its members."""
        if name in given or name in self.VALUES:
            return given.get(name, self.VALUES.get(name))
        if isinstance(shape, StructureShape):
            found = {key: self.sample(member, key, given) for key, member in shape.members.items()}
            return {key: value for key, value in found.items() if value is not None}
        if isinstance(shape, ListShape):
            return [self.sample(shape.member, name, given)]
        if isinstance(shape, StringShape):
            return shape.enum[0] if shape.enum else "said"
        return {
            "boolean": True,
            "integer": 1,
            "double": 1.5,
            "timestamp": datetime(2026, 1, 2, tzinfo=timezone.utc),
        }[shape.type_name]

    def members(self, client: Any, operation: str, **given: Any) -> dict[str, Any]:
        shape = client.meta.service_model.operation_model(operation).input_shape
        assert shape is not None
        found: dict[str, Any] = self.sample(shape, "", given)
        return found

    def pricing(self, client: Any) -> str:
        return str(
            client.create_long_term_pricing(LongTermPricingType="ThreeYear", SnowballType="EDGE")[
                "LongTermPricingId"
            ]
        )

    def compare(self, said: dict[str, Any], described: dict[str, Any], *without: str) -> None:
        option = described.get("ShippingDetails", described)["ShippingOption"]
        described = described | {"ShippingOption": option}
        for name in set(said) - self.NOT_DESCRIBED - set(without):
            assert described[name] == said[name], name

    def test_address(self, client: Any) -> None:
        said = self.members(client, "CreateAddress", AddressId=None, Country="US")["Address"]
        address_id = client.create_address(Address=said)["AddressId"]
        assert client.describe_address(AddressId=address_id)["Address"] == {**said, "AddressId": address_id}

    def test_job(self, client: Any) -> None:
        address_id = create_address(client)
        said = self.members(
            client,
            "CreateJob",
            AddressId=address_id,
            ForwardingAddressId=address_id,
            ClusterId=None,
            JobType="EXPORT",
            LongTermPricingId=self.pricing(client),
        )
        assert len(said) == 18
        job_id = client.create_job(**said)["JobId"]
        self.compare(said, client.describe_job(JobId=job_id)["JobMetadata"])

    def test_job_that_changes(self, client: Any) -> None:
        job_id = create_job(client, "EXPORT")
        address_id = create_address(client)
        said = self.members(
            client, "UpdateJob", JobId=job_id, AddressId=address_id, ForwardingAddressId=address_id
        )
        client.update_job(**said)
        self.compare(said, client.describe_job(JobId=job_id)["JobMetadata"])

    def cluster(self, client: Any, operation: str, **given: Any) -> dict[str, Any]:
        address_id = create_address(client)
        # Nothing is exported from a cluster.
        return self.members(
            client,
            operation,
            AddressId=address_id,
            ForwardingAddressId=address_id,
            JobType="LOCAL_USE",
            KeyRange={},
            **given,
        )

    def test_cluster(self, client: Any) -> None:
        contracts = [self.pricing(client) for _ in range(2)]
        said = self.cluster(client, "CreateCluster", LongTermPricingIds=contracts)
        cluster_id = client.create_cluster(**said)["ClusterId"]
        metadata = client.describe_cluster(ClusterId=cluster_id)["ClusterMetadata"]
        self.compare(said, metadata, *self.OF_ITS_JOBS)
        nodes = [client.describe_job(JobId=job_id)["JobMetadata"] for job_id in ids_of(client, cluster_id)]
        for node in nodes:
            self.compare(said, node, "Description")
        # In the order of its nodes, as far as there are any.
        assert [node.get("LongTermPricingId") for node in nodes] == [*contracts, None]

    def test_cluster_that_changes(self, client: Any) -> None:
        cluster_id = create_cluster(client, 3)
        said = self.cluster(client, "UpdateCluster", ClusterId=cluster_id)
        client.update_cluster(**said)
        self.compare(said, client.describe_cluster(ClusterId=cluster_id)["ClusterMetadata"])
        for job_id in ids_of(client, cluster_id):
            self.compare(said, client.describe_job(JobId=job_id)["JobMetadata"], "Description")

    def test_node(self, client: Any) -> None:
        """Its cluster's are inherited; its own are kept beside them."""
        cluster_id = create_cluster(client, 3, Resources={"S3Resources": []})
        other = create_address(client)
        said = self.members(
            client,
            "CreateJob",
            ClusterId=cluster_id,
            JobType=None,
            AddressId=other,
            ForwardingAddressId=other,
            LongTermPricingId=self.pricing(client),
            KeyRange={},
        )
        node = client.describe_job(JobId=client.create_job(**said)["JobId"])["JobMetadata"]
        own = ("LongTermPricingId", "DeviceConfiguration", "PickupDetails", "ImpactLevel", "Description")
        assert {name: node[name] for name in own} == {name: said[name] for name in own}
        assert node["Resources"] == {"S3Resources": []}
        assert node["AddressId"] != other


def test_every_value_of_every_enum_is_taken(client: Any) -> None:
    """But for what does not go with the rest of a request, which the tests of the rules have."""
    model = client.meta.service_model
    address_id = create_address(client)
    order = {"AddressId": address_id, "JobType": "IMPORT"}
    for option in model.shape_for("ShippingOption").enum:
        client.create_job(**order, ShippingOption=option)
    order["ShippingOption"] = "EXPRESS"
    for name, member in (
        ("RemoteManagement", "RemoteManagement"),
        ("ImpactLevel", "ImpactLevel"),
        ("SnowballType", "SnowballType"),
    ):
        for value in model.shape_for(name).enum:
            if value != "STANDARD":
                client.create_job(**order, **{member: value})
    for job_type in model.shape_for("JobType").enum:
        client.create_job(**{**order, "JobType": job_type})
    for state in model.shape_for("JobState").enum:
        client.create_job(**order, Notification={"JobStatesToNotify": [state]})
    for service in model.shape_for("DeviceServiceName").enum:
        for transfer in model.shape_for("TransferOption").enum:
            target = {"ServiceName": service, "TransferOption": transfer}
            resource = {"BucketArn": "arn:aws:s3:::bucket", "TargetOnDeviceServices": [target]}
            client.create_job(**order, Resources={"S3Resources": [resource]})
    for pricing_type in model.shape_for("LongTermPricingType").enum:
        client.create_long_term_pricing(LongTermPricingType=pricing_type, SnowballType="EDGE")
    for name in model.shape_for("ServiceName").enum:
        client.list_service_versions(ServiceName=name)
    for kind in model.shape_for("AddressType").enum:
        client.create_address(Address={"Street1": "1 Main St", "Type": kind})
    for unit in model.shape_for("StorageUnit").enum:
        service = {"NFSOnDeviceService": {"StorageLimit": 5, "StorageUnit": unit}}
        client.create_job(**order, OnDeviceServiceConfiguration=service)


class TestLongTermPricing:
    def entries(self, client: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.list_long_term_pricing()["LongTermPricingEntries"]
        return found

    @pytest.mark.parametrize(
        ("pricing_type", "days"), [("OneMonth", 30), ("OneYear", 365), ("ThreeYear", 1095)]
    )
    def test_listed(self, client: Any, pricing_type: str, days: int) -> None:
        pricing_id = client.create_long_term_pricing(
            LongTermPricingType=pricing_type, SnowballType="EDGE_C", IsLongTermPricingAutoRenew=True
        )["LongTermPricingId"]
        assert re.fullmatch(f"LTPID{UUID}", pricing_id)
        (entry,) = self.entries(client)
        term = entry.pop("LongTermPricingEndDate") - entry.pop("LongTermPricingStartDate")
        assert term.days == days
        assert entry == {
            "LongTermPricingId": pricing_id,
            "LongTermPricingType": pricing_type,
            "LongTermPricingStatus": "Active",
            "IsLongTermPricingAutoRenew": True,
            "SnowballType": "EDGE_C",
            "JobIds": [],
        }

    def test_jobs_that_are_ordered_under_it(self, client: Any) -> None:
        pricing_id = client.create_long_term_pricing(LongTermPricingType="OneYear", SnowballType="EDGE")[
            "LongTermPricingId"
        ]
        first, second = (create_job(client, "IMPORT", LongTermPricingId=pricing_id) for _ in range(2))
        (entry,) = self.entries(client)
        assert (entry["JobIds"], entry["CurrentActiveJob"]) == ([first, second], second)
        client.cancel_job(JobId=second)
        assert self.entries(client)[0]["CurrentActiveJob"] == first
        client.cancel_job(JobId=first)
        assert "CurrentActiveJob" not in self.entries(client)[0]

    def test_changed(self, client: Any) -> None:
        pricing_id = client.create_long_term_pricing(LongTermPricingType="OneYear", SnowballType="EDGE")[
            "LongTermPricingId"
        ]
        job_id = create_job(client, "IMPORT")
        client.update_long_term_pricing(LongTermPricingId=pricing_id, ReplacementJob=job_id)
        (entry,) = self.entries(client)
        assert (entry["ReplacementJob"], entry["IsLongTermPricingAutoRenew"]) == (job_id, False)
        client.update_long_term_pricing(LongTermPricingId=pricing_id, IsLongTermPricingAutoRenew=True)
        (entry,) = self.entries(client)
        assert (entry["ReplacementJob"], entry["IsLongTermPricingAutoRenew"]) == (job_id, True)
        error = fails(
            client.update_long_term_pricing, LongTermPricingId=pricing_id, ReplacementJob=f"JID{ABSENT}"
        )
        assert error["ResourceType"] == "Job"

    def test_orders_under_one_that_there_is_not(self, client: Any) -> None:
        address = {"AddressId": create_address(client), "ShippingOption": "EXPRESS"}
        for call, members in (
            (client.create_job, {"JobType": "IMPORT", **PRICING}),
            (
                client.create_cluster,
                {
                    "JobType": "LOCAL_USE",
                    "SnowballType": "EDGE",
                    "LongTermPricingIds": list(PRICING.values()),
                },
            ),
        ):
            error = fails(call, **address, **members)
            assert error["Error"]["Code"] == "InvalidResourceException"
            assert error["ResourceType"] == "LongTermPricing"
        assert client.list_jobs()["JobListEntries"] == []

    def test_regions_are_apart(self, connect: Connect) -> None:
        connect("us-east-1").create_long_term_pricing(LongTermPricingType="OneYear", SnowballType="EDGE")
        assert self.entries(connect("us-west-2")) == []


def test_service_versions_by_what_they_depend_on(client: Any) -> None:
    (version, *_) = client.list_service_versions(ServiceName="KUBERNETES")["ServiceVersions"]
    needs = [{"ServiceName": "KUBERNETES", "ServiceVersion": version}]
    answer = client.list_service_versions(ServiceName="EKS_ANYWHERE", DependentServices=needs)
    assert (answer["ServiceName"], answer["DependentServices"]) == ("EKS_ANYWHERE", needs)
    needs = [{"ServiceName": "KUBERNETES", "ServiceVersion": {"Version": "0.1"}}]
    error = fails(client.list_service_versions, ServiceName="EKS_ANYWHERE", DependentServices=needs)
    assert error["Error"]["Code"] == "InvalidResourceException"
    assert error["ResourceType"] == "ServiceVersion"


def test_device_that_is_picked_up(client: Any) -> None:
    location, other = client.list_pickup_locations()["Addresses"]
    assert client.describe_address(AddressId=location["AddressId"])["Address"] == location
    assert location["AddressId"] != other["AddressId"]
    person = {"Name": "A. N. Other", "Email": "a@example.com", "PhoneNumber": "206-555-0100"}
    job_id = client.create_job(
        JobType="IMPORT", AddressId=location["AddressId"], ShippingOption="EXPRESS", PickupDetails=person
    )["JobId"]
    job = client.describe_job(JobId=job_id)["JobMetadata"]
    assert (job["AddressId"], job["PickupDetails"]) == (location["AddressId"], person)


def test_images_are_an_accounts_own(connect: Connect) -> None:
    here, there = (
        connect(region).list_compatible_images()["CompatibleImages"] for region in ("us-east-1", "eu-west-1")
    )
    assert [each["Name"] for each in here] == [each["Name"] for each in there]
    assert not {each["AmiId"] for each in here} & {each["AmiId"] for each in there}
    assert all(re.fullmatch("ami-[0-9a-f]{17}", each["AmiId"]) for each in here)


class TestSoftwareUpdates:
    def test_of_a_device(self, client: Any) -> None:
        job_id = create_job(client, "IMPORT")
        link = urlsplit(client.get_software_updates(JobId=job_id)["UpdatesURI"])
        assert link.path.endswith(f"/{job_id}_updates.tar")
        assert "X-Amz-Expires=172800" in link.query.split("&")

    def test_not_of_a_job_without_one(self, client: Any) -> None:
        lost = create_job(client, "IMPORT")
        client.cancel_job(JobId=lost)
        for job_id in (lost, create_job(client, "EXPORT")):
            assert (
                fails(client.get_software_updates, JobId=job_id)["Error"]["Code"]
                == "InvalidJobStateException"
            )


class TestRules:
    """What does not go together, as the model's documentation has it."""

    PAIRS = (
        ("SNC1_SSD", "T14"),
        ("SNC1_HDD", "T8"),
        ("EDGE_S", "T98"),
        ("EDGE_CG", "T42"),
        ("EDGE_C", "T42"),
        ("EDGE", "T100"),
        ("EDGE", "T98"),
        ("RACK_5U_C", "T13"),
        ("V3_5S", "T240"),
    )

    @pytest.mark.parametrize(("kind", "capacity"), PAIRS)
    def test_capacities(self, client: Any, kind: str, capacity: str) -> None:
        for each in (capacity, "NoPreference"):
            create_job(client, "IMPORT", SnowballType=kind, SnowballCapacityPreference=each)
        known = {pair for pair in self.PAIRS if pair[0] == kind}
        for other in client.meta.service_model.shape_for("SnowballCapacity").enum:
            if other != "NoPreference" and (kind, other) not in known:
                error = fails(
                    create_job,
                    client=client,
                    job_type="IMPORT",
                    SnowballType=kind,
                    SnowballCapacityPreference=other,
                )
                possible = " or ".join(pair[1] for pair in self.PAIRS if pair[0] == kind)
                assert error["Error"]["Message"] == WRONG_INPUT.format(
                    f"the capacity of {kind} is {possible}, not {other}"
                )

    def test_where_the_original_snowball_is(self, connect: Connect) -> None:
        for capacity in ("T50", "T80"):
            create_job(
                connect("ap-southeast-1"),
                "IMPORT",
                SnowballType="STANDARD",
                SnowballCapacityPreference=capacity,
            )
        error = fails(create_job, client=connect(), job_type="IMPORT", SnowballType="STANDARD")
        assert error["Error"]["Code"] == "InvalidInputCombinationException"
        assert error["Error"]["Message"] == WRONG_INPUT.format(
            "STANDARD is available in ap-southeast-1, cn-north-1, cn-northwest-1 only, not in us-east-1"
        )

    def test_ranges_of_keys_are_for_exports(self, client: Any) -> None:
        resource = {"BucketArn": "arn:aws:s3:::bucket", "KeyRange": {"BeginMarker": "a"}}
        resources = {"S3Resources": [resource]}
        create_job(client, "EXPORT", Resources=resources)
        imported = create_job(client, "IMPORT")
        cluster_id = create_cluster(client)
        calls: tuple[Callable[[], dict[str, Any]], ...] = (
            lambda: fails(create_job, client=client, job_type="IMPORT", Resources=resources),
            lambda: fails(create_cluster, client=client, Resources=resources),
            lambda: fails(client.update_job, JobId=imported, Resources=resources),
            lambda: fails(client.update_cluster, ClusterId=cluster_id, Resources=resources),
        )
        for refused in calls:
            assert refused()["Error"]["Code"] == "InvalidInputCombinationException"
        assert "Resources" not in client.describe_job(JobId=imported)["JobMetadata"]

    def test_tapes_of_a_gateway(self, client: Any) -> None:
        def gateway(tapes: int) -> dict[str, Any]:
            return {"TGWOnDeviceService": {"StorageLimit": tapes, "StorageUnit": "TB"}}

        create_job(client, "IMPORT", OnDeviceServiceConfiguration=gateway(80))
        create_job(client, "IMPORT", OnDeviceServiceConfiguration=gateway(79), SnowballType="SNC1_SSD")
        error = fails(create_job, client=client, job_type="IMPORT", OnDeviceServiceConfiguration=gateway(79))
        assert error["Error"]["Message"] == WRONG_INPUT.format(
            "StorageLimit of TGWOnDeviceService must be 80 for EDGE, not 79"
        )

    def test_a_service_counts_in_terabytes(self, client: Any) -> None:
        for service in ("S3OnDeviceService", "NFSOnDeviceService"):
            configuration = {service: {"StorageLimit": 5, "StorageUnit": "GB"}}
            error = fails(
                create_job, client=client, job_type="IMPORT", OnDeviceServiceConfiguration=configuration
            )
            assert error["Error"]["Code"] == "ValidationException"
