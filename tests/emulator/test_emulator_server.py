"""The server, its control endpoints and its command line, as real processes and sockets."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from airflow_provider_snowball.emulator import register, snowball_backends, snowball_clock
from airflow_provider_snowball.emulator.__main__ import main
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.emulator.api.calls import (
    client_of,
    cluster_state,
    states_of,
)
from tests.emulator.snowball_calls import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[SnowballServer]:
    with SnowballServer() as server:
        snowball_clock.pause()
        yield server


def create_cluster(client: Any, size: int = 5) -> list[str]:
    address_id = client.create_address(Address={"Street1": "1 Main St"})["AddressId"]
    created = client.create_cluster(
        JobType="LOCAL_USE",
        AddressId=address_id,
        SnowballType="EDGE",
        ShippingOption="STANDARD",
        InitialClusterSize=size,
    )
    return [created["ClusterId"], *(job["JobId"] for job in created["JobListEntries"])]


def control(server: SnowballServer, path: str, body: Any = None) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.endpoint_url}{path}", data)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def run_python(*args: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *args],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        text=True,
        **options,
    )


def test_serves_on_loopback_beside_other_services(server: SnowballServer) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", server.endpoint_url)
    assert client_of(server.endpoint_url, service="sts").get_caller_identity()["Account"] == "123456789012"
    assert client_of(server.endpoint_url).list_jobs()["JobListEntries"] == []


def test_reached_through_the_environment(server: SnowballServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNOWBALL", server.endpoint_url)
    create_cluster(client_of())
    assert len(client_of(server.endpoint_url).list_jobs()["JobListEntries"]) == 5


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])
def test_other_machines_are_let_in_only_if_asked_for(host: str) -> None:
    with pytest.raises(ValueError, match="can be reached from other machines, which takes allow_remote=True"):
        SnowballServer(host=host)
    SnowballServer(host=host, allow_remote=True)


def test_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = SnowballServer(port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            server.start()
        server.stop()


def test_stopped_and_started_again_it_is_empty() -> None:
    server = SnowballServer(speed="1d/s")
    for _ in range(2):
        server.start()
        assert snowball_clock.speed == 86400
        with pytest.raises(RuntimeError, match="already running"):
            server.start()
        client = client_of(server.endpoint_url)
        assert client.list_clusters()["ClusterListEntries"] == []
        create_cluster(client)
        server.stop()
        server.stop()
        assert snowball_clock.speed == 1
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", server.port))


def test_clock_runs_at_its_speed() -> None:
    with SnowballServer(speed="20d/s") as server:
        client = client_of(server.endpoint_url)
        cluster_id, *_ = create_cluster(client)
        # The last state, as all the others pass, whether somebody looks in time or not.
        eventually(lambda: set(states_of(client, cluster_id)) == {"Complete"})


def test_clock_is_controlled(server: SnowballServer) -> None:
    status, clock = control(server, "/_snowball/clock")
    assert (status, clock["speed"], clock["paused"]) == (200, 1.0, True)
    status, jumped = control(server, "/_snowball/clock", {"jump": "3d", "speed": "6h/s", "paused": True})
    assert (status, jumped["speed"], jumped["paused"]) == (200, 21600.0, True)
    assert jumped["now"] == clock["now"] + 3 * 86400
    assert control(server, "/_snowball/clock", {"paused": False})[1]["paused"] is False
    assert control(server, "/_snowball/clock", {"paused": True})[1]["paused"] is True
    started = control(server, "/_snowball/clock", {"speed": "1d/s"})[1]
    assert (started["speed"], started["paused"]) == (86400.0, False)


def test_jobs_are_controlled(server: SnowballServer) -> None:
    client = client_of(server.endpoint_url)
    cluster_id, pinned, planned, _ = create_cluster(client, 3)

    status, described = control(server, f"/_snowball/jobs/{pinned}", {"state": "Teleporting"})
    assert status == 200
    assert described["job_id"] == pinned
    assert described["cluster_id"] == cluster_id
    assert (described["account"], described["region"]) == ("123456789012", "us-east-1")
    assert [state for state, _ in described["journey"]] == ["New", "Teleporting"]
    assert described["plan"] == [["Teleporting", None]]

    plan = [["InTransitToCustomer", "2d"], ["Cancelled", None]]
    assert control(server, f"/_snowball/jobs/{planned}", {"plan": plan})[0] == 200
    control(server, "/_snowball/clock", {"jump": "6d"})
    jobs = client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]
    assert [job["JobState"] for job in jobs] == ["Teleporting", "Cancelled", "WithCustomer"]
    listed = control(server, "/_snowball/jobs")[1]["jobs"]
    assert listed[0] == control(server, f"/_snowball/jobs/{pinned}")[1]
    assert [job["state"] for job in listed] == ["Teleporting", "Cancelled", "WithCustomer"]

    status, added = control(server, f"/_snowball/clusters/{cluster_id}/jobs", {"count": 250})
    assert (status, len(added["job_ids"])) == (200, 250)
    pages = client.get_paginator("list_cluster_jobs").paginate(ClusterId=cluster_id)
    assert sum(len(page["JobListEntries"]) for page in pages) == 253


def test_bad_days_are_ordered_over_http(server: SnowballServer) -> None:
    client = client_of(server.endpoint_url)
    address_id = client.create_address(Address={"Street1": "1 Main St"})["AddressId"]
    laggard, lost, kept, export_id = (
        client.create_job(JobType=job_type, AddressId=address_id, ShippingOption="EXPRESS")["JobId"]
        for job_type in ("IMPORT", "IMPORT", "IMPORT", "EXPORT")
    )

    def change(job_id: str, **body: Any) -> dict[str, Any]:
        status, described = control(server, f"/_snowball/jobs/{job_id}", body)
        assert status == 200, described
        return dict(described)

    change(laggard, delay={"by": "20d", "state": "PreparingAppliance"})
    change(laggard, objects={"a.jpg": 1, "b.jpg": 2})
    change(laggard, failed_objects={"b.jpg": "Too long a name"})
    change(lost, cancel_in="InProgress")
    change(kept, hold="WithCustomer")
    change(export_id, parts=3)
    assert change(laggard, delay={"by": "1h"})["plan"][0][0] == "New"
    control(server, "/_snowball/clock", {"jump": "50d"})
    states = {job["job_id"]: job["state"] for job in control(server, "/_snowball/jobs")[1]["jobs"]}
    assert [states[each] for each in (laggard, lost, kept)] == ["Complete", "Cancelled", "WithCustomer"]
    assert change(kept, send_on=True)["state"] == "InTransitToAWS"
    assert len(client.describe_job(JobId=export_id)["SubJobMetadata"]) == 3
    logs = client.describe_job(JobId=laggard)["JobMetadata"]["JobLogInfo"]
    assert logs["JobFailureLogURI"].startswith(f"{server.endpoint_url}/_snowball/files/")
    with urllib.request.urlopen(logs["JobFailureLogURI"], timeout=120) as response:
        assert response.read() == b"Bucket,Key,Size,Error\nno-bucket-was-named,b.jpg,2,Too long a name\n"


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("clock", {"speed": "fast"}, 400, "A speed is a number above zero"),
        ("clock", {"jump": "-1d"}, 400, "A duration is a number of seconds"),
        ("clock", {"sped": 1}, 400, "The body takes speed, paused, jump; got sped"),
        ("clock", {}, 400, "got none of them"),
        ("clock", [], 400, "must be a JSON object"),
        ("clock", b"{", 400, "Expecting property name"),
        ("jobs/{job}", {"state": ""}, 400, "no state is empty"),
        ("jobs/{job}", {"plan": [["New"]]}, 400, "not enough values"),
        ("jobs/{job}", {"plan": [["New", "x"], ["Complete", None]]}, 400, "got 'x'"),
        ("jobs/{job}", {"plan": [["New", None]], "state": "New"}, 400, "takes one of state, plan, delay"),
        ("jobs/{job}", {"plan": "New"}, 400, "not enough values"),
        ("jobs/{job}", {"delay": {}}, 400, "missing 1 required"),
        ("jobs/{job}", {"delay": "1d"}, 400, "must be a mapping"),
        ("jobs/{job}", {"hold": "Nowhere"}, 400, "Nowhere is not ahead; the plan goes on with New, Listing"),
        ("jobs/{job}", {"cancel_in": "Complete"}, 400, "The plan never leaves Complete"),
        ("jobs/{job}", {"objects": {"a": "big"}}, 400, "which that of a is not"),
        ("jobs/{job}", {"failed_objects": 101}, 400, "failed must be from 0 to 100"),
        ("jobs/{job}", {"parts": 2}, 400, "is not the main job of an export"),
        ("jobs/JID0", {"state": "New"}, 404, "No job JID0 in any account and region"),
        ("jobs/JID0", None, 404, "No job JID0 in any account and region"),
        ("clusters/CID0/jobs", {"count": 1}, 404, "No cluster CID0 in any account and region"),
        ("clusters/{cluster}/jobs", {"count": 0}, 400, "count must be at least 1"),
        ("nothing", None, 404, "not found"),
        ("clusters/{cluster}/jobs", None, 405, "not allowed"),
    ],
)
def test_mistakes_in_control_requests(
    server: SnowballServer, path: str, body: Any, status: int, message: str
) -> None:
    cluster_id, job_id, *_ = create_cluster(client_of(server.endpoint_url))
    found, answer = control(server, "/_snowball/" + path.format(job=job_id, cluster=cluster_id), body)
    assert found == status
    assert message in answer["error"]


def send(
    server: SnowballServer, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, dict[str, str], Any]:
    """Send exactly these headers, named with underscores, and return status, headers and answer."""
    port = server.port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value.replace("PORT", str(port)))
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(None if body is None else body.encode())
    with connection.getresponse() as response:
        text = response.read()
        answer = response.status, dict(response.getheaders()), json.loads(text) if text else None
    connection.close()
    return answer


#: What a web page can make a browser send to any server, without asking that server first.
SIMPLE_TYPES = ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "", None]


@pytest.mark.parametrize("content_type", [*SIMPLE_TYPES, "multipart/form-data; boundary=x", "text/json"])
def test_a_post_must_be_json(server: SnowballServer, content_type: str | None) -> None:
    named = {} if content_type is None else {"Content_Type": content_type}
    before = snowball_clock.now()
    status, _, answer = send(
        server, "POST", "/_snowball/clock", '{"jump": "3d"}', Host="127.0.0.1:PORT", **named
    )
    assert status == 415
    assert answer == {
        "error": f"A POST takes the header Content-Type: application/json; got {content_type or 'none'}"
    }
    assert snowball_clock.now() == before


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_a_post_that_is_json(server: SnowballServer, content_type: str) -> None:
    before = snowball_clock.now()
    status, headers, answer = send(
        server,
        "POST",
        "/_snowball/clock",
        '{"jump": "3d"}',
        Host="127.0.0.1:PORT",
        Content_Type=content_type,
    )
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert answer["now"] == before + 3 * 86400


def test_every_post_must_be_json(server: SnowballServer) -> None:
    cluster_id, job_id, *_ = create_cluster(client_of(server.endpoint_url))
    posts = {
        "faults": '{"kind": "throttle"}',
        f"jobs/{job_id}": '{"state": "Cancelled"}',
        f"clusters/{cluster_id}/jobs": '{"count": 3}',
    }
    for path, body in posts.items():
        status, *_ = send(
            server, "POST", f"/_snowball/{path}", body, Host="localhost", Content_Type="text/plain"
        )
        assert status == 415, path
    assert control(server, "/_snowball/faults")[1] == {"faults": []}
    listed = control(server, "/_snowball/jobs")[1]["jobs"]
    assert [job["state"] for job in listed] == ["New"] * 5


LOOPBACK = [
    "127.0.0.1:PORT",
    "127.0.0.1",
    "127.8.9.10:1",
    "localhost:PORT",
    "LocalHost",
    "[::1]:PORT",
    "[::1]",
]
FOREIGN = [
    "evil.example:PORT",
    "evil.example",
    "127.0.0.1.evil.example:PORT",
    "localhost.evil.example",
    "127.0.0.1@evil.example",
    "127.0.0.1, evil.example",
    "192.0.2.7:PORT",
    "0.0.0.0:PORT",
    "[2001:db8::1]:PORT",
    "::1",
    "[]",
    "127.0.0.1:http",
    "",
]
REQUESTS = [
    ("GET", "/_snowball/jobs", None),
    ("HEAD", "/_snowball/jobs", None),
    ("POST", "/_snowball/clock", '{"jump": "3d"}'),
    ("DELETE", "/_snowball/faults", None),
    ("GET", "/_snowball/nothing", None),
    ("PUT", "/_snowball/clock", "{}"),
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_hosts_that_are_loopback(server: SnowballServer, host: str) -> None:
    statuses = [
        send(server, method, path, body, Host=host, Content_Type="application/json")[0]
        for method, path, body in REQUESTS
    ]
    assert statuses == [200, 200, 200, 200, 404, 405]


@pytest.mark.parametrize("host", [*FOREIGN, None])
def test_other_hosts_are_refused(server: SnowballServer, host: str | None) -> None:
    before = snowball_clock.now()
    control(server, "/_snowball/faults", {"kind": "throttle", "operations": ["ListClusters"]})
    named = {} if host is None else {"Host": host}
    got = (host or "").replace("PORT", str(server.port))
    for method, path, body in REQUESTS:
        status, headers, answer = send(server, method, path, body, Content_Type="application/json", **named)
        assert (status, headers["Content-Type"]) == (403, "application/json"), method
        if method != "HEAD":
            assert answer == {
                "error": f"The Host must be loopback or 127.0.0.1, which this serves; got {got!r}"
            }
    assert snowball_clock.now() == before
    assert len(control(server, "/_snowball/faults")[1]["faults"]) == 1


@pytest.mark.parametrize(
    ("bound_to", "hosts", "refused"),
    [
        ("localhost", ["localhost:PORT", "127.0.0.1:PORT"], "evil.example"),
        ("0.0.0.0", ["0.0.0.0:PORT", "192.0.2.7:PORT", "[2001:db8::1]", "localhost"], "evil.example"),
        ("", ["192.0.2.7:PORT", "127.0.0.1"], "evil.example"),
        ("127.0.0.2", ["127.0.0.2:PORT", "127.0.0.1:PORT"], "192.0.2.7"),
    ],
)
def test_hosts_of_other_bindings(bound_to: str, hosts: list[str], refused: str) -> None:
    with SnowballServer(host=bound_to, allow_remote=True) as server:
        address = bound_to if bound_to == "127.0.0.2" else "127.0.0.1"
        for host, status in {**dict.fromkeys(hosts, 200), refused: 403}.items():
            connection = http.client.HTTPConnection(address, server.port, timeout=120)
            headers = {"Host": host.replace("PORT", str(server.port))}
            connection.request("GET", "/_snowball/clock", headers=headers)
            with connection.getresponse() as response:
                assert response.status == status, host
            connection.close()


def test_a_web_page_is_told_nothing(server: SnowballServer) -> None:
    """Neither beforehand, when the browser asks whether the page may, nor with an answer."""
    page = {"Host": "127.0.0.1:PORT", "Origin": "https://evil.example"}
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "content-type"}
    answers = [
        send(server, "OPTIONS", "/_snowball/clock", **page, **asked),
        send(server, "GET", "/_snowball/clock", **page),
        send(server, "POST", "/_snowball/clock", "{}", **page, Content_Type="text/plain"),
    ]
    assert [status for status, *_ in answers] == [405, 200, 415]
    for _, headers, _ in answers:
        assert [name for name in headers if name.lower().startswith("access-control-")] == []


def test_files_are_reached_by_any_name(server: SnowballServer) -> None:
    """Their links are signed, and name the host by which the client knows the server."""
    client = client_of(server.endpoint_url)
    _, job_id, *_ = create_cluster(client)
    snowball_clock.jump("10d")
    link = client.get_job_manifest(JobId=job_id)["ManifestURI"]
    request = urllib.request.Request(link, headers={"Host": "snowball.example"})
    with urllib.request.urlopen(request, timeout=120) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("path", "content_type", "begins"),
    [
        ("", "text/html; charset=utf-8", "<!doctype html>"),
        ("rehearsal.css", "text/css; charset=utf-8", ":root {"),
        ("rehearsal.js", "text/javascript; charset=utf-8", "// Shows where"),
    ],
)
def test_page_is_there(server: SnowballServer, path: str, content_type: str, begins: str) -> None:
    with urllib.request.urlopen(f"{server.endpoint_url}/_snowball/{path}", timeout=60) as answer:
        assert answer.headers["Content-Type"] == content_type
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.read().decode().startswith(begins)


@pytest.mark.parametrize(
    "path", ["index.html", "../control.py", "%2e%2e/control.py", "rehearsal.js/", "page/"]
)
def test_nothing_else_of_its_folder_is(server: SnowballServer, path: str) -> None:
    assert send(server, "GET", f"/_snowball/{path}", Host="127.0.0.1:PORT")[0] == 404


def test_page_is_for_this_host_only(server: SnowballServer) -> None:
    assert send(server, "GET", "/_snowball/", Host="snowball.example")[0] == 403


def test_page_is_found_without_its_slash(server: SnowballServer) -> None:
    with urllib.request.urlopen(f"{server.endpoint_url}/_snowball", timeout=60) as answer:
        assert answer.url == f"{server.endpoint_url}/_snowball/"


def test_reset_over_http(server: SnowballServer) -> None:
    client = client_of(server.endpoint_url)
    create_cluster(client)
    snowball_clock.set_speed("1d/s")
    assert control(server, "/moto-api/reset", b"")[1] == {"status": "ok"}
    assert client.list_jobs()["JobListEntries"] == []
    assert client.list_clusters()["ClusterListEntries"] == []
    assert (snowball_clock.speed, snowball_clock.paused) == (1.0, False)


def test_mock_forgets_everything_at_its_end() -> None:
    with mock_aws():
        create_cluster(client_of())
        snowball_clock.set_speed("1d/s")
        assert snowball_backends["123456789012"]["us-east-1"].addresses
    assert snowball_clock.speed == 1
    with mock_aws():
        assert client_of().list_jobs()["JobListEntries"] == []
        assert snowball_backends["123456789012"]["us-east-1"].addresses == {}


def test_transitions_are_logged_though_nobody_asks(
    server: SnowballServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="airflow_provider_snowball.emulator")
    cluster_id, job_id, *_ = create_cluster(client_of(server.endpoint_url), 3)
    snowball_clock.set_speed("20d/s")
    arrived = re.compile(rf"{job_id} of {cluster_id}: InTransitToCustomer -> WithCustomer \(day \d\.\d\)")
    eventually(lambda: any(arrived.match(line) for line in caplog.messages))
    lines = [line for line in caplog.messages if line.startswith(job_id)][:6]
    assert [line.split()[3] for line in lines] == [
        "New",
        "Listing",
        "Pending",
        "PreparingAppliance",
        "PreparingShipment",
        "InTransitToCustomer",
    ]
    assert arrived.match(lines[-1])


def is_complete(client: Any, cluster_id: str) -> bool:
    return cluster_state(client, cluster_id) == "Complete"


def test_command_line() -> None:
    command = ("-m", "airflow_provider_snowball.emulator", "--port", "0", "--speed", "20d/s")
    processes = {
        number: run_python(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        for number, process in processes.items():
            assert process.stdout is not None
            endpoint_url = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", endpoint_url)
            client = client_of(endpoint_url)
            cluster_id, job_id, *_ = create_cluster(client)
            eventually(partial(is_complete, client, cluster_id))
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=120)
            assert process.returncode == 0
            assert stdout == ""
            assert f"{job_id} of {cluster_id}: New -> Listing (day 0.0)" in stderr
            assert "Traceback" not in stderr
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()


def test_examples_are_ordered_if_asked_for() -> None:
    examples = ("--clusters", "3", "--imports", "2", "--exports", "1", "--region", "eu-west-1")
    process = run_python(
        "-m", "airflow_provider_snowball.emulator", "--speed", "1d/s", *examples,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        endpoint_url = process.stdout.readline().strip()
        client = client_of(endpoint_url, region="eu-west-1")
        clusters = client.list_clusters()["ClusterListEntries"]
        assert [cluster["Description"] for cluster in clusters] == [
            f"example-cluster-{number}" for number in (1, 2, 3)
        ]
        jobs = client.list_jobs()["JobListEntries"][:18]
        assert Counter(job["JobType"] for job in jobs) == {"LOCAL_USE": 15, "IMPORT": 2, "EXPORT": 1}
        s3 = client_of(endpoint_url, service="s3", region="eu-west-1")
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [
            "example-bucket",
            "example-bucket-2",
        ]
        with urllib.request.urlopen(f"{endpoint_url}/_snowball/clusters", timeout=120) as response:
            listed = json.load(response)["clusters"]
        process.terminate()
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert stdout == ""
    assert [cluster["cluster_id"] for cluster in listed] == [cluster["ClusterId"] for cluster in clusters]
    assert {(each["account"], each["region"]) for each in listed} == {("123456789012", "eu-west-1")}
    assert listed[0]["job_ids"] == [job["JobId"] for job in jobs[:5]]
    for cluster in listed:
        job_ids = ", ".join(cluster["job_ids"])
        assert re.search(
            rf"Ordered in eu-west-1: {cluster['cluster_id']} example-cluster-\d: {job_ids}", stderr
        )
    assert f"Page and control: {endpoint_url}/_snowball/" in stderr


def test_console_script_is_this_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"snowball-emulator": f"{main.__module__}:{main.__name__}"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--speed", "fast"], "A speed is a number above zero or text such as '1d/s' or '6h/s'; got 'fast'"),
        (["--clusters", "-1"], "a whole number of 0 or more is needed; got '-1'"),
        (["--imports", "many"], "a whole number of 0 or more is needed; got 'many'"),
        (["--region", "atlantis"], "atlantis is no region"),
        (["--host", "0.0.0.0"], "0.0.0.0 can be reached from other machines, which takes --allow-remote"),
    ],
)
def test_mistakes_on_the_command_line(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(args)
    assert message in capsys.readouterr().err


def test_taken_port_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(SystemExit, match="1"):
            main(["--port", port])
    assert f"Cannot serve at http://127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


def test_registering_again_changes_nothing() -> None:
    import moto.backend_index as index

    before = list(index.backend_url_patterns)
    assert register() is True
    assert register() is True
    assert index.backend_url_patterns == before
    assert [name for name, _ in before].count("snowball") == 1


MOTO_HAS_IT = """
import importlib.abc, importlib.machinery, sys

class Theirs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "moto.snowball" else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        module.snowball_backends = "theirs"

sys.meta_path.insert(0, Theirs())
import moto.backend_index as index
before = list(index.backend_url_patterns)
from airflow_provider_snowball.emulator import register
assert register() is False
import moto.snowball
assert moto.snowball.snowball_backends == "theirs"
assert register() is False
assert index.backend_url_patterns == before
"""

NO_MOTO = """
import sys
sys.modules["moto"] = None
try:
    import airflow_provider_snowball.emulator.__main__
except ModuleNotFoundError as error:
    assert str(error).startswith("The local Snowball is built on moto, and moto"), error
    assert str(error).endswith(' is not installed: pip install "airflow-provider-snowball[emulator]"'), error
else:
    raise AssertionError("it was imported")
"""

NO_AIRFLOW = """
import sys
import airflow_provider_snowball.emulator.server
import airflow_provider_snowball.emulator.__main__
assert not [name for name in sys.modules if name.split(".")[0] == "airflow"]
assert "flask" not in sys.modules
"""


@pytest.mark.parametrize(
    "program",
    [MOTO_HAS_IT, NO_MOTO, NO_AIRFLOW],
    ids=["moto's own wins", "without moto", "no Airflow, late Flask"],
)
def test_in_a_fresh_interpreter(program: str) -> None:
    process = run_python("-c", program, stderr=subprocess.PIPE)
    _, stderr = process.communicate(timeout=120)
    assert (process.returncode, stderr) == (0, "")


#: Run by every interpreter that finds it, before anything else.
BLOCKS = """
import sys

class NotInstalled:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, NotInstalled)
"""
SCRIPT = """
import sys
from airflow_provider_snowball.emulator.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("missing", [("moto", "flask", "flask_cors"), ("moto",), ("flask",), ("flask_cors",)])
@pytest.mark.parametrize("how", ["console script", "script of Windows", "-m", "-m, at once", "-m __main__"])
def test_command_without_its_extra(tmp_path: Path, how: str, missing: tuple[str, ...]) -> None:
    package = "airflow_provider_snowball.emulator"
    (tmp_path / "sitecustomize.py").write_text(BLOCKS.format(missing=missing))
    for name in ("snowball-emulator", "snowball-emulator.exe"):
        (tmp_path / name).write_text(SCRIPT)
    command = {
        "console script": [str(tmp_path / "snowball-emulator")],
        "script of Windows": [str(tmp_path / "snowball-emulator.exe")],
        "-m": ["-m", package],
        "-m, at once": [f"-m{package}"],
        "-m __main__": ["-m", f"{package}.__main__"],
    }[how]
    done = without(tmp_path, *command)
    sentence = (
        f"The local Snowball is built on moto, and {missing[0]} is not installed: "
        'pip install "airflow-provider-snowball[emulator]"\n'
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)


IMPORTS_IT = """
try:
    from airflow_provider_snowball.emulator import snowball_clock
except ImportError as error:
    print(error)
"""
STARTS_IT = """
import warnings
warnings.simplefilter("error")
# The werkzeug of MWAA's 2.11.0 and 3.0 is of a time before Python 3.12.
warnings.filterwarnings("ignore", "ast.Str is deprecated|Attribute s is deprecated")
from airflow_provider_snowball.emulator.server import SnowballServer
try:
    SnowballServer().start()
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("missing", "program", "command"),
    [
        ("moto", IMPORTS_IT, ["-c", IMPORTS_IT]),
        ("moto", IMPORTS_IT, ["-m", "suite.tests"]),
        ("moto", IMPORTS_IT, ["-m", "suite"]),
        ("flask", STARTS_IT, ["-c", STARTS_IT]),
        ("flask_cors", STARTS_IT, ["-c", STARTS_IT]),
    ],
)
def test_other_programs_can_catch_it(tmp_path: Path, missing: str, program: str, command: list[str]) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKS.format(missing=(missing,)))
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "__init__.py").write_text(program)
    for name in ("__main__", "tests"):
        (tmp_path / "suite" / f"{name}.py").write_text("print('ran')")
    done = without(tmp_path, *command)
    assert (done.returncode, done.stderr) == (0, "")
    told, *ran = done.stdout.splitlines()
    assert told == (
        f"The local Snowball is built on moto, and {missing} is not installed: "
        'pip install "airflow-provider-snowball[emulator]"'
    )
    assert ran == (["ran"] if command[0] == "-m" else [])


def without(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run Python with what the folder's sitecustomize.py leaves of what is installed."""
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, *args],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
