"""Imports, exports, shipments, transfers, credentials and labels, in-process and over HTTP."""

from __future__ import annotations

import csv
import io
import re
import tarfile
import urllib.parse
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests

from airflow_provider_snowball.emulator import snowball_clock
from airflow_provider_snowball.emulator.rehearsal.device_contents import DeviceContents, DeviceObject
from airflow_provider_snowball.emulator.rehearsal.pdf import page_of
from tests.emulator.api.calls import (
    ABSENT,
    CANNOT_BE_FOUND,
    UUID,
    WRONG_INPUT,
    WRONG_STATE,
    Connect,
    create_address,
    create_cluster,
    create_job,
    fails,
    ids_of,
    jobs_of,
    states_of,
)
from tests.emulator.snowball_calls import backend

BUCKET = {"S3Resources": [{"BucketArn": "arn:aws:s3:::photos"}]}
RANGE = {"S3Resources": [{"BucketArn": "arn:aws:s3:::photos", "KeyRange": {"BeginMarker": "a"}}]}
CHANGES: dict[str, Any] = {
    "RoleARN": "arn:aws:iam::123456789012:role/other",
    "Description": "updated-job-name",
    "Notification": {"NotifyAll": True, "JobStatesToNotify": ["Complete"]},
    "Resources": BUCKET,
}
#: States of an import and of an export's part, in their order.
IMPORT = [
    "New", "Listing", "Pending", "PreparingAppliance", "PreparingShipment", "InTransitToCustomer",
    "WithCustomer", "InTransitToAWS", "WithAWSSortingFacility", "WithAWS", "InProgress", "Complete",
]  # fmt: skip
EXPORT = [
    "New", "Listing", "Pending", "PreparingAppliance", "InProgress", "PreparingShipment",
    "InTransitToCustomer", "WithCustomer", "InTransitToAWS", "WithAWSSortingFacility", "WithAWS", "Complete",
]  # fmt: skip


def metadata(client: Any, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.describe_job(JobId=job_id)["JobMetadata"]
    return found


def listed(client: Any) -> list[str]:
    return [job["JobId"] for job in client.list_jobs()["JobListEntries"]]


def jump_to(job_id: str, state: str) -> None:
    """Let time pass until a job is in a state, as it will be by its plan."""
    at = next(at for at, name in backend().jobs[job_id].timeline() if name == state)
    # A moment more, as sums of floats fall short.
    snowball_clock.jump(at - snowball_clock.now() + 0.001)


def export(client: Any, parts: int = 2, **members: Any) -> tuple[str, list[str]]:
    """Create an export and let its parts appear."""
    main_id = create_job(client, "EXPORT", **members)
    backend().set_parts(main_id, parts)
    jump_to(main_id, "Pending")
    return main_id, [part["JobId"] for part in client.describe_job(JobId=main_id)["SubJobMetadata"]]


def rows(link: str) -> list[list[str]]:
    response = requests.get(link, timeout=120)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(response.text)))


class TestAddresses:
    def test_described(self, client: Any) -> None:
        members = {"Name": "My Name", "Street1": "123 Main Street", "Country": "US", "IsRestricted": False}
        address_id = client.create_address(Address=members)["AddressId"]
        expected = members | {"AddressId": address_id}
        assert client.describe_address(AddressId=address_id)["Address"] == expected
        response = client.describe_addresses()
        assert response["Addresses"] == [expected]
        assert "NextToken" not in response

    @pytest.mark.parametrize(
        ("address", "code", "message"),
        [
            (
                {"City": "Seattle"},
                "InvalidAddressException",
                "The address provided was invalid: it has no Street1. "
                "Check the address with your region's carrier, and try again.",
            ),
            (
                {"Street1": "Unter den Linden 1", "Country": "DE"},
                "UnsupportedAddressException",
                "The address is either outside the serviceable area for your region, or an error occurred: "
                "DE is not served from us-east-1. "
                "Check the address with your region's carrier and try again.",
            ),
        ],
    )
    def test_refused(self, client: Any, address: dict[str, str], code: str, message: str) -> None:
        error = fails(client.create_address, Address=address)["Error"]
        assert (error["Code"], error["Message"]) == (code, message)
        assert client.describe_addresses()["Addresses"] == []

    def test_other_regions_take_other_countries(self, connect: Connect) -> None:
        client = connect("eu-central-1")
        client.create_address(Address={"Street1": "Unter den Linden 1", "Country": "DE"})
        assert len(client.describe_addresses()["Addresses"]) == 1

    def test_us_regions_list_theirs_together(self, connect: Connect) -> None:
        regions = ["us-west-2", "eu-west-1", "us-east-1"]
        ids = {region: create_address(connect(region)) for region in regions}
        american = [ids["us-west-2"], ids["us-east-1"]]
        for region in regions:
            found = [each["AddressId"] for each in connect(region).describe_addresses()["Addresses"]]
            assert found == (american if region.startswith("us-") else [ids[region]])
        # That holds for the listing only.
        error = fails(connect("us-west-2").describe_address, AddressId=ids["us-east-1"])["Error"]
        assert error["Code"] == "InvalidResourceException"
        assert error["Message"] == CANNOT_BE_FOUND.format(f"address {ids['us-east-1']}")

    def test_pages(self, client: Any) -> None:
        ids = [create_address(client) for _ in range(7)]
        pages = list(client.get_paginator("describe_addresses").paginate(PaginationConfig={"PageSize": 3}))
        assert [len(page["Addresses"]) for page in pages] == [3, 3, 1]
        assert [each["AddressId"] for page in pages for each in page["Addresses"]] == ids


class TestExports:
    def test_parts_appear_after_their_main_job(self, client: Any) -> None:
        main_id = create_job(client, "EXPORT", Description="Photos", Resources=RANGE)
        assert re.fullmatch(f"MID{UUID}", main_id)
        (entry,) = client.list_jobs()["JobListEntries"]
        assert (entry["JobId"], entry["IsMaster"], entry["JobState"]) == (main_id, True, "New")
        assert "SubJobMetadata" not in client.describe_job(JobId=main_id)

        jump_to(main_id, "Pending")

        main, *parts = client.list_jobs()["JobListEntries"]
        assert (main["JobId"], main["JobState"], main["IsMaster"]) == (main_id, "Pending", True)
        assert [(part["IsMaster"], part["JobState"]) for part in parts] == [(False, "New")] * 2
        assert all(re.fullmatch(f"JID{UUID}", part["JobId"]) for part in parts)
        described = client.describe_job(JobId=main_id)
        assert [part["JobId"] for part in described["SubJobMetadata"]] == [part["JobId"] for part in parts]
        for part, each in zip(parts, described["SubJobMetadata"], strict=True):
            assert each == metadata(client, part["JobId"])
            assert each["Resources"] == RANGE
            assert each["Description"] == "Photos"
            assert "SubJobMetadata" not in client.describe_job(JobId=part["JobId"])

    def test_parts_do_not_exist_before(self, client: Any) -> None:
        main_id = create_job(client, "EXPORT")
        unborn = backend().jobs[main_id].family[1].job_id
        error = fails(client.describe_job, JobId=unborn)["Error"]
        assert error["Code"] == "InvalidResourceException"
        assert error["Message"] == CANNOT_BE_FOUND.format(f"job {unborn}")

    def test_what_is_listed_keeps_its_place(self, client: Any) -> None:
        main_id = create_job(client, "EXPORT")
        later = [create_job(client, "IMPORT") for _ in range(3)]
        jump_to(main_id, "Pending")
        assert listed(client)[:4] == [main_id, *later]
        assert len(listed(client)) == 6

    def test_devices_come_one_after_another(self, client: Any) -> None:
        _, (first, second, third) = export(client, 3)
        jump_to(first, "WithCustomer")
        snowball_clock.jump("2d")
        assert metadata(client, second)["JobState"] == "PreparingShipment"
        assert metadata(client, third)["JobState"] == "PreparingShipment"
        jump_to(first, "InTransitToAWS")
        assert metadata(client, second)["JobState"] == "InTransitToCustomer"
        assert metadata(client, third)["JobState"] == "PreparingShipment"
        jump_to(second, "InTransitToAWS")
        assert metadata(client, third)["JobState"] == "InTransitToCustomer"

    def test_next_device_waits_until_the_one_before_is_sent_back(self, client: Any) -> None:
        _, (first, second) = export(client, 2)
        backend().hold(first)
        backend().delay(second, "1d")
        snowball_clock.jump("100d")
        assert metadata(client, first)["JobState"] == "WithCustomer"
        assert metadata(client, second)["JobState"] == "PreparingShipment"
        client.update_job_shipment_state(JobId=first, ShipmentState="RETURNED")
        assert metadata(client, first)["JobState"] == "InTransitToAWS"
        assert metadata(client, second)["JobState"] == "InTransitToCustomer"
        snowball_clock.jump("50d")
        assert metadata(client, second)["JobState"] == "Complete"

    def test_cancelled_part_does_not_keep_the_next_one(self, client: Any) -> None:
        _, (first, second) = export(client, 2)
        client.cancel_job(JobId=first)
        snowball_clock.jump("8d")
        assert metadata(client, second)["JobState"] == "WithCustomer"

    def test_main_job_is_as_far_as_its_last_part(self, client: Any) -> None:
        main_id, parts = export(client, 2)
        path = EXPORT[EXPORT.index("Pending") :]
        seen: list[str] = []
        while not seen or seen[-1] != "Complete":
            states = [backend().describe_job(job_id)["JobState"] for job_id in (main_id, *parts)]
            least = min(max(path.index(state) if state in path else 0, 0) for state in states[1:])
            assert states[0] == path[least]
            if states[0] not in seen:
                seen.append(states[0])
            snowball_clock.jump("6h")
        assert seen == path
        # By itself it never had a device, a transfer or a report.
        assert not {"SnowballId", "JobLogInfo", "DataTransferProgress"} & set(metadata(client, main_id))

    def test_cancelled_part_does_not_count(self, client: Any) -> None:
        main_id, (first, second) = export(client, 2)
        backend().set_state(first, "Cancelled")
        jump_to(second, "WithCustomer")
        assert metadata(client, main_id)["JobState"] == "WithCustomer"
        backend().set_state(second, "Cancelled")
        assert metadata(client, main_id)["JobState"] == "Cancelled"

    def test_cancelled_before_its_parts_appear(self, client: Any) -> None:
        main_id = create_job(client, "EXPORT")
        client.cancel_job(JobId=main_id)
        snowball_clock.jump("100d")
        assert listed(client) == [main_id]
        assert metadata(client, main_id)["JobState"] == "Cancelled"

    def test_cancelled_with_its_parts(self, client: Any) -> None:
        main_id, parts = export(client, 2)
        client.cancel_job(JobId=main_id)
        snowball_clock.jump("100d")
        assert [metadata(client, each)["JobState"] for each in (main_id, *parts)] == ["Cancelled"] * 3

    def test_not_cancelled_once_a_part_is_prepared(self, client: Any) -> None:
        main_id, parts = export(client, 2)
        backend().set_state(parts[1], "PreparingAppliance")
        error = fails(client.cancel_job, JobId=main_id)["Error"]
        assert error["Code"] == "InvalidJobStateException"
        assert error["Message"] == WRONG_STATE.format(
            f"{main_id} is Pending; a job can be cancelled only before it is PreparingAppliance"
        )

    def test_delayed_main_job_delays_its_parts(self, client: Any) -> None:
        main_id = create_job(client, "EXPORT")
        backend().delay(main_id, "5d", "Listing")
        snowball_clock.jump("5d")
        assert listed(client) == [main_id]
        snowball_clock.jump("1d")
        assert len(listed(client)) == 3

    def test_main_job_with_parts_goes_as_they_go(self, client: Any) -> None:
        main_id, (part,) = export(client, 1)
        jump_to(part, "WithCustomer")
        with pytest.raises(ValueError, match="goes as its parts go; change what becomes of those"):
            backend().delay(main_id, "5d")
        assert metadata(client, main_id)["JobState"] == "WithCustomer"
        # Pinned, it does not.
        backend().set_state(main_id, "Listing")
        jump_to(part, "Complete")
        assert metadata(client, main_id)["JobState"] == "Listing"

    def test_objects_are_divided_among_the_devices(self, client: Any) -> None:
        main_id = create_job(client, "EXPORT")
        backend().set_objects(main_id, {f"{number}.jpg": 10 for number in range(5)})
        backend().fail_objects(main_id, {"4.jpg": "Too long a name"})
        jump_to(main_id, "Pending")
        jump_to(main_id, "InTransitToCustomer")
        first, second = (part["JobLogInfo"] for part in client.describe_job(JobId=main_id)["SubJobMetadata"])
        assert [row[1] for row in rows(first["JobSuccessLogURI"])[1:]] == ["0.jpg", "1.jpg", "2.jpg"]
        assert [row[1] for row in rows(second["JobSuccessLogURI"])[1:]] == ["3.jpg"]
        assert rows(first["JobFailureLogURI"]) == [["Bucket", "Key", "Size", "Error"]]
        assert rows(second["JobFailureLogURI"])[1:] == [
            ["no-bucket-was-named", "4.jpg", "10", "Too long a name"]
        ]

    @pytest.mark.parametrize(
        ("count", "message"), [(0, "count must be from 1 to 100"), (101, "count must be from 1 to 100")]
    )
    def test_number_of_parts(self, client: Any, count: int, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            backend().set_parts(create_job(client, "EXPORT"), count)

    def test_when_the_parts_can_be_chosen(self, client: Any) -> None:
        main_id, _ = export(client, 1)
        with pytest.raises(ValueError, match="are listed already"):
            backend().set_parts(main_id, 3)
        with pytest.raises(ValueError, match="is not the main job of an export"):
            backend().set_parts(create_job(client, "IMPORT"), 3)


class TestShipping:
    @pytest.mark.parametrize("job_type", ["IMPORT", "EXPORT", "LOCAL_USE"])
    def test_by_state(self, client: Any, job_type: str) -> None:
        if job_type == "EXPORT":
            _, (job_id,) = export(client, 1)
        else:
            job_id = create_job(client, job_type)
        path = EXPORT if job_type == "EXPORT" else IMPORT
        numbers = set()
        for state in path:
            backend().set_state(job_id, state)
            job = metadata(client, job_id)
            details = job["ShippingDetails"]
            there = path.index(state)
            outbound = details.get("OutboundShipment")
            inbound = details.get("InboundShipment")
            assert details["ShippingOption"] == "STANDARD"
            assert (outbound is not None) == (there >= path.index("PreparingShipment")), state
            assert (inbound is not None) == (there >= path.index("InTransitToAWS")), state
            if outbound:
                expected = {"PreparingShipment": "LabelCreated", "InTransitToCustomer": "InTransit"}
                if state != "InProgress" or job_type != "EXPORT":
                    assert outbound["Status"] == expected.get(state, "Delivered")
                numbers.add(outbound["TrackingNumber"])
            if inbound:
                arrived = there >= path.index("WithAWS")
                assert inbound["Status"] == ("Delivered" if arrived else "InTransit")
                numbers.add(inbound["TrackingNumber"])
            assert ("SnowballId" in job) == (there >= path.index("PreparingAppliance")), state
        assert len(numbers) == 2
        assert all(re.fullmatch(r"1Z[0-9A-F]{16}", number) for number in numbers)

    def test_customer_says_that_it_arrived_and_left(self, client: Any) -> None:
        job_id = create_job(client, "IMPORT")
        jump_to(job_id, "InTransitToCustomer")
        for shipment, state in (
            ("RECEIVED", "WithCustomer"),
            ("RECEIVED", "WithCustomer"),
            ("RETURNED", "InTransitToAWS"),
            ("RETURNED", "InTransitToAWS"),
        ):
            client.update_job_shipment_state(JobId=job_id, ShipmentState=shipment)
            assert metadata(client, job_id)["JobState"] == state
        jump_to(job_id, "Complete")
        assert metadata(client, job_id)["JobState"] == "Complete"

    @pytest.mark.parametrize(
        ("shipment", "state", "needed"),
        [
            ("RECEIVED", "PreparingShipment", "InTransitToCustomer"),
            ("RECEIVED", "InTransitToAWS", "InTransitToCustomer"),
            ("RETURNED", "InTransitToCustomer", "WithCustomer"),
            ("RETURNED", "Complete", "WithCustomer"),
            ("RETURNED", "Cancelled", "WithCustomer"),
        ],
    )
    def test_what_cannot_be_said(self, client: Any, shipment: str, state: str, needed: str) -> None:
        job_id = create_job(client, "LOCAL_USE")
        backend().set_state(job_id, state)
        error = fails(client.update_job_shipment_state, JobId=job_id, ShipmentState=shipment)["Error"]
        assert error["Code"] == "InvalidJobStateException"
        assert error["Message"] == WRONG_STATE.format(
            f"{job_id} is {state}; a device is {shipment} only while its job is {needed}"
        )
        assert metadata(client, job_id)["JobState"] == state

    def test_return_label(self, client: Any) -> None:
        job_id = create_job(client, "IMPORT")
        error = fails(client.describe_return_shipping_label, JobId=job_id)["Error"]
        assert error["Code"] == "InvalidResourceException"
        assert error["Message"] == CANNOT_BE_FOUND.format(f"returnshippinglabel {job_id}")
        error = fails(client.create_return_shipping_label, JobId=job_id)["Error"]
        assert error["Code"] == "InvalidJobStateException"
        assert error["Message"] == WRONG_STATE.format(
            f"{job_id} is New; a job gets a return shipping label only while it is WithCustomer"
        )
        backend().set_state(job_id, "WithCustomer")

        created = client.create_return_shipping_label(JobId=job_id, ShippingOption="STANDARD")
        assert created["Status"] == "InProgress"
        described = client.describe_return_shipping_label(JobId=job_id)
        assert set(described) == {"Status", "ResponseMetadata"}
        assert described["Status"] == "InProgress"
        response = fails(client.create_return_shipping_label, JobId=job_id)
        assert response["Error"]["Code"] == "ConflictException"
        assert response["Error"]["Message"] == (
            f"An earlier request for the return shipping label of {job_id} is not completed yet."
        )
        assert response["ConflictResource"] == job_id

        snowball_clock.jump("10m")
        described = client.describe_return_shipping_label(JobId=job_id)
        assert described["Status"] == "Succeeded"
        assert described["ExpirationDate"] > snowball_clock.wall() + timedelta(days=29)
        label = requests.get(described["ReturnShippingLabelURI"], timeout=120)
        assert label.headers["Content-Type"] == "application/pdf"
        backend().set_state(job_id, "InTransitToAWS")
        inbound = metadata(client, job_id)["ShippingDetails"]["InboundShipment"]["TrackingNumber"]
        assert f"(Tracking: {inbound})".encode() in label.content

        backend().set_state(job_id, "WithCustomer")
        error = fails(client.create_return_shipping_label, JobId=job_id)["Error"]
        assert error["Code"] == "ReturnShippingLabelAlreadyExistsException"
        assert error["Message"] == (
            f"A valid return shipping label of {job_id} already exists. "
            "Use DescribeReturnShippingLabel to get its URL."
        )
        snowball_clock.jump("30d")
        assert client.create_return_shipping_label(JobId=job_id)["Status"] == "InProgress"


class TestTransfers:
    @pytest.mark.parametrize("job_type", ["IMPORT", "EXPORT"])
    def test_progress(self, client: Any, job_type: str) -> None:
        if job_type == "IMPORT":
            job_id = create_job(client, "IMPORT", Resources=BUCKET)
            before, after = "WithAWS", "Complete"
        else:
            _, (job_id,) = export(client, 1, Resources=BUCKET)
            before, after = "PreparingAppliance", "PreparingShipment"
        backend().set_objects(job_id, {f"{number}.jpg": 1000 for number in range(100)})
        backend().fail_objects(job_id, 10)
        jump_to(job_id, before)
        assert "DataTransferProgress" not in metadata(client, job_id)

        jump_to(job_id, "InProgress")
        entered = {state: at for at, state in backend().jobs[job_id].timeline()}
        took = entered[after] - entered["InProgress"]
        listing = metadata(client, job_id)["DataTransferProgress"]
        assert listing == {"BytesTransferred": 0, "ObjectsTransferred": 0, "TotalBytes": 0, "TotalObjects": 0}
        seen = []
        for _ in range(9):
            snowball_clock.jump(took / 10)
            seen.append(metadata(client, job_id)["DataTransferProgress"])
        assert all(each["TotalObjects"] == 100 and each["TotalBytes"] == 100_000 for each in seen)
        moved = [each["ObjectsTransferred"] for each in seen]
        assert moved == sorted(set(moved))
        assert 0 < moved[0] < moved[-1] < 90
        assert all(0 <= each["BytesTransferred"] - 1000 * each["ObjectsTransferred"] < 1000 for each in seen)

        jump_to(job_id, after)
        assert "DataTransferProgress" not in metadata(client, job_id)

    def test_transfer_that_does_not_end(self, client: Any) -> None:
        job_id = create_job(client, "IMPORT")
        backend().set_state(job_id, "InProgress")
        snowball_clock.jump("300d")
        progress = metadata(client, job_id)["DataTransferProgress"]
        assert progress["BytesTransferred"] == progress["TotalBytes"] > 0

    def test_import_is_reported_at_its_end(self, client: Any) -> None:
        job_id = create_job(client, "IMPORT", Resources=BUCKET, Description="Photos (2016)")
        for state in IMPORT[:-1]:
            backend().set_state(job_id, state)
            assert "JobLogInfo" not in metadata(client, job_id), state
        backend().set_state(job_id, "Complete")

        links = metadata(client, job_id)["JobLogInfo"]

        report = requests.get(links["JobCompletionReportURI"], timeout=120)
        assert (report.status_code, report.headers["Content-Type"]) == (200, "application/pdf")
        assert b"(Status: Completed)" in report.content
        assert b"(Objects: 100 of 100 transferred, 0 failed)" in report.content
        assert rb"(Name: Photos \(2016\))" in report.content
        success = rows(links["JobSuccessLogURI"])
        assert success[0] == ["Bucket", "Key", "Size"]
        assert len(success) == 101
        assert success[1][:2] == ["photos", "data/object-0001.bin"]
        assert rows(links["JobFailureLogURI"]) == [["Bucket", "Key", "Size", "Error"]]
        for name, link in links.items():
            assert f"/{job_id}_" in link, name

    def test_import_can_end_with_failed_objects(self, client: Any) -> None:
        job_id = create_job(client, "IMPORT", Resources=BUCKET)
        backend().set_objects(job_id, {"a.jpg": 10, "b, c.jpg": 20, "d.jpg": 30})
        backend().fail_objects(job_id, {"b, c.jpg": 'Not "readable"'})
        jump_to(job_id, "Complete")
        job = metadata(client, job_id)
        assert job["JobState"] == "Complete"
        links = job["JobLogInfo"]
        assert rows(links["JobSuccessLogURI"])[1:] == [["photos", "a.jpg", "10"], ["photos", "d.jpg", "30"]]
        assert rows(links["JobFailureLogURI"])[1:] == [["photos", "b, c.jpg", "20", 'Not "readable"']]
        report = requests.get(links["JobCompletionReportURI"], timeout=120).content
        assert b"(Status: Completed with errors)" in report
        assert b"(Bytes: 40 of 60 transferred)" in report

    def test_import_that_aws_cancels_late(self, client: Any) -> None:
        job_id = create_job(client, "IMPORT")
        backend().cancel_in(job_id, "InProgress")
        jump_to(job_id, "InProgress")
        assert "DataTransferProgress" in metadata(client, job_id)
        snowball_clock.jump("10d")
        job = metadata(client, job_id)
        assert job["JobState"] == "Cancelled"
        assert "JobLogInfo" not in job

    def test_export_is_reported_while_its_device_is_on_its_way(self, client: Any) -> None:
        _, (job_id,) = export(client, 1)
        for state in EXPORT:
            backend().set_state(job_id, state)
            reported = EXPORT.index(state) >= EXPORT.index("InTransitToCustomer")
            assert ("JobLogInfo" in metadata(client, job_id)) == reported, state

    def test_nothing_is_imported_from_local_use(self, client: Any) -> None:
        cluster_id = create_cluster(client)
        snowball_clock.jump("100d")
        assert states_of(client, cluster_id) == ["Complete"] * 5
        for job_id in ids_of(client, cluster_id):
            assert "JobLogInfo" not in metadata(client, job_id)
            assert "InProgress" not in [state for _, state in backend().jobs[job_id].timeline()]

    @pytest.mark.parametrize(
        ("failed", "message"),
        [
            (101, "failed must be from 0 to 100, as many objects; got 101"),
            (-1, "got -1"),
            ({"z.jpg": "?"}, "The device has no object z.jpg"),
        ],
    )
    def test_objects_that_cannot_fail(self, client: Any, failed: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            backend().fail_objects(create_job(client, "IMPORT"), failed)

    def test_sizes_are_not_negative(self, client: Any) -> None:
        with pytest.raises(ValueError, match=r"which that of b\.jpg is not"):
            backend().set_objects(create_job(client, "IMPORT"), {"a.jpg": 0, "b.jpg": -1})


class TestLinks:
    @pytest.fixture
    def link(self, client: Any) -> str:
        job_id = create_job(client, "IMPORT")
        backend().set_state(job_id, "Complete")
        link = str(metadata(client, job_id)["JobLogInfo"]["JobFailureLogURI"])
        assert len(link) <= 1024
        return link

    def test_good_for_an_hour_by_the_wall_clock(self, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
        snowball_clock.jump("300d")
        wall = snowball_clock.wall
        monkeypatch.setattr(snowball_clock, "wall", lambda: wall() + timedelta(minutes=59))
        assert requests.get(link, timeout=120).status_code == 200
        monkeypatch.setattr(snowball_clock, "wall", lambda: wall() + timedelta(minutes=60))
        expired = requests.get(link, timeout=120)
        assert expired.status_code == 403
        assert expired.headers["Content-Type"] == "application/xml"
        assert "<Code>AccessDenied</Code><Message>Request has expired</Message>" in expired.text

    def test_updates_for_two_days(self, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        link = client.get_software_updates(JobId=create_job(client, "IMPORT"))["UpdatesURI"]
        wall = snowball_clock.wall
        monkeypatch.setattr(snowball_clock, "wall", lambda: wall() + timedelta(hours=47))
        answer = requests.get(link, timeout=120)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-tar")
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as updates:
            assert updates.getnames() == []
        monkeypatch.setattr(snowball_clock, "wall", lambda: wall() + timedelta(hours=48))
        assert requests.get(link, timeout=120).status_code == 403

    def test_altered(self, link: str) -> None:
        parts = urllib.parse.urlsplit(link)
        query = dict(urllib.parse.parse_qsl(parts.query))
        other_file = parts.path.replace("failure", "success")
        for path, changes in (
            (parts.path, {"X-Amz-Signature": "0" * 64}),
            (parts.path, {"X-Amz-Expires": "999999"}),
            (parts.path, {"X-Amz-Date": "20991231T000000Z"}),
            (parts.path, {"X-Amz-Signature": "é"}),
            (other_file, {}),
        ):
            altered = parts._replace(path=path, query=urllib.parse.urlencode(query | changes)).geturl()
            refused = requests.get(altered, timeout=120)
            assert (refused.status_code, "SignatureDoesNotMatch" in refused.text) == (403, True), changes
        assert requests.get(parts._replace(query="").geturl(), timeout=120).status_code == 403

    @pytest.mark.parametrize("method", ["HEAD", "PUT", "POST", "DELETE"])
    def test_other_methods(self, link: str, method: str) -> None:
        assert requests.request(method, link, timeout=120).status_code == 403

    def test_what_it_leads_to_is_gone(self, link: str) -> None:
        backend().reset()
        gone = requests.get(link, timeout=120)
        assert gone.status_code == 404
        assert "<Code>NoSuchKey</Code>" in gone.text


class TestCredentials:
    def test_while_with_the_customer(self, client: Any) -> None:
        job_id, other = create_job(client, "IMPORT"), create_job(client, "LOCAL_USE")
        for state in IMPORT:
            backend().set_state(job_id, state)
            if state == "WithCustomer":
                continue
            for call in (client.get_job_manifest, client.get_job_unlock_code):
                error = fails(call, JobId=job_id)["Error"]
                assert error["Code"] == "InvalidJobStateException"
                assert error["Message"] == WRONG_STATE.format(
                    f"{job_id} is {state}; "
                    "a job has a manifest and an unlock code only while it is WithCustomer"
                )
        backend().set_state(job_id, "WithCustomer")
        backend().set_state(other, "WithCustomer")
        codes = [client.get_job_unlock_code(JobId=each)["UnlockCode"] for each in (job_id, job_id, other)]
        assert all(re.fullmatch(r"[0-9a-z]{5}(-[0-9a-z]{5}){4}", code) for code in codes)
        assert codes[0] == codes[1] != codes[2]
        links = [client.get_job_manifest(JobId=each)["ManifestURI"] for each in (job_id, other)]
        assert f"/{job_id}_manifest.bin?" in links[0]
        manifests = [requests.get(link, timeout=120) for link in links]
        assert [each.headers["Content-Type"] for each in manifests] == ["application/octet-stream"] * 2
        assert len(manifests[0].content) == 1024
        assert manifests[0].content != manifests[1].content

    def test_expire_after_360_days(self, client: Any) -> None:
        job_id = create_job(client, "LOCAL_USE")
        backend().set_state(job_id, "WithCustomer")
        snowball_clock.jump("359d")
        client.get_job_unlock_code(JobId=job_id)
        snowball_clock.jump("1d")
        error = fails(client.get_job_manifest, JobId=job_id)["Error"]
        assert error["Code"] == "InvalidJobStateException"
        assert error["Message"] == WRONG_STATE.format(
            f"{job_id} is WithCustomer; manifest and unlock code expire 360 days after the job is created"
        )

    def test_main_job_has_none(self, client: Any) -> None:
        main_id, (part,) = export(client, 1)
        jump_to(part, "WithCustomer")
        assert metadata(client, main_id)["JobState"] == "WithCustomer"
        error = fails(client.get_job_unlock_code, JobId=main_id)["Error"]
        assert error["Code"] == "InvalidJobStateException"
        assert error["Message"] == WRONG_STATE.format(
            f"{main_id} is WithCustomer; a main job has no device, only its parts have"
        )
        client.get_job_unlock_code(JobId=part)


class TestUpdates:
    def test_job(self, client: Any) -> None:
        job_id, address_id = create_job(client, "IMPORT"), create_address(client)
        client.update_job(
            JobId=job_id,
            AddressId=address_id,
            ShippingOption="NEXT_DAY",
            SnowballCapacityPreference="T100",
            **CHANGES,
        )
        job = metadata(client, job_id)
        assert {name: job[name] for name in CHANGES} == CHANGES
        assert job["AddressId"] == address_id
        assert job["ShippingDetails"] == {"ShippingOption": "NEXT_DAY"}
        assert job["SnowballCapacityPreference"] == "T100"
        backend().set_state(job_id, "Complete")
        log = rows(metadata(client, job_id)["JobLogInfo"]["JobSuccessLogURI"])
        assert {row[0] for row in log[1:]} == {"photos"}
        assert client.list_jobs()["JobListEntries"][0]["Description"] == "updated-job-name"

    def test_job_that_is_not_new(self, client: Any) -> None:
        job_id = create_job(client, "IMPORT")
        jump_to(job_id, "Listing")
        error = fails(client.update_job, JobId=job_id, Description="late")["Error"]
        assert error["Code"] == "InvalidJobStateException"
        assert error["Message"] == WRONG_STATE.format(
            f"{job_id} is Listing; a job can be updated only while it is New"
        )
        assert "Description" not in metadata(client, job_id)

    def test_export_with_its_parts(self, client: Any) -> None:
        main_id = create_job(client, "EXPORT")
        client.update_job(JobId=main_id, Description="Photos", Resources=RANGE)
        jump_to(main_id, "Pending")
        main, *parts = client.list_jobs()["JobListEntries"]
        assert [job["Description"] for job in (main, *parts)] == ["Photos"] * 3
        backend().set_state(parts[1]["JobId"], "WithCustomer")
        log = rows(metadata(client, parts[1]["JobId"])["JobLogInfo"]["JobSuccessLogURI"])
        assert log[1][:2] == ["photos", "data/object-0051.bin"]

    def test_cluster(self, client: Any) -> None:
        cluster_id, address_id = create_cluster(client, Description="Old"), create_address(client)
        client.update_cluster(ClusterId=cluster_id, AddressId=address_id, ShippingOption="EXPRESS", **CHANGES)
        cluster = client.describe_cluster(ClusterId=cluster_id)["ClusterMetadata"]
        assert {name: cluster[name] for name in CHANGES} == CHANGES
        assert (cluster["AddressId"], cluster["ShippingOption"]) == (address_id, "EXPRESS")
        for entry in jobs_of(client, cluster_id):
            assert entry["Description"].startswith("Old-node-")
            node = metadata(client, entry["JobId"])
            assert node["AddressId"] == address_id
            assert node["ShippingDetails"] == {"ShippingOption": "EXPRESS"}
            assert node["Notification"] == CHANGES["Notification"]

    def test_cluster_that_has_its_quorum(self, client: Any) -> None:
        cluster_id = create_cluster(client)
        snowball_clock.jump("1h")
        error = fails(client.update_cluster, ClusterId=cluster_id, Description="late")["Error"]
        assert error["Code"] == "InvalidJobStateException"
        assert error["Message"] == WRONG_STATE.format(
            f"{cluster_id} is Pending; a cluster can be updated only while it is AwaitingQuorum"
        )

    @pytest.mark.parametrize("member", ["AddressId", "ForwardingAddressId"])
    def test_addresses_must_exist(self, client: Any, member: str) -> None:
        for call, ident in (
            (client.update_job, {"JobId": create_job(client, "IMPORT")}),
            (client.update_cluster, {"ClusterId": create_cluster(client)}),
        ):
            error = fails(call, **ident, **{member: f"ADID{ABSENT}"})["Error"]
            assert error["Code"] == "InvalidResourceException"
            assert error["Message"] == CANNOT_BE_FOUND.format(f"address ADID{ABSENT}")


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("update_job", {}),
        ("get_job_manifest", {}),
        ("get_job_unlock_code", {}),
        ("update_job_shipment_state", {"ShipmentState": "RECEIVED"}),
        ("create_return_shipping_label", {}),
        ("describe_return_shipping_label", {}),
    ],
)
def test_jobs_that_do_not_exist(client: Any, operation: str, params: dict[str, str]) -> None:
    response = fails(getattr(client, operation), JobId=f"JID{ABSENT}", **params)
    assert response["Error"]["Code"] == "InvalidResourceException"
    assert response["Error"]["Message"] == CANNOT_BE_FOUND.format(f"job JID{ABSENT}")
    assert response["ResourceType"] == "Job"


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"SnowballType": "STANDARD"}, "STANDARD cannot be clustered"),
        ({"SnowballType": "SNC1_SSD"}, "SNC1_SSD cannot be clustered"),
        (
            {"OnDeviceServiceConfiguration": {"S3OnDeviceService": {"ServiceSize": 6}}},
            "S3OnDeviceService needs 6 nodes and InitialClusterSize is 5; "
            "set ForceCreateJobs to create the cluster nevertheless",
        ),
    ],
)
def test_clusters_that_make_no_sense(client: Any, members: dict[str, Any], why: str) -> None:
    error = fails(create_cluster, client=client, **members)["Error"]
    assert error["Code"] == "InvalidInputCombinationException"
    assert error["Message"] == WRONG_INPUT.format(why)
    assert client.list_clusters()["ClusterListEntries"] == []


def test_cluster_can_be_forced(client: Any) -> None:
    service = {"S3OnDeviceService": {"ServiceSize": 6}}
    for size, force in ((5, True), (6, False)):
        cluster_id = create_cluster(client, size, OnDeviceServiceConfiguration=service, ForceCreateJobs=force)
        assert len(jobs_of(client, cluster_id)) == size


def test_node_of_another_type(client: Any) -> None:
    cluster_id = create_cluster(client)
    error = fails(client.create_job, ClusterId=cluster_id, SnowballType="V3_5C")["Error"]
    assert error["Code"] == "InvalidInputCombinationException"
    assert error["Message"] == WRONG_INPUT.format(
        f"the nodes of cluster {cluster_id} are of type EDGE, not V3_5C"
    )


def test_local_use_of_a_device_that_cannot(client: Any) -> None:
    error = fails(create_job, client=client, job_type="LOCAL_USE", SnowballType="STANDARD")["Error"]
    assert error["Code"] == "InvalidInputCombinationException"
    assert error["Message"] == WRONG_INPUT.format("STANDARD does not support LOCAL_USE jobs")


def test_every_member_of_a_job_is_described(client: Any) -> None:
    members = {
        "KmsKeyARN": "arn:aws:kms:us-east-1:123456789012:key/abcd1234-12ab-34cd-56ef-123456123456",
        "SnowballCapacityPreference": "T100",
        "OnDeviceServiceConfiguration": {"NFSOnDeviceService": {"StorageLimit": 5, "StorageUnit": "TB"}},
        "TaxDocuments": {"IND": {"GSTIN": "12ABCDE1234F1Z1"}},
        "DeviceConfiguration": {
            "SnowconeDeviceConfiguration": {"WirelessConnection": {"IsWifiEnabled": True}}
        },
        "RemoteManagement": "INSTALLED_AUTOSTART",
        "LongTermPricingId": client.create_long_term_pricing(
            LongTermPricingType="OneYear", SnowballType="EDGE"
        )["LongTermPricingId"],
        "ImpactLevel": "IL4",
        "PickupDetails": {"Name": "A. N. Other", "Email": "a@example.com"},
        "Resources": BUCKET,
    }
    job = metadata(client, create_job(client, "IMPORT", **members))
    assert {name: job[name] for name in members} == members


def test_usage_counts_devices(client: Any) -> None:
    def in_use() -> int:
        usage = client.get_snowball_usage()
        assert usage["SnowballLimit"] == 1
        return int(usage["SnowballsInUse"])

    assert in_use() == 0
    cluster_id = create_cluster(client, 3)
    _, parts = export(client, 2)
    assert in_use() == 0
    for state, count in (("PreparingAppliance", 5), ("WithCustomer", 5), ("WithAWS", 5), ("Complete", 0)):
        for job_id in (*ids_of(client, cluster_id), *parts):
            backend().set_state(job_id, state)
        assert in_use() == count
    backend().set_state(parts[0], "Cancelled")
    assert in_use() == 0


def test_what_is_to_come_can_be_changed(client: Any) -> None:
    cluster_id = create_cluster(client, 4)
    laggard, lost, kept, _ = ids_of(client, cluster_id)
    backend().delay(laggard, "20d", "PreparingAppliance")
    backend().cancel_in(lost, "InTransitToCustomer")
    backend().hold(kept)
    snowball_clock.jump("6d")
    assert states_of(client, cluster_id) == [
        "PreparingAppliance", "Cancelled", "WithCustomer", "WithCustomer",
    ]  # fmt: skip
    snowball_clock.jump("18d")
    assert states_of(client, cluster_id) == ["WithCustomer", "Cancelled", "WithCustomer", "Complete"]
    backend().send_on(kept)
    assert states_of(client, cluster_id)[2] == "InTransitToAWS"
    backend().delay(laggard, "100d")
    snowball_clock.jump("90d")
    assert states_of(client, cluster_id) == ["WithCustomer", "Cancelled", "Complete", "Complete"]


def test_states_do_not_depend_on_who_looks(client: Any) -> None:
    """The same jobs once more in another region, and nobody looks at those."""
    seen, unseen = backend(), backend("eu-west-1")
    for one in (seen, unseen):
        address = one.create_address({"Street1": "1 Main St"})
        details = {"AddressId": address, "ShippingOption": "EXPRESS"}
        one.create_cluster(
            job_type="LOCAL_USE", snowball_type="EDGE", initial_cluster_size=3, details=dict(details)
        )
        for job_type in ("IMPORT", "EXPORT"):
            one.create_job(job_type=job_type, details=dict(details))
        for number, job_id in enumerate(list(one.jobs)):
            # Devices of two regions differ; for once they do not.
            if one.jobs[job_id].has_device and one.jobs[job_id].main is None:
                one.set_plan(job_id, [("New", f"{number + 1}h"), ("Listing", "9d"), ("WithCustomer", None)])
    for _ in range(10):
        snowball_clock.jump("2d")
        client.list_jobs()
        seen.take_transitions()
        for cluster_id in seen.clusters:
            client.describe_cluster(ClusterId=cluster_id)
    journeys = [
        [
            [(state, round(at - job.created_at)) for at, state in job.journey(snowball_clock.now())]
            for job in one.jobs.values()
            if job.has_device and job.main is None
        ]
        for one in (seen, unseen)
    ]
    assert journeys[0] == journeys[1]
    assert [journey[-1][0] for journey in journeys[0]] == ["WithCustomer"] * 4


def test_changes_before_the_quorum_wait_for_it(client: Any) -> None:
    cluster_id = create_cluster(client, None)
    first = client.create_job(ClusterId=cluster_id)["JobId"]
    backend().hold(first, "PreparingShipment")
    snowball_clock.jump("30d")
    assert states_of(client, cluster_id) == ["New"]
    for _ in range(2):
        client.create_job(ClusterId=cluster_id)
    snowball_clock.jump("30d")
    assert states_of(client, cluster_id) == ["PreparingShipment", "Complete", "Complete"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda job_id: backend().hold(job_id, "New"), "New is not ahead; the plan goes on with Listing, "),
        (lambda job_id: backend().delay(job_id, "x"), "got 'x'"),
        (lambda job_id: backend().cancel_in(job_id, "Complete"), "The plan never leaves Complete"),
    ],
)
def test_changes_that_cannot_be(client: Any, change: Callable[[str], None], message: str) -> None:
    job_id = create_job(client, "IMPORT")
    jump_to(job_id, "Listing")
    with pytest.raises(ValueError, match=message):
        change(job_id)
    backend().set_state(job_id, "Complete")
    with pytest.raises(ValueError, match="is Complete, and nothing comes after that"):
        backend().send_on(job_id)


def test_progress_is_exact() -> None:
    contents = DeviceContents.of([DeviceObject("b", "1", 100), DeviceObject("b", "2", 300)])
    assert contents.progress(1.0) == {
        "BytesTransferred": 400, "ObjectsTransferred": 2, "TotalBytes": 400, "TotalObjects": 2,
    }  # fmt: skip
    assert contents.progress(0.05)["BytesTransferred"] == 0
    assert contents.progress(0.525)["ObjectsTransferred"] == 1
    assert DeviceContents.of([]).progress(0.5)["TotalObjects"] == 0


def text_of(pdf: bytes) -> list[str]:
    """Return the lines of a page as a viewer finds them: by its table of objects."""
    assert pdf.startswith(b"%PDF-1.4\n")
    assert pdf.endswith(b"%%EOF\n")
    table = (
        pdf[int(pdf.rsplit(b"startxref\n", 1)[1].split()[0]) :].split(b"trailer")[0].splitlines(keepends=True)
    )
    assert table[:3] == [b"xref\n", b"0 6\n", b"0000000000 65535 f \n"]
    assert {len(entry) for entry in table[2:]} == {20}
    objects = [pdf[int(entry[:10]) :] for entry in table[3:]]
    for number, found in enumerate(objects, start=1):
        assert found.startswith(b"%d 0 obj " % number)
    declared, _, stream = objects[3].partition(b" stream\n")
    length = int(declared.split(b"/Length ")[1].split()[0])
    assert stream[length:].startswith(b"\nendstream endobj\n")
    shown = re.findall(r"^\((.*)\) '$", stream[:length].decode("cp1252"), re.MULTILINE)
    return [re.sub(r"\\(.)", r"\1", line) for line in shown]


def test_report_is_a_pdf_that_says_how_the_job_ended(client: Any) -> None:
    job_id = create_job(client, "IMPORT", Description="Ümläut ✓ \\ (1)")
    backend().set_objects(job_id, {"a.jpg": 10, "b.jpg": 20})
    backend().fail_objects(job_id, 1)
    backend().set_state(job_id, "Complete")
    link = metadata(client, job_id)["JobLogInfo"]["JobCompletionReportURI"]
    assert text_of(requests.get(link, timeout=120).content) == [
        "AWS Snowball job completion report (local emulator)",
        "",
        f"Job: {job_id}",
        "Job type: IMPORT",
        "Name: Ümläut ? \\ (1)",
        "Status: Completed with errors",
        "Objects: 1 of 2 transferred, 1 failed",
        "Bytes: 10 of 30 transferred",
    ]


def test_page_has_room_for_the_longest_report() -> None:
    lines = ["(" * 1024, *["x" * 51] * 9]
    assert text_of(page_of(lines)) == ["(" * 90, *lines[1:]]
