"""A page of jobs from the emulator, against a page of tasks from moto's DataSync, of one server."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.report import Result, Target

ROUNDS = 15
#: Requests of each kind in a round, one after the other.
BATCH = 60
#: How many entries a page has, by the region that has as many: a cluster's worth, and a whole page.
ENTRIES = {"eu-west-1": 5, "us-east-1": 100}
_LISTINGS = {
    "DataSync ListTasks": ("datasync", "FmrsService.ListTasks", "Tasks"),
    "Snowball ListJobs": ("snowball", "AWSIESnowballJobManagementService.ListJobs", "JobListEntries"),
}
_PEER, _OURS = _LISTINGS
_KEY = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench"}


def run() -> Result:
    """Measure in alternation; every request is a connection of its own, as werkzeug closes each."""
    with _server() as endpoint_url:
        for region, count in ENTRIES.items():
            _fill(endpoint_url, region, count)
        rows, targets = [("entries", *_LISTINGS, "ratio of the times")], []
        for region, count in ENTRIES.items():
            calls = {name: _listing(endpoint_url, region, name, count) for name in _LISTINGS}
            took = _measure(calls)
            # Of each round by itself: a machine that slows down in between slows both of a round.
            ratio = median(ours / peer for ours, peer in zip(took[_OURS], took[_PEER], strict=True))
            rates = [f"{BATCH / median(took[name]):.0f}/s" for name in _LISTINGS]
            rows.append((str(count), *rates, f"{ratio:.2f}"))
            targets.append(Target(f"time of a page of {count} jobs against one of {count} tasks", ratio, 1.0))
    return Result(
        title="Requests to the emulator and to a service of moto's own",
        command="python -m benchmarks emulator",
        how=(
            f"Medians of {ROUNDS} rounds of {BATCH} requests in alternation, as plain HTTP (boto3 would add "
            "its own time, more for a job's seven members than for a task's three), to one server in a "
            "process of its own."
        ),
        rows=rows,
        targets=targets,
    )


def _measure(calls: dict[str, Callable[[], None]]) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(ROUNDS + 1):
        # Each goes first in every other round.
        for name in list(calls) if number % 2 else reversed(calls):
            began = time.perf_counter()
            for _ in range(BATCH):
                calls[name]()
            if number:  # the first round warms up
                took[name].append(time.perf_counter() - began)
    return took


def _listing(endpoint_url: str, region: str, name: str, count: int) -> Callable[[], None]:
    service, target, key = _LISTINGS[name]
    host = endpoint_url.removeprefix("http://")
    headers = {
        "X-Amz-Target": target,
        "Content-Type": "application/x-amz-json-1.1",
        # moto reads service and region off it, and checks no signature.
        "Authorization": f"AWS4-HMAC-SHA256 Credential=bench/20260101/{region}/{service}/aws4_request, "
        "SignedHeaders=host, Signature=bench",
    }

    def call() -> None:
        connection = http.client.HTTPConnection(host, timeout=30)
        connection.request("POST", "/", "{}", headers)
        with connection.getresponse() as response:
            entries = json.load(response)[key]
        connection.close()
        assert len(entries) == count, f"{name} listed {len(entries)} of {count}"

    return call


def _fill(endpoint_url: str, region: str, count: int) -> None:
    import boto3

    def client(service: str) -> Any:
        make: Any = boto3.client
        return make(service, region, endpoint_url=endpoint_url, **_KEY)

    snowball, datasync = client("snowball"), client("datasync")
    address_id = snowball.create_address(Address={"Street1": "1 Main Street"})["AddressId"]
    cluster_id = snowball.create_cluster(
        JobType="LOCAL_USE", SnowballType="EDGE", ShippingOption="EXPRESS", AddressId=address_id
    )["ClusterId"]
    body = json.dumps({"count": count}).encode()
    url = f"{endpoint_url}/_snowball/clusters/{cluster_id}/jobs"
    with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=30):
        pass
    role = {"BucketAccessRoleArn": "arn:aws:iam::123456789012:role/bench"}
    source, destination = (
        datasync.create_location_s3(S3BucketArn=f"arn:aws:s3:::{name}", S3Config=role)["LocationArn"]
        for name in ("source", "destination")
    )
    for number in range(count):
        datasync.create_task(
            SourceLocationArn=source, DestinationLocationArn=destination, Name=f"task-{number}"
        )


@contextmanager
def _server() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_snowball.emulator", "--speed", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
