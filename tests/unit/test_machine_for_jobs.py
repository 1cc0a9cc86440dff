"""Waits for jobs by their ids: what is asked about those that are not listed, and about main jobs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_snowball.waiting.calls import Call, DescribeJob, ErrorKind, ListJobs, RequestError
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Done, Fail, FailKind, Step, Wait, drive
from tests.fakes.scripted_snowball import job_id

START = datetime(2026, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def job(number: int, state: str, **more: Any) -> dict[str, Any]:
    return {"JobId": job_id(number), "JobState": state, "JobType": "IMPORT"} | more


def main_job(number: int, state: str) -> dict[str, Any]:
    return job(number, state, JobType="EXPORT", IsMaster=True)


def described(of: dict[str, Any], *parts: dict[str, Any]) -> dict[str, Any]:
    return {"job": of, "parts": list(parts)}


DENIED = RequestError(ErrorKind.DENIED, "its words")
GONE = RequestError(ErrorKind.NOT_FOUND, "its words")
GONE.__cause__ = OSError("what came")
DOWN = RequestError(ErrorKind.TRANSIENT, "its words")


class Poller:
    """A wait for these jobs, polled every quarter of an hour."""

    def __init__(self, *numbers: int, **more: Any) -> None:
        self.now = START
        self.described: list[Call] = []
        self.lines: list[tuple[int, str]] = []
        asked: dict[str, Any] = {
            "job_ids": [job_id(number) for number in numbers],
            "target_state": "Complete",
            "timeout": timedelta(days=90),
            "poke_interval": QUARTER,
        }
        self.wait = Wait(WaitConfig.read(asked | more), started_at=START)
        assert self.wait.config.listing == ListJobs()

    def poll(
        self,
        listing: Sequence[Any] | RequestError,
        descriptions: Mapping[int, Any] | Exception | None = None,
    ) -> Step:
        """Poll once; what is not described does not exist."""

        def ask(call: Call) -> Any:
            self.described.append(call)
            assert isinstance(call, DescribeJob)
            number = int(call.job_id[-12:])
            reply = descriptions
            if not isinstance(descriptions, Exception):
                reply = (descriptions or {}).get(number, GONE)
            if isinstance(reply, Exception):
                raise reply
            return reply

        step = drive(self.wait.judge(listing, lambda: self.now), ask)
        # The table of devices has tests of its own.
        self.lines += [(each.level, each.text.partition("\n  ")[0]) for each in self.wait.take_lines()]
        self.now += QUARTER
        return step


class TestNotListed:
    def test_one_that_does_not_exist_ends_the_wait(self) -> None:
        step = Poller(1, 2).poll([job(1, "Complete")])
        assert step == Fail(FailKind.PERMANENT, f"Job {job_id(2)} does not exist: its words", GONE.__cause__)

    def test_nobody_asks_for_others_then(self) -> None:
        poller = Poller(1, 2)
        assert isinstance(poller.poll([], {2: described(job(2, "New"))}), Fail)
        assert poller.described == [DescribeJob(job_id(1))]

    def test_so_it_does_after_weeks(self) -> None:
        poller = Poller(1)
        assert isinstance(poller.poll([job(1, "New")]), Again)
        poller.now += timedelta(weeks=3)
        assert isinstance(poller.poll([]), Fail)

    def test_one_that_exists_counts_though_it_is_not_listed(self) -> None:
        assert Poller(1).poll([], {1: described(job(1, "Complete"))}) == Done([job(1, "Complete")])

    def test_it_is_described_hourly(self) -> None:
        poller = Poller(1)
        for _ in range(9):
            assert isinstance(poller.poll([], {1: described(job(1, "New"))}), Again)
        assert len(poller.described) == 3

    @pytest.mark.parametrize(("error", "level"), [(DENIED, logging.WARNING), (DOWN, logging.DEBUG)])
    def test_not_being_told_is_no_reason_to_fail(self, error: RequestError, level: int) -> None:
        poller = Poller(1)
        assert isinstance(poller.poll([], error), Again)
        assert [line_level for line_level, text in poller.lines if "described" in text] == [level]
        assert poller.poll([job(1, "Complete")]) == Done([job(1, "Complete")])

    def test_after_a_denial_it_is_not_described_again(self) -> None:
        poller = Poller(1)
        for _ in range(9):
            poller.poll([], DENIED)
        assert len(poller.described) == 1
        assert [text for level, text in poller.lines if level == logging.WARNING] == [
            f"Job {job_id(1)} is not listed and cannot be described, so that one that does not exist would "
            "be waited for until the timeout (its words) [SNB412]"
        ]

    def test_it_counts_as_described_until_it_is_described_again(self) -> None:
        """Also in another process: of a job that nobody lists, the time in its state goes on."""
        poller = Poller(1, max_days_in_state={"New": 1})
        overdue = []
        for _ in range(4 * 24 * 2):
            step = poller.poll([], {1: described(job(1, "New"))})
            assert isinstance(step, Again)
            overdue += [each.job_id for each in step.overdue]
            poller.wait = Wait(poller.wait.config, started_at=poller.now, memory=poller.wait.memory())
        assert overdue == [job_id(1)]
        assert len(poller.described) == 48

    def test_once_it_is_listed_the_listing_counts(self) -> None:
        poller = Poller(1)
        poller.poll([], {1: described(job(1, "New"))})
        poller.poll([job(1, "Pending")])
        assert not any(name.startswith("found ") for name in poller.wait.memory())

    def test_it_stands_beside_those_listed(self) -> None:
        poller = Poller(1, 2)
        step = poller.poll([job(1, "Complete")], {2: described(job(2, "Complete"))})
        assert step == Done([job(1, "Complete"), job(2, "Complete")])
        assert poller.described == [DescribeJob(job_id(2))]

    def test_parts_of_a_main_job_stand_beside_those_of_one_listed(self) -> None:
        mains = [main_job(1, "InProgress"), main_job(2, "InProgress")]
        parts = [job(3, "Complete", JobType="EXPORT"), job(4, "Complete", JobType="EXPORT")]
        descriptions = {1: described(mains[0], parts[0]), 2: described(mains[1], parts[1])}
        assert Poller(1, 2).poll(mains[:1], descriptions) == Done(mains + parts)

    def test_a_part_on_its_way_is_waited_for(self) -> None:
        poller = Poller(1)
        part = job(2, "WithCustomer", JobType="EXPORT")
        assert isinstance(poller.poll([], {1: described(main_job(1, "Complete"), part)}), Again)
        assert poller.lines == [
            (logging.INFO, f"Job {job_id(1)}: 0 of 1 jobs at or past Complete (1 WithCustomer)")
        ]

    def test_the_form_in_which_it_is_stored(self) -> None:
        """Another version has stored it, or will read it."""
        poller = Poller(1)
        found = described(main_job(1, "InProgress"), job(2, "New", JobType="EXPORT"))
        poller.poll([], {1: found})
        memory = poller.wait.memory()
        assert {name: json.loads(value) for name, value in memory.items() if name.startswith("found")} == {
            f"found {job_id(1)}": found
        }
        again = Wait(poller.wait.config, started_at=START, memory=memory)
        assert again.memory() == memory

    def test_jobs_that_cannot_reach_the_target_come_first(self) -> None:
        poller = Poller(1, 2)
        step = poller.poll([job(1, "Cancelled")])
        assert step == Fail(
            FailKind.UNREACHABLE, f"1 of 2 jobs cannot reach Complete: {job_id(1)} Cancelled [SNB401]"
        )
        assert poller.described == []


class TestMainJobs:
    def test_it_is_described_at_each_poll(self) -> None:
        poller = Poller(1)
        for _ in range(3):
            poller.poll([main_job(1, "InProgress")], {1: described(main_job(1, "InProgress"), job(2, "New"))})
        assert poller.described == [DescribeJob(job_id(1))] * 3
        assert poller.lines == [(logging.INFO, f"Job {job_id(1)}: 0 of 1 jobs at or past Complete (1 New)")]

    def test_the_result_has_main_job_and_parts(self) -> None:
        main, part = main_job(1, "InProgress"), job(2, "Complete", JobType="EXPORT")
        assert Poller(1).poll([part, main], {1: described(main, part)}) == Done([main, part])

    def test_no_description_of_it_is_a_poll_that_failed(self) -> None:
        poller = Poller(1)
        poller.poll([main_job(1, "New")], {1: described(main_job(1, "New"))})
        step = poller.poll([main_job(1, "Complete")], DOWN)
        assert isinstance(step, Again)
        assert poller.lines[-1] == (
            logging.WARNING,
            f"Cannot list job {job_id(1)}, will poll again [SNB413]: its words",
        )

    def test_without_permission_it_stands_for_itself(self) -> None:
        poller = Poller(1)
        assert isinstance(poller.poll([main_job(1, "InProgress")], DENIED), Again)
        assert poller.poll([main_job(1, "Complete")], DENIED) == Done([main_job(1, "Complete")])
        assert [text for level, text in poller.lines if level == logging.WARNING] == [
            f"Main job {job_id(1)} cannot be described, so that the devices of its job parts are not "
            "waited for (its words) [SNB412]"
        ]

    def test_of_each_the_missing_permission_is_told_once(self) -> None:
        poller = Poller(1, 2)
        for _ in range(3):
            poller.poll([main_job(1, "InProgress"), main_job(2, "InProgress")], DENIED)
        warnings = [text.split()[2] for level, text in poller.lines if level == logging.WARNING]
        assert warnings == [job_id(1), job_id(2)]

    def test_each_is_followed_wherever_it_is_listed(self) -> None:
        mains = [main_job(2, "InProgress"), main_job(4, "InProgress")]
        listing = [job(1, "Complete"), mains[0], job(3, "Complete"), mains[1]]
        parts = [job(5, "Complete", JobType="EXPORT"), job(6, "Complete", JobType="EXPORT")]
        poller = Poller(1, 2, 3, 4)
        step = poller.poll(listing, {2: described(mains[0], parts[0]), 4: described(mains[1], parts[1])})
        assert poller.described == [DescribeJob(job_id(2)), DescribeJob(job_id(4))]
        assert step == Done(listing + parts)

    def test_a_part_waited_for_by_its_own_id_is_in_the_result_once(self) -> None:
        main = main_job(1, "InProgress")
        parts = [job(2, "Complete", JobType="EXPORT"), job(3, "Complete", JobType="EXPORT")]
        step = Poller(1, 2).poll([parts[0], main], {1: described(main, *parts)})
        assert step == Done([parts[0], main, parts[1]])

    def test_others_are_not_described(self) -> None:
        poller = Poller(3)
        poller.poll([main_job(1, "New"), job(3, "New")])
        assert poller.described == []


class TestWords:
    def test_many_jobs(self) -> None:
        poller = Poller(1, 2, 3)
        poller.poll([job(1, "Complete"), job(2, "New"), job(3, "New")])
        assert poller.lines == [
            (logging.INFO, f"Job {job_id(1)} and 2 more: 1 of 3 jobs at or past Complete (2 New)")
        ]

    @pytest.mark.parametrize("job_ids", [(), None], ids=["none", "None"])
    def test_no_jobs_at_all(self, job_ids: tuple[str, ...] | None) -> None:
        with pytest.raises(ValueError, match="job_ids must name"):
            Poller(job_ids=job_ids)
