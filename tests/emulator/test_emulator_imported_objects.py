"""What an import brings lies in moto's S3 once its job is Complete."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_snowball.emulator import snowball_clock
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.fakes.emulated import BUCKET, client_of, create_bucket, order_cluster, order_import, steer

DAY = 86400.0
OBJECTS = {"a.jpg": 10, "b.jpg": 20, "big.bin": 17 * 2**20, "empty": 0}


@pytest.fixture
def snowball() -> Iterator[SnowballServer]:
    with SnowballServer() as server:
        yield server


def listed(s3: Any) -> dict[str, tuple[int, str]]:
    found = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {each["Key"]: (each["Size"], each["ETag"].strip('"')) for each in found}


def test_all_but_those_that_failed(snowball: SnowballServer) -> None:
    s3 = create_bucket(snowball.endpoint_url)
    job_id = order_import(client_of(snowball.endpoint_url))
    steer(snowball.endpoint_url, job_id, objects=OBJECTS, failed_objects={"b.jpg": "gone"})
    assert listed(s3) == {}
    snowball_clock.jump(60 * DAY)
    found = listed(s3)
    assert {key: size for key, (size, _) in found.items()} == {"a.jpg": 10, "big.bin": 17 * 2**20, "empty": 0}
    small = s3.get_object(Bucket=BUCKET, Key="a.jpg")["Body"].read()
    assert (len(small), hashlib.md5(small, usedforsecurity=False).hexdigest()) == (10, found["a.jpg"][1])
    assert found["empty"][1] == hashlib.md5(b"", usedforsecurity=False).hexdigest()
    # Three parts of 8 MiB at most.
    assert found["big.bin"][1].endswith("-3")
    assert s3.head_object(Bucket=BUCKET, Key="big.bin")["ContentLength"] == 17 * 2**20


def test_they_are_brought_once(snowball: SnowballServer) -> None:
    s3 = create_bucket(snowball.endpoint_url)
    job_id = order_import(client_of(snowball.endpoint_url))
    steer(snowball.endpoint_url, job_id, objects=OBJECTS)
    snowball_clock.jump(60 * DAY)
    s3.delete_object(Bucket=BUCKET, Key="a.jpg")
    snowball_clock.jump(60 * DAY)
    assert listed(s3).keys() == OBJECTS.keys() - {"a.jpg"}


def test_a_bucket_that_is_not_there_is_said(
    snowball: SnowballServer, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = order_import(client_of(snowball.endpoint_url))
    with caplog.at_level(logging.WARNING):
        snowball_clock.jump(60 * DAY)
    said = [record.getMessage() for record in caplog.records if job_id in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith(f"{job_id} cannot import into bucket {BUCKET}: ")


def test_a_bucket_that_is_not_there_holds_no_other_up(
    snowball: SnowballServer, caplog: pytest.LogCaptureFixture
) -> None:
    s3 = create_bucket(snowball.endpoint_url)
    order_import(client_of(snowball.endpoint_url), "a-bucket-that-is-gone", BUCKET)
    with caplog.at_level(logging.WARNING):
        snowball_clock.jump(60 * DAY)
    said = [record.getMessage() for record in caplog.records if "cannot import" in record.getMessage()]
    assert len(said) == 1
    assert " cannot import into bucket a-bucket-that-is-gone: " in said[0]
    assert len(listed(s3)) == 100


def test_a_node_of_a_cluster_and_a_cancelled_import_bring_nothing(snowball: SnowballServer) -> None:
    s3 = create_bucket(snowball.endpoint_url)
    client = client_of(snowball.endpoint_url)
    order_cluster(client)
    steer(snowball.endpoint_url, order_import(client), cancel_in="InProgress")
    snowball_clock.jump(90 * DAY)
    assert listed(s3) == {}
