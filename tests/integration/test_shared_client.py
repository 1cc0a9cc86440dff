"""How the client that waits share looks after its Airflow connection, over real HTTP and on a fake clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.hooks.snowball import SnowballHook, make_call
from airflow_provider_snowball.triggers import shared_client
from airflow_provider_snowball.triggers.shared_client import SharedClient
from airflow_provider_snowball.waiting.calls import ErrorKind, ListClusterJobs, RequestError
from tests.fakes.fleet_server import FleetServer, cluster_id, connection
from tests.fakes.module_clock import ModuleClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Triggerers run on asyncio."""
    return "asyncio"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ModuleClock:
    clock = ModuleClock()
    monkeypatch.setattr(shared_client, "time", clock)
    return clock


@pytest.fixture
def look_ups(clock: ModuleClock, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return when the connection was looked up."""
    found: list[float] = []
    look_up = shared_client._fingerprint_of

    def noted(hook: SnowballHook) -> str:
        found.append(clock.now)
        return look_up(hook)

    monkeypatch.setattr(shared_client, "_fingerprint_of", noted)
    return found


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetServer]:
    with FleetServer() as server:
        # What boto3 finds where no connection is found.
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNOWBALL", server.endpoint_url)
        yield server


@asynccontextmanager
async def client_of(aws_conn_id: str) -> AsyncIterator[SharedClient]:
    none: dict[str, Any] = dict.fromkeys(("region_name", "verify", "botocore_config"))
    client = SharedClient({"aws_conn_id": aws_conn_id, **none}, calls_per_second=1000.0)
    try:
        yield client
    finally:
        client.close()


async def poll(client: SharedClient) -> None:
    assert await client.call(ListClusterJobs(cluster_id(1)))


def keys(fleet: FleetServer) -> dict[str, int]:
    """Return how many calls came by each access key."""
    counts = fleet.counts()
    return {name.removeprefix("key "): count for name, count in counts.items() if name.startswith("key ")}


async def test_a_connection_is_looked_up_now_and_then(
    fleet: FleetServer, clock: ModuleClock, look_ups: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(fleet.endpoint_url))
    async with client_of("fleet") as client:
        for clock.now in (0.0, 899.0, 900.0, 1799.0):
            await poll(client)
        assert look_ups == [0.0, 900.0]
        # It has not changed, so that the client is the same one.
        assert fleet.counts()["connections"] == 1
        monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(fleet.endpoint_url, key="rotated"))
        for clock.now in (1799.5, 1800.0, 1800.5):
            await poll(client)
    assert keys(fleet) == {"testing": 5, "rotated": 2}


@pytest.mark.parametrize("aws_conn_id", ["fleet", "aws_default"])
async def test_a_lookup_that_fails_changes_nothing(
    aws_conn_id: str,
    fleet: FleetServer,
    clock: ModuleClock,
    look_ups: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Airflow says of a lookup that failed that there is no such connection, of the default one as well."""
    variable = f"AIRFLOW_CONN_{aws_conn_id.upper()}"
    monkeypatch.setenv(variable, connection(fleet.endpoint_url))
    async with client_of(aws_conn_id) as client:
        await poll(client)
        monkeypatch.delenv(variable)
        times = (900.0, 914.0, 915.0, 929.0, 930.0)
        for clock.now in times:
            await poll(client)
        assert look_ups == [0.0, 900.0, 915.0, 930.0]
        assert keys(fleet) == {"testing": 1 + len(times)}
        monkeypatch.setenv(variable, connection(fleet.endpoint_url, key="rotated"))
        clock.now = 3000.0
        await poll(client)
    assert keys(fleet)["rotated"] == 1


async def test_the_default_connection_may_be_none(fleet: FleetServer, clock: ModuleClock) -> None:
    async with client_of("aws_default") as client:
        for clock.now in (0.0, 900.0):
            await poll(client)
    assert keys(fleet) == {"ambient": 2}


async def test_a_lookup_that_hangs_holds_nobody_up(
    fleet: FleetServer, clock: ModuleClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that a triggerer looks up goes through one thread, which another provider's trigger may hold."""
    monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(fleet.endpoint_url))
    goes_on = threading.Event()
    async with client_of("fleet") as client:
        await poll(client)
        monkeypatch.setattr(shared_client, "_LONGEST_LOOK_UP", 0.2)
        other = asyncio.create_task(sync_to_async(goes_on.wait)())
        try:
            clock.now = 900.0
            await poll(client)
        finally:
            goes_on.set()
            await other
    assert keys(fleet) == {"testing": 2}


async def test_a_lookup_that_breaks_holds_nobody_up(
    fleet: FleetServer, clock: ModuleClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLEET", connection(fleet.endpoint_url))

    def breaks(*_: Any) -> Any:
        raise RuntimeError("cannot schedule new futures after shutdown")

    async with client_of("fleet") as client:
        await poll(client)
        monkeypatch.setattr(shared_client, "sync_to_async", breaks)
        clock.now = 900.0
        await poll(client)
    assert keys(fleet) == {"testing": 2}


@pytest.mark.parametrize(
    ("aws_conn_id", "kind"), [("there", ErrorKind.NOT_FOUND), ("aws_default", ErrorKind.DENIED)]
)
async def test_what_another_account_does_not_know_may_be_there(
    aws_conn_id: str, kind: ErrorKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the default connection, what boto3 finds may be anybody's; a wait that has begun goes on."""
    with SnowballServer() as server:
        monkeypatch.setenv("AIRFLOW_CONN_THERE", connection(server.endpoint_url))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNOWBALL", server.endpoint_url)
        hook = SnowballHook(aws_conn_id)
        with pytest.raises(RequestError, match="InvalidResourceException") as caught:
            make_call(hook, ListClusterJobs(cluster_id(1)))
        hook.close()
    assert caught.value.kind is kind
