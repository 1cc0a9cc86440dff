"""For how long jobs were seen in their states, and what that makes overdue."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_snowball.lifecycle import Job
from airflow_provider_snowball.waiting.calls import ErrorKind, RequestError
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Fail, FailKind, Step, Wait, drive
from airflow_provider_snowball.waiting.time_in_state import Overdue, TimeInState

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
ON_THE_ROAD = Job("J1", "InTransitToCustomer")
NEW = Job("J2", "New")


def overdue(times: TimeInState, jobs: list[Job], now: datetime) -> list[str]:
    """Return the ids of those that are overdue, and have somebody told of them."""
    times.see(jobs, [], now)
    found = times.overdue(now)
    times.mark_told(found, now)
    return [each.job_id for each in found]


class TestOverdue:
    def test_once_for_each_job_and_state(self) -> None:
        times = TimeInState({"InTransitToCustomer": 10, "New": 12})
        found = {day: overdue(times, [ON_THE_ROAD, NEW], START + day * DAY) for day in (0, 9, 10, 11, 12, 13)}
        assert found == {0: [], 9: [], 10: ["J1"], 11: [], 12: ["J2"], 13: []}

    def test_again_and_again_until_somebody_was_told(self) -> None:
        times = TimeInState({"New": 10})
        times.see([NEW], [], START)
        for day in (10, 11, 12):
            times.see([NEW], [], START + day * DAY)
            assert times.overdue(START + day * DAY) == (Overdue("J2", "New", float(day), 10),)
        times.mark_told(times.overdue(START + 12 * DAY), START + 12 * DAY)
        assert times.overdue(START + 13 * DAY) == ()

    def test_in_the_same_state_a_second_time_it_is_told_of_again(self) -> None:
        times = TimeInState({"New": 2})
        days = {
            day: overdue(times, [Job("J2", state)], START + day * DAY)
            for day, state in enumerate(["New", "New", "New", "Pending", "New", "New", "New"])
        }
        assert [day for day, found in days.items() if found] == [2, 6]

    def test_a_state_without_a_limit_is_never_overdue(self) -> None:
        assert overdue(TimeInState(None), [NEW], START) == []
        times = TimeInState({"Pending": 1})
        assert [overdue(times, [NEW], START + day * DAY) for day in (0, 100)] == [[], []]

    def test_another_state_begins_anew(self) -> None:
        times = TimeInState({"New": 2, "Pending": 2})
        assert overdue(times, [NEW], START) == []
        assert overdue(times, [Job("J2", "Pending")], START + DAY) == []
        assert overdue(times, [Job("J2", "Pending")], START + 2 * DAY) == []
        assert overdue(times, [Job("J2", "Pending")], START + 3 * DAY) == ["J2"]

    def test_alarms_hang_on_states_with_a_limit(self) -> None:
        times = TimeInState({"New": 2, "Pending": 2})
        assert times.alarms() == frozenset()
        times.see([NEW, ON_THE_ROAD], [], START)
        assert times.alarms() == {("since", "J2", "New")}
        times.see([NEW, ON_THE_ROAD], [], START + 2 * DAY)
        times.mark_told(times.overdue(START + 2 * DAY), START + 2 * DAY)
        assert times.alarms() == {("since", "J2", "New"), ("told", "J2", "New")}
        times.see([ON_THE_ROAD], [], START + 3 * DAY)
        assert times.alarms() == {("since", "J2", "New"), ("told", "J2", "New")}
        times.see([ON_THE_ROAD, Job("J2", "WithAWS")], [], START + 4 * DAY)
        assert times.alarms() == frozenset()
        without = TimeInState(None)
        without.see([NEW], [], START)
        assert without.alarms() == frozenset()

    @pytest.mark.parametrize("waited_for", [[], [Job("J2", None)]], ids=["not listed", "without a state"])
    @pytest.mark.parametrize("dies", [False, True])
    def test_one_that_a_listing_lacks_counts_on_once_it_is_back(
        self, waited_for: list[Job], *, dies: bool
    ) -> None:
        times = TimeInState({"New": 2})
        found = []
        for day, jobs in enumerate([[NEW], waited_for, waited_for, waited_for, [NEW], waited_for, [NEW]]):
            found.append(overdue(times, jobs, START + day * DAY))
            if dies:
                times = TimeInState({"New": 2}, json.loads(json.dumps(times.memory())))
        # Nor is it told of again.
        assert found == [[], [], [], [], ["J2"], [], []]

    def test_one_that_went_on_while_it_was_not_listed_begins_anew(self) -> None:
        times = TimeInState({"New": 2, "Pending": 2})
        states = ["New", None, "Pending", None, "New", "New", "New"]
        found = [overdue(times, [Job("J2", state)], START + day * DAY) for day, state in enumerate(states)]
        assert [day for day, names in enumerate(found) if names] == [6]

    def test_what_it_tells_of_comings_and_goings(self) -> None:
        times = TimeInState(None)
        moved = []
        for jobs in ([NEW], [NEW], [], [], [NEW], [NEW], [Job("J2", "Pending")], []):
            moved.append(times.see(jobs, [], START))
            times = TimeInState(None, times.memory())
        assert moved == [True, False, True, False, True, False, True, True]

    def test_it_keeps_no_more_than_was_ever_listed(self) -> None:
        times = TimeInState(None)
        for day in range(40):
            times.see([Job("J1", ["New", "Pending"][day % 2])] if day % 3 else [], [NEW], START + day * DAY)
            assert len(times.memory()) <= 2

    @pytest.mark.parametrize("state", ["New", "WithCustomer"])
    def test_a_job_no_longer_waited_for_is_not_overdue(self, state: str) -> None:
        times = TimeInState({"New": 2})
        overdue(times, [NEW], START)
        times.see([], [Job("J2", state)], START + 3 * DAY)
        assert times.overdue(START + 3 * DAY) == ()

    def test_memory_goes_on_in_another_process(self) -> None:
        first = TimeInState({"New": 2})
        overdue(first, [NEW], START)
        second = TimeInState({"New": 2}, json.loads(json.dumps(first.memory())))
        assert overdue(second, [NEW], START + 2 * DAY) == ["J2"]
        third = TimeInState({"New": 2}, second.memory())
        assert overdue(third, [NEW], START + 3 * DAY) == []

    def test_memory_of_other_things_is_left_alone(self) -> None:
        others = {"listed_at": START.isoformat(), "try_number": "x", "since J1": "x", "later J1 New": "x"}
        assert TimeInState(None, others).memory() == {}

    def test_a_job_without_an_id_is_followed_across_processes_too(self) -> None:
        nameless = [Job("a job without an id", "New")]
        first = TimeInState({"New": 2})
        overdue(first, nameless, START)
        second = TimeInState({"New": 2}, first.memory())
        assert overdue(second, nameless, START + 2 * DAY) == ["a job without an id"]


class TestMemory:
    def test_the_form_of_what_a_listing_lacks(self) -> None:
        times = TimeInState({"New": 1})
        times.see([NEW], [], START)
        times.see([], [], START + DAY)
        assert times.memory() == {"away J2 New": "2026-01-01T00:00:00+00:00"}

    def test_the_form_in_which_it_is_stored(self) -> None:
        """Another version has stored it, or will read it."""
        times = TimeInState({"New": 1})
        times.see([Job("a", "New"), Job("a job without an id", "New")], [], START)
        times.mark_told(times.overdue(START + DAY)[:1], START + DAY)
        memory = {
            "since a New": "2026-01-01T00:00:00+00:00",
            "since a job without an id New": "2026-01-01T00:00:00+00:00",
            "told a New": "2026-01-02T00:00:00+00:00",
        }
        assert times.memory() == memory
        again = TimeInState({"New": 1}, memory)
        assert again.memory() == memory
        assert [each.job_id for each in again.overdue(START + DAY)] == ["a job without an id"]


class TestInAWait:
    def poll(self, wait: Wait, state: str, day: float) -> Step:
        return self.poll_for(wait, [{"JobId": "J1", "JobState": state, "JobType": "LOCAL_USE"}], day)

    def poll_for(self, wait: Wait, jobs: list[dict[str, str]], day: float) -> Step:
        def ask_nothing(call: Any) -> Any:
            raise AssertionError(f"{call} was not expected")

        return drive(wait.judge(jobs, lambda: START + day * DAY), ask_nothing)

    def wait(self, **more: Any) -> Wait:
        config = WaitConfig.read(
            {
                "cluster_id": CLUSTER,
                "target_state": "WithCustomer",
                "max_days_in_state": {"InTransitToCustomer": 10},
                **more,
            }
        )
        return Wait(config, started_at=START)

    def told(self, wait: Wait) -> list[tuple[int, str]]:
        return [(each.level, each.text) for each in wait.take_lines() if ": overdue: " in each.text]

    TEXT = f"Cluster {CLUSTER}: overdue: J1 in InTransitToCustomer for 11 days (at most 10) [SNB405]"

    def test_it_warns_once_and_goes_on(self) -> None:
        wait = self.wait()
        for day in (0, 11, 12):
            step = self.poll(wait, "InTransitToCustomer", day)
            assert isinstance(step, Again)
            assert len(step.overdue) == (day == 11)
        assert self.told(wait) == [(logging.WARNING, self.TEXT)]

    def test_it_asks_to_notify_until_somebody_was_told(self) -> None:
        wait = self.wait(on_overdue="notify")
        for day in (0, 11, 12, 13):
            step = self.poll(wait, "InTransitToCustomer", day)
            assert isinstance(step, Again)
            assert len(step.overdue) == (day in (11, 12))
            if day == 12:
                wait.mark_told(step.overdue, START + day * DAY)
        assert self.told(wait) == [
            (logging.WARNING, self.TEXT),
            (logging.WARNING, self.TEXT.replace("11 days", "12 days")),
        ]

    @pytest.mark.parametrize("on_overdue", ["warn", "notify", "fail"])
    def test_what_ends_the_wait_comes_first(self, on_overdue: str) -> None:
        wait = self.wait(on_overdue=on_overdue, timeout=11 * DAY)
        self.poll(wait, "InTransitToCustomer", 0)
        step = self.poll(wait, "InTransitToCustomer", 11)
        assert isinstance(step, Fail)
        assert step.kind is FailKind.TIMEOUT
        # There is no later time to tell of it.
        is_told = on_overdue != "fail"
        assert [each.job_id for each in step.overdue] == (["J1"] if is_told else [])
        assert self.told(wait) == ([(logging.WARNING, self.TEXT)] if is_told else [])

    def test_one_that_is_late_as_another_ends_the_wait_is_told_of(self) -> None:
        wait = self.wait(on_overdue="notify")
        late, other = ({"JobId": name, "JobState": "InTransitToCustomer"} for name in ("J1", "J2"))
        self.poll_for(wait, [late, other], 0)
        step = self.poll_for(wait, [late, other | {"JobState": "Cancelled"}], 11)
        assert isinstance(step, Fail)
        assert step.kind is FailKind.UNREACHABLE
        assert [str(each) for each in step.overdue] == ["J1 in InTransitToCustomer for 11 days (at most 10)"]
        assert self.told(wait) == [(logging.WARNING, self.TEXT)]

    @pytest.mark.parametrize("on_overdue", ["warn", "notify"])
    @pytest.mark.parametrize("kind", [ErrorKind.TRANSIENT, ErrorKind.NOT_FOUND])
    def test_who_could_not_be_told_before_is_told_where_an_error_ends_the_wait(
        self, kind: ErrorKind, on_overdue: str
    ) -> None:
        wait = self.wait(on_overdue=on_overdue, timeout=12 * DAY)
        for day in (0, 11):
            self.poll(wait, "InTransitToCustomer", day)
        assert len(self.told(wait)) == 1
        step = drive(wait.judge(RequestError(kind, "its words"), lambda: START + 12 * DAY), lambda _: {})
        assert isinstance(step, Fail)
        left = ["J1 in InTransitToCustomer for 11 days (at most 10)"] if on_overdue == "notify" else []
        assert [str(each) for each in step.overdue] == left
        # It is as it was seen last: nothing new was found.
        assert self.told(wait) == []

    @pytest.mark.parametrize(("on_overdue", "forgotten"), [("fail", None), ("notify", "listed_at")])
    def test_nobody_is_told_where_that_is_not_asked_for_or_not_known(
        self, on_overdue: str, forgotten: str | None
    ) -> None:
        """The DAG was edited since, or something else has written what is remembered."""
        before = self.wait(on_overdue="notify")
        for day in (0, 11):
            self.poll(before, "InTransitToCustomer", day)
        memory = {name: text for name, text in before.memory().items() if name != forgotten}
        wait = Wait(self.wait(on_overdue=on_overdue).config, started_at=START, memory=memory)
        error = RequestError(ErrorKind.NOT_FOUND, "its words")
        step = drive(wait.judge(error, lambda: START + 12 * DAY), lambda _: {})
        assert isinstance(step, Fail)
        assert step.overdue == ()

    def test_it_asks_to_be_kept_until_it_is(self) -> None:
        wait = self.wait(max_days_in_state={"New": 10, "Pending": 10})

        def keeps(state: str, day: float) -> bool:
            step = self.poll(wait, state, day)
            assert isinstance(step, Again)
            return step.keep

        assert keeps("New", 0)
        wait.mark_kept()
        assert not keeps("New", 1)
        assert [keeps("Pending", day) for day in (2, 3)] == [True, True]
        wait.mark_kept()
        assert not keeps("Pending", 4)

    def test_it_fails(self) -> None:
        wait = self.wait(on_overdue="fail")
        self.poll(wait, "InTransitToCustomer", 0)
        assert self.poll(wait, "InTransitToCustomer", 11) == Fail(FailKind.OVERDUE, self.TEXT)

    def test_all_are_named(self) -> None:
        wait = self.wait(max_days_in_state={"New": 1}, on_overdue="fail")
        jobs = [{"JobId": f"J{number}", "JobState": "New", "JobType": "LOCAL_USE"} for number in (1, 2)]
        for day in (0, 2):
            step = self.poll_for(wait, jobs, day)
        assert step == Fail(
            FailKind.OVERDUE,
            f"Cluster {CLUSTER}: overdue: J1 in New for 2 days (at most 1), J2 in New for 2 days (at most 1)"
            " [SNB405]",
        )
