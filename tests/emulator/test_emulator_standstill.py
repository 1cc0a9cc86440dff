"""Who waits for jobs under a paused clock is told why nothing changes, in-process and over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_snowball.emulator import snowball_clock
from airflow_provider_snowball.emulator.rehearsal.standstill import Standstill
from tests.emulator.api.calls import (
    create_address,
    create_cluster,
    create_job,
    ids_of,
    states_of,
)
from tests.emulator.snowball_calls import backend


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_once(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    cluster_id = create_cluster(client)
    for _ in range(4):
        states_of(client, cluster_id)
    assert warnings(caplog) == []
    for _ in range(10):
        states_of(client, cluster_id)
    assert warnings(caplog) == [
        "ListClusterJobs was answered 5 times with the same states, as simulated time stands still: the "
        'clock is paused. Let it run by its resume() or set_speed("1d/s"), or move it by jump("1d").'
    ]


def test_again_at_another_moment(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    cluster_id = create_cluster(client)
    for _ in range(2):
        for _ in range(5):
            states_of(client, cluster_id)
        snowball_clock.jump("1m")
    assert len(warnings(caplog)) == 2


@pytest.mark.parametrize("call", ["list_jobs", "describe_job", "list_clusters", "describe_cluster"])
def test_whatever_has_states(client: Any, call: str, caplog: pytest.LogCaptureFixture) -> None:
    cluster_id = create_cluster(client)
    params = {
        "describe_job": {"JobId": ids_of(client, cluster_id)[0]},
        "describe_cluster": {"ClusterId": cluster_id},
    }
    for _ in range(5):
        getattr(client, call)(**params.get(call, {}))
    assert len(warnings(caplog)) == 1


def _list_addresses(client: Any, _: str) -> None:
    client.describe_addresses()


def _order(client: Any, _: str) -> None:
    create_job(client, "IMPORT")


def _list_different_pages(client: Any, cluster_id: str) -> None:
    assert (
        client.get_paginator("list_cluster_jobs")
        .paginate(ClusterId=cluster_id, PaginationConfig={"PageSize": 1})
        .build_full_result()
    )


def _steer(client: Any, cluster_id: str) -> None:
    """Move one on by hand, as a test does that lets the clock alone."""
    backend().send_on(ids_of(client, cluster_id)[0])


def _let_time_pass(client: Any, cluster_id: str) -> None:
    states_of(client, cluster_id)
    snowball_clock.jump("1m")


@pytest.mark.parametrize(
    "call",
    [_list_addresses, _order, _list_different_pages, _steer, _let_time_pass],
    ids=lambda call: call.__name__,
)
def test_not_for(client: Any, call: Callable[[Any, str], None], caplog: pytest.LogCaptureFixture) -> None:
    create_address(client)
    cluster_id = create_cluster(client)
    repeats = 4 if call is _list_different_pages else 9
    for _ in range(repeats):
        call(client, cluster_id)
    assert warnings(caplog) == []


def test_not_when_the_clock_runs(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    snowball_clock.resume()
    cluster_id = create_cluster(client)
    for _ in range(9):
        states_of(client, cluster_id)
    assert warnings(caplog) == []


def test_not_when_time_would_change_nothing(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    cluster_id = create_cluster(client)
    for job_id in ids_of(client, cluster_id):
        backend().set_state(job_id, "WithCustomer")
    for _ in range(9):
        states_of(client, cluster_id)
    assert warnings(caplog) == []


def test_counts_the_same_answers_in_a_row() -> None:
    standstill = Standstill()
    asked = [
        # request, answer, now, how often
        ("a", "New", 1.0, 1),
        ("a", "New", 1.0, 2),
        ("b", "New", 1.0, 1),
        ("a", "New", 1.0, 3),
        ("a", "Listing", 1.0, 1),
        ("a", "New", 1.0, 1),
        ("a", "New", 2.0, 1),
        ("b", "New", 2.0, 1),
        ("a", "New", 2.0, 2),
    ]
    assert [standstill.repeats(request, answer, now) for request, answer, now, _ in asked] == [
        times for *_, times in asked
    ]
