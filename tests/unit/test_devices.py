"""The devices of a wait in words, and when they are told."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_snowball.waiting.calls import (
    Call,
    DescribeCluster,
    DescribeJob,
    ErrorKind,
    RequestError,
)
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.devices import describe_delivery
from airflow_provider_snowball.waiting.machine import Wait, drive
from tests.pages import blocks_of, not_printed

ROOT = Path(__file__).parents[2]
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
DOWN = RequestError(ErrorKind.TRANSIENT, "its words")


def job(number: int, state: str | None, description: Any = None, **more: Any) -> dict[str, Any]:
    """Return an entry of a listing."""
    entry = {"JobId": f"JID{number}", "JobState": state, "JobType": "LOCAL_USE", "Description": description}
    return {key: value for key, value in (entry | more).items() if value is not None}


class Log:
    """A wait, and what it says when it is polled on a day."""

    def __init__(self, memory: Mapping[str, str] | None = None, **asked: Any) -> None:
        arguments = {"cluster_id": CLUSTER, "target_state": "WithCustomer", "min_jobs": 2} | asked
        self.config = WaitConfig.read(arguments)
        #: What DescribeJob replies to, or why it does not; and which jobs were asked for.
        self.delivery: Any = {}
        self.described: list[str] = []
        #: Of the lines of the last poll.
        self.levels: list[int] = []
        self.wait = Wait(self.config, started_at=START, memory=memory)

    def poll(self, day: float, listing: Sequence[Any] | RequestError) -> list[str]:
        """Poll on a day and return the lines, without the name that they begin with."""

        def ask(call: Call) -> Any:
            if isinstance(call, DescribeJob):
                self.described.append(call.job_id)
                if isinstance(self.delivery, RequestError):
                    raise self.delivery
                return {"job": {}, "parts": [], "delivery": self.delivery}
            assert call == DescribeCluster(CLUSTER)
            return {"ClusterState": "Pending"}

        drive(self.wait.judge(listing, lambda: START + day * DAY), ask)
        lines = self.wait.take_lines()
        self.levels = [each.level for each in lines]
        said = [each.text.removeprefix(f"Cluster {CLUSTER}: ") for each in lines]
        return [line for text in said for line in text.split("\n")]

    def moved(self) -> Log:
        """Return the wait as it goes on in another process."""
        log = object.__new__(Log)
        log.config, log.delivery, log.described = self.config, self.delivery, []
        memory = json.loads(json.dumps(self.wait.memory()))
        log.wait = Wait(self.config, started_at=START + 99 * DAY, memory=memory)
        return log


ALL_NEW = [job(1, "New", "tray 1"), job(2, "New")]
ONE_MOVED = [job(1, "InTransitToCustomer", "tray 1"), job(2, "New")]


class TestTable:
    def test_a_line_a_device_at_the_first_poll_and_at_each_change(self) -> None:
        log = Log()
        assert log.poll(0, ALL_NEW) == [
            "0 of 2 jobs at or past WithCustomer (2 New)",
            "  tray 1  New  since 2026-01-01 00:00+00:00",
            "  JID2    New  since 2026-01-01 00:00+00:00",
        ]
        assert log.poll(0.5, ALL_NEW) == []
        assert log.poll(1.25, ONE_MOVED) == [
            "0 of 2 jobs at or past WithCustomer (1 InTransitToCustomer, 1 New)",
            "  tray 1  InTransitToCustomer  since 2026-01-02 06:00+00:00",
            "  JID2    New                  since 2026-01-01 00:00+00:00, for 1 day 6 hours",
        ]
        assert log.poll(1.5, ONE_MOVED) == []

    def test_two_that_change_places_are_a_change_though_the_counts_are_the_same(self) -> None:
        log = Log()
        log.poll(0, [job(1, "New"), job(2, "Pending")])
        assert len(log.poll(0.1, [job(1, "Pending"), job(2, "New")])) == 3

    def test_those_waited_for_come_first_and_all_others_with_what_they_are(self) -> None:
        listing = [job(1, "WithCustomer"), job(2, "Cancelled"), job(3, "New"), job(4, None)]
        log = Log(ignore_cancelled=True)
        assert [line.split() for line in log.poll(0, listing)[1:5]] == [
            ["JID3", "New", "since", "2026-01-01", "00:00+00:00"],
            ["JID4", "without", "a", "state"],
            ["JID1", "WithCustomer", "since", "2026-01-01", "00:00+00:00", "reached"],
            ["JID2", "Cancelled", "since", "2026-01-01", "00:00+00:00", "ignored"],
        ]

    def test_one_that_ended_short_of_the_target(self) -> None:
        assert Log().poll(0, [job(1, "Cancelled"), job(2, "New")])[2].endswith(" unreachable")

    def test_one_that_is_not_listed_yet(self) -> None:
        asked = [f"JID{number:08}-0000-0000-0000-000000000000" for number in (1, 2)]
        log = Log(job_ids=asked, min_jobs=1)
        listing = [job(0, "New", JobId=asked[0])]
        assert log.poll(0, listing)[1:3] == [
            f"  {asked[0]}  New             since 2026-01-01 00:00+00:00",
            f"  {asked[1]}  not listed yet",
        ]

    @pytest.mark.parametrize(("day", "end"), [(9, "for 9 days"), (10, "for 10 days  late (at most 10 days)")])
    def test_one_that_is_late(self, day: float, end: str) -> None:
        log = Log(max_days_in_state={"InTransitToCustomer": 10})
        log.poll(0, ONE_MOVED)
        assert log.poll(day, [ONE_MOVED[0], job(2, "Pending")])[1].endswith(end)

    @pytest.mark.parametrize(("seconds", "end"), [(59, "+00:00"), (60, ", for 1 minute")])
    def test_one_that_has_just_come_has_been_there_for_no_time(self, seconds: int, end: str) -> None:
        log = Log()
        log.poll(0, ALL_NEW)
        assert log.poll(seconds / 86400, [ALL_NEW[0], job(2, "Pending")])[1].endswith(end)

    def test_times_are_in_utc_wherever_that_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        try:
            assert Log().poll(0, ALL_NEW)[1].endswith("since 2026-01-01 00:00+00:00")
        finally:
            monkeypatch.undo()
            time.tzset()

    def test_none_is_late_that_is_not_waited_for(self) -> None:
        """An export has WithAWS past the target; an import that is waited for may be late in it."""
        log = Log(target_state="InProgress", max_days_in_state={"WithAWS": 1})
        here = [job(1, "WithAWS", JobType="EXPORT"), job(2, "WithAWS", JobType="IMPORT"), job(3, "New")]
        log.poll(0, here)
        lines = log.poll(2, [*here[:2], job(3, "Pending")])
        assert [("late" in line, "reached" in line) for line in lines if " WithAWS  " in line] == [
            (True, False),
            (False, True),
        ]

    def test_a_device_that_has_arrived_keeps_its_time(self) -> None:
        log = Log()
        log.poll(0, [job(1, "WithCustomer"), job(2, "New")])
        log = log.moved()
        assert log.poll(3, [job(1, "WithCustomer"), job(2, "Pending")])[2] == (
            "  JID1  WithCustomer  since 2026-01-01 00:00+00:00, for 3 days  reached"
        )

    def test_up_to_20_and_how_many_more(self) -> None:
        lines = Log().poll(0, [job(number, "New") for number in range(25)])
        assert len(lines) == 22
        assert lines[-1] == "  and 5 more"
        assert Log().poll(0, [job(number, "New") for number in range(20)])[-1].startswith("  JID19")

    def test_no_job_at_all(self) -> None:
        assert Log().poll(0, []) == ["0 of 0 jobs at or past WithCustomer; 0 of at least 2 listed"]


class TestNames:
    def names(self, *jobs: dict[str, Any]) -> list[str]:
        return [line.strip().split("  ")[0] for line in Log().poll(0, jobs) if line.startswith("  ")]

    def test_jobs_of_the_same_description_have_their_ids_too(self) -> None:
        assert self.names(job(1, "New", "fleet"), job(2, "New", "fleet"), job(3, "New", "spare")) == [
            "fleet JID1",
            "fleet JID2",
            "spare",
        ]

    def test_jobs_without_an_id(self) -> None:
        assert self.names(*[{"JobState": "New", "JobType": "LOCAL_USE"}] * 2) == ["a job without an id"] * 2

    @pytest.mark.parametrize("description", ["", " ", None])
    def test_one_without_a_description(self, description: str | None) -> None:
        assert self.names(job(1, "New", description), job(2, "New")) == ["JID1", "JID2"]

    @pytest.mark.parametrize(
        ("description", "name"),
        [
            ("two\nlines\r\n", "two lines"),
            ("a\x1b[31mred\x00", "a?[31mred?"),
            ("x" * 40, "x" * 40),
            ("x" * 41, "x" * 39 + "…"),
            ("Zürich 北京", "Zürich 北京"),
            (17, "17"),
        ],
    )
    def test_a_description_is_one_line(self, description: Any, name: str) -> None:
        assert self.names(job(1, "New", description))[0] == name


OUT = {"ShippingDetails": {"OutboundShipment": {"Status": "InTransit", "TrackingNumber": "1Z9"}}}
DELIVERED = {"ShippingDetails": {"OutboundShipment": {"Status": "Delivered", "TrackingNumber": "1Z9"}}}
DENIED = RequestError(ErrorKind.DENIED, "its words")


class TestDeliveries:
    """What DescribeJob tells, where it is asked for."""

    def log(self, **asked: Any) -> Log:
        log = Log(describe_jobs=True, **asked)
        log.delivery = OUT
        return log

    def test_nobody_asks_for_it_by_default(self) -> None:
        log = Log()
        log.poll(0, ONE_MOVED)
        assert log.described == []

    def test_of_devices_on_the_road_at_each_change(self) -> None:
        log = self.log()
        assert log.poll(0, ALL_NEW)[1:] == [
            "  tray 1  New  since 2026-01-01 00:00+00:00",
            "  JID2    New  since 2026-01-01 00:00+00:00",
        ]
        assert log.described == []
        assert log.poll(0.25, ONE_MOVED)[1:] == [
            "  tray 1  InTransitToCustomer  since 2026-01-01 06:00+00:00"
            "               to the customer: InTransit, tracking number 1Z9",
            "  JID2    New                  since 2026-01-01 00:00+00:00, for 6 hours",
        ]
        assert log.poll(0.5, ONE_MOVED) == []
        assert log.described == ["JID1"]

    def test_when_two_change_places(self) -> None:
        """The counts are the same."""
        log = self.log()
        on_the_road, at_home = "InTransitToCustomer", "New"
        log.poll(0, [job(1, on_the_road), job(2, on_the_road), job(3, at_home)])
        log.poll(0.25, [job(1, on_the_road), job(2, at_home), job(3, on_the_road)])
        assert log.described == ["JID1", "JID2", "JID1", "JID3"]

    def test_at_most_daily_without_a_change_and_only_what_is_new(self) -> None:
        log = self.log()
        log.poll(0, ONE_MOVED)
        assert log.poll(1, ONE_MOVED)[0].startswith("no change for 1 day, ")
        log.delivery = DELIVERED
        assert log.poll(1.5, ONE_MOVED) == []
        lines = log.poll(2, ONE_MOVED)
        assert lines[1].endswith("  to the customer: Delivered, tracking number 1Z9")
        assert len(lines) == 3
        assert log.poll(3, ONE_MOVED)[0].startswith("no change for 1 day, ")
        assert len(log.described) == 4

    def test_another_process_knows_what_was_told(self) -> None:
        log = self.log()
        log.poll(0, ONE_MOVED)
        assert log.wait.memory()["delivery JID1"] == "to the customer: InTransit, tracking number 1Z9"
        log = log.moved()
        assert log.poll(0.5, ONE_MOVED) == []
        assert log.poll(1, ONE_MOVED)[0].startswith("no change for 1 day, ")

    def test_without_the_right_there_is_one_warning(self) -> None:
        log = self.log()
        log.delivery = DENIED
        warning, _, first, _ = log.poll(0, ONE_MOVED)
        assert log.levels == [logging.WARNING, logging.INFO]
        assert warning == (
            "shipments are not told of, since describe_jobs needs more rights (its words) [SNB412]"
        )
        assert first.endswith("since 2026-01-01 00:00+00:00")
        for process in (log, log.moved()):
            assert len(process.poll(2, [ONE_MOVED[0], job(2, "Pending")])) == 3
        assert log.described == ["JID1"]
        assert log.wait.memory()["deliveries_denied_at"] == START.isoformat()

    def test_an_error_leaves_out_what_is_not_known(self) -> None:
        log = self.log()
        log.poll(0, ONE_MOVED)
        log.delivery = DOWN
        lines = log.poll(0.5, [ONE_MOVED[0], job(2, "InTransitToCustomer")])
        assert lines[0] == "Job JID1 was not described: its words"
        assert log.levels == [logging.DEBUG, logging.INFO]
        assert [line.endswith("1Z9") for line in lines[2:]] == [True, False]
        assert log.described == ["JID1"] * 2
        log.delivery = DELIVERED
        assert "Delivered" in log.poll(1.5, [ONE_MOVED[0], job(2, "InTransitToCustomer")])[1]

    def test_nobody_asks_when_the_wait_is_over(self) -> None:
        here = [job(1, "WithCustomer"), job(2, "WithCustomer")]
        for listing, asked in (
            (here, {}),
            ([here[0], job(2, "Cancelled")], {}),
            (ONE_MOVED, {"timeout": DAY}),
            (ONE_MOVED, {"timeout": 2 * DAY}),
        ):
            log = self.log(**asked)
            log.poll(2, listing)
            assert log.described == []

    def test_what_is_late_as_well(self) -> None:
        log = self.log(max_days_in_state={"InTransitToCustomer": 1})
        log.poll(0, ONE_MOVED)
        assert log.poll(2, [ONE_MOVED[0], job(2, "Pending")])[1].endswith(
            "  late (at most 1 days); to the customer: InTransit, tracking number 1Z9"
        )

    def test_of_20_at_most(self) -> None:
        log = self.log()
        log.poll(0, [job(number, "InTransitToCustomer") for number in range(25)])
        assert len(log.described) == 20

    @pytest.mark.parametrize(
        ("delivery", "text"),
        [
            ({}, ""),
            ({"ShippingDetails": {}, "DataTransferProgress": {}}, ""),
            ({"ShippingDetails": {"ShippingOption": "EXPRESS"}}, ""),
            (
                {"ShippingDetails": {"OutboundShipment": {"TrackingNumber": "1Z9"}}},
                "to the customer: shipped, tracking number 1Z9",
            ),
            ({"ShippingDetails": {"OutboundShipment": {"Status": "La\nbel"}}}, "to the customer: La bel"),
            (
                {
                    "ShippingDetails": {
                        "InboundShipment": {"Status": "InTransit"},
                        **DELIVERED["ShippingDetails"],
                    }
                },
                "to AWS: InTransit",
            ),
            ({"DataTransferProgress": {"BytesTransferred": 0, "TotalBytes": 0}}, "0 bytes transferred"),
            (
                {"DataTransferProgress": {"BytesTransferred": 1_234_000_000_000, "TotalBytes": 5 * 10**12}},
                "1.23 TB of 5 TB transferred",
            ),
            (
                {
                    "ShippingDetails": {"InboundShipment": {"Status": "Delivered"}},
                    "DataTransferProgress": {"BytesTransferred": 999_700, "TotalBytes": 10**19},
                },
                "to AWS: Delivered; 1 MB of 10,000.0 PB transferred",
            ),
        ],
    )
    def test_words(self, delivery: Any, text: str) -> None:
        assert describe_delivery(delivery) == text


class TestQuietDays:
    def test_a_quiet_week_is_seven_lines(self) -> None:
        log = Log(poke_interval=6 * 3600)
        log.poll(0, ALL_NEW)
        said = {day / 4: lines for day in range(1, 4 * 7 + 1) if (lines := log.poll(day / 4, ALL_NEW))}
        assert list(said) == [1, 2, 3, 4, 5, 6, 7]
        assert said[3] == [
            "no change for 3 days, 0 of 2 jobs at or past WithCustomer (2 New); 4 polls since the last line; "
            "next poll at 2026-01-04 06:00+00:00; the wait ends at 2027-02-05 00:00+00:00 at the latest"
        ]

    def test_a_change_begins_the_day_anew(self) -> None:
        log = Log()
        log.poll(0, ALL_NEW)
        log.poll(0.9, ONE_MOVED)
        assert log.poll(1.8, ONE_MOVED) == []
        assert log.poll(1.9, ONE_MOVED)[0].startswith("no change for 1 day, ")

    def test_polls_that_failed_are_counted(self) -> None:
        log = Log()
        log.poll(0, ALL_NEW)
        log.poll(0.1, DOWN)
        log.poll(0.2, ALL_NEW)
        assert "; 3 polls, 1 of them failed since the last line; " in log.poll(1, ALL_NEW)[0]
        assert "; 1 poll since the last line; " in log.poll(2, ALL_NEW)[0]

    def test_an_outage_is_not_silent_either(self) -> None:
        log = Log()
        log.poll(0, ALL_NEW)
        log.poll(0.9, DOWN)
        assert "; 2 polls, 2 of them failed since the last line; " in log.poll(1, DOWN)[-1]

    def test_it_says_nothing_before_the_first_listing(self) -> None:
        log = Log(silent_fail=True)
        assert [line for day in (0, 2) for line in log.poll(day, DOWN) if "no change" in line] == []

    def test_a_clock_that_is_set_back_does_not_silence_it(self) -> None:
        log = Log()
        log.poll(9, ALL_NEW)
        assert log.poll(3, ALL_NEW)[0].startswith("no change for 0 seconds, ")
        assert log.poll(3.5, ALL_NEW) == []

    def test_it_goes_on_in_another_process(self) -> None:
        log = Log()
        log.poll(0, ALL_NEW)
        log.poll(0.25, DOWN)
        log = log.moved()
        assert log.poll(0.5, ALL_NEW) == [f"Cluster {CLUSTER} is listed again after 6 hours"]
        log = log.moved()
        line = log.poll(1, ALL_NEW)[0]
        assert line.startswith(
            "no change for 1 day, 0 of 2 jobs at or past WithCustomer (2 New); 3 polls, 1 "
        )
        assert log.moved().poll(1.5, ALL_NEW) == []
        assert len(log.moved().poll(1.5, ONE_MOVED)) == 3
        assert log.moved().poll(2, ALL_NEW)[0].startswith("no change for 2 days, ")

    def test_in_another_process_that_gets_no_listing_there_are_no_counts(self) -> None:
        log = Log()
        log.poll(0, ALL_NEW)
        assert log.moved().poll(1, DOWN)[-1].startswith("no change for 1 day; 1 poll, 1 of them failed since")

    def test_the_form_in_which_it_is_stored(self) -> None:
        """Another version has stored it, or will read it."""
        log = Log()
        log.poll(0, [job(1, "WithCustomer"), job(2, "New")])
        log.poll(0.25, DOWN)
        log.poll(0.5, [job(1, "WithCustomer"), job(2, "New")])
        assert log.wait.memory() == {
            "started_at": "2026-01-01T00:00:00+00:00",
            "listed_at": "2026-01-01T12:00:00+00:00",
            "since JID2 New": "2026-01-01T00:00:00+00:00",
            "seen JID1 WithCustomer": "2026-01-01T00:00:00+00:00",
            "changed_at": "2026-01-01T00:00:00+00:00",
            "told_at": "2026-01-01T00:00:00+00:00",
            "polls": "2",
            "failed_polls": "1",
        }


def test_the_page_shows_what_the_log_says() -> None:
    log = Log(min_jobs=5, timeout=90 * 86400, poke_interval=900)
    states = ["InTransitToCustomer"] * 5
    for day, number, state in (
        (0.0, 3, "PreparingShipment"),
        (1.3, 3, "InTransitToCustomer"),
        (5.02, 1, "WithCustomer"),
    ):
        states[number - 1] = state
        if state == "WithCustomer":
            states[4] = state
        listing = [job(each, states[each - 1], f"tray {each}") for each in range(1, 6)]
        printed = log.poll(day, listing)
    for hour in range(1, 25):
        printed += log.poll(5.02 + hour / 24, listing)
    block = blocks_of("text", ROOT / "docs" / "be_told.md")[0].replace("Cluster CID6c7e…: ", "")
    assert not_printed(block, "\n".join(printed)) == []
