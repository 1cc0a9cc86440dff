"""
What the waits of one triggerer share, over real HTTP: threads, connections, credentials, a cap.

When polls are due, and who is served by which, is in tests/unit/test_shared_polls_clock.py.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from airflow_provider_snowball.triggers import shared_client
from airflow_provider_snowball.triggers.shared_polls import SharedPolls
from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger
from tests.fakes.fleet_server import FleetServer, cluster_id, connection

pytestmark = pytest.mark.anyio

CONN = "fleet"


@pytest.fixture
def anyio_backend() -> str:
    """Triggerers run on asyncio."""
    return "asyncio"


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetServer]:
    with FleetServer() as server:
        monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(server.endpoint_url))
        yield server


def wait_for(cluster: int = 1, *, listed: bool = True, **more: Any) -> ClusterJobsTrigger:
    """
    Return a trigger of a wait that a worker has handed on just now.

    :param listed: whether the wait has had a listing.
    """
    now = datetime.now(UTC).isoformat()
    arguments: dict[str, Any] = {
        "cluster_id": cluster_id(cluster),
        "target_state": "WithCustomer",
        "timeout": 600.0,
        "poke_interval": 0.1,
        "aws_conn_id": CONN,
        "memory": {"started_at": now} | ({"listed_at": now} if listed else {}),
    }
    return ClusterJobsTrigger(**arguments | more)


async def run(trigger: ClusterJobsTrigger) -> dict[str, Any]:
    """Run a trigger to its end, as a triggerer does, and return its one event."""
    events = [event async for event in trigger.run()]
    assert len(events) == 1
    return dict(events[0].payload)


@asynccontextmanager
async def running(*triggers: ClusterJobsTrigger) -> AsyncIterator[list[asyncio.Task[dict[str, Any]]]]:
    """Run triggers in the background; cancel those that are left, as a triggerer that ends does."""
    tasks = [asyncio.create_task(run(trigger)) for trigger in triggers]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, which is looked at in a thread, as it may ask a server."""
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


def polling_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("snowball-poll")]


async def test_a_crowd_shares_its_connections_and_leaves_nothing(fleet: FleetServer) -> None:
    before = asyncio.all_tasks()
    async with running(*(wait_for() for _ in range(60))):
        await until(lambda: fleet.counts()["ListClusterJobs"] >= 5)
        assert polling_threads()
    assert 1 <= fleet.counts()["connections"] <= 3
    assert asyncio.all_tasks() == before
    assert SharedPolls.of_this_loop().region_of(_parameters()) is None
    await until(lambda: polling_threads() == [])
    # Where no thread is left, nobody calls.
    assert fleet.counts()["calls"] == fleet.counts()["ListClusterJobs"]


async def test_what_it_holds_does_not_keep_the_garbage_collector_busy(fleet: FleetServer) -> None:
    async with running(wait_for(poke_interval=600.0)):
        await until(lambda: fleet.counts()["ListClusterJobs"] == 1)
        held = await asyncio.to_thread(objects)
    await until(lambda: polling_threads() == [])
    # What botocore reads to build a client is 26,000.
    assert held - await asyncio.to_thread(objects) < 5_000


def objects() -> int:
    """Return how many objects Python's garbage collector looks at, while the event loop stands still."""
    gc.collect()
    return len(gc.get_objects())


def _parameters() -> dict[str, Any]:
    return {"aws_conn_id": CONN, "region_name": None, "verify": None, "botocore_config": None}


async def test_what_is_under_way_is_given_up_with_the_last_wait(fleet: FleetServer) -> None:
    fleet.change(latency=0.5)
    async with running(*(wait_for(number) for number in range(20))):
        await until(lambda: fleet.counts()["connections"] >= 1)
    await until(lambda: polling_threads() == [])
    # Of twenty, no more than the threads had taken on by then.
    assert fleet.counts()["ListClusterJobs"] < 20


@pytest.fixture
def without_garbage_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_garbage_collection")
async def test_connections_are_closed_though_answers_were_errors(fleet: FleetServer) -> None:
    """An error holds the frames that it came through, and they hold what they talked through."""
    fleet.change(failing=1.0)
    async with running(*(wait_for(number, poke_interval=600.0) for number in range(5))):
        await until(lambda: fleet.counts()["failed"] >= 5)
        assert connections_to(fleet)
    await until(lambda: polling_threads() == [])
    assert connections_to(fleet) == []


@pytest.mark.usefixtures("without_garbage_collection")
async def test_connections_are_closed_though_nobody_waits_for_the_error(fleet: FleetServer) -> None:
    fleet.change(failing=1.0, latency=0.5)
    async with running(*(wait_for(number, poke_interval=600.0) for number in range(5))):
        await until(lambda: connections_to(fleet) != [])
    await until(lambda: polling_threads() == [])
    assert connections_to(fleet) == []


def connections_to(fleet: FleetServer) -> list[str]:
    """Return the states of this process's connections to a server that are not closed."""
    found = psutil.Process().net_connections("tcp")
    return [
        each.status
        for each in found
        if each.raddr and each.raddr.port == fleet.port and each.status != "TIME_WAIT"
    ]


async def test_a_refused_connection_does_not_touch_another(
    fleet: FleetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", connection(fleet.endpoint_url, key="other"))
    fleet.change(denied_keys=["other"])
    async with running(wait_for(poke_interval=60.0), wait_for(aws_conn_id="other", listed=False)) as tasks:
        good, bad = tasks
        event = await bad
        assert event["kind"] == "permanent"
        assert "AccessDeniedException" in event["message"]
        await until(lambda: fleet.counts()["key testing"] == 1)
        assert not good.done()
    assert fleet.counts()["key other"] == 1


@pytest.mark.parametrize(
    "more",
    [{"region_name": "eu-west-1"}, {"verify": False}, {"botocore_config": {"read_timeout": 11}}],
    ids=["region", "verify", "config"],
)
async def test_other_parameters_have_a_client_of_their_own(fleet: FleetServer, more: dict[str, Any]) -> None:
    async with running(*(wait_for(poke_interval=600.0, **each) for each in ({}, more, more))):
        await until(lambda: fleet.counts()["connections"] == 2)
    assert fleet.counts()["ListClusterJobs"] == 2


async def test_a_refusal_leads_to_the_edited_connection(
    fleet: FleetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_client, "_FIRST_DELAY", 0.2)
    async with running(*(wait_for(number) for number in range(4))) as tasks:
        await until(lambda: all(fleet.counts()[cluster_id(number)] for number in range(4)))
        fleet.change(denied_keys=["testing"], state="WithCustomer")
        await until(lambda: fleet.counts()["denied"] >= 8)
        assert not any(task.done() for task in tasks)
        monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(fleet.endpoint_url, key="rotated"))
        ended = await asyncio.gather(*tasks)
    assert [event["status"] for event in ended] == ["done"] * 4
    assert fleet.counts()["key rotated"] == 4


async def test_a_cap_holds_a_crowd_back(fleet: FleetServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # One at once, and another one in a quarter of an hour.
    monkeypatch.setenv("AIRFLOW__SNOWBALL__MAX_CALLS_PER_SECOND", "0.001")
    async with running(*(wait_for(number) for number in range(60))) as tasks:
        # All its threads are held up, by a call each.
        await until(lambda: fleet.counts()["calls"] >= 1 and len(polling_threads()) == shared_client._THREADS)
        assert not any(task.done() for task in tasks)
    # Closing lets those go who wait, without their calls.
    await until(lambda: polling_threads() == [])
    assert fleet.counts()["calls"] == 1


async def test_throttling_starves_none(fleet: FleetServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(fleet.endpoint_url, retries=True))
    fleet.change(throttle=5.0)
    async with running(*(wait_for(number % 10, poke_interval=1.0) for number in range(100))) as tasks:
        await until(lambda: fleet.counts()["throttled"] >= 3)
        fleet.change(state="WithCustomer")
        ended = await asyncio.gather(*tasks)
    assert [event["status"] for event in ended] == ["done"] * 100


async def test_a_shared_client_slows_down_once_it_is_throttled(
    fleet: FleetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(fleet.endpoint_url, retries=True))
    async with running(wait_for()):
        await until(lambda: fleet.counts()["calls"] >= 1)
    # botocore's own way of doing so.
    assert fleet.counts()["mode adaptive"] == fleet.counts()["calls"]


async def test_every_wait_ends_once_through_failures_and_a_restart(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Fewer a second would be the cap's test.
    monkeypatch.setenv("AIRFLOW__SNOWBALL__MAX_CALLS_PER_SECOND", "1000")
    clusters = 50
    with FleetServer(failing=0.2) as first:
        monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(first.endpoint_url))
        triggers = [wait_for(number % clusters, poke_interval=1.0) for number in range(1000)]
        tasks = [asyncio.create_task(run(trigger)) for trigger in triggers]
        await until(
            lambda: (
                first.counts()["failed"] > 0 and all(first.counts()[cluster_id(n)] for n in range(clusters))
            )
        )
    await until(lambda: "EndpointConnectionError" in caplog.text)
    assert not any(task.done() for task in tasks)
    with FleetServer(first.port, failing=0.2, state="WithCustomer"):
        events = await asyncio.gather(*tasks)
    # Had one fired twice, run() would have told.
    assert [event["status"] for event in events] == ["done"] * 1000


@pytest.mark.parametrize(
    ("begun", "more", "region"),
    [
        ("in the triggerer", {}, "us-east-1"),
        ("in the triggerer", {"region_name": "eu-west-1"}, "eu-west-1"),
        ("on a worker", {}, None),
    ],
)
async def test_a_wait_without_a_worker_tells_its_region(
    begun: str, more: dict[str, Any], region: str | None, fleet: FleetServer
) -> None:
    fleet.change(state="WithCustomer")
    if begun == "in the triggerer":
        more = more | {"memory": None}
    trigger = wait_for(**more)
    trigger.task_instance = None
    assert (await run(trigger)).get("region") == region
