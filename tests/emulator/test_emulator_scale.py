"""
Thousands of jobs: what one thing costs with 5,000 of them, against what it costs with 50.

Work is counted in steps of the interpreter and not in seconds, so that it is the same on every
machine. What is caught is work that grows with the number of jobs, which would take a hundred times
as many steps.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from moto import mock_aws

from airflow_provider_snowball.emulator import SnowballBackend, snowball_clock
from airflow_provider_snowball.emulator.rehearsal.transition_queue import Transition
from tests.emulator.snowball_calls import backend

#: Clusters of five in the two regions that are compared.
FEW, MANY = 10, 1000
#: Room for what grows slower than the number of jobs: heaps and searches by halves.
ROOM = 3


def steps(call: Callable[[], Any]) -> int:
    """Return how many lines the interpreter ran for a call, the rounds of a loop in one line included."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "work",
    [
        lambda number: [each for each in range(number) if each],
        lambda number: sum(each for each in range(number)),
        lambda number: sorted(range(number), key=lambda each: -each),
        lambda number: {each: each for each in range(number)},
    ],
    ids=["list", "generator", "key", "dictionary"],
)
def test_steps_show_what_grows(work: Callable[[int], Any]) -> None:
    assert steps(lambda: work(5000)) > 50 * steps(lambda: work(50))


def order_cluster(one: SnowballBackend) -> None:
    details = {"AddressId": next(iter(one.addresses)), "ShippingOption": "EXPRESS"}
    one.create_cluster(job_type="LOCAL_USE", snowball_type="EDGE", initial_cluster_size=5, details=details)
    one.announce()


def with_clusters(region: str, count: int) -> SnowballBackend:
    """Order so many clusters of five in a region."""
    one = backend(region)
    one.create_address({"Street1": "1 Main St"})
    for _ in range(count):
        order_cluster(one)
    return one


@pytest.fixture
def few_and_many() -> Iterator[tuple[SnowballBackend, SnowballBackend]]:
    with mock_aws():
        snowball_clock.pause()
        yield with_clusters("eu-west-1", FEW), with_clusters("eu-west-2", MANY)
    snowball_clock.reset()


def list_jobs_of_a_cluster(one: SnowballBackend) -> None:
    one.list_cluster_jobs(next(iter(one.clusters)))


def describe_a_job(one: SnowballBackend) -> None:
    one.describe_job(next(iter(one.jobs)))


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(order_cluster, id="to order a cluster"),
        pytest.param(lambda one: one.list_jobs(max_results=50), id="to list a page"),
        pytest.param(lambda one: one.list_clusters(max_results=10), id="to list the clusters"),
        pytest.param(list_jobs_of_a_cluster, id="to list the jobs of a cluster"),
        pytest.param(describe_a_job, id="to describe a job"),
        pytest.param(SnowballBackend.take_transitions, id="to see that nothing happened"),
    ],
)
def test_costs_do_not_grow_with_the_number_of_jobs(
    what: Callable[[SnowballBackend], Any], few_and_many: tuple[SnowballBackend, SnowballBackend]
) -> None:
    few, many = few_and_many
    assert 0 < steps(lambda: what(many)) < ROOM * steps(lambda: what(few))


def test_taking_a_transition_costs_the_same_among_many(
    few_and_many: tuple[SnowballBackend, SnowballBackend],
) -> None:
    later = snowball_clock.now() + 60 * 86400
    costs = []
    for one, clusters in zip(few_and_many, (FEW, MANY), strict=True):
        taken: list[Transition] = []

        def take(one: SnowballBackend = one, taken: list[Transition] = taken) -> None:
            # Not by a jump: that would announce those of both regions, and log them.
            taken += one._transitions.take(later)

        costs.append(steps(take) / (5 * 10 * clusters))
        # New was announced when they were ordered; ten states come after it.
        assert len(taken) == 5 * 10 * clusters
        assert [each.at for each in taken] == sorted(each.at for each in taken)
    few, many = costs
    assert many < ROOM * few


def test_thousands_of_jobs_settle_and_are_listed(client: Any) -> None:
    with_clusters("us-east-1", MANY)
    assert all_states(client) == {"New": 5000}
    snowball_clock.jump("6d")
    assert all_states(client) == {"WithCustomer": 5000}
    snowball_clock.jump("40d")
    assert all_states(client) == {"Complete": 5000}
    pages = client.get_paginator("list_clusters").paginate()
    states = [cluster["ClusterState"] for page in pages for cluster in page["ClusterListEntries"]]
    assert states == ["Complete"] * 1000


def all_states(client: Any) -> Counter[str]:
    pages = client.get_paginator("list_jobs").paginate()
    return Counter(job["JobState"] for page in pages for job in page["JobListEntries"])
