"""The fixtures, as a project that names them in its conftest.py uses them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = 'pytest_plugins = ["airflow_provider_snowball.emulator.fixtures"]\n'
TESTS = """
import os
import subprocess
import sys

import boto3
import pytest


@pytest.fixture(params=["snowball_mock", "snowball_server"])
def emulator(request):
    return request.getfixturevalue(request.param)


def order():
    client = boto3.client("snowball")
    address = client.create_address(Address={"Street1": "1 Main St"})["AddressId"]
    return client.create_cluster(
        JobType="LOCAL_USE", SnowballType="EDGE", ShippingOption="EXPRESS", AddressId=address,
        InitialClusterSize=3, Notification={"SnsTopicARN": topic(), "NotifyAll": True},
    )["ClusterId"]


def topic():
    return boto3.client("sns").create_topic(Name="snowball")["TopicArn"]


def states(client, cluster_id):
    return {job["JobState"] for job in client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]}


@pytest.mark.parametrize("number", [1, 2])
def test_pipeline(emulator, number):
    client = emulator.client()
    assert client.list_clusters()["ClusterListEntries"] == []
    cluster_id = order()
    assert states(client, cluster_id) == {"New"}
    emulator.clock.jump("10d")
    assert states(client, cluster_id) == {"WithCustomer"}
    job_id = next(iter(emulator.backend().jobs))
    emulator.backend().set_state(job_id, "Cancelled")
    assert states(client, cluster_id) == {"WithCustomer", "Cancelled"}
    assert len(emulator.client("sns").list_topics()["Topics"]) == 1
    # Left behind on purpose: the next test must not meet it.
    emulator.faults.add("throttle")
    emulator.clock.set_speed("9d/s")
    assert not emulator.clock.paused


def test_time_stands_still(emulator):
    assert emulator.clock.paused
    assert emulator.clock.speed == 1
    assert emulator.faults.list() == []


def test_credentials_of_the_user_are_hidden(emulator):
    credentials = boto3.Session().get_credentials()
    assert credentials.secret_key != "of the user"
    assert credentials.token is None
    assert "AWS_PROFILE" not in os.environ
    assert os.environ["AIRFLOW_CONN_AWS_DEFAULT"] == "aws://"
    assert os.environ["AIRFLOW__SNOWBALL__POKE_INTERVAL"] == "1"


def test_another_process_reaches_the_server(snowball_server):
    cluster_id = order()
    program = "import boto3; print(boto3.client('snowball').list_clusters()['ClusterListEntries'])"
    listed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert cluster_id in listed.stdout
"""


def run_pytest(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "AWS_ACCESS_KEY_ID": "of the user",
        "AWS_SECRET_ACCESS_KEY": "of the user",
        "AWS_SESSION_TOKEN": "of the user",
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://of:theuser@",
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *args],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")  # whatever is around its folder
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_pipeline.py").write_text(TESTS)
    return tmp_path


def test_in_a_project(project: Path) -> None:
    done = run_pytest(project, "-W", "error::pytest.PytestUnhandledThreadExceptionWarning")
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout


def test_are_documented(project: Path) -> None:
    listed = run_pytest(project, "--fixtures").stdout
    assert "Serve Snowball in-process, within ``mock_aws``." in listed
    assert "Serve Snowball over HTTP; the environment leads all AWS clients of the test to it." in listed


def test_are_loaded_where_they_are_named_only(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("def test_nothing(snowball_mock):\n    pass\n")
    done = run_pytest(tmp_path)
    assert done.returncode == 1
    assert "fixture 'snowball_mock' not found" in done.stdout
