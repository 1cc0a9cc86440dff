"""Each example DAG, run to its end by Airflow's own runner, on the emulator."""

from __future__ import annotations

import logging
import re
import runpy
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.waiting.machine import drive
from airflow_provider_snowball.waiting.watch import Watch
from tests.fakes.emulated import (
    client_of,
    create_address,
    create_bucket,
    jobs_at,
    order_cluster,
    order_import,
    steer,
)
from tests.fakes.fleet_server import connection
from tests.integration.airflow_runner import Run, run_dag

EXAMPLES = Path(__file__).parents[2] / "example_dags"
NEXT_TO_NOTHING = 1.0
HALF_A_DAY = 43200.0
A_DAY = 86400.0
THREE_DAYS = 259200.0

RunExample = Callable[..., Run]


@pytest.fixture
def run_example(airflow_home: Path) -> RunExample:
    """Return what runs an example with these params."""

    def run(name: str, *, mark_success: str | None = None, **params: Any) -> Run:
        source = EXAMPLES / f"example_snowball_{name}.py"
        return run_dag(airflow_home, source, params, mark_success=mark_success)

    return run


@pytest.fixture
def snowball(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[SnowballServer]:
    """Return a Snowball in which so many simulated seconds pass in each."""
    with SnowballServer(speed=getattr(request, "param", A_DAY)) as server:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(server.endpoint_url))
        monkeypatch.setenv("AIRFLOW__SNOWBALL__POKE_INTERVAL", "0.1")
        yield server


def ordered(snowball: SnowballServer, devices: int, **where: Any) -> tuple[str, list[str]]:
    """Order a cluster whose devices stay once they have arrived; return its id and those of its jobs."""
    client = client_of(snowball.endpoint_url, **where)
    cluster_id = order_cluster(client, devices)
    jobs = [each["JobId"] for each in client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]]
    for job_id in jobs:
        steer(snowball.endpoint_url, job_id, hold="WithCustomer")
    return cluster_id, jobs


def asks_people() -> bool:
    """Tell whether this Airflow has an operator that asks a person."""
    return Version(airflow_version) >= Version("3.1")


def ids(run: Run, task_id: str, map_index: int = -1) -> list[str]:
    return [entry["JobId"] for entry in run.xcoms[task_id, map_index]]


class TestClusterJobs:
    def test_copies_to_each_device(self, snowball: SnowballServer, run_example: RunExample) -> None:
        cluster_id, jobs = ordered(snowball, 5)
        run = run_example("cluster_jobs", cluster_id=cluster_id, min_jobs=5)
        assert run.state == "success"
        assert sorted(ids(run, "wait_for_devices")) == sorted(ids(run, "list_jobs")) == sorted(jobs)
        assert [run.xcoms["copy_to_device", index] for index in range(5)] == [
            f"copying to the device of {each}, which is WithCustomer" for each in ids(run, "devices_here")
        ]

    @pytest.mark.parametrize("gone", [1, 5])
    @pytest.mark.parametrize("snowball", [NEXT_TO_NOTHING], indirect=True)
    @pytest.mark.parametrize("state", ["InTransitToAWS", "Complete"])
    def test_copies_to_none_if_devices_have_left(
        self, snowball: SnowballServer, run_example: RunExample, gone: int, state: str
    ) -> None:
        """As in a run that is late, or was cleared."""
        cluster_id, jobs = ordered(snowball, 5)
        for number, job_id in enumerate(jobs):
            steer(snowball.endpoint_url, job_id, state=state if number < gone else "WithCustomer")
        run = run_example("cluster_jobs", cluster_id=cluster_id, min_jobs=5)
        assert run.state == "failed"
        assert len(ids(run, "wait_for_devices")) == 5
        assert len(ids(run, "list_jobs")) == 5 - gone
        assert run.states["devices_here", -1] == "failed"
        assert run.states["copy_to_device", -1] == "upstream_failed"


@pytest.mark.parametrize("snowball", [NEXT_TO_NOTHING], indirect=True)
def test_tells_of_devices_that_moved(
    snowball: SnowballServer, run_example: RunExample, airflow_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of all changes together at the end, since those of an hour are."""
    client = client_of(snowball.endpoint_url)
    cluster_id = order_cluster(client, 5)
    jobs = [each["JobId"] for each in client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]]

    def has_polled() -> bool:
        query = "select count(*) from xcom where dag_id = 'example_snowball_tell' and key = 'devices'"
        with closing(sqlite3.connect(airflow_home / "airflow.db", timeout=60)) as database:
            return bool(database.execute(query).fetchone()[0])

    def arrive_once_it_has_polled() -> None:
        while not ended.wait(0.2):
            if has_polled():
                for job_id in jobs:
                    steer(snowball.endpoint_url, job_id, state="WithCustomer")
                return

    ended = Event()
    sender = Thread(target=arrive_once_it_has_polled)
    sender.start()
    try:
        with caplog.at_level(logging.INFO, logger="example_snowball_tell"):
            run = run_example("tell", cluster_id=cluster_id, min_jobs=5)
    finally:
        ended.set()
        sender.join()
    assert run.state == "success"
    told = set(re.findall(r"reached: .* -> \w+ \((JID[-\w]+)/", caplog.text))
    assert told == set(jobs) == {each["job_id"] for each in run.devices["wait_for_devices", -1]}


@pytest.mark.parametrize("snowball", [THREE_DAYS], indirect=True)
class TestMigration:
    @pytest.fixture
    def imports(self, snowball: SnowballServer) -> list[str]:
        client = client_of(snowball.endpoint_url)
        create_bucket(snowball.endpoint_url)
        return [order_import(client) for _ in range(2)]

    def test_everything_arrived(
        self, snowball: SnowballServer, imports: list[str], run_example: RunExample, tmp_path: Path
    ) -> None:
        sizes = {f"tray/{number}": number for number in range(3)}
        for number, job_id in enumerate(imports):
            steer(snowball.endpoint_url, job_id, objects={f"{number}/{key}": sizes[key] for key in sizes})
        manifest = tmp_path / "manifest.csv"
        rows = [f"{number}/{key},{size}" for number in range(2) for key, size in sizes.items()]
        manifest.write_text("\n".join(["key,size", *rows, ""]))
        # Nobody is there to approve.
        run = run_example("migration", mark_success="approve", job_ids=imports, manifest=str(manifest))
        assert run.state == "success"
        assert sorted(ids(run, "wait_for_imports")) == sorted(imports)
        assert run.states["list_what_differs", -1] == "skipped"
        assert run.xcoms["everything_is_there", -1] == "6 objects, 6 bytes"
        if asks_people():
            assert run.states["approve", -1] == "success"
            assert run.xcoms["source_may_be_deleted", -1] == "the source may be deleted"

    def test_without_a_manifest_the_logs_say_what_should_be_there(
        self, imports: list[str], run_example: RunExample
    ) -> None:
        run = run_example("migration", mark_success="approve", job_ids=imports)
        # Both have the same keys, with sizes of their own.
        assert run.state == "failed"
        assert run.xcoms["list_what_differs", -1][0]["kind"] == "wrong_size"

    @pytest.fixture
    def one_failed(
        self, snowball: SnowballServer, imports: list[str], run_example: RunExample
    ) -> Callable[[], Run]:
        """Return what runs the migration of two imports, an object of which failed."""
        steer(snowball.endpoint_url, imports[0], objects={"0.jpg": 1})
        steer(
            snowball.endpoint_url,
            imports[1],
            objects={"a.jpg": 1, "b.jpg": 2},
            failed_objects={"b.jpg": "gone"},
        )
        return lambda: run_example("migration", job_ids=imports)

    def test_objects_that_failed_keep_the_source(self, one_failed: Callable[[], Run]) -> None:
        run = one_failed()
        assert run.state == "failed"
        assert [(each["kind"], each["key"]) for each in run.xcoms["list_what_differs", -1]] == [
            ("failed", "b.jpg")
        ]
        assert run.states["verify", -1] == "failed"
        assert run.states["everything_is_there", -1] == "upstream_failed"
        if asks_people():
            assert run.states["approve", -1] == run.states["source_may_be_deleted", -1] == "upstream_failed"

    @pytest.mark.xfail(
        Version("3.0") <= Version(airflow_version) < Version("3.1"),
        reason="among its debug lines, Airflow 3.0 prints what a task asks it to mask",
        raises=AssertionError,
        strict=True,
    )
    def test_no_link_to_a_log_is_kept(
        self, one_failed: Callable[[], Run], airflow_home: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Not in XComs, rendered templates, the tasks' logs or output."""
        run = one_failed()
        logs = "".join(file.read_text() for file in (airflow_home / "logs").rglob("*.log"))
        for kept in (repr(run), logs, *capfd.readouterr()):
            assert "X-Amz" not in kept

    def test_a_cancelled_import_keeps_the_source(
        self, snowball: SnowballServer, imports: list[str], run_example: RunExample
    ) -> None:
        steer(snowball.endpoint_url, imports[0], cancel_in="InProgress")
        run = run_example("migration", job_ids=imports)
        assert run.state == "failed"
        assert run.states["wait_for_imports", -1] == "failed"
        assert run.states["verify", -1] == "upstream_failed"
        assert run.xcoms["list_what_differs", -1] == []

    def test_prefix_by_prefix(self, imports: list[str], run_example: RunExample) -> None:
        run = run_example("verify_by_prefix", job_ids=imports[:1])
        assert run.state == "success"
        assert [run.xcoms["verify", index]["alike"] for index in range(2)] == [99, 1]


class TestPerDevice:
    def test_from_arrival_to_departure(
        self, snowball: SnowballServer, run_example: RunExample, airflow_home: Path
    ) -> None:
        cluster_id, jobs = ordered(snowball, 3)

        def copied() -> set[tuple[str, int]]:
            with closing(sqlite3.connect(airflow_home / "airflow.db", timeout=60)) as database:
                copies = (
                    "select run_id, map_index from task_instance where task_id = ? and state in (?, ?, ?)"
                )
                states = ("success", "failed", "upstream_failed")
                return set(database.execute(copies, ("device.copy_to_device", *states)).fetchall())

        def send_back_once_copied() -> None:
            # A device that leaves by the clock may be gone before a slow machine has begun the copy. Where
            # one fails, it leaves as well: the run has to end.
            here = dict(enumerate(jobs))
            while here and not ended.wait(0.2):
                for _, index in copied() - before:
                    if job_id := here.pop(index, None):
                        steer(snowball.endpoint_url, job_id, send_on=True)

        before = copied()
        ended = Event()
        sender = Thread(target=send_back_once_copied)
        sender.start()
        try:
            run = run_example("per_device", cluster_id=cluster_id, min_jobs=3)
        finally:
            ended.set()
            sender.join()
        assert run.state == "success"
        listed = ids(run, "wait_for_list")
        assert len(listed) == 3
        for index, job_id in enumerate(listed):
            assert ids(run, "device.wait_for_arrival", index) == [job_id]
            assert run.xcoms["device.copy_to_device", index] == f"copied to the device of {job_id}"
            assert ids(run, "device.wait_until_sent_back", index) == [job_id]

    @pytest.mark.parametrize("snowball", [NEXT_TO_NOTHING], indirect=True)
    def test_a_device_that_has_left_fails_its_copy(
        self, snowball: SnowballServer, run_example: RunExample
    ) -> None:
        cluster_id, jobs = ordered(snowball, 3)
        for job_id, state in zip(jobs, ("InTransitToAWS", "WithAWS", "Complete"), strict=True):
            steer(snowball.endpoint_url, job_id, state=state)
        run = run_example("per_device", cluster_id=cluster_id, min_jobs=3)
        assert run.state == "failed"
        for index in range(3):
            assert run.states["device.wait_for_arrival", index] == "success"
            assert run.states["device.copy_to_device", index] == "failed"


def test_fleet(snowball: SnowballServer, run_example: RunExample, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sites: two regions of an account, and another account by a role of its own."""
    role = "arn:aws:iam::111122223333:role/snowball"
    here = snowball.endpoint_url
    other_account = connection(here, role_arn=role, service_config={"sts": {"endpoint_url": here}})
    monkeypatch.setenv("AIRFLOW_CONN_OTHER_ACCOUNT", other_account)
    places: list[tuple[str, str, str | None]]
    places = [("aws_default", "us-east-1", None), ("aws_default", "eu-central-1", None)]
    places.append(("other_account", "us-east-1", role))
    sites = []
    for devices, (conn_id, region, role_arn) in enumerate(places, 2):
        cluster_id, _ = ordered(snowball, devices, region_name=region, role_arn=role_arn)
        site = {"cluster_id": cluster_id, "min_jobs": devices, "aws_conn_id": conn_id, "region_name": region}
        sites.append(site)
    run = run_example("fleet", sites=sites)
    assert run.state == "success"
    assert run.xcoms["report", -1] == ["2 of 2 are there", "3 of 3 are there", "4 of 4 are there"]


@pytest.mark.xfail(
    Version(airflow_version) < Version("3.3"), reason="watchers remember from Airflow 3.3 on", strict=True
)
class TestArrivals:
    @pytest.fixture
    def handled(self, airflow_home: Path, tmp_path: Path) -> Callable[..., tuple[str, list[str]]]:
        """Return what runs the example for a cluster: how the run ended, and what it handled."""

        def run(cluster_id: str, fails: str = "never") -> tuple[str, list[str]]:
            example = tmp_path / "example_snowball_arrivals.py"
            text = re.sub("CID[-0-9a-f]{36}", cluster_id, (EXAMPLES / example.name).read_text())
            # Instead of a copy that fails.
            copying = '        if event["event"] == "reached":\n'
            assert copying in text
            fail = f'        if "{fails}" in event["id"]:\n            raise RuntimeError("no space left")\n'
            example.write_text(text.replace(copying, fail + copying))
            run = run_dag(airflow_home, example)
            return run.state, sorted(text for (task_id, _), text in run.xcoms.items() if task_id == "handle")

        return run

    @pytest.mark.parametrize("snowball", [NEXT_TO_NOTHING], indirect=True)
    def test_each_once(self, snowball: SnowballServer, handled: Callable[..., tuple[str, list[str]]]) -> None:
        """Also if a run is told of no event, as Airflow leaves some out."""
        cluster_id, (here, cancelled, gone, on_its_way) = ordered(snowball, 4)
        assert handled(cluster_id) == ("success", [])
        for job_id, state in ((here, "WithCustomer"), (cancelled, "Cancelled"), (gone, "InTransitToAWS")):
            steer(snowball.endpoint_url, job_id, state=state)
        both = sorted([f"{here}/WithCustomer/reached", f"{cancelled}/WithCustomer/cancelled"])
        assert handled(cluster_id) == ("success", both)
        assert handled(cluster_id) == ("success", [])
        steer(snowball.endpoint_url, on_its_way, state="WithCustomer")
        assert handled(cluster_id) == ("success", [f"{on_its_way}/WithCustomer/reached"])

    @pytest.mark.parametrize("snowball", [NEXT_TO_NOTHING], indirect=True)
    def test_one_that_failed_is_handled_again_and_no_other(
        self, snowball: SnowballServer, handled: Callable[..., tuple[str, list[str]]]
    ) -> None:
        cluster_id, jobs = ordered(snowball, 3)
        for job_id in jobs:
            steer(snowball.endpoint_url, job_id, state="WithCustomer")
        ids = sorted(f"{each}/WithCustomer/reached" for each in jobs)
        failed = f"{jobs[1]}/WithCustomer/reached"
        assert handled(cluster_id, fails=jobs[1]) == ("failed", [each for each in ids if each != failed])
        assert handled(cluster_id) == ("success", [failed])
        assert handled(cluster_id) == ("success", [])

    @pytest.mark.parametrize("snowball", [NEXT_TO_NOTHING], indirect=True)
    def test_a_run_that_cannot_list_handles_and_forgets_nothing(
        self, snowball: SnowballServer, handled: Callable[..., tuple[str, list[str]]]
    ) -> None:
        cluster_id, (here, *_) = ordered(snowball, 3)
        steer(snowball.endpoint_url, here, state="WithCustomer")
        assert handled(cluster_id) == ("success", [f"{here}/WithCustomer/reached"])
        assert handled("CID00000000-0000-0000-0000-000000000000") == ("failed", [])
        assert handled(cluster_id) == ("success", [])

    @pytest.fixture
    def example(self) -> dict[str, Any]:
        return runpy.run_path(str(EXAMPLES / "example_snowball_arrivals.py"))

    def test_nothing_has_ended_before_all_are_listed(self, example: dict[str, Any]) -> None:
        watch = Watch(example["each_device"]._config)

        def judged(*states: str) -> list[str]:
            jobs = [{"JobId": f"JID{number}", "JobState": state} for number, state in enumerate(states)]
            judging = watch.judge(jobs, lambda: datetime(2026, 1, 1, tzinfo=UTC))
            return [each["event"] for each in drive(judging, lambda _: {"ClusterState": "Pending"})]

        assert judged("Cancelled") == ["cancelled"]
        assert judged("Cancelled", "New", "New", "New", "WithCustomer") == ["reached"]
        assert judged(*["Cancelled"] * 5).count("ended") == 1

    @pytest.mark.parametrize("extra", [None, {}, {"from_rest_api": True}])
    def test_an_event_that_somebody_made_by_hand_is_passed_over(
        self, example: dict[str, Any], extra: Any
    ) -> None:
        class Event:
            def __init__(self, extra: Any) -> None:
                self.extra = extra

        devices = [{"name": name, "outlook": name} for name in ("reached", "ignored")]
        told = {"asset": [Event(extra), Event({"payload": {"id": "x", "devices": devices}})]}
        form_cluster = example["form_cluster"].function
        assert form_cluster(triggering_asset_events=told) == ["reached"]
        assert form_cluster(triggering_asset_events={"asset": [Event(extra)]}) == []


@pytest.fixture
def may_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SNOWBALL__ALLOW_ORDERS", "True")


@pytest.mark.parametrize("snowball", [HALF_A_DAY], indirect=True)
def test_replace_node(snowball: SnowballServer, run_example: RunExample, may_order: None) -> None:
    client = client_of(snowball.endpoint_url)
    cluster_id = order_cluster(client, devices=3)
    run = run_example("replace_node", cluster_id=cluster_id)
    assert run.state == "success"
    replacement = run.xcoms["order_replacement", -1]
    assert ids(run, "wait_for_replacement") == [replacement]
    assert run.xcoms["join_cluster", -1] == f"{replacement} joined"
    listed = client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]
    assert len(listed) == 4


@pytest.mark.parametrize("snowball", [NEXT_TO_NOTHING], indirect=True)
class TestOrder:
    @pytest.fixture
    def site(self, snowball: SnowballServer, tmp_path: Path) -> dict[str, str]:
        create_bucket(snowball.endpoint_url)
        manifest = tmp_path / "oslo.csv"
        manifest.write_text("key,size\na.jpg,1\nb.jpg,2\n")
        address_id = create_address(client_of(snowball.endpoint_url))
        return {"site": "Oslo", "address_id": address_id, "bucket": "archive", "manifest": str(manifest)}

    @pytest.fixture
    def shown(self, site: dict[str, str], run_example: RunExample) -> dict[str, Any]:
        """Return the order, as a run has shown it that nobody approved."""
        others = "approve_order|is_approved|order|wait_.*|hand_over|verify|ask|everything_.*|list_.*"
        example = run_example("order", mark_success=others, **site)
        return dict(example.xcoms["show", -1])

    @pytest.fixture
    def ordered(
        self,
        snowball: SnowballServer,
        site: dict[str, str],
        shown: dict[str, Any],
        run_example: RunExample,
        may_order: None,
        airflow_home: Path,
    ) -> Callable[[dict[str, int]], Run]:
        """Return what runs the approved order to its end, with what the device brings: sizes by name."""

        def handed_over() -> int:
            query = "select count(*) from task_instance where task_id = 'hand_over' and state = 'success'"
            with closing(sqlite3.connect(airflow_home / "airflow.db", timeout=60)) as database:
                return int(database.execute(query).fetchone()[0])

        def run(brought: dict[str, int]) -> Run:
            # The run that showed the order has marked it so.
            before = handed_over()
            ended = Event()

            def go_on() -> None:
                """Let the device arrive, and come back once it was handed over."""
                while not ended.wait(0.2):
                    for job in jobs_at(snowball.endpoint_url):
                        if job["state"] == "New":
                            steer(snowball.endpoint_url, job["job_id"], objects=brought)
                            steer(snowball.endpoint_url, job["job_id"], state="WithCustomer")
                        elif job["state"] == "WithCustomer" and handed_over() > before:
                            steer(snowball.endpoint_url, job["job_id"], state="Complete")

            sender = Thread(target=go_on)
            sender.start()
            try:
                approved = "" if asks_people() else shown["fingerprint"]
                return run_example("order", mark_success="approve_order|ask", **site, approved=approved)
            finally:
                ended.set()
                sender.join()

        return run

    def test_from_the_order_to_the_last_step(
        self, snowball: SnowballServer, ordered: Callable[[dict[str, int]], Run]
    ) -> None:
        client = client_of(snowball.endpoint_url)
        assert client.list_jobs()["JobListEntries"] == []
        run = ordered({"a.jpg": 1, "b.jpg": 2})
        assert run.state == "success"
        [entry] = client.list_jobs()["JobListEntries"]
        assert entry["Description"].startswith("Oslo [af-")
        assert run.xcoms["order", -1] == entry["JobId"]
        assert ids(run, "wait_for_import") == [entry["JobId"]]
        assert run.xcoms["verify", -1]["alike"] == 2
        assert run.xcoms["hand_over", -1].endswith("a code of 29 characters")
        assert run.states["list_what_differs", -1] == "skipped"

    def test_what_is_lacking_fails_the_run(self, ordered: Callable[[dict[str, int]], Run]) -> None:
        """Though the task that lists it is the last one, and succeeds."""
        run = ordered({"a.jpg": 1})
        assert run.state == "failed"
        assert run.states["verify", -1] == "failed"
        assert [each["key"] for each in run.xcoms["list_what_differs", -1]] == ["b.jpg"]

    @pytest.mark.skipif(asks_people(), reason="a person is asked")
    def test_nothing_is_ordered_unless_approved(
        self, snowball: SnowballServer, site: dict[str, str], run_example: RunExample, may_order: None
    ) -> None:
        run = run_example("order", **site, approved="")
        assert run.state == "success"
        assert run.states["order", -1] == "skipped"
        assert client_of(snowball.endpoint_url).list_jobs()["JobListEntries"] == []


# Nothing moves by itself: AWS cancels no job that is being prepared.
@pytest.mark.parametrize("snowball", [1.0], indirect=True)
def test_cancel(snowball: SnowballServer, run_example: RunExample) -> None:
    client = client_of(snowball.endpoint_url)
    job_id = order_import(client)
    run = run_example("cancel", job_id=job_id)
    assert run.state == "success"
    assert run.xcoms["cancel", -1]["JobState"] == client.list_jobs()["JobListEntries"][0]["JobState"]


def test_a_plan_loses_no_device() -> None:
    runs = runpy.run_path(str(EXAMPLES / "example_snowball_order.py"))["runs"].function
    rows = [{"id": each, "site": "Oslo"} for each in ("oslo-1", "oslo-2")]
    begun = [each["trigger_run_id"] for each in runs(params={"sites": rows}, run_id="manual__1")]
    assert begun == ["manual__1__oslo-1", "manual__1__oslo-2"]
    for another in ("oslo-1", "Troms\u00f8"):
        with pytest.raises(ValueError, match=another):
            runs(params={"sites": [*rows, {"id": another}]}, run_id="manual__1")
