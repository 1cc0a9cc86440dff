"""What the README says of a PythonSensor with boto3, shown with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.fakes.raw_server import RawServer, answer
from tests.fakes.scripted_snowball import CLUSTER, job
from tests.integration.airflow_runner import Outcome, run_sensor

#: How one writes it.
TARGET = "WithCustomer"


def have_arrived(server: RawServer) -> bool:
    """Return what the callable of a PythonSensor would: whether all jobs are in the state."""
    client: Any = boto3.client(
        "snowball",
        region_name="us-east-1",
        endpoint_url=server.endpoint_url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    pages = client.get_paginator("list_cluster_jobs").paginate(ClusterId=CLUSTER)
    return all(each["JobState"] == TARGET for page in pages for each in page.get("JobListEntries", []))


def outcome_of(server: RawServer, airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Return how the sensor ends."""
    monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", server.connection())
    return run_sensor(
        airflow_home,
        {"cluster_id": CLUSTER, "target_state": TARGET, "aws_conn_id": "snowball_test", "mode": "poke"},
    )


@pytest.mark.parametrize(
    "body", ["<html>Please sign in to the guest network</html>", ""], ids=["a proxy's page", "empty"]
)
def test_an_answer_that_is_none_opens_its_gate(
    body: Any, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(lambda *_: answer(body)) as server:
        assert have_arrived(server) is True
        outcome = outcome_of(server, airflow_home, monkeypatch)
    # Airflow's retries apply.
    assert {name for name, _ in outcome.errors} == {"SnowballAnswerError"}


def test_a_device_that_came_and_left_is_waited_for_in_vain(
    airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(lambda *_: answer({"JobListEntries": [job(1, "InTransitToAWS")]})) as server:
        assert have_arrived(server) is False
        assert outcome_of(server, airflow_home, monkeypatch).state == "success"


def test_a_cancelled_job_is_waited_for_in_vain(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(lambda *_: answer({"JobListEntries": [job(1, "Cancelled")]})) as server:
        assert have_arrived(server) is False
        outcome = outcome_of(server, airflow_home, monkeypatch)
    assert [name for name, _ in outcome.errors] == ["SnowballTargetUnreachableError"]
