"""What a watcher tells, and that it tells it once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_snowball.waiting.watch import Watch, WatchConfig

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"


def job(number: int, state: str, **more: Any) -> dict[str, Any]:
    """Return an entry of a listing."""
    entry = {"JobId": f"JID{number}", "JobState": state, "JobType": "LOCAL_USE"}
    return entry | {"Description": f"tray {number}"} | more


def config(**asked: Any) -> WatchConfig:
    return WatchConfig.read({"cluster_id": CLUSTER, "target_state": "WithCustomer"} | asked)


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in events]


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
            events = watch.judge(listing, START + day * DAY)
            told.append(ids(events))
            watch.mark_told(events, START + day * DAY)
            watch = again(watch)
        assert told == [[], ["JID1/WithCustomer/reached"], [], ["JID2/WithCustomer/reached"], []]

    def test_what_nobody_knows_to_be_told_is_pending(self) -> None:
        watch = Watch(config())
        events = watch.judge(ONE, START)
        assert again(watch).pending == {"JID1/WithCustomer/reached": events[0]}
        assert again(watch).judge(ONE, START + DAY) == []

    def test_the_payload(self) -> None:
        [event] = Watch(config()).judge(ONE, START, {"region": "us-east-1"})
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
            "late": False,
        }
        assert json.loads(json.dumps(event)) == event

    def test_a_cancelled_device_holds_nobody_up(self) -> None:
        assert ids(Watch(config()).judge([job(1, "Cancelled"), job(2, "WithCustomer")], START)) == [
            "JID2/WithCustomer/reached"
        ]


class TestAll:
    def test_once_when_all_have(self) -> None:
        watch = Watch(config(fire="all", min_jobs=2))
        assert watch.judge([job(1, "WithCustomer")], START) == []
        assert watch.judge(ONE, START) == []
        [event] = watch.judge(BOTH, START)
        assert event["id"] == f"{CLUSTER}/WithCustomer/all_reached"
        assert [each["job_id"] for each in event["devices"]] == ["JID1", "JID2"]
        assert watch.judge(BOTH, START + DAY) == []


class TestAlso:
    def test_cancelled(self) -> None:
        listing = [job(1, "Cancelled"), job(2, "New")]
        assert Watch(config()).judge(listing, START) == []
        assert ids(Watch(config(also=["cancelled"])).judge(listing, START)) == ["JID1/WithCustomer/cancelled"]

    def test_since_when_one_may_be_late_is_to_be_kept(self) -> None:
        watch = Watch(config(also=["late"], max_days_in_state={"New": 2}))
        kept = []
        for day, state in enumerate(["New", "New", "Pending"]):
            watch.judge([job(1, state)], START + day * DAY)
            kept.append(watch.has_moved)
        assert kept == [True, False, True]
        without = Watch(config())
        without.judge(NEW, START)
        assert not without.has_moved

    def test_late_in_each_state(self) -> None:
        watch = Watch(config(also=["late"], max_days_in_state={"New": 2, "Pending": 1}))
        told = []
        for day, state in enumerate(["New", "New", "New", "Pending", "Pending", "Pending"]):
            events = watch.judge([job(1, state)], START + day * DAY)
            told.append(ids(events))
            watch.mark_told(events, START + day * DAY)
            watch = again(watch)
        assert told == [[], [], ["JID1/New/late"], [], ["JID1/Pending/late"], []]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"fire": "some"}, 'fire must be "each" or "all"'),
        ({"also": ["lost"]}, "also takes cancelled, late; got 'lost'"),
        ({"also": ["late"]}, "late devices are those of max_days_in_state"),
        ({"cluster_id": None}, "job_ids must name"),
        ({"target_state": "There"}, "target_state must be one of"),
    ],
)
def test_bad_arguments(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        config(**asked)
