"""A rehearsal that is kept: the same after any history, and after its process was killed."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from airflow_provider_snowball.emulator import (
    SnowballBackend,
    snowball_clock,
    snowball_faults,
)
from airflow_provider_snowball.emulator.rehearsal.kept import as_text, from_text
from airflow_provider_snowball.emulator.rehearsal.models import announcer
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.emulator.api.calls import client_of, create_address, create_cluster, create_job, ids_of
from tests.emulator.snowball_calls import backend, eventually

DETAILS = {"ShippingOption": "EXPRESS"}
STATES = ("Listing", "PreparingAppliance", "InTransitToCustomer", "WithCustomer", "Teleporting")
#: What may happen, as a name and a number that picks what it happens to.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "cluster",
                "empty cluster",
                "import",
                "export",
                "node",
                "jump",
                "delay",
                "hold",
                "cancel_in",
                "send_on",
                "set_state",
                "cancel",
                "objects",
                "fail",
                "parts",
                "label",
                "pricing",
                "update",
            ]
        ),
        st.integers(0, 20),
    ),
    max_size=14,
)


class History:
    """Lets things happen to a backend; what cannot be does not."""

    def __init__(self, backend: SnowballBackend) -> None:
        self.backend = backend
        self.address = backend.create_address({"Street1": "1 Main St"})

    def happen(self, what: str, number: int) -> None:
        try:
            self._happen(what, number)
        except (IndexError, ValueError):
            pass
        except Exception as error:
            # The API says no.
            if not hasattr(error, "code"):
                raise

    def _happen(self, what: str, number: int) -> None:
        one, details = self.backend, DETAILS | {"AddressId": self.address}
        match what:
            case "cluster" | "empty cluster":
                one.create_cluster(
                    job_type="LOCAL_USE",
                    snowball_type="EDGE",
                    description=f"cluster {number}",
                    initial_cluster_size=None if "empty" in what else number % 4 + 1,
                    details=details,
                )
            case "import" | "export":
                pricing = {"LongTermPricingId": next(iter(one.pricing))} if one.pricing and number % 2 else {}
                topic = {"Notification": {"SnsTopicARN": "arn:aws:sns:us-east-1:1:t"}} if number % 3 else {}
                one.create_job(job_type=what.upper(), details=details | pricing | topic)
            case "pricing":
                one.create_long_term_pricing(pricing_type="OneYear", snowball_type="EDGE")
            case "jump":
                snowball_clock.jump(f"{number}d" if number % 2 else f"{number * 20}m")
            case "node":
                one.create_job(cluster_id=[*one.clusters][number], details={})
            case _:
                self._change(what, [*one.jobs][number % max(len(one.jobs), 1)], number)

    def _change(self, what: str, job_id: str, number: int) -> None:
        one = self.backend
        changes: dict[str, Callable[[], Any]] = {
            "delay": lambda: one.delay(job_id, f"{number}d"),
            "hold": lambda: one.hold(job_id, STATES[number % len(STATES)]),
            "cancel_in": lambda: one.cancel_in(job_id, STATES[number % len(STATES)]),
            "send_on": lambda: one.send_on(job_id),
            "set_state": lambda: one.set_state(job_id, STATES[number % len(STATES)]),
            "cancel": lambda: one.cancel_job(job_id),
            "objects": lambda: one.set_objects(job_id, {f"{each}.jpg": each for each in range(number)}),
            "fail": lambda: one.fail_objects(job_id, number),
            "parts": lambda: one.set_parts(job_id, number % 4),
            "label": lambda: one.create_return_shipping_label(job_id),
            "update": lambda: one.update_job(job_id, {"Description": f"said {number}"}),
        }
        changes[what]()


def view(one: SnowballBackend) -> dict[str, Any]:
    """Return all that can be seen of a backend, now and later."""
    now = snowball_clock.now()
    return {
        "listed": [each["JobId"] for each in one.list_jobs()[0]],
        "jobs": {
            job.job_id: (
                job.timeline(),
                job.listed_at,
                job.unlock_code,
                job.metadata(now, lambda *_: "link"),
                job.list_entry(now),
                job.contents.progress(0.6),
                job.return_label,
                [each.job_id for each in job.family],
                job.rest(now),
            )
            for job in one.jobs.values()
        },
        "clusters": [
            (each.metadata(now), [job.job_id for job in each.jobs], each.quorum, each.has_quorum)
            for each in one.clusters.values()
        ],
        "pricing": one.list_long_term_pricing()[0],
        "addresses": one.describe_addresses()[0],
        "topics": one.has_topics,
        "awaits": one.awaits_transition(),
    }


@pytest.fixture
def standing_still() -> Iterator[None]:
    with mock_aws():
        snowball_clock.pause()
        yield
        snowball_faults.clear()
        snowball_clock.reset()


@given(before=STEPS, after=STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("standing_still")
def test_nothing_is_lost(before: list[tuple[str, int]], after: list[tuple[str, int]]) -> None:
    one = backend()
    one.forget()
    history = History(one)
    for step in before:
        history.happen(*step)
    announcer.announce()
    seen = view(one)
    kept = as_text(one.snapshot())

    one.forget()
    one.restore(from_text(kept))

    assert view(one) == seen
    # What was announced is not announced again.
    assert one.take_transitions() == []
    assert as_text(one.snapshot()) == kept
    # And it goes on: whatever happens, its jobs walk on as they would have.
    for step in after:
        history.happen(*step)
    goes_on = view(one)
    assert set(goes_on["jobs"]) >= {job_id for job_id in seen["jobs"] if not _is_part(job_id, seen)}
    text = as_text(one.snapshot())
    one.restore(from_text(text))
    assert view(one) == goes_on


def _is_part(job_id: str, seen: dict[str, Any]) -> bool:
    """Tell whether a job is one of an export's parts, which may be divided anew."""
    *_, family, _ = seen["jobs"][job_id]
    return len(family) > 1 and family[0] != job_id


@pytest.mark.usefixtures("standing_still")
def test_places_are_kept_across_regions() -> None:
    regions = ("us-east-1", "us-west-2", "us-east-1", "us-west-2")
    details = DETAILS | {"AddressId": None}
    ids = []
    for region in regions:
        details["AddressId"] = backend(region).create_address({"Street1": "1 Main St"})
        ids.append(backend(region).create_job(job_type="IMPORT", details=dict(details)))
    kept = [from_text(as_text(backend(region).snapshot())) for region in ("us-west-2", "us-east-1")]
    addresses = backend().describe_addresses()[0]
    for each in kept:
        backend(each["region"]).forget()
    for each in kept:
        backend(each["region"]).restore(each)
    assert [each["JobId"] for each in backend().list_jobs()[0]] == ids
    assert backend().describe_addresses()[0] == addresses
    # What comes later comes after them.
    ids.append(backend("us-west-2").create_job(job_type="IMPORT", details=dict(details)))
    assert [each["JobId"] for each in backend().list_jobs()[0]] == ids


@contextmanager
def time_zone(name: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.usefixtures("standing_still")
def test_dates_of_a_request_stay(zone: str) -> None:
    with time_zone(zone):
        client = client_of()
        job_id = create_job(
            client,
            "IMPORT",
            PickupDetails={"IdentificationExpirationDate": datetime(2026, 1, 2, tzinfo=UTC)},
        )
        seen = client.describe_job(JobId=job_id)["JobMetadata"]["PickupDetails"]
        assert seen == {"IdentificationExpirationDate": datetime(2026, 1, 2, tzinfo=UTC)}
        one = backend()
        one.restore(from_text(as_text(one.snapshot())))
        assert client.describe_job(JobId=job_id)["JobMetadata"]["PickupDetails"] == seen


@pytest.mark.usefixtures("standing_still")
def test_a_snapshot_is_taken_whatever_others_do() -> None:
    one = backend()
    ends = threading.Event()

    def work() -> None:
        while not ends.is_set():
            address_id = one.create_address({"Street1": "1 Main St"})
            pricing_id = one.create_long_term_pricing(pricing_type="OneYear", snowball_type="EDGE")
            one.create_job(
                job_type="IMPORT",
                details=DETAILS | {"AddressId": address_id, "LongTermPricingId": pricing_id},
            )
            one.update_long_term_pricing(pricing_id, auto_renew=True)

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(work) for _ in range(4)]
        try:
            for _ in range(30):
                values = from_text(as_text(one.snapshot()))
                known = {each["job_id"] for each in values["jobs"]}
                assert known >= {job_id for each in values["pricing"] for job_id in each["job_ids"]}
        finally:
            ends.set()
        for future in futures:
            future.result()


class Process:
    """``snowball-emulator --state``."""

    def __init__(self, state: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "airflow_provider_snowball.emulator",
                "--state",
                str(state),
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.process.communicate()[1]
        self.client = client_of(self.url)

    def end(self, how: signal.Signals) -> str:
        self.process.send_signal(how)
        return self.process.communicate(timeout=120)[1]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def run(*options: str) -> Process:
        running.append(Process(tmp_path / "rehearsal.json", *options))
        return running[-1]

    yield run
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def ended_at_once(state: Path) -> subprocess.CompletedProcess[str]:
    """Return what the command said that did not begin to serve."""
    return subprocess.run(
        [sys.executable, "-m", "airflow_provider_snowball.emulator", "--state", str(state)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def order_of(job: dict[str, Any]) -> int:
    order = ["New", "Listing", "Pending", "PreparingAppliance", "PreparingShipment", "InTransitToCustomer"]
    return order.index(job["JobState"]) if job["JobState"] in order else len(order)


def test_killed_at_once_after_an_answer(run: Callable[..., Process]) -> None:
    first = run("--speed", "1d/s")
    cluster_id = create_cluster(first.client, 3)
    job_id = create_job(first.client, "IMPORT")
    listed = first.client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]
    first.end(signal.SIGKILL)

    second = run("--speed", "1d/s", "--clusters", "2")
    again = second.client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]
    assert [each["JobId"] for each in again] == [each["JobId"] for each in listed]
    # Time has not gone back.
    assert all(order_of(now) >= order_of(then) for now, then in zip(again, listed, strict=True))
    assert job_id in [each["JobId"] for each in second.client.list_jobs()["JobListEntries"]]
    # The examples are for a rehearsal that is new.
    assert len(second.client.list_clusters()["ClusterListEntries"]) == 1
    eventually(
        lambda: second.client.describe_job(JobId=job_id)["JobMetadata"]["JobState"] != listed[0]["JobState"]
    )


def test_ended_politely_time_stands_still(run: Callable[..., Process], tmp_path: Path) -> None:
    first = run("--speed", "30d/s", "--imports", "1")
    (job,) = first.client.list_jobs()["JobListEntries"]
    first.end(signal.SIGTERM)
    state = json.loads((tmp_path / "rehearsal.json").read_text())
    assert state["running"] is False
    stands_at = state["clock"]["now"]
    # As if a month had passed.
    os.utime(tmp_path / "rehearsal.json", (2e9, 2e9))

    second = run("--speed", "1")
    (again,) = second.client.list_jobs()["JobListEntries"]
    assert again["JobId"] == job["JobId"]
    second.end(signal.SIGKILL)
    state = json.loads((tmp_path / "rehearsal.json").read_text())
    # At the speed that it had, and not as if it had run for years.
    assert state["clock"]["speed"] == 30 * 86400
    assert 0 <= state["clock"]["now"] - stands_at < 300 * 30 * 86400


def test_state_is_its_owners(run: Callable[..., Process], tmp_path: Path) -> None:
    run("--imports", "1")
    assert stat.S_IMODE((tmp_path / "rehearsal.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"form": 2}', '{"form": 1, "clock": 3, "running": false}'])
def test_what_is_no_state(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rehearsal.json"
    path.write_text(text)
    done = ended_at_once(path)
    assert done.returncode == 1
    assert "is no state of a local Snowball" in done.stderr
    assert "move it away to begin anew" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_text() == text


def test_folder_that_there_is_not(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "rehearsal.json"
    done = ended_at_once(path)
    assert (done.returncode, done.stderr.startswith("Cannot keep ")) == (1, True), done.stderr


class TestServer:
    def test_faults_and_limits(self, tmp_path: Path) -> None:
        path = tmp_path / "rehearsal.json"
        with SnowballServer(state=path) as server:
            assert not server.resumed
            snowball_clock.set_speed("2h/s", paused=True)
            fault = snowball_faults.add("throttle", operations=["ListJobs"], count=2, during="1d")
            client_of(server.endpoint_url).list_jobs()
            backend("eu-west-1").set_device_limit(4)
            described = fault.described()
            assert described["hits"] == 2
        assert snowball_faults.list() == []
        with SnowballServer(state=path) as server:
            assert server.resumed
            assert (snowball_clock.speed, snowball_clock.paused) == (7200, True)
            assert [each.described() for each in snowball_faults.list()] == [described]
            assert backend("eu-west-1").device_limit == 4
            # It has struck as often as it may.
            client_of(server.endpoint_url).list_jobs()
            assert snowball_faults.add("reset").id == fault.id + 1

    def test_lost_answer_is_kept(self, tmp_path: Path) -> None:
        """What a client never hears of was carried out all the same."""
        path = tmp_path / "rehearsal.json"
        with SnowballServer(state=path) as server:
            client = client_of(server.endpoint_url)
            cluster_id = create_cluster(client, 1)
            snowball_faults.add("lost_answer", operations=["CreateJob"], count=1)
            client.create_job(ClusterId=cluster_id)
            kept = json.loads(path.read_text())
            assert len(kept["backends"][0]["jobs"]) == len(ids_of(client, cluster_id)) == 3

    def test_only_what_changes_is_written(self, tmp_path: Path) -> None:
        path = tmp_path / "rehearsal.json"
        with SnowballServer(state=path) as server:
            client = client_of(server.endpoint_url)
            create_cluster(client, 1)
            written = json.loads(path.read_text())["written"]
            client.list_jobs()
            client_of(server.endpoint_url, service="s3").create_bucket(Bucket="bucket")
            assert json.loads(path.read_text())["written"] == written
            create_job(client, "IMPORT")
            assert json.loads(path.read_text())["written"] > written

    def test_lives_for_as_long_as_its_file_says(self, tmp_path: Path) -> None:
        path = tmp_path / "rehearsal.json"
        with SnowballServer(state=path, speed="1h/s"):
            pass
        state = json.loads(path.read_text())
        path.write_text(json.dumps({**state, "running": True}))
        os.utime(path, (state["written"] + 10, state["written"] + 10))
        before = state["clock"]["now"]
        with SnowballServer(state=path) as server:
            assert server.resumed
            assert 10 * 3600 - 1 <= snowball_clock.now() - before < 600 * 3600

    def test_each_answer_is_signed_with_the_time(self, tmp_path: Path) -> None:
        """Whatever was seen before a kill has happened after it."""
        path = tmp_path / "rehearsal.json"
        with SnowballServer(state=path, speed="30d/s") as server:
            client = client_of(server.endpoint_url)
            create_job(client, "IMPORT")
            for _ in range(20):
                before = snowball_clock.now()
                client.list_jobs()
                state = json.loads(path.read_text())
                lived = path.stat().st_mtime - state["written"]
                # What a server that began here would take for now; floats of today have microseconds.
                assert state["clock"]["now"] + (lived + 1e-5) * state["clock"]["speed"] >= before

    def test_request_under_way_at_its_end_changes_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "rehearsal.json"
        held = threading.Event()
        with SnowballServer(state=path) as server, ThreadPoolExecutor(1) as pool:
            client = client_of(server.endpoint_url)
            create_job(client, "IMPORT")
            snowball_faults.add("latency", seconds=1, operations=["CreateAddress"])
            sleep, snowball_faults.sleep = snowball_faults.sleep, lambda _: held.wait(60)
            try:
                late = pool.submit(create_address, client)
                eventually(lambda: snowball_faults.list()[0].hits)
                server.stop()
                kept = path.read_text()
                held.set()
                with suppress(Exception):
                    late.result(timeout=60)
            finally:
                snowball_faults.sleep = sleep
        assert path.read_text() == kept
        assert json.loads(kept)["running"] is False
        assert len(json.loads(kept)["backends"][0]["jobs"]) == 1

    def test_one_server_at_a_time(self, tmp_path: Path) -> None:
        path = tmp_path / "rehearsal.json"
        with SnowballServer(state=path):
            done = ended_at_once(path)
        assert done.returncode == 1
        assert done.stderr == (
            f"{path} is in use by another local Snowball; end that one, or name another file\n"
        )
        with SnowballServer(state=path) as server:
            assert server.resumed

    def test_links_are_good_after_it(self, tmp_path: Path) -> None:
        path = tmp_path / "rehearsal.json"
        with SnowballServer(state=path) as server:
            client = client_of(server.endpoint_url)
            job_id = create_job(client, "IMPORT")
            link = urllib.parse.urlsplit(client.get_software_updates(JobId=job_id)["UpdatesURI"])
        with SnowballServer(state=path) as server:
            again = link._replace(netloc=urllib.parse.urlsplit(server.endpoint_url).netloc).geturl()
            with urllib.request.urlopen(again, timeout=60) as answer:
                assert answer.status == 200

    def test_what_cannot_be_kept_is_answered_all_the_same(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        with SnowballServer(state=folder / "rehearsal.json") as server:
            client = client_of(server.endpoint_url)
            create_job(client, "IMPORT")
            folder.rename(tmp_path / "gone")
            assert create_job(client, "IMPORT")
            assert len(client.list_jobs()["JobListEntries"]) == 2
            (tmp_path / "gone").rename(folder)
        assert "Cannot keep the rehearsal in " in caplog.text
        assert len(json.loads((folder / "rehearsal.json").read_text())["backends"][0]["jobs"]) == 2

    def test_half_of_a_state_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "rehearsal.json"
        with SnowballServer(state=path) as server:
            create_job(client_of(server.endpoint_url), "IMPORT")
        path.write_text(json.dumps({**json.loads(path.read_text()), "faults": [{"id": 1}]}))
        with pytest.raises(ValueError, match="is no state of a local Snowball"):
            SnowballServer(state=path, speed="1d/s").start()
        # Nothing of it is left in the process.
        assert backend().jobs == {}
        assert snowball_clock.speed == 1

    def test_its_end_forgets_all_though_it_cannot_be_kept(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        server = SnowballServer(state=folder / "rehearsal.json", speed="1d/s")
        server.start()
        create_job(client_of(server.endpoint_url), "IMPORT")
        folder.rename(tmp_path / "gone")
        with pytest.raises(FileNotFoundError):
            server.stop()
        assert backend().jobs == {}
        assert snowball_clock.speed == 1
