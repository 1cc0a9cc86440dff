"""Many at a time, and much at once."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_snowball.emulator import snowball_clock
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.emulator.api.calls import client_of, create_address

THREADS = 200
TARGET = "AWSIESnowballJobManagementService"
SCOPE = "any/20261130/us-east-1/snowball/aws4_request"


def test_many_threads() -> None:
    """All of them order and list at once, while time is moved under their feet."""
    with SnowballServer(speed="1d/s") as server:
        client = client_of(server.endpoint_url)
        address_id = create_address(client)
        cluster_id = client.create_cluster(
            JobType="LOCAL_USE", SnowballType="EDGE", ShippingOption="EXPRESS", AddressId=address_id
        )["ClusterId"]
        begin = threading.Barrier(THREADS)

        def work(number: int) -> str:
            begin.wait(timeout=120)
            if number < 16:
                found = client.create_job(ClusterId=cluster_id)
            else:
                found = client.create_job(
                    JobType=("IMPORT", "EXPORT")[number % 2], AddressId=address_id, ShippingOption="EXPRESS"
                )
            if number % 20 == 0:
                snowball_clock.jump("1h")
            assert client.describe_job(JobId=found["JobId"])["JobMetadata"]["JobId"] == found["JobId"]
            client.list_jobs()
            return str(found["JobId"])

        with ThreadPoolExecutor(THREADS) as pool:
            job_ids = list(pool.map(work, range(THREADS)))
        snowball_clock.jump("60d")
        assert len(set(job_ids)) == THREADS
        pages = client.get_paginator("list_jobs").paginate()
        listed = Counter(job["JobId"] for page in pages for job in page["JobListEntries"])
        assert set(listed.values()) == {1}
        assert set(job_ids) <= set(listed)
        # With the two parts of each export.
        assert len(listed) == THREADS + 2 * sum(number % 2 for number in range(16, THREADS))
        assert len(client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]) == 16


def test_body_of_100_megabytes() -> None:
    with SnowballServer() as server:
        body = json.dumps({"NextToken": "x" * 100_000_000}).encode()
        headers = {
            "X-Amz-Target": f"{TARGET}.ListJobs",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=a, Signature=b",
        }
        request = urllib.request.Request(f"{server.endpoint_url}/", body, headers)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=300)
        with caught.value as error:
            text = error.read()
        assert (error.code, json.loads(text)["__type"]) == (400, "ValidationException")
        # It is not told all of it.
        assert len(text) < 3000
        assert client_of(server.endpoint_url).list_jobs()["JobListEntries"] == []
