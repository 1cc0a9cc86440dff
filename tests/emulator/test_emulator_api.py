"""Each operation with a real boto3 client, in-process and over HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_snowball.emulator import snowball_clock
from airflow_provider_snowball.emulator.rehearsal.transition_queue import TransitionQueue
from airflow_provider_snowball.lifecycle import PATHS, JobType
from tests.emulator.api.calls import (
    UUID,
    Connect,
    cluster_state,
    create_cluster,
    create_job,
    credentials_of,
    fails,
    ids_of,
    states_of,
)
from tests.emulator.snowball_calls import backend


def test_example_of_the_api_page(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([4, 4, 5, 5, 5, 5])
    monkeypatch.setattr(
        snowball_clock, "wall", lambda: datetime(2016, 11, 30, 3, 12, next(seconds), tzinfo=UTC)
    )
    cluster_id = create_cluster(client, Description="MyClustrer")

    response = client.list_cluster_jobs(ClusterId=cluster_id)

    assert set(response) == {"JobListEntries", "ResponseMetadata"}
    job_ids = [job.pop("JobId") for job in response["JobListEntries"]]
    assert len(set(job_ids)) == 5
    assert all(re.fullmatch(f"JID{UUID}", job_id) for job_id in job_ids)
    assert response["JobListEntries"] == [
        {
            "CreationDate": datetime(2016, 11, 30, 3, 12, second, tzinfo=UTC),
            "Description": f"MyClustrer-node-00{number}",
            "IsMaster": False,
            "JobState": "New",
            "JobType": "LOCAL_USE",
            "SnowballType": "EDGE",
        }
        for number, second in enumerate([4, 5, 5, 5, 5], start=1)
    ]


def test_replacement_of_a_node_is_listed_a_while_after_it_was_ordered(client: Any) -> None:
    cluster_id = create_cluster(client)
    broken = ids_of(client, cluster_id)[2]
    snowball_clock.jump("6d")
    backend().set_state(broken, "Cancelled")
    job_id = client.create_job(ClusterId=cluster_id)["JobId"]
    # It can be described at once, as its id is known; listings take ten minutes to have it.
    assert client.describe_job(JobId=job_id)["JobMetadata"]["JobState"] == "New"
    snowball_clock.jump("9m")
    assert job_id not in ids_of(client, cluster_id)
    assert job_id not in [job["JobId"] for job in client.list_jobs()["JobListEntries"]]
    snowball_clock.jump("1m")
    assert ids_of(client, cluster_id)[5] == job_id
    assert client.list_jobs()["JobListEntries"][5]["JobId"] == job_id
    assert states_of(client, cluster_id)[2:] == ["Cancelled", "WithCustomer", "WithCustomer", "New"]
    snowball_clock.jump("6d")
    assert states_of(client, cluster_id)[5] == "WithCustomer"
    assert cluster_state(client, cluster_id) == "InUse"


@pytest.mark.parametrize("job_type", list(JobType))
def test_jobs_walk_through_their_lifecycle(client: Any, job_type: JobType) -> None:
    job_id = create_job(client, job_type)
    seen = []
    for _ in range(40 * 24):
        # Not over the wire each time: that is a thousand requests.
        state = backend().describe_job(job_id)["JobState"]
        if state not in seen:
            seen.append(state)
        snowball_clock.jump("1h")
    assert client.describe_job(JobId=job_id)["JobMetadata"]["JobState"] == "Complete"
    skipped = {"InProgress"} if job_type is JobType.LOCAL_USE else set()
    assert seen == [state.value for state in PATHS[job_type] if state not in skipped]


def test_cluster_lives_through_its_states(client: Any) -> None:
    cluster_id = create_cluster(client)
    seen = []
    for _ in range(30 * 4):
        state = backend().describe_cluster(cluster_id)["ClusterState"]
        if state not in seen:
            seen.append(state)
        snowball_clock.jump("6h")
    assert seen == ["AwaitingQuorum", "Pending", "InUse", "Complete"]
    assert cluster_state(client, cluster_id) == "Complete"


@pytest.mark.parametrize(
    ("job_states", "state"),
    [
        (["New", "New", "New"], "Pending"),
        (["InTransitToCustomer"] * 3, "Pending"),
        (["WithCustomer", "InTransitToCustomer", "New"], "InUse"),
        (["InTransitToAWS", "PreparingShipment", "New"], "InUse"),
        (["WithAWS", "WithAWS", "WithCustomer"], "InUse"),
        (["Complete", "Complete", "New"], "InUse"),
        (["WithAWS", "Complete", "WithAWS"], "Complete"),
        (["Complete", "Complete", "Cancelled"], "Complete"),
        (["Pending", "Pending", "Cancelled"], "Pending"),
        (["Cancelled", "Cancelled", "Cancelled"], "AwaitingQuorum"),
        (["Teleporting", "New", "New"], "Pending"),
    ],
)
def test_cluster_state_follows_its_jobs(client: Any, job_states: list[str], state: str) -> None:
    cluster_id = create_cluster(client, size=3)
    for job_id, job_state in zip(ids_of(client, cluster_id), job_states, strict=True):
        backend().set_state(job_id, job_state)
    snowball_clock.jump("2h")
    assert states_of(client, cluster_id) == job_states
    assert cluster_state(client, cluster_id) == state


def test_what_becomes_of_a_job_can_be_planned(client: Any) -> None:
    cluster_id = create_cluster(client, size=3)
    laggard, lost, _ = ids_of(client, cluster_id)
    backend().set_plan(laggard, [("PreparingAppliance", "20d"), ("WithCustomer", None)])
    backend().set_plan(lost, [("InTransitToCustomer", "2d"), ("Cancelled", None)])
    assert states_of(client, cluster_id) == ["PreparingAppliance", "InTransitToCustomer", "New"]
    snowball_clock.jump("6d")
    assert states_of(client, cluster_id) == ["PreparingAppliance", "Cancelled", "WithCustomer"]
    snowball_clock.jump("100d")
    assert states_of(client, cluster_id) == ["WithCustomer", "Cancelled", "Complete"]
    backend().set_state(laggard, "Teleporting")
    assert states_of(client, cluster_id)[0] == "Teleporting"


def test_transitions_are_taken_once_and_in_order(client: Any) -> None:
    cluster_id = create_cluster(client, size=3)
    job_id = ids_of(client, cluster_id)[0]
    job = backend().jobs[job_id]
    now = snowball_clock.now()
    queue = TransitionQueue()
    queue.put(job)
    assert [(each.previous, each.state) for each in queue.take(now)] == [(None, "New")]
    states = [each.state for each in queue.take(now + 6 * 86400)]
    assert states == [state.value for state in PATHS[JobType.LOCAL_USE][1:7]]
    assert queue.take(now + 6 * 86400) == []
    snowball_clock.jump("6d")
    backend().set_plan(job_id, [("WithCustomer", 10), ("Complete", None)])
    queue.put(job)
    assert queue.take(snowball_clock.now()) == []
    (last,) = queue.take(snowball_clock.now() + 10)
    assert (last.previous, last.state, last.at) == ("WithCustomer", "Complete", snowball_clock.now() + 10)
    assert not queue.has_more


@pytest.mark.parametrize(
    ("state", "possible"),
    [
        ("New", True),
        ("Listing", True),
        ("Pending", True),
        ("PreparingAppliance", False),
        ("InProgress", False),
    ],
)
def test_until_when_an_export_can_be_cancelled(client: Any, state: str, possible: bool) -> None:
    job_id = create_job(client, "EXPORT")
    backend().set_state(job_id, state)
    if possible:
        client.cancel_job(JobId=job_id)
    else:
        assert fails(client.cancel_job, JobId=job_id)["Error"]["Code"] == "InvalidJobStateException"


def test_pages(client: Any) -> None:
    cluster_id = create_cluster(client, size=None)
    job_ids = backend().add_jobs(cluster_id, 250)

    first = client.list_cluster_jobs(ClusterId=cluster_id, MaxResults=100)
    second = client.list_cluster_jobs(ClusterId=cluster_id, MaxResults=100, NextToken=first["NextToken"])
    third = client.list_cluster_jobs(ClusterId=cluster_id, MaxResults=100, NextToken=second["NextToken"])

    assert [len(page["JobListEntries"]) for page in (first, second, third)] == [100, 100, 50]
    assert "NextToken" not in third
    listed = [job["JobId"] for page in (first, second, third) for job in page["JobListEntries"]]
    assert listed == job_ids
    assert len(client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]) == 100


@pytest.mark.parametrize("page_size", [1, 6, 7])
@pytest.mark.parametrize(
    ("operation", "key", "ident"),
    [
        ("list_cluster_jobs", "JobListEntries", "JobId"),
        ("list_jobs", "JobListEntries", "JobId"),
        ("list_clusters", "ClusterListEntries", "ClusterId"),
    ],
)
def test_paginators(client: Any, operation: str, key: str, ident: str, page_size: int) -> None:
    for _ in range(6):
        cluster_id = create_cluster(client, size=1)
    backend().add_jobs(cluster_id, 5)
    params = {"ClusterId": cluster_id} if operation == "list_cluster_jobs" else {}
    count = {"list_cluster_jobs": 6, "list_jobs": 11, "list_clusters": 6}[operation]

    pages = list(client.get_paginator(operation).paginate(**params, PaginationConfig={"PageSize": page_size}))

    assert [len(page[key]) for page in pages] == [
        min(page_size, count - start) for start in range(0, count, page_size)
    ]
    assert len({entry[ident] for page in pages for entry in page[key]}) == count


def test_accounts_and_regions_are_apart(connect: Connect) -> None:
    here, abroad = connect(), connect("eu-west-1")
    other = connect(credentials=credentials_of(connect, "222222222222"))
    cluster_id = create_cluster(here)
    for stranger in (abroad, other):
        assert stranger.list_clusters()["ClusterListEntries"] == []
        assert stranger.list_jobs()["JobListEntries"] == []
        error = fails(stranger.list_cluster_jobs, ClusterId=cluster_id)["Error"]
        assert error["Code"] == "InvalidResourceException"
    create_cluster(other, size=1)
    assert len(backend(account="222222222222").jobs) == 1
    assert len(here.list_jobs()["JobListEntries"]) == 5
