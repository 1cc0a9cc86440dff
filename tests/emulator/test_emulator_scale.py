"""
Thousands of jobs: what one thing costs with 5,000 of them, against what it costs with 50.

Ratios of the fastest of several tries, with room to spare: what they catch is work that grows with
the number of jobs, which would make them a hundred times as long.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_snowball.emulator import SnowballBackend, snowball_clock
from tests.emulator.snowball_calls import backend

ROOM = 15


def fastest(call: Callable[[], Any], tries: int = 15) -> float:
    times = []
    for _ in range(tries):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def order(one: SnowballBackend, clusters: int) -> list[float]:
    """Order so many clusters of five, and return how long each took."""
    details = {"AddressId": one.create_address({"Street1": "1 Main St"}), "ShippingOption": "EXPRESS"}
    took = []
    for _ in range(clusters):
        began = time.perf_counter()
        one.create_cluster(
            job_type="LOCAL_USE", snowball_type="EDGE", initial_cluster_size=5, details=dict(details)
        )
        one.announce()
        took.append(time.perf_counter() - began)
    return took


def all_states(client: Any) -> Counter[str]:
    pages = client.get_paginator("list_jobs").paginate()
    return Counter(job["JobState"] for page in pages for job in page["JobListEntries"])


@pytest.mark.usefixtures("client")
def test_costs_do_not_grow_with_the_number_of_jobs() -> None:
    few, many = backend("eu-west-1"), backend("eu-west-2")
    order(few, 10)
    took = order(many, 1000)
    assert min(took[-100:]) < ROOM * min(took[:100]), "to order a cluster"

    cluster_id, job_id = next(iter(many.clusters)), next(iter(many.jobs))
    other_cluster, other_job = next(iter(few.clusters)), next(iter(few.jobs))
    for what, with_many, with_few in (
        ("to list a page", lambda: many.list_jobs(max_results=50), lambda: few.list_jobs(max_results=50)),
        (
            "to list the clusters",
            lambda: many.list_clusters(max_results=10),
            lambda: few.list_clusters(max_results=10),
        ),
        (
            "to list the jobs of a cluster",
            lambda: many.list_cluster_jobs(cluster_id),
            lambda: few.list_cluster_jobs(other_cluster),
        ),
        ("to describe a job", lambda: many.describe_job(job_id), lambda: few.describe_job(other_job)),
        ("to see that nothing happened", many.take_transitions, few.take_transitions),
    ):
        assert fastest(with_many) < ROOM * fastest(with_few), what


@pytest.mark.usefixtures("client")
def test_taking_a_transition_costs_the_same_among_many() -> None:
    times = {}
    for region, clusters in (("eu-west-1", 10), ("eu-west-2", 1000)):
        one = backend(region)
        order(one, clusters)
        later = snowball_clock.now() + 60 * 86400
        began = time.perf_counter()
        # Not by a jump: that would announce those of both regions, and log them.
        transitions = one._transitions.take(later)
        times[clusters] = (time.perf_counter() - began) / len(transitions)
        # New was announced when they were ordered; ten states come after it.
        assert len(transitions) == 5 * 10 * clusters
        assert [each.at for each in transitions] == sorted(each.at for each in transitions)
    assert times[1000] < ROOM * times[10]


def test_thousands_of_jobs_settle_and_are_listed(client: Any) -> None:
    order(backend(), 1000)
    assert all_states(client) == {"New": 5000}
    snowball_clock.jump("6d")
    assert all_states(client) == {"WithCustomer": 5000}
    snowball_clock.jump("40d")
    assert all_states(client) == {"Complete": 5000}
    pages = client.get_paginator("list_clusters").paginate()
    states = [cluster["ClusterState"] for page in pages for cluster in page["ClusterListEntries"]]
    assert states == ["Complete"] * 1000
