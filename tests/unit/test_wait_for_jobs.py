"""Waits for jobs by their ids: what is asked about those that are not listed, and about main jobs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_snowball.calls import Call, DescribeJob, ListJobs
from airflow_provider_snowball.terms import Terms
from airflow_provider_snowball.wait import (
    Again,
    Done,
    ErrorKind,
    Fail,
    FailKind,
    RequestError,
    Step,
    Wait,
    drive,
)
from tests.integration.scripted_snowball import job_id

START = datetime(2026, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def job(number: int, state: str, **more: Any) -> dict[str, Any]:
    return {"JobId": job_id(number), "JobState": state, "JobType": "IMPORT"} | more


def main_job(number: int, state: str) -> dict[str, Any]:
    return job(number, state, JobType="EXPORT", IsMaster=True)


def described(of: dict[str, Any], *parts: dict[str, Any]) -> dict[str, Any]:
    return {"job": of, "parts": list(parts)}


DENIED = RequestError(ErrorKind.REFUSED, "its words")
GONE = RequestError(ErrorKind.NOT_FOUND, "its words")
DOWN = RequestError(ErrorKind.PASSING, "its words")


class Poller:
    """A wait for these jobs, polled every quarter of an hour."""

    def __init__(self, *numbers: int, **more: Any) -> None:
        self.now = START
        self.asked: list[Call] = []
        self.news: list[tuple[int, str]] = []
        terms = {
            "source": ListJobs(),
            "job_ids": [job_id(number) for number in numbers],
            "target_state": "Complete",
            "started_at": START,
            "timeout": timedelta(days=90).total_seconds(),
            "interval": QUARTER.total_seconds(),
        }
        self.wait = Wait(Terms(**terms | more), now=START)

    def poll(
        self, listing: Sequence[Any] | Exception, descriptions: Mapping[int, Any] | Exception | None = None
    ) -> Step:
        """Poll once; what is not described does not exist."""

        def answer(call: Call) -> Any:
            if isinstance(call, ListJobs):
                reply: Any = listing
            else:
                self.asked.append(call)
                assert isinstance(call, DescribeJob)
                number = int(call.job_id[-12:])
                reply = (
                    descriptions
                    if isinstance(descriptions, Exception)
                    else (descriptions or {}).get(number, GONE)
                )
            if isinstance(reply, Exception):
                raise reply
            return reply

        step = drive(self.wait.poll(lambda: self.now), answer)
        self.news += [(each.level, each.text) for each in self.wait.take_news()]
        self.now += QUARTER
        return step


class TestNotListed:
    def test_one_that_does_not_exist_ends_the_wait(self) -> None:
        step = Poller(1, 2).poll([job(1, "Complete")])
        assert step == Fail(FailKind.REQUEST, f"Job {job_id(2)} does not exist: its words")

    def test_so_it_does_after_weeks(self) -> None:
        poller = Poller(1)
        assert isinstance(poller.poll([job(1, "New")]), Again)
        poller.now += timedelta(weeks=3)
        assert isinstance(poller.poll([]), Fail)

    def test_one_that_exists_counts_though_it_is_not_listed(self) -> None:
        assert Poller(1).poll([], {1: described(job(1, "Complete"))}) == Done([job(1, "Complete")])

    def test_it_is_asked_after_hourly(self) -> None:
        poller = Poller(1)
        for _ in range(9):
            assert isinstance(poller.poll([], {1: described(job(1, "New"))}), Again)
        assert len(poller.asked) == 3

    @pytest.mark.parametrize(("error", "level"), [(DENIED, logging.WARNING), (DOWN, logging.DEBUG)])
    def test_not_being_told_is_no_reason_to_fail(self, error: RequestError, level: int) -> None:
        poller = Poller(1)
        assert isinstance(poller.poll([], error), Again)
        assert [line_level for line_level, text in poller.news if "described" in text] == [level]
        assert poller.poll([job(1, "Complete")]) == Done([job(1, "Complete")])

    def test_after_a_refusal_it_is_not_asked_again(self) -> None:
        poller = Poller(1)
        for _ in range(9):
            poller.poll([], DENIED)
        assert len(poller.asked) == 1

    def test_jobs_that_cannot_reach_the_target_come_first(self) -> None:
        poller = Poller(1, 2)
        step = poller.poll([job(1, "Cancelled")])
        assert step == Fail(FailKind.UNREACHABLE, f"1 of 2 jobs cannot reach Complete: {job_id(1)} Cancelled")
        assert poller.asked == []


class TestMainJobs:
    def test_its_parts_are_asked_for_at_each_poll(self) -> None:
        poller = Poller(1)
        for _ in range(3):
            poller.poll([main_job(1, "InProgress")], {1: described(main_job(1, "InProgress"), job(2, "New"))})
        assert poller.asked == [DescribeJob(job_id(1))] * 3
        assert poller.news == [(logging.INFO, f"Job {job_id(1)}: 0 of 1 jobs at or past Complete (1 New)")]

    def test_the_result_has_main_job_and_parts(self) -> None:
        main, part = main_job(1, "InProgress"), job(2, "Complete", JobType="EXPORT")
        assert Poller(1).poll([part, main], {1: described(main, part)}) == Done([main, part])

    def test_no_word_of_its_parts_is_a_poll_that_failed(self) -> None:
        poller = Poller(1)
        poller.poll([main_job(1, "New")], {1: described(main_job(1, "New"))})
        step = poller.poll([main_job(1, "Complete")], DOWN)
        assert isinstance(step, Again)
        assert poller.news[-1] == (
            logging.WARNING,
            f"Cannot list job {job_id(1)}, will poll again: its words",
        )

    def test_without_permission_it_stands_for_itself(self) -> None:
        poller = Poller(1)
        assert isinstance(poller.poll([main_job(1, "InProgress")], DENIED), Again)
        assert poller.poll([main_job(1, "Complete")], DENIED) == Done([main_job(1, "Complete")])
        assert [text for level, text in poller.news if level == logging.WARNING] == [
            f"Main job {job_id(1)} cannot be described, so that the devices of its job parts are not "
            "waited for (its words)"
        ]

    def test_others_are_not_asked_for(self) -> None:
        poller = Poller(3)
        poller.poll([main_job(1, "New"), job(3, "New")])
        assert poller.asked == []


class TestWords:
    def test_many_jobs(self) -> None:
        poller = Poller(1, 2, 3)
        poller.poll([job(1, "Complete"), job(2, "New"), job(3, "New")])
        assert poller.news == [
            (logging.INFO, f"Job {job_id(1)} and 2 more: 1 of 3 jobs at or past Complete (2 New)")
        ]

    @pytest.mark.parametrize("numbers", [(), None])
    def test_no_jobs_at_all(self, numbers: tuple[int, ...] | None) -> None:
        with pytest.raises(ValueError, match="job_ids must name"):
            Poller(job_ids=numbers)
