"""Faults on demand, as a real boto3 client meets them, in-process and over HTTP."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, PaginationError, ReadTimeoutError

from airflow_provider_snowball.emulator import snowball_clock, snowball_faults
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.emulator.api.calls import (
    BAD_TOKEN,
    Connect,
    client_of,
    create_address,
    create_cluster,
    create_job,
    fails,
    failure,
    ids_of,
    states_of,
)
from tests.emulator.conftest import check_response
from tests.emulator.snowball_calls import backend, eventually


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds by which answers were late, none of which passes."""
    seconds: list[float] = []
    monkeypatch.setattr(snowball_faults, "sleep", seconds.append)
    return seconds


@pytest.mark.parametrize(
    ("fault", "status", "code", "message", "sent"),
    [
        pytest.param({"kind": "throttle"}, 400, "ThrottlingException", "Rate exceeded", 4, id="throttle"),
        pytest.param(
            {"kind": "server_error"},
            500,
            "InternalServerError",
            "The service failed to answer; this is a fault that was asked for.",
            4,
            id="500",
        ),
        pytest.param(
            {"kind": "server_error", "status": 503},
            503,
            "ServiceUnavailable",
            "The service failed to answer; this is a fault that was asked for.",
            4,
            id="503",
        ),
        pytest.param(
            {"kind": "expired_credentials"},
            400,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            1,
            id="expired credentials",
        ),
        pytest.param(
            {"kind": "error", "code": "AccessDeniedException", "message": "Not you", "status": 403},
            403,
            "AccessDeniedException",
            "Not you",
            1,
            id="any other error",
        ),
    ],
)
def test_errors(client: Any, fault: dict[str, Any], status: int, code: str, message: str, sent: int) -> None:
    added = snowball_faults.add(**fault)
    response = failure(client.list_jobs)
    assert (response["Error"]["Code"], response["Error"]["Message"]) == (code, message)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    # What may pass is sent again, as often as the client is set to.
    assert response["ResponseMetadata"]["RetryAttempts"] == sent - 1
    assert added.hits == sent
    snowball_faults.remove(added)
    assert client.list_jobs()["JobListEntries"] == []


def test_modelled_error_of_another_operation(client: Any) -> None:
    job_id = create_job(client, "IMPORT")
    snowball_faults.add("error", code="KMSRequestFailedException", message="No key", operations=["CancelJob"])
    with pytest.raises(client.exceptions.KMSRequestFailedException, match="No key"):
        client.cancel_job(JobId=job_id)
    assert client.describe_job(JobId=job_id)["JobMetadata"]["JobState"] == "New"


def test_connection_that_is_reset(client: Any) -> None:
    fault = snowball_faults.add("reset", count=1)
    response = client.list_jobs()
    assert response["ResponseMetadata"]["RetryAttempts"] == 1
    assert fault.hits == 1
    snowball_faults.add("reset")
    with pytest.raises(ConnectionClosedError):
        client.list_jobs()


def test_late_answer(client: Any, slept: list[float]) -> None:
    snowball_faults.add("latency", seconds=0.3, count=1)
    client.list_jobs()
    client.list_jobs()
    assert slept == [0.3]


def test_late_answers_take_real_time() -> None:
    assert snowball_faults.sleep is time.sleep


def test_late_answer_and_then_an_error(client: Any, slept: list[float]) -> None:
    snowball_faults.add("latency", seconds=0.2)
    snowball_faults.add("expired_credentials", count=1)
    unused = snowball_faults.add("throttle", count=1, operations="ListClusters")
    assert failure(client.list_clusters)["Error"]["Code"] == "ExpiredTokenException"
    assert slept == [0.2]
    # It comes after the one that has answered, so it is still to strike.
    assert unused.hits == 0


def test_expired_next_token(client: Any) -> None:
    cluster_id = create_cluster(client)
    snowball_faults.add("expired_next_token", count=1)
    token = client.list_cluster_jobs(ClusterId=cluster_id, MaxResults=2)["NextToken"]
    error = fails(client.list_cluster_jobs, ClusterId=cluster_id, NextToken=token)["Error"]
    assert (error["Code"], error["Message"]) == ("InvalidNextTokenException", BAD_TOKEN)
    assert len(client.list_cluster_jobs(ClusterId=cluster_id, NextToken=token)["JobListEntries"]) == 3


@pytest.mark.parametrize(("by", "seen"), [(-1, [0, 1, 1, 2, 2, 3, 3, 4]), (1, [0, 1, 3, 4])])
@pytest.mark.parametrize("operation", ["list_cluster_jobs", "list_jobs"])
def test_shifted_listing(client: Any, operation: str, by: int, seen: list[int]) -> None:
    cluster_id = create_cluster(client)
    job_ids = ids_of(client, cluster_id)
    snowball_faults.add("shifted_listing", by=by)
    params = {"ClusterId": cluster_id} if operation == "list_cluster_jobs" else {}
    pages = client.get_paginator(operation).paginate(**params, PaginationConfig={"PageSize": 2})
    assert [job_ids.index(job["JobId"]) for page in pages for job in page["JobListEntries"]] == seen


def test_listing_that_starts_over(client: Any) -> None:
    create_cluster(client)
    snowball_faults.add("shifted_listing", by=-9)
    pages = client.get_paginator("list_jobs").paginate(PaginationConfig={"PageSize": 2})
    with pytest.raises(PaginationError, match="The same next token was received twice"):
        list(pages)


def test_listing_that_became_short(client: Any) -> None:
    create_cluster(client)
    snowball_faults.add("shifted_listing", by=9)
    token = client.list_jobs(MaxResults=2)["NextToken"]
    error = fails(client.list_jobs, NextToken=token)["Error"]
    assert (error["Code"], error["Message"]) == ("InvalidNextTokenException", BAD_TOKEN)


def test_listing_that_lost_its_last_entry(client: Any) -> None:
    cluster_id = create_cluster(client, 3)
    snowball_faults.add("shifted_listing", by=1)
    pages = client.get_paginator("list_cluster_jobs").paginate(
        ClusterId=cluster_id, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["JobListEntries"]) for page in pages] == [2, 0]


def test_shifted_listing_leaves_a_bad_token_bad(client: Any) -> None:
    snowball_faults.add("shifted_listing")
    assert fails(client.list_jobs, NextToken="bad")["Error"]["Code"] == "InvalidNextTokenException"


def test_unknown_state(client: Any) -> None:
    cluster_id = create_cluster(client)
    main_id = create_job(client, "EXPORT")
    snowball_clock.jump("1d")
    fault = snowball_faults.add("unknown_state", state="Teleporting")
    assert states_of(client, cluster_id) == ["Teleporting"] * 5
    described = client.describe_job(JobId=main_id)
    assert described["JobMetadata"]["JobState"] == "Teleporting"
    assert [part["JobState"] for part in described["SubJobMetadata"]] == ["Teleporting"] * 2
    assert {job["JobState"] for job in client.list_jobs()["JobListEntries"]} == {"Teleporting"}
    # It is not so; it only seems so.
    assert backend().jobs[main_id].state(snowball_clock.now()) == "PreparingAppliance"
    assert failure(client.describe_job, JobId="JID" + cluster_id[3:])["Error"]["Code"] == (
        "InvalidResourceException"
    )
    snowball_faults.remove(fault)
    assert "Teleporting" not in states_of(client, cluster_id)


def created(client: Any) -> int:
    return len(client.list_jobs()["JobListEntries"])


class TestLostAnswers:
    """What was asked for happens, and whoever asked does not get to know."""

    ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=10)

    def order(self, client: Any) -> dict[str, Any]:
        address = create_address(client)
        answer = client.create_job(JobType="IMPORT", AddressId=address, ShippingOption="STANDARD")
        return dict(answer)

    @pytest.mark.parametrize(
        ("fault", "sent"),
        [({"how": "reset"}, 4), ({"how": "hang", "seconds": 0.1}, 4), ({"how": "server_error"}, 4)],
    )
    def test_each_retry_is_an_order_more(
        self, client: Any, slept: list[float], fault: dict[str, Any], sent: int
    ) -> None:
        added = snowball_faults.add("lost_answer", operations=["CreateJob"], **fault)
        with pytest.raises((ClientError, ConnectionClosedError)):
            self.order(client)
        assert (added.hits, created(client)) == (sent, sent)
        assert slept == ([0.1] * sent if fault["how"] == "hang" else [])

    def test_an_answer_that_is_cut(self, client: Any) -> None:
        client.meta.events.unregister("after-call.snowball.*", check_response)
        snowball_faults.add("lost_answer", operations=["CreateJob"], how="cut")
        # botocore takes what is no JSON for an answer without members.
        assert "JobId" not in self.order(client)
        assert created(client) == 1

    def test_a_cluster(self, client: Any) -> None:
        snowball_faults.add("lost_answer", operations=["CreateCluster"], count=1)
        create_cluster(client)
        assert len(client.list_clusters()["ClusterListEntries"]) == 2


class TestLateListing:
    def test_a_job(self, client: Any) -> None:
        snowball_faults.add("late_listing", operations=["CreateJob"], lag="30m")
        job_id = create_job(client, "IMPORT")
        assert created(client) == 0
        assert client.describe_job(JobId=job_id)["JobMetadata"]["JobState"] == "New"
        snowball_clock.jump("29m")
        assert created(client) == 0
        snowball_clock.jump("2m")
        assert created(client) == 1

    def test_a_cluster_and_its_jobs(self, client: Any) -> None:
        snowball_faults.add("late_listing", operations=["CreateCluster"], lag=600)
        cluster_id = create_cluster(client)
        assert client.list_clusters()["ClusterListEntries"] == []
        assert created(client) == 0
        assert client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"] == []
        snowball_clock.jump("11m")
        assert len(client.list_clusters()["ClusterListEntries"]) == 1
        assert created(client) == 5

    def test_a_node(self, client: Any) -> None:
        cluster_id = create_cluster(client)
        snowball_faults.add("late_listing", lag="2h")
        client.create_job(ClusterId=cluster_id)
        snowball_clock.jump("1h")
        assert len(ids_of(client, cluster_id)) == 5
        snowball_clock.jump("61m")
        assert len(ids_of(client, cluster_id)) == 6


class TestDeviceLimit:
    def test_an_order_beyond_it_is_refused(self, client: Any) -> None:
        backend().set_device_limit(2)
        first = create_job(client, "IMPORT")
        create_job(client, "LOCAL_USE")
        orders: list[Callable[[], str]] = [
            lambda: create_job(client, "IMPORT"),
            lambda: create_cluster(client),
        ]
        for order in orders:
            with pytest.raises(
                client.exceptions.InvalidInputCombinationException, match="may have 2 devices at a"
            ):
                order()
        assert client.get_snowball_usage()["SnowballLimit"] == 2
        client.cancel_job(JobId=first)
        create_job(client, "IMPORT")
        backend().set_device_limit(None)
        create_cluster(client)

    def test_over_http(self) -> None:
        with SnowballServer() as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/_snowball/limits", json.dumps({"limit": 0}), headers)
            assert json.load(connection.getresponse())["limits"] == [
                {"account": "123456789012", "region": "us-east-1", "limit": 0}
            ]
            connection.close()
            client = client_of(server.endpoint_url)
            with pytest.raises(ClientError, match="may have 0 devices at a time, and has 0"):
                create_job(client, "IMPORT")

    @pytest.mark.parametrize("limit", [-1, True, "2", 1.5])
    def test_no_number(self, client: Any, limit: Any) -> None:
        with pytest.raises(ValueError, match=r"^limit must be a whole number of at least 0"):
            backend().set_device_limit(limit)


class TestWhichRequests:
    def struck(self, client: Any, times: int = 1, operation: str = "list_jobs") -> list[bool]:
        outcomes = []
        for _ in range(times):
            try:
                getattr(client, operation)()
            except ClientError as error:
                outcomes.append(error.response["Error"]["Code"] == "ExpiredTokenException")
            else:
                outcomes.append(False)
        return outcomes

    def test_by_rate(self, client: Any) -> None:
        fault = snowball_faults.add("expired_credentials", rate=0.3)
        outcomes = self.struck(client, 100)
        assert 15 < sum(outcomes) < 45
        assert fault.hits == sum(outcomes)

    def test_by_count(self, client: Any) -> None:
        snowball_faults.add("expired_credentials", count=2)
        assert self.struck(client, 4) == [True, True, False, False]

    def test_by_window_of_simulated_time(self, client: Any) -> None:
        snowball_faults.add("expired_credentials", after="1d", during="12h")
        outcomes = []
        for _ in range(5):
            outcomes += self.struck(client)
            snowball_clock.jump("10h")
        assert outcomes == [False, False, False, True, False]

    def test_by_operation(self, client: Any) -> None:
        snowball_faults.add("expired_credentials", operations=["ListClusters", "DescribeAddresses"])
        assert self.struck(client) == [False]
        assert self.struck(client, operation="list_clusters") == [True]
        assert self.struck(client, operation="describe_addresses") == [True]

    def test_by_region_and_account(self, connect: Connect) -> None:
        snowball_faults.add("expired_credentials", region_name="eu-west-1")
        assert self.struck(connect()) == [False]
        assert self.struck(connect("eu-west-1")) == [True]
        snowball_faults.clear()
        snowball_faults.add("expired_credentials", account_id="222222222222")
        assert self.struck(connect("eu-west-1")) == [False]
        snowball_faults.add("expired_credentials", account_id="123456789012")
        assert self.struck(connect()) == [True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "flood"}, "kind must be one of throttle, server_error, latency, .*; got 'flood'"),
        ({"kind": "throttle", "seconds": 1}, "throttle takes no options; got seconds"),
        ({"kind": "latency", "status": 500, "by": 1}, "latency takes seconds; got by, status"),
        (
            {"kind": "server_error", "status": 200},
            "status of server_error must be a status from 400 to 599; got 200",
        ),
        (
            {"kind": "lost_answer", "how": "softly"},
            "how of lost_answer must be one of reset, hang, .*; got 'softly'",
        ),
        (
            {"kind": "late_listing", "lag": "soon"},
            "lag of late_listing must be a duration such as .*; got 'soon'",
        ),
        ({"kind": "latency", "seconds": -1}, "seconds of latency must be a number of seconds; got -1"),
        ({"kind": "shifted_listing", "by": 0}, "by of shifted_listing must be a whole number other than 0"),
        ({"kind": "unknown_state", "state": ""}, "state of unknown_state must be a state; got ''"),
        ({"kind": "error"}, "code of error must be an error code; got nothing"),
        ({"kind": "throttle", "operations": ["ListJob"]}, "Snowball has no operation ListJob"),
        ({"kind": "throttle", "rate": 0}, "rate must be above 0 and at most 1; got 0"),
        ({"kind": "throttle", "rate": "often"}, "rate must be above 0 and at most 1; got 'often'"),
        ({"kind": "throttle", "count": 0}, "count must be a whole number of at least 1; got 0"),
        ({"kind": "throttle", "after": "soon"}, "A duration is a number of seconds or text .* got 'soon'"),
    ],
)
def test_faults_that_make_no_sense(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        snowball_faults.add(**arguments)
    assert snowball_faults.list() == []


def test_same_requests_are_struck_in_every_run() -> None:
    # Of a new process, that is, in which the first fault is the first one again.
    def run() -> list[bool]:
        faults = type(snowball_faults)(snowball_clock)
        faults.add("throttle", rate=0.5)
        return [bool(list(faults.striking("ListJobs", "1", "2", further_page=False))) for _ in range(50)]

    assert run() == run()


class TestOverHttp:
    @pytest.fixture
    def server(self) -> Iterator[SnowballServer]:
        with SnowballServer() as server:
            snowball_clock.pause()
            yield server

    def call(self, server: SnowballServer, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        with connection.getresponse() as response:
            answer = response.status, json.load(response)
        connection.close()
        return answer

    def test_added_listed_and_removed(self, server: SnowballServer) -> None:
        client = client_of(server.endpoint_url)
        status, added = self.call(
            server,
            "POST",
            "/_snowball/faults",
            {"kind": "error", "code": "AccessDeniedException", "operations": ["ListJobs"], "during": "1d"},
        )
        assert status == 200
        assert (added["kind"], added["code"], added["hits"]) == ("error", "AccessDeniedException", 0)
        assert added["ends"] == added["begins"] + 86400
        with pytest.raises(ClientError, match="AccessDeniedException"):
            client.list_jobs()
        _, other = self.call(server, "POST", "/_snowball/faults", {"kind": "latency", "seconds": 0.01})
        status, listed = self.call(server, "GET", "/_snowball/faults")
        assert status == 200
        assert listed["faults"] == [{**added, "hits": 1}, other]
        status, left = self.call(server, "DELETE", f"/_snowball/faults/{added['id']}")
        assert (status, left["faults"]) == (200, [other])
        client.list_jobs()
        assert self.call(server, "DELETE", "/_snowball/faults") == (200, {"faults": []})

    def test_reset_removes_them(self, server: SnowballServer) -> None:
        self.call(server, "POST", "/_snowball/faults", {"kind": "throttle"})
        client = client_of(server.endpoint_url, config=Config(retries={"total_max_attempts": 1}))
        with pytest.raises(ClientError):
            client.list_jobs()
        assert self.call(server, "POST", "/moto-api/reset") == (200, {"status": "ok"})
        assert client.list_jobs()["JobListEntries"] == []

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"kind": "flood"}, "kind must be one of throttle"),
            ({}, "missing 1 required positional argument: 'kind'"),
            ({"kind": "error", "code": 7}, "code of error must be an error code; got 7"),
        ],
    )
    def test_mistakes(self, server: SnowballServer, body: Any, message: str) -> None:
        status, answer = self.call(server, "POST", "/_snowball/faults", body)
        assert status == 400
        assert message in answer["error"]

    def test_removing_what_is_not_there(self, server: SnowballServer) -> None:
        status, answer = self.call(server, "DELETE", "/_snowball/faults/999")
        assert (status, answer) == (400, {"error": "There is no fault 999"})

    def test_reset_connections_are_reset_on_the_wire(
        self, server: SnowballServer, capfd: pytest.CaptureFixture[str]
    ) -> None:
        snowball_faults.add("reset")
        request = {
            "X-Amz-Target": "AWSIESnowballJobManagementService.ListJobs",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/snowball/aws4_request, "
            "SignedHeaders=host, Signature=b",
        }
        for _ in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
            connection.request("POST", "/", "{}", request)
            with pytest.raises(ConnectionResetError):
                connection.getresponse()
            connection.close()
        # Whatever they would print, they have printed once they have ended.
        eventually(lambda: "process_request_thread" not in str(threading.enumerate()))
        assert capfd.readouterr().err == ""

    def test_client_that_does_not_wait_so_long(
        self, server: SnowballServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gave_up = threading.Event()
        monkeypatch.setattr(snowball_faults, "sleep", lambda _: gave_up.wait())
        snowball_faults.add("latency", seconds=0.5)
        client = client_of(
            server.endpoint_url, config=Config(read_timeout=0.1, retries={"total_max_attempts": 1})
        )
        try:
            with pytest.raises(ReadTimeoutError):
                client.list_jobs()
        finally:
            gave_up.set()
