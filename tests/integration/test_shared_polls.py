"""What waits in one triggerer share, and what they do not, over real HTTP."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_snowball.triggers.feeds import Register
from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger
from tests.fleet_server import FleetServer, cluster_id, connection

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


def wait_for(cluster: int = 1, **more: Any) -> ClusterJobsTrigger:
    arguments: dict[str, Any] = {
        "cluster_id": cluster_id(cluster),
        "target_state": "WithCustomer",
        "started_at": datetime.now(UTC).isoformat(),
        "timeout": 600.0,
        "poke_interval": 2.0,
        "aws_conn_id": CONN,
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


def polling_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("snowball-poll")]


async def polled(fleet: FleetServer, times: int) -> None:
    """Wait until there were so many listings, however busy the machine is, and a little for one too many."""
    async with asyncio.timeout(60):
        while (await asyncio.to_thread(fleet.counts))["ListClusterJobs"] < times:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)


async def test_calls_do_not_grow_with_the_waits_on_a_cluster(fleet: FleetServer) -> None:
    began = time.monotonic()
    async with running(*(wait_for(poke_interval=1.0) for _ in range(60))):
        await polled(fleet, 5)
    # A poll at the start and then one each second, each up to a tenth early.
    assert 5 <= fleet.counts()["ListClusterJobs"] <= 1 + (time.monotonic() - began) / 0.9
    assert 1 <= fleet.counts()["connections"] <= 3


async def test_shortest_interval_leads_and_all_see_it(fleet: FleetServer) -> None:
    triggers = [wait_for(poke_interval=1.0), *(wait_for(poke_interval=3600.0) for _ in range(5))]
    async with running(*triggers) as tasks:
        await polled(fleet, 1)
        fleet.change(state="WithCustomer")
        assert (await asyncio.wait_for(tasks[0], 5))["status"] == "done"
        # The patient ones look at their own pace: their next look is half an hour away at least.
        assert not any(task.done() for task in tasks[1:])
        calls = fleet.counts()["ListClusterJobs"]
        await asyncio.sleep(2.5)
        assert fleet.counts()["ListClusterJobs"] == calls


async def test_late_joiner_is_answered_without_a_call(fleet: FleetServer) -> None:
    fleet.change(state="WithCustomer")
    async with running(wait_for(target_state="Complete", poke_interval=60.0)) as [first]:
        await polled(fleet, 1)
        began = time.monotonic()
        assert (await run(wait_for(poke_interval=60.0)))["status"] == "done"
        assert time.monotonic() - began < 0.5
        assert fleet.counts()["ListClusterJobs"] == 1
        assert not first.done()


async def test_last_look_at_the_deadline_is_never_a_kept_answer(fleet: FleetServer) -> None:
    async with running(wait_for(poke_interval=60.0)):
        await polled(fleet, 1)
        fleet.change(state="WithCustomer")
        overdue = (datetime.now(UTC) - timedelta(seconds=700)).isoformat()
        assert (await run(wait_for(poke_interval=60.0, started_at=overdue)))["status"] == "done"


async def test_each_wait_keeps_its_own_verdict(fleet: FleetServer) -> None:
    fleet.change(state="WithCustomer")
    targets = ["New", "WithCustomer", "Complete", "Cancelled"]
    async with running(*(wait_for(target_state=target, timeout=3.0) for target in targets)) as tasks:
        events = await asyncio.gather(*tasks)
    assert [event.get("kind", event["status"]) for event in events] == ["done", "done", "timeout", "timeout"]
    assert "0 of 5 jobs at or past Complete" in events[2]["message"]


async def test_nothing_is_left_of_waits_that_ended_or_were_cancelled(fleet: FleetServer) -> None:
    before = asyncio.all_tasks()
    async with running(*(wait_for(number % 5, poke_interval=1.0) for number in range(20))):
        await asyncio.sleep(1.5)
        assert polling_threads()
    assert Register.of_this_loop()._clients == {}
    calls = fleet.counts()["calls"]
    await asyncio.sleep(1.5)
    assert fleet.counts()["calls"] == calls
    assert polling_threads() == []
    gc.collect()
    assert asyncio.all_tasks() == before


async def test_a_wait_between_two_polls_is_few_objects(fleet: FleetServer) -> None:
    # The more there are, the longer Python's garbage collection stops the event loop of ten thousand.
    async def objects(waits: int) -> int:
        async with running(*(wait_for(poke_interval=600.0) for _ in range(waits))):
            await polled(fleet, 1)
            gc.collect()
            return len(gc.get_objects())

    few = await objects(100)
    many = await objects(300)
    # A dozen of these are the test's and asyncio's: a task, its coroutines, context, future, ...
    assert (many - few) / 200 <= 20


async def test_one_that_is_cancelled_takes_nothing_from_the_others(fleet: FleetServer) -> None:
    async with running(*(wait_for(poke_interval=1.0) for _ in range(3))) as tasks:
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        await asyncio.sleep(1.0)
        fleet.change(state="WithCustomer")
        ended = await asyncio.wait_for(asyncio.gather(*tasks[1:]), 5)
    assert [event["status"] for event in ended] == ["done", "done"]


async def test_nothing_is_shared_across_connections(
    fleet: FleetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", connection(fleet.endpoint_url, key="other"))
    fleet.change(denied_keys=["other"])
    triggers = [wait_for(poke_interval=60.0), wait_for(aws_conn_id="other", succeeded=False)]
    async with running(*triggers) as [good, bad]:
        event = await asyncio.wait_for(bad, 10)
        assert (event["kind"], "AccessDeniedException" in event["message"]) == ("request", True)
        await polled(fleet, 2)
        assert not good.done()
    assert fleet.counts()["key other"] == 1
    assert fleet.counts()["key testing"] == 1


@pytest.mark.parametrize(
    "more",
    [{"region_name": "eu-west-1"}, {"verify": False}, {"botocore_config": {"read_timeout": 11}}],
    ids=["region", "verify", "config"],
)
async def test_nothing_is_shared_across_other_parameters(fleet: FleetServer, more: dict[str, Any]) -> None:
    async with running(*(wait_for(poke_interval=600.0, **each) for each in ({}, more, more))):
        await polled(fleet, 2)
        assert len(Register.of_this_loop()._clients) == 2
    assert fleet.counts()["ListClusterJobs"] == 2


async def test_a_refusal_leads_to_the_edited_connection(
    fleet: FleetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(*(wait_for(number, poke_interval=1.0) for number in range(4))) as tasks:
        await asyncio.sleep(0.5)
        fleet.change(denied_keys=["testing"], state="WithCustomer")
        await asyncio.sleep(1.5)
        assert not any(task.done() for task in tasks)
        monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(fleet.endpoint_url, key="rotated"))
        ended = await asyncio.wait_for(asyncio.gather(*tasks), 40)
    assert {event["status"] for event in ended} == {"done"}
    assert fleet.counts()["key rotated"] == 4


async def test_a_cap_holds_a_crowd_back(fleet: FleetServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # A burst of five seconds' worth, that is 20 calls, and then 4 a second.
    monkeypatch.setenv("AIRFLOW__SNOWBALL__MAX_CALLS_PER_SECOND", "4")
    async with running(*(wait_for(number, poke_interval=600.0) for number in range(60))):
        await asyncio.sleep(4.5)
        assert 30 <= fleet.counts()["ListClusterJobs"] <= 40


async def test_throttling_slows_all_and_starves_none(
    fleet: FleetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(fleet.endpoint_url, retries=True))
    fleet.change(throttle=5.0)
    async with running(*(wait_for(number % 10, poke_interval=3.0) for number in range(100))):
        await asyncio.sleep(12)
    counts = fleet.counts()
    assert [counts[cluster_id(number)] > 0 for number in range(10)] == [True] * 10
    # Ten clusters, asked every three seconds at most, and what was throttled and tried again.
    assert counts["calls"] < 70


async def test_every_wait_ends_once_through_failures_and_a_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FleetServer(failing=0.2) as first:
        monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(first.endpoint_url))
        triggers = [wait_for(number % 100, poke_interval=5.0) for number in range(1000)]
        tasks = [asyncio.create_task(run(trigger)) for trigger in triggers]
        await asyncio.sleep(3)
    await asyncio.sleep(2)
    assert not any(task.done() for task in tasks)
    with FleetServer(first.port, failing=0.2, state="WithCustomer"):
        events = await asyncio.wait_for(asyncio.gather(*tasks), 120)
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
        more = more | {"started_at": None}
    trigger = wait_for(**more)
    trigger.task_instance = None
    assert (await run(trigger)).get("region") == region
