"""A rehearsal that is kept: the same after any history, and after its process was killed."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from airflow_provider_snowball.emulator import (
    SnowballBackend,
    snowball_backends,
    snowball_clock,
    snowball_faults,
)
from airflow_provider_snowball.emulator.rehearsal.kept import as_text, from_text
from airflow_provider_snowball.emulator.rehearsal.models import announcer
from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.emulator.state_file import StateFile
from tests.emulator.api.calls import client_of, create_cluster, create_job, ids_of
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
    # And it goes on as any.
    for step in after:
        history.happen(*step)
    assert view(one)["listed"] == [job.job_id for job in one.listed_jobs()][:100]


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
    # At the speed that it had.
    assert state["clock"]["speed"] == 30 * 86400
    assert state["clock"]["now"] >= stands_at


def test_state_is_its_owners(run: Callable[..., Process], tmp_path: Path) -> None:
    run("--imports", "1")
    assert stat.S_IMODE((tmp_path / "rehearsal.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"form": 2}', '{"form": 1, "clock": 3, "running": false}'])
def test_what_is_no_state(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rehearsal.json"
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_snowball.emulator", "--state", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "is no state of a local Snowball" in done.stderr
    assert "move it away to begin anew" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_text() == text


def test_folder_that_there_is_not(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "rehearsal.json"
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_snowball.emulator", "--state", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
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
        assert StateFile(path).load()
        try:
            assert 10.25 * 3600 <= snowball_clock.now() - before < 100 * 3600
        finally:
            snowball_clock.configure(1.0)
        assert snowball_backends
