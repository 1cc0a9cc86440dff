"""What a watcher tells, and that it tells it once."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_snowball.waiting.calls import (
    Call,
    DescribeCluster,
    DescribeJob,
    ErrorKind,
    RequestError,
)
from airflow_provider_snowball.waiting.machine import drive
from airflow_provider_snowball.waiting.watch import Watch, WatchConfig

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"


def job(number: int, state: str, **more: Any) -> dict[str, Any]:
    """Return an entry of a listing."""
    entry = {"JobId": f"JID{number}", "JobState": state, "JobType": "LOCAL_USE"}
    return entry | {"Description": f"tray {number}"} | more


def unasked(call: Call) -> Any:
    raise AssertionError(f"nobody needs {call}")


def config(**asked: Any) -> WatchConfig:
    return WatchConfig.read({"cluster_id": CLUSTER, "target_state": "WithCustomer"} | asked)


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in events]


def judge(
    watch: Watch,
    listing: list[dict[str, Any]],
    now: datetime,
    where: dict[str, Any] | None = None,
    ask: Callable[[Call], Any] = unasked,
) -> list[dict[str, Any]]:
    """Return what is due after a listing."""
    return drive(watch.judge(listing, lambda: now, where), ask)


def again(watch: Watch) -> Watch:
    """Return a watch as another process has it."""
    return Watch(watch.config, json.loads(json.dumps(watch.memory())))


NEW = [job(1, "New"), job(2, "New")]
ONE = [job(1, "WithCustomer"), job(2, "New")]
BOTH = [job(1, "InTransitToAWS"), job(2, "WithCustomer")]


class TestEach:
    def test_each_device_once(self) -> None:
        watch = Watch(config())
        told = []
        for day, listing in enumerate([NEW, ONE, ONE, BOTH, BOTH]):
            events = judge(watch, listing, START + day * DAY)
            told.append(ids(events))
            watch.mark_told(events, START + day * DAY)
            watch = again(watch)
        assert told == [[], ["JID1/WithCustomer/reached"], [], ["JID2/WithCustomer/reached"], []]

    def test_what_nobody_knows_to_be_told_is_pending(self) -> None:
        watch = Watch(config())
        events = judge(watch, ONE, START)
        assert again(watch).pending == {"JID1/WithCustomer/reached": events[0]}
        assert judge(again(watch), ONE, START + DAY) == []
        later = judge(watch, BOTH, START + DAY)
        assert list(again(watch).pending.values()) == [*events, *later]

    def test_the_payload(self) -> None:
        [event] = judge(Watch(config()), ONE, START, {"region": "us-east-1"})
        assert event.pop("region") == "us-east-1"
        assert event == {
            "version": 1,
            "id": "JID1/WithCustomer/reached",
            "event": "reached",
            "cluster_id": CLUSTER,
            "target_state": "WithCustomer",
            "job_id": "JID1",
            "name": "tray 1",
            "state": "WithCustomer",
            "since": "2026-01-01T00:00:00+00:00",
            "outlook": "reached",
            "late": False,
            "job_type": "LOCAL_USE",
        }
        assert json.loads(json.dumps(event)) == event

    def test_when_each_was_told_is_kept(self) -> None:
        watch = Watch(config())
        events = judge(watch, ONE, START)
        # As often as a watcher that goes on elsewhere cannot know better.
        for day in range(2):
            watch.mark_told(events, START + day * DAY)
        assert again(watch).memory()["told"] == {"JID1/WithCustomer/reached": "2026-01-02T00:00:00+00:00"}

    def test_a_cancelled_device_holds_nobody_up(self) -> None:
        assert ids(judge(Watch(config()), [job(1, "Cancelled"), job(2, "WithCustomer")], START)) == [
            "JID2/WithCustomer/reached"
        ]


class TestAll:
    def test_once_when_all_have(self) -> None:
        watch = Watch(config(fire="all", min_jobs=2))
        alive = {"ClusterId": CLUSTER, "ClusterState": "InUse"}
        assert judge(watch, [job(1, "WithCustomer")], START, ask=lambda _: alive) == []
        assert judge(watch, ONE, START) == []
        [event] = judge(watch, BOTH, START)
        assert event["id"] == f"{CLUSTER}/WithCustomer/all_reached"
        assert [each["job_id"] for each in event["devices"]] == ["JID1", "JID2"]
        assert judge(watch, BOTH, START + DAY) == []

    def test_of_jobs_the_event_has_all_their_ids(self) -> None:
        listing = [job(number, "WithCustomer", JobId=each) for number, each in enumerate((ASKED, OTHER))]
        [event] = judge(Watch(of_jobs(ASKED, OTHER, fire="all")), listing, START)
        assert event["id"] == f"{ASKED}/{OTHER}/WithCustomer/all_reached"


class TestAlso:
    def test_cancelled(self) -> None:
        listing = [job(1, "Cancelled"), job(2, "New")]
        assert judge(Watch(config()), listing, START) == []
        assert ids(judge(Watch(config(also=["cancelled"])), listing, START)) == [
            "JID1/WithCustomer/cancelled"
        ]

    def test_a_cluster_of_which_all_is_cancelled_has_ended(self) -> None:
        watch = Watch(config(also=["ended"]))
        assert ids(judge(watch, [job(1, "Cancelled"), job(2, "New")], START)) == []
        [event] = judge(watch, [job(1, "Cancelled"), job(2, "Cancelled")], START)
        assert event["id"] == f"{CLUSTER}/WithCustomer/ended"
        assert "all 2 jobs of cluster" in event["reason"]
        assert judge(again(watch), [job(1, "Cancelled"), job(2, "Cancelled")], START + DAY) == []

    def test_nothing_has_ended_as_long_as_one_may_still_get_there(self) -> None:
        """Of those that are to be cancelled, one is complete, which the others may yet not be."""
        watch = Watch(config(target_state="Cancelled", also=["ended"]))
        assert judge(watch, [job(1, "Complete"), job(2, "New")], START) == []
        assert ids(judge(watch, [job(1, "Complete"), job(2, "Complete")], START)) == [
            f"{CLUSTER}/Cancelled/ended"
        ]

    @pytest.mark.parametrize(
        ("state", "ended"), [("Cancelled", True), ("Complete", True), ("Pending", False)]
    )
    def test_a_cluster_that_will_list_no_more_has_ended(self, state: str, ended: bool) -> None:
        calls: list[Call] = []

        def ask(call: Call) -> Any:
            calls.append(call)
            return {"ClusterId": CLUSTER, "ClusterState": state}

        watch = Watch(config(also=["ended"], min_jobs=2))
        events = judge(watch, [job(1, "WithCustomer")], START, ask=ask)
        expected = ["JID1/WithCustomer/reached"]
        assert ids(events) == ([f"{CLUSTER}/WithCustomer/ended", *expected] if ended else expected)
        judge(watch, [job(1, "WithCustomer")], START + timedelta(minutes=59), ask=ask)
        assert calls == [DescribeCluster(CLUSTER)]

    def test_where_devices_are_is_to_be_kept(self) -> None:
        watch = Watch(config(also=["late"], max_days_in_state={"New": 2}))
        kept = []
        for day, state in enumerate(["New", "New", "Pending"]):
            judge(watch, [job(1, state)], START + day * DAY)
            kept.append(watch.has_moved)
        assert kept == [True, False, True]
        assert watch.memory()["devices"] == [
            {
                "job_id": "JID1",
                "name": "tray 1",
                "state": "Pending",
                "since": "2026-01-03T00:00:00+00:00",
                "late": False,
                "outlook": "on its way",
                "job_type": "LOCAL_USE",
            }
        ]

    @pytest.mark.parametrize("entry", [None, {"JobId": "JID1"}], ids=["not listed", "without a state"])
    def test_a_listing_that_lacks_a_device_puts_off_nothing(self, entry: dict[str, Any] | None) -> None:
        watch = Watch(config(also=["late"], max_days_in_state={"New": 2}))
        lacking = [job(2, "Pending"), *([entry] if entry else [])]
        told = []
        for day, listing in enumerate([NEW, lacking, [job(1, "New"), job(2, "Pending")]]):
            told.append(ids(judge(watch, listing, START + day * DAY)))
            watch = again(watch)
        assert told == [[], [], ["JID1/New/late"]]

    def test_late_in_each_state(self) -> None:
        watch = Watch(config(also=["late"], max_days_in_state={"New": 2, "Pending": 1}))
        told = []
        for day, state in enumerate(["New", "New", "New", "Pending", "Pending", "Pending"]):
            events = judge(watch, [job(1, state)], START + day * DAY)
            told.append(ids(events))
            watch.mark_told(events, START + day * DAY)
            watch = again(watch)
            assert [each["state"] for each in watch.memory()["devices"]] == [state]
        assert told == [[], [], ["JID1/New/late"], [], ["JID1/Pending/late"], []]


ASKED, OTHER = (f"JID123e4567-e89b-12d3-a456-42665544000{number}" for number in (1, 2))
MAIN = {"JobId": ASKED, "JobState": "InProgress", "JobType": "EXPORT", "IsMaster": True}


def of_jobs(*job_ids: str, **asked: Any) -> WatchConfig:
    return WatchConfig.read({"job_ids": list(job_ids), "target_state": "WithCustomer"} | asked)


def test_an_event_of_some_jobs_is_none_of_others() -> None:
    """Two watchers of a cluster, each for some of its jobs."""
    found = []
    for asked in ([ASKED], [OTHER]):
        listing = [job(1, "WithCustomer", JobId=each) for each in (ASKED, OTHER)]
        found += judge(Watch(config(job_ids=asked, fire="all")), listing, START)
    assert ids(found) == [f"{CLUSTER}/{each}/WithCustomer/all_reached" for each in (ASKED, OTHER)]


class TestWhatAListingDoesNotShow:
    def test_the_devices_of_an_export_are_its_parts(self) -> None:
        watch = Watch(of_jobs(ASKED))
        parts = [job(2, "WithCustomer", JobType="EXPORT"), job(3, "InTransitToCustomer", JobType="EXPORT")]
        events = judge(watch, [MAIN, job(9, "New")], START, ask=lambda _: {"job": MAIN, "parts": parts})
        assert ids(events) == ["JID2/WithCustomer/reached"]

    def test_parts_count_beside_jobs_that_are_not_listed(self) -> None:
        def ask(call: Call) -> Any:
            if call == DescribeJob(ASKED):
                return {"job": MAIN, "parts": [job(2, "WithCustomer", JobType="EXPORT")]}
            assert call == DescribeJob(OTHER)
            return {"job": job(3, "WithCustomer", JobId=OTHER), "parts": []}

        events = judge(Watch(of_jobs(ASKED, OTHER)), [MAIN], START, ask=ask)
        assert sorted(ids(events)) == [f"{OTHER}/WithCustomer/reached", "JID2/WithCustomer/reached"]

    def test_parts_alone_are_waited_for_where_nothing_is_lacking(self) -> None:
        """Of two parts one has arrived: asked again for a job that is lacking, the main job would be."""
        calls = []

        def ask(call: Call) -> Any:
            calls.append(call)
            return {"job": MAIN, "parts": [job(2, "WithCustomer", JobType="EXPORT")]}

        [event] = judge(Watch(of_jobs(ASKED, fire="all")), [MAIN], START, ask=ask)
        assert [each["job_id"] for each in event["devices"]] == ["JID2"]
        assert calls == [DescribeJob(ASKED)]

    def test_a_job_that_is_not_listed_is_looked_for(self) -> None:
        def ask(call: Call) -> Any:
            assert call == DescribeJob(ASKED)
            return {"job": job(1, "WithCustomer", JobId=ASKED), "parts": []}

        assert ids(judge(Watch(of_jobs(ASKED)), [], START, ask=ask)) == [f"{ASKED}/WithCustomer/reached"]

    def test_one_that_does_not_exist_is_said_and_holds_nobody_up(self) -> None:
        def ask(_: Call) -> Any:
            raise RequestError(ErrorKind.NOT_FOUND, "no such job")

        watch = Watch(of_jobs(ASKED, OTHER, also=["ended"]))
        for hours in (0, 1):
            events = judge(
                watch, [job(2, "WithCustomer", JobId=OTHER)], START + timedelta(hours=hours), ask=ask
            )
            assert ids(events) == ([] if hours else [f"{OTHER}/WithCustomer/reached"])
            said = [(line.text, line.level) for line in watch.take_lines()]
            expected = (f"Job {ASKED} does not exist: no such job", logging.WARNING)
            assert said == ([] if hours else [expected])

    @pytest.mark.parametrize("ghost", [ASKED, OTHER])
    def test_one_that_does_not_exist_keeps_nobody_from_one_that_is_not_listed(self, ghost: str) -> None:
        def ask(call: Call) -> Any:
            if call == DescribeJob(ghost):
                raise RequestError(ErrorKind.NOT_FOUND, "no such job")
            return {"job": job(1, "WithCustomer", JobId=there), "parts": []}

        there = OTHER if ghost == ASKED else ASKED
        events = judge(Watch(of_jobs(ASKED, OTHER)), [], START, ask=ask)
        assert ids(events) == [f"{there}/WithCustomer/reached"]

    def test_a_main_job_that_cannot_be_found_keeps_nobody_from_the_others(self) -> None:
        def ask(_: Call) -> Any:
            raise RequestError(ErrorKind.NOT_FOUND, "no such job")

        listing = [MAIN, job(2, "WithCustomer", JobId=OTHER)]
        events = judge(Watch(of_jobs(ASKED, OTHER)), listing, START, ask=ask)
        assert f"{OTHER}/WithCustomer/reached" in ids(events)

    def test_what_is_not_listed_yet_has_not_ended(self) -> None:
        def ask(_: Call) -> Any:
            raise RequestError(ErrorKind.TRANSIENT, "busy")

        watch = Watch(of_jobs(ASKED, OTHER, target_state="Cancelled", also=["ended"]))
        assert judge(watch, [job(1, "Complete", JobId=ASKED)], START, ask=ask) == []

    def test_what_may_not_be_looked_at_is_said(self) -> None:
        def ask(_: Call) -> Any:
            raise RequestError(ErrorKind.DENIED, "not yours")

        watch = Watch(of_jobs(ASKED))
        assert judge(watch, [], START, ask=ask) == []
        [line] = watch.take_lines()
        assert line.text.startswith(f"Job {ASKED} is not listed and cannot be described")

    def test_what_cannot_be_known_now_is_said_once(self) -> None:
        error = RequestError(ErrorKind.TRANSIENT, "slow down")

        def ask(_: Call) -> Any:
            raise error

        watch = Watch(of_jobs(ASKED))
        said = []
        for day in range(3):
            with pytest.raises(RequestError):
                judge(watch, [MAIN], START + day * DAY, ask=ask)
            watch.note_failure(error)
            said += [(line.text, line.level) for line in watch.take_lines()]
        assert said == [(f"Cannot list job {ASKED}, will poll again [SNB413]: slow down", logging.WARNING)]
        judge(watch, [MAIN], START, ask=lambda _: {"job": MAIN, "parts": []})
        watch.note_failure(error)
        assert [(line.text, line.level) for line in watch.take_lines()] == said

    def test_a_poll_that_fails_shows_nothing_to_keep(self) -> None:
        error = RequestError(ErrorKind.TRANSIENT, "slow down")

        def ask(_: Call) -> Any:
            raise error

        watch = Watch(of_jobs(ASKED))
        assert watch.has_moved is False
        judge(watch, [job(1, "New", JobId=ASKED)], START)
        assert watch.has_moved is True
        with pytest.raises(RequestError):
            judge(watch, [MAIN], START, ask=ask)
        assert watch.has_moved is False
        judge(watch, [job(1, "Pending", JobId=ASKED)], START)
        assert watch.has_moved is True
        watch.note_failure(error)
        assert watch.has_moved is False


ALSO = r'^also must be a list of some of \["cancelled", "late", "ended"\]'


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"fire": "some"}, r'fire must be "each" or "all"; got \'some\' \[SNB106\]$'),
        ({"also": ["lost", "late", "found"]}, rf"{ALSO}; got 'lost', 'found' in it \[SNB106\]$"),
        ({"also": [["late"], None]}, rf"{ALSO}; got \['late'\], None in it \[SNB106\]$"),
        ({"also": "late", "max_days_in_state": {"New": 1}}, rf"{ALSO}; got 'late' \[SNB106\]$"),
        ({"also": 5}, rf"{ALSO}; got 5 \[SNB106\]$"),
        ({"also": {"late": True}}, rf"{ALSO}; got {{'late': True}} \[SNB106\]$"),
        ({"also": ["late"]}, r"^late devices are those of max_days_in_state, which is not given \[SNB107\]$"),
        (
            {"cluster_id": None},
            r"^A watcher needs cluster_id, .*, or job_ids, the jobs; got neither \[SNB103\]$",
        ),
        ({"target_state": "There"}, "target_state must be one of"),
    ],
)
def test_bad_arguments(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        config(**asked)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"fire": "all", "min_jobs": 5, "poke_interval": 60.0},
        {"also": ["late", "cancelled"], "max_days_in_state": {"New": 2}},
        {"job_ids": [f"JID{number:08}-0000-0000-0000-000000000000" for number in (1, 2)]},
        {"target_state": "Cancelled"},
    ],
)
def test_what_is_stored_of_a_watcher_makes_an_equal_one(asked: dict[str, Any]) -> None:
    stored = json.loads(json.dumps(config(**asked).arguments()))
    assert WatchConfig.read(stored) == config(**asked)


def test_the_form_of_what_is_stored() -> None:
    assert config(also=["late", "cancelled"], max_days_in_state={"New": 2}).arguments() == {
        "cluster_id": CLUSTER,
        "job_ids": None,
        "target_state": "WithCustomer",
        "min_jobs": 1,
        "max_days_in_state": {"New": 2.0},
        "poke_interval": 900.0,
        "fire": "each",
        "also": ["cancelled", "late"],
    }
    assert of_jobs(ASKED, fire="all").arguments() == {
        "cluster_id": None,
        "job_ids": [ASKED],
        "target_state": "WithCustomer",
        "min_jobs": 1,
        "max_days_in_state": None,
        "poke_interval": 900.0,
        "fire": "all",
        "also": [],
    }


def test_without_a_memory_there_is_one_event_for_all() -> None:
    config(fire="all").check_memory()
    with pytest.raises(ValueError, match="needs a place") as caught:
        config().check_memory()
    assert str(caught.value) == (
        'fire="each" needs a place to remember what was fired, which asset watchers have from Airflow 3.3 '
        'on: before, a triggerer that starts would fire for all devices again; use fire="all" [SNB109]'
    )
