"""A journey through all operations, for any client: a call is ``call(operation, **members)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.emulator.api.calls import ABSENT, Jump

JOB = {"JobId": f"JID{ABSENT}"}
CLUSTER = {"ClusterId": f"CID{ABSENT}"}
PRICING = {"LongTermPricingId": f"LTPID{ABSENT}"}
BAD_TOKEN = {"NextToken": "bad"}
#: Each operation with a request that fails, and how.
ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "CancelCluster": (CLUSTER, "InvalidResourceException"),
    "CancelJob": (JOB, "InvalidResourceException"),
    "CreateAddress": ({"Address": {"City": "Seattle"}}, "InvalidAddressException"),
    "CreateCluster": (
        {
            "JobType": "IMPORT",
            "SnowballType": "EDGE",
            "ShippingOption": "EXPRESS",
            "AddressId": f"ADID{ABSENT}",
        },
        "InvalidInputCombinationException",
    ),
    "CreateJob": ({"JobType": "IMPORT"}, "InvalidInputCombinationException"),
    "CreateLongTermPricing": (
        {"LongTermPricingType": "OneDay", "SnowballType": "EDGE"},
        "ValidationException",
    ),
    "CreateReturnShippingLabel": (JOB, "InvalidResourceException"),
    "DescribeAddress": ({"AddressId": f"ADID{ABSENT}"}, "InvalidResourceException"),
    "DescribeAddresses": (BAD_TOKEN, "InvalidNextTokenException"),
    "DescribeCluster": (CLUSTER, "InvalidResourceException"),
    "DescribeJob": (JOB, "InvalidResourceException"),
    "DescribeReturnShippingLabel": (JOB, "InvalidResourceException"),
    "GetJobManifest": (JOB, "InvalidResourceException"),
    "GetJobUnlockCode": (JOB, "InvalidResourceException"),
    "GetSoftwareUpdates": (JOB, "InvalidResourceException"),
    "ListClusterJobs": (CLUSTER, "InvalidResourceException"),
    "ListClusters": (BAD_TOKEN, "InvalidNextTokenException"),
    "ListCompatibleImages": (BAD_TOKEN, "InvalidNextTokenException"),
    "ListJobs": (BAD_TOKEN, "InvalidNextTokenException"),
    "ListLongTermPricing": (BAD_TOKEN, "InvalidNextTokenException"),
    # The model has no error for it.
    "ListPickupLocations": (BAD_TOKEN, "ValidationException"),
    "ListServiceVersions": ({"ServiceName": "KUBERNETES", **BAD_TOKEN}, "InvalidNextTokenException"),
    "UpdateCluster": (CLUSTER, "InvalidResourceException"),
    "UpdateJob": (JOB, "InvalidResourceException"),
    "UpdateJobShipmentState": ({**JOB, "ShipmentState": "RECEIVED"}, "InvalidResourceException"),
    "UpdateLongTermPricing": (PRICING, "InvalidResourceException"),
}
#: Operations that nothing can be wrong with.
WITHOUT_ERRORS = {"GetSnowballUsage"}

Call = Callable[..., dict[str, Any]]


def every_operation(make: Call, jump: Jump) -> set[str]:
    """Call each operation, look at what is answered, and return which were called."""
    answered = set()

    def call(operation: str, **members: Any) -> dict[str, Any]:
        answered.add(operation)
        return make(operation, **members)

    address_id = call("CreateAddress", Address={"Street1": "1 Main St", "Country": "US"})["AddressId"]
    assert call("DescribeAddress", AddressId=address_id)["Address"]["AddressId"] == address_id
    assert len(call("DescribeAddresses")["Addresses"]) == 1
    assert {each["Type"] for each in call("ListPickupLocations")["Addresses"]} == {"CUST_PICKUP"}
    assert len(call("ListCompatibleImages")["CompatibleImages"]) == 3
    assert call("ListServiceVersions", ServiceName="EKS_ANYWHERE")["ServiceVersions"]
    pricing_id = call("CreateLongTermPricing", LongTermPricingType="OneYear", SnowballType="EDGE")[
        "LongTermPricingId"
    ]
    call("UpdateLongTermPricing", LongTermPricingId=pricing_id, IsLongTermPricingAutoRenew=True)
    assert len(call("ListLongTermPricing")["LongTermPricingEntries"]) == 1

    order = {"AddressId": address_id, "ShippingOption": "EXPRESS", "SnowballType": "EDGE"}
    doomed = call("CreateCluster", JobType="LOCAL_USE", **order)["ClusterId"]
    call("UpdateCluster", ClusterId=doomed, Description="doomed")
    call("CancelCluster", ClusterId=doomed)
    assert call("DescribeCluster", ClusterId=doomed)["ClusterMetadata"]["ClusterState"] == "Cancelled"
    assert call("ListClusterJobs", ClusterId=doomed)["JobListEntries"] == []
    assert len(call("ListClusters")["ClusterListEntries"]) == 1
    lost = call("CreateJob", JobType="IMPORT", **order)["JobId"]
    call("CancelJob", JobId=lost)
    job_id = call("CreateJob", JobType="IMPORT", **order)["JobId"]
    call("UpdateJob", JobId=job_id, Description="changed")
    jump("6d")
    assert call("GetSnowballUsage")["SnowballsInUse"] == 1
    assert call("DescribeJob", JobId=job_id)["JobMetadata"]["JobState"] == "WithCustomer"
    call("UpdateJobShipmentState", JobId=job_id, ShipmentState="RECEIVED")
    assert call("GetJobManifest", JobId=job_id)["ManifestURI"].startswith("http")
    assert len(call("GetJobUnlockCode", JobId=job_id)["UnlockCode"]) == 29
    assert call("GetSoftwareUpdates", JobId=job_id)["UpdatesURI"].startswith("http")
    assert call("CreateReturnShippingLabel", JobId=job_id)["Status"] == "InProgress"
    jump("1h")
    assert call("DescribeReturnShippingLabel", JobId=job_id)["Status"] == "Succeeded"
    assert len(call("ListJobs")["JobListEntries"]) == 2
    return answered
