"""A watcher in a triggerer, on a clock that jumps: what it fires over restarts, and where it remembers it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_snowball.triggers import shared_polls
from airflow_provider_snowball.triggers.shared_polls import SharedPolls
from airflow_provider_snowball.triggers.watching import SnowballJobsEventTrigger
from airflow_provider_snowball.waiting.calls import Call, ErrorKind, RequestError
from tests.fakes.clock_loop import ClockLoop, run_on_clock
from tests.fakes.scripted_snowball import job_id
from tests.properties.profile import examples

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
REMEMBERS = hasattr(SnowballJobsEventTrigger(cluster_id=CLUSTER, fire="all"), "asset_state_store")
needs_memory = pytest.mark.xfail(
    not REMEMBERS, reason="asset watchers remember from Airflow 3.3 on", raises=ValueError, strict=True
)
#: Seconds until Airflow has an event that was fired.
PERSISTED_AFTER = 3.0


def job(number: int, state: str) -> dict[str, Any]:
    """Return an entry of a listing."""
    return {"JobId": f"JID{number}", "JobState": state, "JobType": "LOCAL_USE"}


class Airflow:
    """The store of one asset, what was fired, and what of it is in the database."""

    def __init__(self) -> None:
        self.store: dict[str, str] = {}
        self.fired: list[tuple[float, dict[str, Any]]] = []
        self.persisted: list[dict[str, Any]] = []
        #: Until then the store answers nothing.
        self.away_until = 0.0
        #: What a trigger has of the store.
        self.accessor: Any = self

    async def aget(self, key: str, default: Any = None) -> Any:
        self._check()
        return json.loads(self.store[key]) if key in self.store else default

    async def aset(self, key: str, value: Any) -> None:
        self._check()
        self.store[key] = json.dumps(value)

    def _check(self) -> None:
        if asyncio.get_running_loop().time() < self.away_until:
            raise RuntimeError("the API server is away")

    async def run_for(self, seconds: float, **asked: Any) -> None:
        """Have a triggerer run for so long, and then kill it: what is not persisted by then is lost."""
        loop = asyncio.get_running_loop()
        arguments: dict[str, Any] = {"poke_interval": 60.0, "cluster_id": CLUSTER} | asked
        trigger = SnowballJobsEventTrigger(target_state="WithCustomer", **arguments)
        trigger.asset_state_store = self.accessor
        fired: list[tuple[float, dict[str, Any]]] = []

        async def run() -> None:
            async for event in trigger.run():
                fired.append((loop.time(), event.payload))

        task = asyncio.create_task(run())
        await asyncio.wait([task], timeout=seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.fired += fired
        self.persisted += [payload for at, payload in fired if loop.time() - at >= PERSISTED_AFTER]


class NotFound(Exception):
    """What Airflow raises where its API has answered 404."""

    def __init__(self) -> None:
        super().__init__("API_SERVER_ERROR")
        self.error = SimpleNamespace(detail={"status_code": 404})


class OneOfTwo:
    """The store of an asset whose watcher another asset has, too; ``gone``: it is in no DAG file any more."""

    def __init__(self, airflow: Airflow) -> None:
        self.airflow = airflow
        self.store: dict[str, str] = {}
        self.gone = False

    async def aget(self, key: str, default: Any = None) -> Any:
        return json.loads(self.store[key]) if key in self.store and not self.gone else default

    async def aset(self, key: str, value: Any) -> None:
        if self.gone:
            raise NotFound
        self.store[key] = json.dumps(value)


class BlockingAccessor:
    """The store of Airflow 3.3.0 and 3.3.1, whose methods wait, and would do so for ever on the loop."""

    def __init__(self, airflow: Airflow) -> None:
        self.store = airflow.store

    def get(self, key: str, default: Any = None) -> Any:
        self._check()
        return json.loads(self.store[key]) if key in self.store else default

    def set(self, key: str, value: Any) -> None:
        self._check()
        self.store[key] = json.dumps(value)

    def _check(self) -> None:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()


Script = Callable[[float], Any]


class Client:
    """Answers as the script says at a time."""

    region = "us-east-1"
    local_url: str | None = None

    def __init__(self, script: Script) -> None:
        self.script = script
        self.calls = 0

    async def call(self, call: Call) -> Any:
        self.calls += 1
        found = self.script(asyncio.get_running_loop().time())
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """Nothing is held."""


def play(script: Script, scene: Callable[[Airflow], Any]) -> tuple[Airflow, Client]:
    """Play a scene on a clock of its own."""
    airflow, client = Airflow(), Client(script)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ClockLoop)
        patch.setitem(shared_polls._OF_LOOPS, loop, SharedPolls(make_client=lambda _: client))
        await scene(airflow)

    with pytest.MonkeyPatch.context() as patch:
        run_on_clock(main())
    return airflow, client


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [each["id"].split("/")[0] for each in events]


def arriving(*at: float) -> Script:
    """Return the script of devices that are with the customer from these times on."""
    return lambda now: [
        job(number, "WithCustomer" if now >= when else "New") for number, when in enumerate(at, 1)
    ]


@needs_memory
@pytest.mark.parametrize("blocks", [False, True])
def test_each_device_is_fired_once_over_restarts(blocks: bool) -> None:
    async def scene(airflow: Airflow) -> None:
        if blocks:
            airflow.accessor = BlockingAccessor(airflow)
        for _ in range(5):
            await airflow.run_for(300)

    airflow, _ = play(arriving(100, 700, 1e9), scene)
    assert ids(airflow.persisted) == ["JID1", "JID2"]
    assert airflow.persisted[0]["region"] == "us-east-1"


@needs_memory
def test_one_whose_pace_is_edited_is_the_same() -> None:
    async def scene(airflow: Airflow) -> None:
        await airflow.run_for(300)
        await airflow.run_for(300, poke_interval=30.0, botocore_config={"connect_timeout": 5})

    airflow, _ = play(arriving(0), scene)
    assert ids(airflow.persisted) == ["JID1"]


@needs_memory
def test_an_outage_delays_and_loses_nothing() -> None:
    down = RequestError(ErrorKind.DENIED, "no")

    async def scene(airflow: Airflow) -> None:
        await airflow.run_for(7200)

    airflow, _ = play(lambda now: down if now < 3600 else [job(1, "WithCustomer")], scene)
    assert ids(airflow.persisted) == ["JID1"]


@needs_memory
def test_what_cannot_be_remembered_is_not_fired_yet() -> None:
    async def scene(airflow: Airflow) -> None:
        airflow.away_until = 1000.0
        await airflow.run_for(900)
        assert airflow.fired == []
        await airflow.run_for(900)

    airflow, _ = play(arriving(0), scene)
    assert ids(airflow.persisted) == ["JID1"]


@pytest.mark.parametrize("fire", [pytest.param("each", marks=needs_memory), "all"])
@examples(200)
@given(
    st.lists(st.floats(0, 1500), min_size=1, max_size=4),
    st.lists(st.floats(0.5, 400), max_size=8),
)
def test_nothing_is_lost_and_a_repeat_has_the_same_id(
    fire: str, arrivals: list[float], lives: list[float]
) -> None:
    async def scene(airflow: Airflow) -> None:
        for seconds in lives:
            await airflow.run_for(seconds, fire=fire, min_jobs=len(arrivals))
        await airflow.run_for(5000, fire=fire, min_jobs=len(arrivals))

    airflow, _ = play(arriving(*arrivals), scene)
    expected = {f"JID{number}" for number in range(1, len(arrivals) + 1)} if fire == "each" else {CLUSTER}
    assert set(ids(airflow.persisted)) == expected
    # Once for each device, and once more for each kill at the most.
    assert len(airflow.fired) <= len(expected) * (len(lives) + 1)
    by_id = {payload["id"] for _, payload in airflow.fired}
    assert len(by_id) == len(expected)


@needs_memory
def test_watchers_of_a_cluster_share_its_polls() -> None:
    async def scene(airflow: Airflow) -> None:
        others = [Airflow() for _ in range(9)]
        await asyncio.gather(*(each.run_for(610) for each in (airflow, *others)))
        assert all(ids(each.persisted) == ["JID1"] for each in others)

    airflow, client = play(arriving(100), scene)
    assert ids(airflow.persisted) == ["JID1"]
    assert client.calls <= 14


@needs_memory
def test_two_hundred_watchers_of_twenty_clusters_make_twenty_calls_an_interval() -> None:
    crowd = [Airflow() for _ in range(200)]
    clusters = [f"CID123e4567-e89b-12d3-a456-{number:012d}" for number in range(20)]

    async def scene(_: Airflow) -> None:
        async def watch(number: int, airflow: Airflow) -> None:
            # They come one after the other, as DAGs are parsed.
            await asyncio.sleep(number)
            await airflow.run_for(7200 - number, poke_interval=600.0, cluster_id=clusters[number % 20])

        await asyncio.gather(*(watch(number, airflow) for number, airflow in enumerate(crowd)))

    _, client = play(arriving(1000), scene)
    assert all(ids(each.persisted) == ["JID1"] for each in crowd)
    # Twelve intervals, each of which may be shorter by a tenth.
    assert client.calls <= 20 * (12 / 0.9 + 1)


@needs_memory
@pytest.mark.parametrize("gone", [{"second"}, {"first"}])
def test_an_asset_that_is_gone_holds_up_no_other(gone: set[str]) -> None:
    """Airflow goes on naming it, and takes nothing for it."""

    async def scene(airflow: Airflow) -> None:
        stores = {name: OneOfTwo(airflow) for name in ("first", "second")}
        airflow.accessor = SimpleNamespace(_by_name=stores, _by_uri={})
        await airflow.run_for(600)
        for name in gone:
            stores[name].gone = True
        await airflow.run_for(1200)
        assert ids(airflow.persisted) == ["JID1", "JID2"]
        # One that comes back knows less: what it has missed is fired again, with the same id.
        for each in stores.values():
            each.gone = False
        await airflow.run_for(600)
        assert ids(airflow.persisted) == ["JID1", "JID2", "JID2", "JID3"]

    play(arriving(100, 1000, 2000), scene)


@needs_memory
def test_where_all_assets_are_gone_nothing_is_fired() -> None:
    async def scene(airflow: Airflow) -> None:
        stores = {name: OneOfTwo(airflow) for name in ("first", "second")}
        airflow.accessor = SimpleNamespace(_by_name=stores, _by_uri={})
        for each in stores.values():
            each.gone = True
        await airflow.run_for(600)
        assert airflow.fired == []

    play(arriving(100), scene)


@needs_memory
def test_the_same_jobs_are_the_same_watcher_in_whatever_order() -> None:
    asked = [[job_id(1), job_id(2)], [job_id(2), job_id(1), job_id(2)]]
    first, second = (SnowballJobsEventTrigger(job_ids=each).serialize() for each in asked)
    assert first == second


def test_what_is_stored_and_refused_ends_no_triggerer() -> None:
    """Airflow takes a TypeError for the trigger's own fault, and anything else for its own."""
    for asked in ({"fire": "first"}, {"also": ["lost"]}, {"target_state": "Teleported"}):
        with pytest.raises(TypeError) as raised:
            SnowballJobsEventTrigger(**({"cluster_id": CLUSTER, "fire": "all"} | asked))
        assert isinstance(raised.value, ValueError)


@needs_memory
def test_no_pace_is_faster_than_the_shortest_delay() -> None:
    async def scene(airflow: Airflow) -> None:
        await airflow.run_for(60, poke_interval=0)

    _, client = play(arriving(100), scene)
    # Each interval may be shorter by a tenth.
    assert 30 <= client.calls <= 60 / 0.9 + 1


def test_before_airflow_3_3_only_all_is_taken() -> None:
    """There, nothing is remembered."""
    refused: Any = pytest.raises(ValueError, match='fire="each" needs a place to remember')
    with nullcontext() if REMEMBERS else refused:
        SnowballJobsEventTrigger(cluster_id=CLUSTER)


@pytest.mark.xfail(
    not REMEMBERS, reason="asset watchers remember from Airflow 3.3 on", raises=ImportError, strict=True
)
def test_what_is_asked_of_the_store_airflow_has() -> None:
    """As little as the oldest line that remembers has is played by the accessor above."""
    from airflow.sdk.execution_time.context import AssetStateStoreAccessor

    has = {name for name in vars(AssetStateStoreAccessor) if not name.startswith("_")}
    assert {"get", "set"} <= has
    assert len({"aget", "aset"} & has) in (0, 2)
