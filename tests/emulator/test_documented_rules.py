"""
Every rule that the service model states is kept by a test, or stands in the table of differences.

A rule is a sentence of its documentation with one of the words below. It is named by where it is and how it
begins. One that comes to be, with a later botocore, fails here.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from pathlib import Path

import botocore.loaders
import pytest

HERE = Path(__file__).parent
DIFFERENCES = HERE.parents[1] / "docs" / "rehearse_a_migration.md"

#: What a sentence with a rule has.
_RULE = re.compile(
    r"\b(must|only|can't|cannot|can not|required|valid|at least|at most|maximum|minimum|up to|not supported"
    r"|while|inherited|treated as|aren't|isn't|won't|don't|never|always|default|limit|before|after|until"
    r"|within|expire\w*|no longer)\b",
    re.IGNORECASE,
)
#: To people, about what no service does.
ADVICE = "advice"
API, MORE, JOBS = "api/test_api.py::", "api/test_operations.py::", "test_job_management.py::"
#: Where and how a sentence begins, and the tests that hold it, a row of the table of differences, or ADVICE.
RULES: dict[str, tuple[str, ...]] = {
    "Address: Although no individual elements": (f"{JOBS}TestAddresses::test_refused",),
    "CreateAddress: The address you provide must": (
        f"{JOBS}TestAddresses::test_refused",
        f"{JOBS}TestAddresses::test_other_regions_take_other_countries",
    ),
    "Address.PrefectureOrDistrict: This field is no longer used": ("Addresses",),
    "Address.IsRestricted: This field is not supported": ("Where what is to be had",),
    "CancelCluster: You can only cancel": (
        f"{API}test_cluster_that_has_its_quorum_cannot_be_cancelled",
        f"{API}test_cancel_cluster",
    ),
    "CancelCluster: You'll have at least an hour": (f"{API}test_cancel_cluster",),
    "CancelJob: You can only cancel": (
        f"{API}test_cancel_job",
        "test_emulator_api.py::test_until_when_an_export_can_be_cancelled",
    ),
    "ClusterLimitExceededException: If you have fewer than five": (
        f"{API}test_cluster_has_sixteen_nodes_at_most",
    ),
    "ClusterMetadata.ForwardingAddressId: The ID of the address": (f"{MORE}TestMembers::test_cluster",),
    "ClusterMetadata.JobType: Currently, the only job type": (f"{API}test_clusters_are_for_local_use_only",),
    "ClusterMetadata.SnowballType: For cluster jobs": ("Devices of a cluster",),
    "ClusterMetadata.TaxDocuments: The tax documents required": ("Where what is to be had",),
    "ClusterMetadata.ShippingOption: This speed": ("Shipments",),
    "CreateClusterRequest.InitialClusterSize: If not provided": (
        f"{API}test_empty_cluster_waits_for_three_nodes",
    ),
    "CreateClusterRequest.ShippingOption: This speed": ("Shipments",),
    "CreateJobRequest.ShippingOption: This speed": ("Shipments",),
    "CreateJobRequest.ClusterId: The other job attributes": (f"{MORE}TestMembers::test_node",),
    "CreateReturnShippingLabelRequest.ShippingOption: This speed": ("Shipments",),
    "DataTransfer: Defines the real-time status": (f"{JOBS}TestTransfers::test_progress",),
    "JobLogs: For export jobs": (
        f"{JOBS}TestTransfers::test_export_is_reported_while_its_device_is_on_its_way",
    ),
    "UpdateCluster: While a cluster's": (f"{JOBS}TestUpdates::test_cluster",),
    "UpdateJob: While a job's": (f"{JOBS}TestUpdates::test_job",),
    "CreateCluster: The cluster does not ship": (
        f"{API}test_empty_cluster_waits_for_three_nodes",
        "Clusters",
    ),
    "CreateJob: Device type: SNC1_SSD": (f"{MORE}TestRules::test_capacities",),
    "CreateJob: Device type: STANDARD": (
        f"{MORE}TestRules::test_where_the_original_snowball_is",
        f"{MORE}TestRules::test_capacities",
    ),
    "CreateJob: If you're creating a job for a node": (
        f"{MORE}TestMembers::test_node",
        f"{API}test_empty_cluster_waits_for_three_nodes",
    ),
    "CreateJob: Only the Snowball": ("Devices of a cluster",),
    "CreateJob: Your Amazon Web Services account must": ("Who may",),
    "CreateJobRequest.ClusterId: If you're creating": (f"{MORE}TestMembers::test_node",),
    "CreateJobRequest.ForwardingAddressId: This field": ("Where what is to be had",),
    "CreateJobRequest.SnowballType: Currently, the only supported": ("Devices of a cluster",),
    "DataTransfer: This data is only available": (f"{JOBS}TestTransfers::test_progress",),
    "DataTransfer.TotalBytes: This value is set to 0": (f"{JOBS}TestTransfers::test_progress",),
    "GetJobManifest: As a best practice": (ADVICE,),
    "GetJobManifest: The credentials of a given job": (f"{JOBS}TestCredentials::test_expire_after_360_days",),
    "GetJobManifest: The manifest is an encrypted file": (
        f"{JOBS}TestCredentials::test_while_with_the_customer",
    ),
    "GetJobManifest: This is the only valid status": (
        f"{JOBS}TestCredentials::test_while_with_the_customer",
    ),
    "GetJobManifest: To access the manifest file after": (
        f"{JOBS}TestLinks::test_good_for_an_hour_by_the_wall_clock",
    ),
    "GetJobManifest: You can access the manifest": (
        f"{JOBS}TestLinks::test_good_for_an_hour_by_the_wall_clock",
    ),
    "GetJobUnlockCode: A particular UnlockCode": (f"{JOBS}TestCredentials::test_expire_after_360_days",),
    "GetJobUnlockCode: As a best practice": (ADVICE,),
    "GetJobUnlockCode: The only valid status": (f"{JOBS}TestCredentials::test_while_with_the_customer",),
    "GetJobUnlockCodeResult.UnlockCode: The UnlockCode value": (
        f"{JOBS}TestCredentials::test_expire_after_360_days",
    ),
    "GetSnowballUsage: If you want to increase": (ADVICE,),
    "GetSnowballUsage: Returns information": (f"{JOBS}test_usage_counts_devices",),
    "GetSnowballUsage: The default service limit": (f"{JOBS}test_usage_counts_devices", "SnowballLimit"),
    "GetSnowballUsageResult.SnowballLimit: The": (f"{JOBS}test_usage_counts_devices", "SnowballLimit"),
    "GetSoftwareUpdatesResult.UpdatesURI: The software update": (
        f"{MORE}TestSoftwareUpdates::test_of_a_device",
        f"{JOBS}TestLinks::test_updates_for_two_days",
    ),
    "GetSoftwareUpdatesResult.UpdatesURI: To access an update": (
        f"{JOBS}TestLinks::test_updates_for_two_days",
    ),
    "INDTaxDocuments: The tax documents required": ("Where what is to be had",),
    "INDTaxDocuments.GSTIN: The Goods and Services Tax": (
        f"{MORE}TestMembers::test_job",
        "Where what is to be had",
    ),
    "InvalidJobStateException: The action can't": (f"{API}test_cancel_job",),
    "InvalidResourceException: The specified resource": (f"{API}test_what_is_not_there",),
    "JobListEntry.IsMaster: Instead, each main job": (
        f"{JOBS}TestExports::test_parts_appear_after_their_main_job",
    ),
    "JobListEntry.IsMaster: It might take some time": (
        f"{JOBS}TestExports::test_parts_appear_after_their_main_job",
        f"{JOBS}TestExports::test_parts_do_not_exist_before",
    ),
    "JobListEntry.IsMaster: Main jobs aren't": (
        f"{JOBS}TestExports::test_main_job_is_as_far_as_its_last_part",
    ),
    "JobLogs: The job logs can be accessed": (f"{JOBS}TestLinks::test_good_for_an_hour_by_the_wall_clock",),
    "JobLogs: To access any": (f"{JOBS}TestLinks::test_good_for_an_hour_by_the_wall_clock",),
    "JobMetadata.DataTransferProgress: A value that defines": (f"{JOBS}TestTransfers::test_progress",),
    "JobMetadata.ForwardingAddressId: The ID of the address": (f"{MORE}TestMembers::test_job",),
    "JobMetadata.TaxDocuments: The metadata": (f"{MORE}TestMembers::test_job",),
    "ListCompatibleImages: Ubuntu 16.04": (ADVICE,),
    "ListCompatibleImagesRequest.MaxResults: The maximum": (f"{MORE}test_every_paginator",),
    "ListLongTermPricingRequest.MaxResults: The maximum": (f"{MORE}test_every_paginator",),
    "ListPickupLocationsRequest.MaxResults: The maximum": (f"{MORE}test_listings_without_a_paginator",),
    "ListServiceVersionsRequest.MaxResults: The maximum": (f"{MORE}test_listings_without_a_paginator",),
    "LongTermPricingListEntry.IsLongTermPricingAutoRenew: If set": (
        f"{MORE}TestLongTermPricing::test_changed",
        "test_long_term_pricing.py::test_renews_itself",
    ),
    "NFSOnDeviceServiceConfiguration.StorageLimit: The maximum": ("Services on a device",),
    "NFSOnDeviceServiceConfiguration.StorageUnit: Valid values": (
        f"{MORE}TestRules::test_a_service_counts_in_terabytes",
    ),
    "ReturnShippingLabelAlreadyExistsException: You get": (f"{JOBS}TestShipping::test_return_label",),
    "S3OnDeviceServiceConfiguration.StorageLimit: If": ("Services on a device",),
    "S3OnDeviceServiceConfiguration.StorageUnit: Currently": (
        f"{MORE}TestRules::test_a_service_counts_in_terabytes",
    ),
    "S3Resource.KeyRange: For export jobs": (f"{MORE}TestRules::test_ranges_of_keys_are_for_exports",),
    "TGWOnDeviceServiceConfiguration.StorageLimit: Due to": (f"{MORE}TestRules::test_tapes_of_a_gateway",),
    "TGWOnDeviceServiceConfiguration.StorageLimit: The maximum": (
        f"{MORE}TestRules::test_tapes_of_a_gateway",
    ),
    "UpdateCluster: Once the cluster changes": (f"{JOBS}TestUpdates::test_cluster_that_has_its_quorum",),
    "UpdateJob: Once the job changes": (f"{JOBS}TestUpdates::test_job_that_is_not_new",),
    "UpdateJobRequest.SnowballCapacityPreference: The 50 TB": ("The 50 TB device",),
}


def sentences(documentation: str | None) -> Iterator[str]:
    text = html.unescape(re.sub(r"<[^>]+>", " ", documentation or ""))
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", re.sub(r"\s+", " ", text).strip()):
        if _RULE.search(sentence):
            yield sentence


def rules() -> Iterator[tuple[str, str]]:
    """Give out each sentence with a rule, after where it is; one that is in several places, in the first."""
    model = botocore.loaders.Loader().load_service_model("snowball", "service-2")
    places = [(name, operation.get("documentation")) for name, operation in model["operations"].items()]
    for name, shape in sorted(model["shapes"].items()):
        places.append((name, shape.get("documentation")))
        members = shape.get("members", {})
        places += [(f"{name}.{each}", member.get("documentation")) for each, member in members.items()]
    seen = set()
    for place, documentation in places:
        for sentence in sentences(documentation):
            if sentence not in seen:
                seen.add(sentence)
                yield place, f"{place}: {sentence}"


def entries_for(rule: str) -> list[str]:
    return [entry for entry in RULES if rule.startswith(entry)]


@pytest.mark.parametrize("rule", [rule for _, rule in rules()])
def test_rule_is_in_the_table(rule: str) -> None:
    assert entries_for(rule), rule


def test_nothing_else_is() -> None:
    found = {entry for _, rule in rules() for entry in entries_for(rule)}
    assert found == set(RULES)


def names_in(file: Path) -> Iterator[str]:
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from (
                f"{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)
            )


def test_what_the_table_names_is_there() -> None:
    rows = {
        line.split("|")[1].strip() for line in DIFFERENCES.read_text().splitlines() if line.startswith("| ")
    }
    for named in {each for kept_by in RULES.values() for each in kept_by} - {ADVICE}:
        file, is_test, name = named.partition("::")
        if is_test:
            assert name in set(names_in(HERE / file)), named
        else:
            assert named in rows, named
