"""For how long jobs were seen in their states, and what that makes overdue."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_snowball.calls import ListClusterJobs
from airflow_provider_snowball.lifecycle import Job
from airflow_provider_snowball.sightings import Sightings, check_max_days_in_state
from airflow_provider_snowball.terms import Terms
from airflow_provider_snowball.wait import Again, Fail, FailKind, Step, Wait, drive

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
ON_THE_ROAD = Job("J1", "InTransitToCustomer")
NEW = Job("J2", "New")


def overdue(sightings: Sightings, jobs: list[Job], now: datetime) -> list[str]:
    sightings.see(jobs, now)
    return [each.job_id for each in sightings.newly_overdue(now)]


class TestOverdue:
    def test_once_for_each_job_and_state(self) -> None:
        sightings = Sightings({"InTransitToCustomer": 10, "New": 12})
        found = {
            day: overdue(sightings, [ON_THE_ROAD, NEW], START + day * DAY) for day in (0, 9, 10, 11, 12, 13)
        }
        assert found == {0: [], 9: [], 10: ["J1"], 11: [], 12: ["J2"], 13: []}

    def test_another_state_begins_anew(self) -> None:
        sightings = Sightings({"New": 2, "Pending": 2})
        assert overdue(sightings, [NEW], START) == []
        assert overdue(sightings, [Job("J2", "Pending")], START + DAY) == []
        assert overdue(sightings, [Job("J2", "Pending")], START + 2 * DAY) == []
        assert overdue(sightings, [Job("J2", "Pending")], START + 3 * DAY) == ["J2"]

    def test_a_job_no_longer_waited_for_is_forgotten(self) -> None:
        sightings = Sightings({"New": 2})
        overdue(sightings, [NEW], START)
        assert overdue(sightings, [], START + 3 * DAY) == []
        assert sightings.memory() == {}

    def test_memory_goes_on_in_another_process(self) -> None:
        first = Sightings({"New": 2})
        overdue(first, [NEW], START)
        second = Sightings({"New": 2}, json.loads(json.dumps(first.memory())))
        assert overdue(second, [NEW], START + 2 * DAY) == ["J2"]
        third = Sightings({"New": 2}, second.memory())
        assert overdue(third, [NEW], START + 3 * DAY) == []

    def test_memory_of_other_things_is_left_alone(self) -> None:
        others = {"heard_at": START.isoformat(), "try_number": "x", "since J1": "x"}
        assert Sightings(None, others).memory() == {}

    def test_a_job_without_an_id_is_followed_across_processes_too(self) -> None:
        nameless = [Job("a job without an id", "New")]
        first = Sightings({"New": 2})
        overdue(first, nameless, START)
        second = Sightings({"New": 2}, first.memory())
        assert overdue(second, nameless, START + 2 * DAY) == ["a job without an id"]


class TestWords:
    def test_how_long_each_was_seen(self) -> None:
        sightings = Sightings(None)
        sightings.see([ON_THE_ROAD], START)
        sightings.see([ON_THE_ROAD, NEW], START + DAY)
        assert sightings.describe(START + DAY) == "J1 InTransitToCustomer for 1 day"
        assert sightings.describe(START + 2.5 * DAY) == (
            "J1 InTransitToCustomer for 2 days 12 hours, J2 New for 1 day 12 hours"
        )

    def test_at_most_20(self) -> None:
        sightings = Sightings(None)
        sightings.see([Job(f"J{number}", "New") for number in range(25)], START)
        text = sightings.describe(START + DAY)
        assert text.count(" for 1 day") == 20
        assert text.endswith(", and 5 more")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Shipped": 1}, "each state of max_days_in_state must be one of New, "),
        ({"Complete": 1}, "max_days_in_state cannot have Complete"),
        ({"New": 0}, r"max_days_in_state\['New'\] must be a number above 0; got 0"),
        ({"New": True}, r"max_days_in_state\['New'\] must be a number above 0; got True"),
        (["New"], "max_days_in_state must be a dict of days by state"),
    ],
)
def test_bad_input(value: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}"):
        check_max_days_in_state(value)


class TestInAWait:
    def poll(self, wait: Wait, state: str, day: float) -> Step:
        jobs = [{"JobId": "J1", "JobState": state, "JobType": "LOCAL_USE"}]
        return drive(wait.poll(lambda: START + day * DAY), lambda _: jobs)

    def wait(self, **more: Any) -> Wait:
        terms = Terms(
            source=ListClusterJobs(CLUSTER),
            target_state="WithCustomer",
            started_at=START,
            timeout=1e7,
            interval=900.0,
            max_days_in_state={"InTransitToCustomer": 10},
            **more,
        )
        return Wait(terms, now=START)

    TEXT = f"Cluster {CLUSTER}: overdue: J1 in InTransitToCustomer for 11 days (at most 10)"

    @pytest.mark.parametrize("on_overdue", ["warn", "notify"])
    def test_it_warns_and_goes_on(self, on_overdue: str) -> None:
        wait = self.wait(on_overdue=on_overdue)
        for day in (0, 11, 12):
            step = self.poll(wait, "InTransitToCustomer", day)
            assert isinstance(step, Again)
            assert len(step.overdue) == (day == 11)
        assert [(each.level, each.text) for each in wait.take_news()][1:] == [(logging.WARNING, self.TEXT)]

    def test_it_fails(self) -> None:
        wait = self.wait(on_overdue="fail")
        self.poll(wait, "InTransitToCustomer", 0)
        assert self.poll(wait, "InTransitToCustomer", 11) == Fail(FailKind.OVERDUE, self.TEXT)

    def test_a_change_is_told_with_how_long_it_took(self) -> None:
        wait = self.wait()
        self.poll(wait, "New", 0)
        self.poll(wait, "Pending", 2)
        wait = Wait(wait.terms, now=START, succeeded=True, memory=wait.memory())
        self.poll(wait, "Pending", 3)
        assert [each.text for each in wait.take_news()] == [
            f"Cluster {CLUSTER}: 0 of 1 jobs at or past WithCustomer (1 Pending); J1 Pending for 1 day"
        ]
