"""What has changed for devices, and who was told of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
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
from airflow_provider_snowball.waiting.changes import Change, ChangeKind, News
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Done, Fail, FailKind, Step, Wait, drive
from airflow_provider_snowball.waiting.time_in_state import Overdue

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
DOWN = RequestError(ErrorKind.TRANSIENT, "its words")


def job(number: int, state: str, **more: Any) -> dict[str, Any]:
    """Return an entry of a listing."""
    entry = {"JobId": f"JID{number}", "JobState": state, "JobType": "LOCAL_USE"}
    return entry | {"Description": f"tray {number}"} | more


class Told:
    """A wait, and whoever is told of its news as a worker tells it."""

    def __init__(self, **asked: Any) -> None:
        arguments = {"cluster_id": CLUSTER, "target_state": "WithCustomer", "min_jobs": 2} | asked
        self.config = WaitConfig.read({"tell_changes": True} | arguments)
        self.wait = Wait(self.config, started_at=START)

    def poll(self, day: float, listing: Sequence[Any] | RequestError) -> Step:
        """Poll on a day."""

        def ask(call: Call) -> Any:
            assert call == DescribeCluster(CLUSTER)
            return {"ClusterState": "Pending"}

        return drive(self.wait.judge(listing, lambda: START + day * DAY), ask)

    def tell(self, day: float, *listing: dict[str, Any]) -> list[str]:
        """Poll, and return what is to be told by then, having told it."""
        step = self.poll(day, listing)
        assert step.news is not None
        if not step.news.due:
            return []
        self.wait.mark_news_told(step.news, START + day * DAY)
        return [str(each) for each in step.news.changes]

    def in_another_process(self) -> None:
        """Go on as another process does, with what was remembered."""
        memory = json.loads(json.dumps(self.wait.memory()))
        self.wait = Wait(self.config, started_at=START + 99 * DAY, memory=memory)


NEW = [job(1, "New"), job(2, "New")]
ONE_MOVED = [job(1, "Pending"), job(2, "New")]


class TestWhatIsAChange:
    def test_nothing_by_default(self) -> None:
        told = Told(tell_changes=False)
        for day in (0, 1):
            assert told.poll(day, [NEW, ONE_MOVED][day]).news is None
        done = told.poll(2, [job(1, "WithCustomer"), job(2, "WithCustomer")])
        assert isinstance(done, Done)
        assert done.news is None
        assert not any(name.startswith("shown") for name in told.wait.memory())

    def test_what_is_found_first_is_none_but_all_devices_are_told(self) -> None:
        step = Told().poll(0, NEW)
        assert step.news is not None
        assert (step.news.changes, step.news.due) == ((), True)
        assert step.news.devices[0] == {
            "job_id": "JID1",
            "name": "tray 1",
            "state": "New",
            "since": "2026-01-01T00:00:00+00:00",
            "outlook": "on its way",
            "late": False,
            "delivery": "",
            "job_type": "LOCAL_USE",
        }
        assert len(step.news.devices) == 2

    @pytest.mark.parametrize(
        ("before", "after", "kind", "text"),
        [
            ("New", "Pending", "moved", "tray 1: New -> Pending"),
            ("New", "WithCustomer", "reached", "tray 1: New -> WithCustomer"),
            ("New", "InTransitToAWS", "reached", "tray 1: New -> InTransitToAWS"),
            ("WithCustomer", "InTransitToAWS", "moved", "tray 1: WithCustomer -> InTransitToAWS"),
            ("New", "Cancelled", "cancelled", "tray 1: New -> Cancelled"),
            ("WithCustomer", "New", "moved", "tray 1: WithCustomer -> New"),
            ("New", "LaterState", "moved", "tray 1: New -> LaterState"),
        ],
    )
    def test_another_state(self, before: str, after: str, kind: str, text: str) -> None:
        told = Told(ignore_cancelled=True)
        told.tell(0, job(1, before), job(2, "New"))
        step = told.poll(1, [job(1, after), job(2, "New")])
        assert step.news is not None
        [change] = step.news.changes
        assert (str(change), change.kind) == (text, kind)
        assert (change.before, change.state, change.number) == (before, after, 1)

    def test_a_device_that_comes_and_one_that_goes(self) -> None:
        told = Told()
        told.tell(0, *NEW)
        assert told.tell(1, job(1, "New"), job(3, "New")) == [
            "tray 3 is listed: New",
            "JID2 is listed no more, last New",
        ]
        assert told.tell(2, job(1, "New"), job(3, "New")) == []

    def test_an_entry_without_a_state_is_none(self) -> None:
        told = Told()
        told.tell(0, *NEW)
        for day in (1, 2):
            assert told.tell(day, {"JobId": "JID1", "JobType": "LOCAL_USE"}, job(2, "New")) == []
        assert told.tell(3, *NEW) == []
        assert told.tell(4, {"JobId": "JID1"}, job(2, "New"), {"JobId": "JID3"}) == []
        assert told.tell(5, *ONE_MOVED) == ["tray 1: New -> Pending"]

    def test_one_that_is_late_stays_so_where_a_listing_lacks_its_state(self) -> None:
        told = Told(max_days_in_state={"New": 2})
        for day in (0, 1):
            assert told.tell(day, job(1, "New"), job(2, "New") if day == 0 else {"JobId": "JID2"}) == []
        assert told.tell(2, *NEW) == ["tray 1 is late in New", "tray 2 is late in New"]

    def test_one_that_is_late_is_told_of_once_in_a_state(self) -> None:
        told = Told(max_days_in_state={"New": 2})
        assert [told.tell(day, *NEW) for day in range(4)] == [
            [],
            [],
            ["tray 1 is late in New", "tray 2 is late in New"],
            [],
        ]
        assert told.tell(5, *ONE_MOVED) == ["tray 1: New -> Pending"]
        assert told.tell(6, *NEW) == ["tray 1: Pending -> New"]
        step = told.poll(8, NEW)
        assert step.news is not None
        [change] = step.news.changes
        assert (change.kind, change.remark, change.id) == ("late", "late", "JID1/4/New-New/late")

    @pytest.mark.parametrize("dies", [False, True])
    def test_one_that_was_away_before_anybody_was_told_is_late_again(self, *, dies: bool) -> None:
        told = Told(max_days_in_state={"New": 2}, change_interval=DAY)
        told.tell(0, *NEW)
        assert told.tell(2, *NEW) == ["tray 1 is late in New", "tray 2 is late in New"]
        for day, listing in ((2.2, ONE_MOVED), (2.4, NEW)):
            assert told.tell(day, *listing) == []
            if dies:
                told.in_another_process()
        assert [told.tell(day, *NEW) for day in (4.3, 4.4, 5.5)] == [[], ["tray 1 is late in New"], []]

    def test_one_told_as_late_before_stays_was_kept_is_not_told_of_again(self) -> None:
        told = Told(max_days_in_state={"New": 2})
        for day in (0, 2):
            told.tell(day, *NEW)
        memory = told.wait.memory()
        assert json.loads(memory["shown JID1"]) == [1, "New", "late", "2026-01-01T00:00:00+00:00"]
        # As an earlier version has it, and as a later one may.
        for row in ([1, "New", "late"], [1, "New", "late", START.isoformat(), "and more"]):
            memory |= {f"shown JID{number}": json.dumps(row) for number in (1, 2)}
            told.wait = Wait(told.config, started_at=START, memory=memory)
            assert told.tell(3, *NEW) == []

    def test_one_that_was_late_when_it_was_found_can_be_late_again(self) -> None:
        """Nobody asked for changes then; an upgrade, or an edit of the DAG, does."""
        before = Told(tell_changes=False, max_days_in_state={"New": 2})
        for day in (0, 3):
            before.poll(day, NEW)
        told = Told(max_days_in_state={"New": 2})
        told.wait = Wait(told.config, started_at=START, memory=before.wait.memory())
        assert told.tell(4, *NEW) == []
        # It was away and is back, and nobody was told in between.
        told.poll(4.2, ONE_MOVED)
        assert told.tell(4.4, *NEW) == []
        assert told.tell(7, *NEW) == ["tray 1 is late in New"]

    def test_what_is_known_of_a_delivery_goes_with_it(self) -> None:
        told = Told(describe_jobs=True)

        def ask(call: Call) -> Any:
            assert call == DescribeJob("JID1")
            shipment = {"Status": "InTransit", "TrackingNumber": "1Z9"}
            return {"job": {}, "parts": [], "delivery": {"ShippingDetails": {"OutboundShipment": shipment}}}

        step = drive(told.wait.judge([job(1, "InTransitToCustomer"), job(2, "New")], lambda: START), ask)
        assert step.news is not None
        assert [each["delivery"] for each in step.news.devices] == [
            "to the customer: InTransit, tracking number 1Z9",
            "",
        ]

    def test_one_that_arrived_is_reached_once(self) -> None:
        told = Told()
        told.tell(0, *NEW)
        kinds = []
        for day, state in enumerate(["WithCustomer", "InTransitToAWS", "WithAWS"], 1):
            step = told.poll(day, [job(1, state), job(2, "New")])
            assert step.news is not None
            kinds += [each.kind for each in step.news.changes]
            told.wait.mark_news_told(step.news, START + day * DAY)
        assert kinds == ["reached", "moved", "moved"]


class TestAtLeastOnce:
    def test_until_somebody_was_told(self) -> None:
        told = Told()
        told.tell(0, *NEW)
        for day in (1, 2):
            step = told.poll(day, ONE_MOVED)
            assert isinstance(step, Again)
            assert step.needs_worker
            assert step.news is not None
            news = step.news
            assert [each.id for each in news.changes] == ["JID1/1/New-Pending/moved"]
        told.wait.mark_news_told(news, START + 2 * DAY)
        step = told.poll(3, ONE_MOVED)
        assert isinstance(step, Again)
        assert not step.needs_worker

    def test_a_repeat_has_the_same_id_and_what_came_later_another(self) -> None:
        told = Told()
        told.tell(0, *NEW)
        memory = told.wait.memory()
        ids = []
        for _ in range(2):
            step = told.poll(1, ONE_MOVED)
            assert step.news is not None
            ids.append([each.id for each in step.news.changes])
            # It was told, and its process died before it was remembered.
            told.wait = Wait(told.config, started_at=START, memory=memory)
        assert ids[0] == ids[1]
        told.tell(1, *ONE_MOVED)
        told.tell(2, *NEW)
        step = told.poll(3, ONE_MOVED)
        assert step.news is not None
        assert [each.id for each in step.news.changes] == ["JID1/3/New-Pending/moved"]

    def test_a_device_that_comes_back_is_no_repeat(self) -> None:
        told = Told()
        ids: list[str] = []
        for day, listing in enumerate([NEW, [NEW[1]], NEW, [NEW[1]], NEW]):
            step = told.poll(day, listing)
            assert step.news is not None
            ids += [each.id for each in step.news.changes]
            told.wait.mark_news_told(step.news, START + day * DAY)
        assert ids == ["JID1/1/New-/gone", "JID1/2/-New/listed", "JID1/3/New-/gone", "JID1/4/-New/listed"]

    def test_another_process_goes_on(self) -> None:
        told = Told(max_days_in_state={"New": 2})
        told.tell(0, *NEW)
        told.in_another_process()
        assert told.tell(1, *ONE_MOVED) == ["tray 1: New -> Pending"]
        told.in_another_process()
        assert told.tell(1.5, *ONE_MOVED) == []
        assert told.tell(2, *ONE_MOVED) == ["tray 2 is late in New"]
        told.in_another_process()
        assert told.tell(3, *ONE_MOVED) == []

    def test_none_listed_at_first_is_a_beginning_too(self) -> None:
        told = Told()
        assert told.tell(0) == []
        told.in_another_process()
        assert told.tell(1, *NEW) == ["tray 1 is listed: New", "tray 2 is listed: New"]

    def test_what_was_found_first_was_found_though_nobody_was_told(self) -> None:
        told = Told()
        told.poll(0, NEW)
        assert told.tell(1, *ONE_MOVED) == ["tray 1: New -> Pending"]

    def test_of_one_that_is_not_listed_nothing_is_told_but_that(self) -> None:
        asked = [f"JID{number:08}-0000-0000-0000-000000000000" for number in (1, 2)]
        step = Told(job_ids=asked, min_jobs=1).poll(0, [job(0, "New", JobId=asked[0])])
        assert step.news is not None
        assert step.news.devices[1] == {
            "job_id": asked[1],
            "name": asked[1],
            "state": None,
            "since": None,
            "outlook": "not listed yet",
            "late": False,
            "delivery": "",
            "job_type": None,
        }

    def test_all_devices_go_with_each_change(self) -> None:
        told = Told()
        told.tell(0, *NEW)
        step = told.poll(1, ONE_MOVED)
        assert step.news is not None
        assert [each["state"] for each in step.news.devices] == ["Pending", "New"]


class TestTogether:
    def test_changes_of_a_while_are_told_once(self) -> None:
        told = Told(change_interval=DAY)
        told.tell(0, *NEW)
        for day in (0, 0.5):
            assert told.tell(day, *ONE_MOVED) == []
        assert told.tell(0.9, job(1, "Pending"), job(2, "Pending")) == []
        assert told.tell(1, job(1, "PreparingShipment"), job(2, "Pending")) == [
            "tray 1: New -> PreparingShipment",
            "tray 2: New -> Pending",
        ]
        assert told.tell(1.1, *NEW) == []

    def test_what_was_undone_meanwhile_is_not(self) -> None:
        told = Told(change_interval=DAY)
        told.tell(0, *NEW)
        told.tell(0.5, *ONE_MOVED)
        assert told.tell(1, *NEW) == []

    def test_the_end_waits_for_nothing(self) -> None:
        told = Told(change_interval=DAY)
        told.tell(0, *NEW)
        step = told.poll(0.5, [job(1, "WithCustomer"), job(2, "WithCustomer")])
        assert isinstance(step, Done)
        assert step.news is not None
        assert (len(step.news.changes), step.news.due) == (2, True)

    def test_nor_does_a_failure(self) -> None:
        told = Told(change_interval=DAY)
        told.tell(0, *NEW)
        step = told.poll(0.5, [job(1, "Cancelled"), job(2, "New")])
        assert isinstance(step, Fail)
        assert step.news is not None
        assert [each.kind for each in step.news.changes] == ["cancelled"]
        assert step.news.due

    @pytest.mark.parametrize("is_one_process", [True, False])
    def test_what_was_not_told_before_an_outage_is_told_at_its_end(self, is_one_process: bool) -> None:
        told = Told(change_interval=30 * DAY, outage_timeout=DAY)
        told.tell(0, *NEW)
        told.poll(1, ONE_MOVED)
        for day in (n / 100 for n in range(101, 250)):
            if not is_one_process:
                told.in_another_process()
            step = told.poll(day, DOWN)
            if isinstance(step, Fail):
                break
        assert isinstance(step, Fail)
        assert step.kind is FailKind.OUTAGE
        assert step.news is not None
        assert [str(each) for each in step.news.changes] == ["tray 1: New -> Pending"]
        assert step.news.due

    def test_a_clock_that_is_set_back_does_not_put_it_off(self) -> None:
        told = Told(change_interval=DAY)
        told.tell(9, *NEW)
        assert told.tell(3, *ONE_MOVED) == ["tray 1: New -> Pending"]


class TestForm:
    """Another version has stored it, or will read it."""

    def test_what_is_not_told_yet(self) -> None:
        told = Told(change_interval=DAY)
        told.tell(0, *NEW)
        assert "untold" not in told.wait.memory()
        step = told.poll(0.5, ONE_MOVED)
        assert step.news is not None
        assert json.loads(told.wait.memory()["untold"]) == {
            "changes": [each.plain() for each in step.news.changes],
            "devices": list(step.news.devices),
            "due": False,
        }
        told.wait.mark_news_told(step.news, START)
        assert "untold" not in told.wait.memory()

    def test_memory(self) -> None:
        told = Told()
        told.tell(0, *NEW)
        told.tell(1, job(1, "WithCustomer"), job(3, "New"))
        shown = {name: value for name, value in told.wait.memory().items() if name.startswith("shown")}
        assert shown == {
            "shown_at": "2026-01-02T00:00:00+00:00",
            "shown JID1": '[1, "WithCustomer", "reached"]',
            "shown JID2": '[1, null, ""]',
            "shown JID3": '[1, "New", ""]',
        }

    @pytest.mark.parametrize("due", [True, False])
    def test_news(self, *, due: bool) -> None:
        told = Told()
        told.tell(0, *NEW)
        found = told.poll(1, ONE_MOVED).news
        assert found is not None
        news = replace(found, due=due)
        assert News.of(json.loads(json.dumps(news.plain()))) == news

    def test_what_is_not_told_is_beside_what_was(self) -> None:
        told = Told(change_interval=DAY)
        told.tell(0, *NEW)
        assert told.poll(0.1, NEW).news is not None
        assert "untold" not in told.wait.memory()
        told.poll(0.5, ONE_MOVED)
        assert {"untold", "shown_at", "shown JID1"} <= set(told.wait.memory())

    def test_a_change(self) -> None:
        change = Change("JID1", "tray 1", ChangeKind.REACHED, 2, "Pending", "WithCustomer", "reached")
        plain = {
            "job_id": "JID1",
            "name": "tray 1",
            "kind": "reached",
            "number": 2,
            "before": "Pending",
            "state": "WithCustomer",
            "remark": "reached",
            "id": "JID1/2/Pending-WithCustomer/reached",
            "text": "tray 1: Pending -> WithCustomer",
        }
        assert change.plain() == plain
        assert json.loads(json.dumps(change.plain())) == plain
        assert Change.of(plain | {"added_later": 1}) == change
        assert Change.of(plain | {"kind": "added later"}).kind is ChangeKind.MOVED

    @pytest.mark.parametrize("interval", [-1, "soon", True])
    def test_a_bad_interval(self, interval: Any) -> None:
        with pytest.raises(ValueError, match="change_interval must be"):
            Told(change_interval=interval)

    def test_an_interval_for_nobody(self) -> None:
        text = "change_interval can do nothing without on_change or publish_devices [SNB107]"
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            Told(tell_changes=False, change_interval=60)


@pytest.mark.parametrize(
    ("overdue", "keep", "due", "needs"),
    [
        (False, False, None, False),
        (True, False, None, True),
        (False, True, None, True),
        (False, False, False, False),
        (False, False, True, True),
        (True, True, False, True),
    ],
)
def test_when_a_worker_is_needed(*, overdue: bool, keep: bool, due: bool | None, needs: bool) -> None:
    late = (Overdue("JID1", "New", 3.0, 2.0),) if overdue else ()
    news = None if due is None else News((), (), due=due)
    assert Again(60.0, overdue=late, keep=keep, news=news).needs_worker is needs
