"""The judgement of a wait over time, on a clock moved by hand."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from airflow_provider_snowball.calls import Call, DescribeCluster, ListClusterJobs
from airflow_provider_snowball.durations import format_duration
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
    drive_async,
)
from tests.integration.scripted_snowball import job_id

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
OTHER_CLUSTER = "CID123e4567-e89b-12d3-a456-426655440001"
START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3600.0
DAY = 86400.0
WARNING = logging.WARNING
INFO = logging.INFO
DEBUG = logging.DEBUG


def job(number: int, state: str, **more: Any) -> dict[str, Any]:
    return {"JobId": job_id(number), "JobState": state, "JobType": "LOCAL_USE"} | more


NEW = [job(1, "New")]
HERE = [job(1, "WithCustomer")]
CAUSE = OSError("what came")


def error(kind: ErrorKind, words: str = "its words") -> RequestError:
    found = RequestError(kind, words)
    found.__cause__ = CAUSE
    return found


GONE = error(ErrorKind.NOT_FOUND)
BAD = error(ErrorKind.BAD_INPUT)
DENIED = error(ErrorKind.REFUSED)
DOWN = error(ErrorKind.PASSING)


def terms(**more: Any) -> Terms:
    asked: dict[str, Any] = {
        "source": ListClusterJobs(CLUSTER),
        "target_state": "WithCustomer",
        "started_at": START,
        "timeout": 90 * DAY,
        "interval": 900.0,
    }
    return Terms(**asked | more)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    @property
    def elapsed(self) -> float:
        return (self.now - START).total_seconds()

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Journey:
    """What happened in a wait: seconds since its start, and what was decided and said then."""

    polls: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    news: list[tuple[float, int, str]] = field(default_factory=list)

    @property
    def end(self) -> Step:
        return self.steps[-1]

    @property
    def delays(self) -> list[float]:
        return [step.delay for step in self.steps if isinstance(step, Again)]


#: What a listing is at a time: the listings of each poll, of which the last stays, or a function of the time.
Listings = Sequence[Any] | Callable[[float], Any]


def travel(
    asked_for: Terms,
    listings: Listings,
    cluster: Any = "Pending",
    *,
    polls: int = 1000,
    begin: float = 0.0,
    succeeded: bool = False,
    answer_takes: float = 0.0,
    remember: Callable[[Wait, datetime], dict[str, str]] | None = None,
) -> Journey:
    """
    Poll as a worker and as a triggerer would, until the wait ends, and hold them to the same.

    :param cluster: what DescribeCluster says, a ClusterState or an error.
    :param polls: stop after so many.
    :param begin: seconds after the start at which the first poll is.
    :param answer_takes: seconds that pass in each call.
    :param remember: what is left of a wait when every poll is a process of its own.
    """
    clock = Clock()
    clock.move(begin)
    journey = Journey()
    waits = [Wait(asked_for, now=clock.now, succeeded=succeeded) for _ in range(2)]
    with asyncio.Runner() as runner:
        for number in range(polls):
            journey.polls.append(clock.elapsed)
            begun = clock.now
            outcomes = []
            for wait, is_async in zip(waits, (False, True), strict=True):
                clock.now = begun
                asked: list[float] = []

                def answer(request: Call, number: int = number, asked: list[float] = asked) -> Any:
                    if request == DescribeCluster(CLUSTER):
                        asked.append(clock.elapsed)
                        reply = cluster if isinstance(cluster, Exception) else {"ClusterState": cluster}
                    elif callable(listings):
                        reply = listings(clock.elapsed)
                    else:
                        reply = listings[min(number, len(listings) - 1)]
                    clock.move(answer_takes)
                    if isinstance(reply, Exception):
                        raise reply
                    return reply

                async def answer_later(request: Call, answer: Callable[[Call], Any] = answer) -> Any:
                    await asyncio.sleep(0)
                    return answer(request)

                flow = wait.poll(clock)
                step = runner.run(drive_async(flow, answer_later)) if is_async else drive(flow, answer)
                outcomes.append((step, wait.take_news(), asked, wait.memory(), clock.now))
            assert outcomes[0] == outcomes[1]
            step, news, asked, _, _ = outcomes[0]
            journey.steps.append(step)
            journey.asked += asked
            journey.news += [(clock.elapsed, line.level, line.text) for line in news]
            if not isinstance(step, Again):
                break
            clock.move(step.delay)
            if remember is not None:
                waits = [
                    Wait(asked_for, now=clock.now, succeeded=True, memory=remember(wait, clock.now))
                    for wait in waits
                ]
    return journey


def everything(wait: Wait, now: datetime) -> dict[str, str]:
    """Remember as reschedule mode does on Airflow 3.3 and later: what went through JSON."""
    return json.loads(json.dumps(wait.memory()))


def nothing_but_the_time(wait: Wait, now: datetime) -> dict[str, str]:
    """Remember as reschedule mode does before Airflow 3.3."""
    return {"asked_at": wait.terms.presumably_asked_at(now).isoformat()}


class TestListings:
    def test_done_at_once(self) -> None:
        journey = travel(terms(), [HERE])
        assert journey.steps == [Done(HERE)]
        assert journey.asked == []

    def test_done_after_a_while(self) -> None:
        journey = travel(terms(), [NEW, NEW, HERE])
        assert journey.steps == [Again(900.0), Again(900.0), Done(HERE)]
        assert journey.polls == [0, 900, 1800]

    def test_passed_the_target_between_two_polls(self) -> None:
        later = [job(1, "InTransitToAWS")]
        assert travel(terms(), [NEW, later]).end == Done(later)

    def test_each_listing_is_judged_alone(self) -> None:
        assert travel(terms(min_jobs=2), [[*HERE, job(2, "New")], HERE, []], polls=3).end == Again(900.0)

    def test_the_result_is_portable(self) -> None:
        listed = job(1, "WithCustomer", CreationDate=START)
        assert travel(terms(), [[listed]]).end == Done(
            [job(1, "WithCustomer", CreationDate="2026-01-01T00:00:00+00:00")]
        )

    def test_the_result_holds_ignored_and_main_jobs(self) -> None:
        listed = [job(1, "WithCustomer"), job(2, "Cancelled"), job(3, "New", IsMaster=True)]
        assert travel(terms(ignore_cancelled=True), [listed]).end == Done(listed)

    def test_the_result_holds_only_the_jobs_asked_for(self) -> None:
        listed = [job(1, "WithCustomer"), job(2, "New"), job(3, "WithCustomer")]
        assert travel(terms(job_ids=[job_id(3), job_id(1)]), [listed]).end == Done([listed[0], listed[2]])

    def test_unreachable(self) -> None:
        journey = travel(terms(), [[*HERE, job(2, "Cancelled")]])
        assert journey.steps == [
            Fail(
                FailKind.UNREACHABLE,
                f"1 of 2 jobs of cluster {CLUSTER} cannot reach WithCustomer: {job_id(2)} Cancelled",
            )
        ]
        assert journey.asked == []

    def test_nothing_left(self) -> None:
        assert travel(terms(ignore_cancelled=True), [[job(2, "Cancelled")]]).end == Fail(
            FailKind.UNREACHABLE,
            f"Nothing left to wait for: all 1 jobs of cluster {CLUSTER} are Cancelled and ignored "
            f"({job_id(2)})",
        )


REQUEST = Fail(FailKind.REQUEST, f"Cannot list the jobs of cluster {CLUSTER}: its words", CAUSE)
ERROR = Fail(FailKind.ERROR, f"Cannot list the jobs of cluster {CLUSTER}: its words", CAUSE)
GOES_ON = Again(900.0)
WITH_NEW_CLIENT = Again(900.0, new_client=True)


class TestErrors:
    @pytest.mark.parametrize("silent_fail", [False, True], ids=["", "silent_fail"])
    @pytest.mark.parametrize(
        ("answer", "before", "before_silent", "after"),
        [
            pytest.param(GONE, REQUEST, REQUEST, REQUEST, id="not found"),
            pytest.param(BAD, REQUEST, REQUEST, REQUEST, id="bad input"),
            pytest.param(DENIED, REQUEST, REQUEST, WITH_NEW_CLIENT, id="refused"),
            pytest.param(DOWN, ERROR, GOES_ON, GOES_ON, id="passing"),
        ],
    )
    def test_before_and_after_the_first_success(
        self, answer: RequestError, before: Step, before_silent: Step, after: Step, silent_fail: bool
    ) -> None:
        asked_for = terms(silent_fail=silent_fail)
        assert travel(asked_for, [answer], polls=1).end == (before_silent if silent_fail else before)
        assert travel(asked_for, [NEW, answer], polls=2).end == after
        # The success may have been in another process.
        assert travel(asked_for, [answer], polls=1, succeeded=True).end == after

    def test_silent_fail_does_not_count_as_success(self) -> None:
        assert travel(terms(silent_fail=True), [DOWN, DENIED]).steps == [GOES_ON, REQUEST]

    def test_the_wait_goes_on_where_it_was(self) -> None:
        assert travel(terms(), [NEW, DOWN, DENIED, HERE]).steps == [
            GOES_ON,
            GOES_ON,
            WITH_NEW_CLIENT,
            Done(HERE),
        ]

    def test_any_other_exception_passes_through(self) -> None:
        with pytest.raises(ZeroDivisionError):
            travel(terms(), [ZeroDivisionError()])

    @pytest.mark.parametrize("kind", ErrorKind)
    def test_request_error_keeps_kind_and_words(self, kind: ErrorKind) -> None:
        found = error(kind, "the API's own words")
        assert (found.kind, str(found), found.__cause__) == (kind, "the API's own words", CAUSE)


def blind(last_error: str = "its words", limit: str = "2 days") -> Fail:
    return Fail(
        FailKind.BLIND,
        f"No listing of the jobs of cluster {CLUSTER} for {limit} (max_blind_time); last error: {last_error}",
        CAUSE,
    )


class TestBlindTime:
    @pytest.mark.parametrize("answer", [DOWN, DENIED], ids=["passing", "refused"])
    def test_it_is_borne_and_then_fails(self, answer: RequestError) -> None:
        journey = travel(terms(interval=HOUR), [NEW, answer])
        assert journey.polls == [hour * HOUR for hour in range(49)]
        assert journey.end == blind()

    def test_it_counts_from_the_last_answer(self) -> None:
        def listing(elapsed: float) -> Any:
            return NEW if elapsed <= 10 * HOUR else DOWN

        journey = travel(terms(interval=HOUR), listing)
        assert journey.polls[-1] == 58 * HOUR
        assert journey.end == blind()

    def test_an_answer_ends_it(self) -> None:
        def listing(elapsed: float) -> Any:
            return NEW if elapsed % (47 * HOUR) == 0 else DOWN

        journey = travel(terms(interval=HOUR, timeout=20 * DAY), listing)
        assert journey.polls[-1] == 20 * DAY
        assert isinstance(journey.end, Fail)
        assert journey.end.kind is FailKind.TIMEOUT

    def test_the_last_error_is_the_one_named(self) -> None:
        late = error(ErrorKind.PASSING, "at the end")
        journey = travel(terms(interval=DAY), [NEW, DOWN, late])
        assert journey.end == blind("at the end")

    def test_its_length_can_be_chosen(self) -> None:
        journey = travel(terms(interval=HOUR, max_blind_time=90 * 60.0), [NEW, DOWN])
        assert journey.polls[-1] == 2 * HOUR
        assert journey.end == blind(limit="1 hour 30 minutes")

    def test_silent_fail_bears_everything_until_the_timeout(self) -> None:
        journey = travel(terms(interval=DAY, timeout=10 * DAY, silent_fail=True), [NEW, DENIED])
        assert journey.polls[-1] == 10 * DAY
        assert journey.end == Fail(
            FailKind.TIMEOUT, f"Timed out after 10 days: the last poll of cluster {CLUSTER} failed: its words"
        )

    def test_a_wait_that_remembers_counts_on(self) -> None:
        journey = travel(terms(interval=HOUR), [NEW, DOWN], remember=everything)
        assert journey.polls[-1] == 48 * HOUR
        assert journey.end == blind()

    def test_a_wait_that_remembers_nothing_counts_from_where_it_began_again(self) -> None:
        journey = travel(terms(interval=HOUR), [DOWN], begin=30 * DAY, succeeded=True)
        assert journey.polls[-1] == 32 * DAY
        assert journey.end == blind()


class TestDeadline:
    def test_a_last_poll_at_it(self) -> None:
        journey = travel(terms(timeout=2000), [[*HERE, job(2, "New")]])
        assert journey.polls == [0, 900, 1800, 2000]
        assert journey.delays == [900, 900, 200]
        assert journey.end == Fail(
            FailKind.TIMEOUT,
            f"Timed out after 33 minutes 20 seconds: 1 of 2 jobs at or past WithCustomer ({job_id(2)} New)",
        )

    def test_done_at_it(self) -> None:
        assert travel(terms(timeout=2000), [NEW, NEW, NEW, HERE]).end == Done(HERE)

    def test_unreachable_at_it(self) -> None:
        end = travel(terms(timeout=2000), [NEW, NEW, NEW, [job(1, "Cancelled")]]).end
        assert isinstance(end, Fail)
        assert end.kind is FailKind.UNREACHABLE

    def test_an_error_at_it(self) -> None:
        journey = travel(terms(timeout=2000), [NEW, NEW, NEW, DOWN])
        assert journey.polls[-1] == 2000
        assert journey.end == Fail(
            FailKind.TIMEOUT,
            f"Timed out after 33 minutes 20 seconds: the last poll of cluster {CLUSTER} failed: its words",
        )

    def test_too_few_at_it(self) -> None:
        assert travel(terms(timeout=0, min_jobs=2), [HERE]).end == Fail(
            FailKind.TIMEOUT,
            "Timed out after 0 seconds: 1 of 1 jobs at or past WithCustomer; 1 of at least 2 listed",
        )

    def test_the_default_interval_meets_it_once(self) -> None:
        journey = travel(terms(timeout=1800), [NEW])
        assert journey.polls == [0, 900, 1800]

    def test_one_poll_long_after_it(self) -> None:
        """No triggerer ran when it was due: what counts is what is listed now."""
        assert travel(terms(timeout=2000), [HERE], begin=3 * DAY, succeeded=True).end == Done(HERE)
        journey = travel(terms(timeout=2000), [NEW], begin=3 * DAY, succeeded=True)
        assert len(journey.polls) == 1
        assert isinstance(journey.end, Fail)
        assert journey.end.kind is FailKind.TIMEOUT

    def test_it_may_pass_while_an_answer_is_awaited(self) -> None:
        journey = travel(terms(timeout=200), [NEW], answer_takes=300)
        assert journey.polls == [0]
        assert isinstance(journey.end, Fail)
        assert journey.end.kind is FailKind.TIMEOUT

    def test_the_delay_to_it_counts_from_the_answer(self) -> None:
        journey = travel(terms(timeout=1300), [NEW], answer_takes=450)
        assert journey.delays == [850]
        assert journey.polls == [0, 1300]

    def test_polls_are_a_shortest_delay_apart(self) -> None:
        journey = travel(terms(timeout=900.25, shortest_delay=1.0), [NEW])
        assert journey.polls == [0, 900, 901]

    def test_no_interval(self) -> None:
        assert travel(terms(interval=0.0), [NEW], polls=1).end == Again(0.0)
        assert travel(terms(interval=0.0, shortest_delay=1.0), [NEW], polls=1).end == Again(1.0)


class TestBackoff:
    """The growth of Airflow's sensors: half the interval, doubled each time, plus up to as much again."""

    # An answer takes some time, as it does: exactly at the end of a delay, rounding would decide.
    LATENCY = 0.05

    def grow(self, polls: int = 8, **more: Any) -> Journey:
        remember = more.pop("remember", None)
        asked_for = terms(**{"exponential_backoff": True, "timeout": 400 * DAY} | more)
        return travel(asked_for, [NEW], polls=polls, answer_takes=self.LATENCY, remember=remember)

    def test_it_doubles(self) -> None:
        steps = [450, 900, 1800, 3600, 7200, 14400, 28800, 57600]
        for step, delay in zip(steps, self.grow().delays, strict=True):
            assert step <= delay < 2 * step

    def test_max_wait_caps_it(self) -> None:
        delays = self.grow(20, max_wait=HOUR).delays
        assert delays[:2] == self.grow(2).delays
        assert max(delays) == HOUR
        assert set(delays[4:]) == {HOUR}

    @pytest.mark.parametrize("number", range(10))
    def test_max_wait_caps_the_jitter(self, number: int) -> None:
        """1800 s and its jitter come before the step that is over the cap."""
        delays = self.grow(max_wait=2000.0, source=ListClusterJobs(f"{CLUSTER[:-1]}{number}")).delays
        assert 1800 <= delays[2] <= 2000
        assert set(delays[3:]) == {2000.0}

    def test_the_deadline_cuts_it(self) -> None:
        journey = self.grow(1000, timeout=DAY)
        assert journey.polls[-1] == pytest.approx(DAY)
        assert isinstance(journey.end, Fail)

    @pytest.mark.parametrize("remember", [everything, nothing_but_the_time], ids=lambda each: each.__name__)
    @pytest.mark.parametrize("max_wait", [None, HOUR], ids=["", "max_wait"])
    def test_it_continues_in_another_process(self, remember: Any, max_wait: float | None) -> None:
        alone = self.grow(12, max_wait=max_wait)
        split = self.grow(12, max_wait=max_wait, remember=remember)
        assert split.polls == alone.polls

    def test_it_continues_after_a_gap(self) -> None:
        """A triggerer that was down for a day goes on with the delay that a day calls for."""
        asked_for = terms(exponential_backoff=True)
        delay = travel(asked_for, [NEW], begin=DAY, succeeded=True, polls=1).delays[0]
        assert DAY / 4 < delay < 2 * DAY

    def test_an_error_makes_no_difference(self) -> None:
        asked_for = terms(exponential_backoff=True)
        assert (
            travel(asked_for, [NEW, DOWN, NEW], polls=3, answer_takes=0.05).delays
            == travel(asked_for, [NEW], polls=3, answer_takes=0.05).delays
        )

    def test_two_waits_are_spread(self) -> None:
        assert self.grow().delays != self.grow(source=ListClusterJobs(OTHER_CLUSTER)).delays
        assert self.grow().delays == self.grow().delays

    def test_a_short_interval_starts_at_a_second(self) -> None:
        assert 1 <= self.grow(1, interval=0.0).delays[0] < 2

    def test_it_is_off_by_default(self) -> None:
        assert set(travel(terms(), [NEW], polls=5).delays) == {900.0}


def said(*lines: tuple[float, int, str]) -> list[tuple[float, int, str]]:
    return [(elapsed, level, f"Cluster {CLUSTER}{text}") for elapsed, level, text in lines]


class TestNews:
    def test_what_changed_and_not_what_is(self) -> None:
        way = [job(1, "InTransitToCustomer")]
        journey = travel(terms(), [NEW, NEW, NEW, way, way, HERE])
        assert journey.news == said(
            (0, INFO, ": 0 of 1 jobs at or past WithCustomer (1 New)"),
            (2700, INFO, ": 0 of 1 jobs at or past WithCustomer (1 InTransitToCustomer)"),
            (4500, INFO, ": 1 of 1 jobs at or past WithCustomer"),
        )

    def test_what_was_so_before_is_news_again(self) -> None:
        way = [job(1, "InTransitToCustomer")]
        assert len(travel(terms(), [NEW, way, NEW], polls=4).news) == 3

    def test_another_process_says_it_again(self) -> None:
        assert len(travel(terms(), [NEW], polls=4, remember=everything).news) == 4

    def test_an_outage_is_two_lines(self) -> None:
        journey = travel(terms(), [NEW, DOWN, DOWN, DOWN, NEW, NEW], polls=6)
        assert journey.news[1:] == [
            (900, WARNING, f"Cannot list the jobs of cluster {CLUSTER}, will poll again: its words"),
            (3600, INFO, f"Cluster {CLUSTER} answers again after 1 hour"),
        ]

    def test_a_second_outage_is_news_though_its_words_are_the_same(self) -> None:
        journey = travel(terms(), [NEW, DOWN, NEW, DOWN, NEW], polls=5)
        assert [level for _, level, _ in journey.news[1:]] == [WARNING, INFO, WARNING, INFO]

    def test_another_error_in_an_outage_is_news(self) -> None:
        journey = travel(terms(), [NEW, DOWN, error(ErrorKind.PASSING, "other words"), DOWN], polls=4)
        assert [text.rpartition(": ")[2] for _, _, text in journey.news[1:]] == [
            "its words",
            "other words",
            "its words",
        ]

    def test_an_error_that_ends_the_wait_is_not_news_but_its_end(self) -> None:
        assert travel(terms(), [DENIED]).news == []

    def test_ignored_jobs_are_named_once(self) -> None:
        listed = [job(1, "Cancelled"), job(2, "New"), job(3, "Cancelled")]
        journey = travel(terms(ignore_cancelled=True), [listed], polls=3)
        assert journey.news[1:] == said(
            (0, WARNING, f": cancelled jobs are ignored: {job_id(1)}, {job_id(3)}")
        )

    def test_unknown_states_are_named_once(self) -> None:
        listed = [job(1, "Shipped"), {"JobId": job_id(2)}, job(3, "New")]
        journey = travel(terms(), [listed], polls=3)
        assert journey.news[1:] == said(
            (
                0,
                WARNING,
                f": states unknown to this version, taken as waiting: {job_id(1)} Shipped, "
                f"{job_id(2)} without a state",
            )
        )

    def test_news_is_taken_once(self) -> None:
        wait = Wait(terms(), now=START)
        drive(wait.poll(Clock()), lambda _: NEW)
        assert len(wait.take_news()) == 1
        assert wait.take_news() == ()


class TestAskingForTheCluster:
    @pytest.mark.parametrize("state", ["Cancelled", "Complete"])
    def test_an_ended_cluster_fails_the_wait(self, state: str) -> None:
        assert travel(terms(min_jobs=2), [HERE], state).end == Fail(
            FailKind.CLUSTER_ENDED,
            f"Cluster {CLUSTER} is {state} and will list no more jobs: "
            "1 of 1 jobs at or past WithCustomer; 1 of at least 2 listed",
        )

    def test_an_ended_cluster_lists_no_job_that_is_missing(self) -> None:
        assert travel(terms(job_ids=[job_id(1), job_id(2)]), [HERE], "Complete").end == Fail(
            FailKind.CLUSTER_ENDED,
            f"Cluster {CLUSTER} is Complete and will list no more jobs: "
            "1 of 2 jobs at or past WithCustomer (1 not listed yet)",
        )

    @pytest.mark.parametrize("state", ["AwaitingQuorum", "Pending", "InUse", "LaterState", None])
    def test_any_other_goes_on(self, state: str | None) -> None:
        assert travel(terms(), [[]], state, polls=1).end == Again(900.0)

    def test_it_is_not_asked_for_once_enough_jobs_are_listed(self) -> None:
        assert travel(terms(), [NEW], "Cancelled", polls=20).asked == []

    @pytest.mark.parametrize("cluster", ["Pending", DOWN, GONE], ids=["answer", "passing", "not found"])
    def test_at_most_hourly(self, cluster: Any) -> None:
        assert travel(terms(), [[]], cluster, polls=13).asked == [0, HOUR, 2 * HOUR, 3 * HOUR]

    def test_at_each_poll_if_polls_are_rarer(self) -> None:
        assert travel(terms(interval=2 * HOUR), [[]], polls=4).asked == [0, 2 * HOUR, 4 * HOUR, 6 * HOUR]

    def test_an_hour_from_the_last_time(self) -> None:
        listings = [[], NEW, NEW, [], [], []]
        assert travel(terms(interval=1000.0), listings, polls=6).asked == [0, 4000]

    def test_not_while_listings_fail(self) -> None:
        assert travel(terms(interval=HOUR), [[], DOWN, DOWN, []], polls=4).asked == [0, 3 * HOUR]

    def test_memory_keeps_the_hour(self) -> None:
        journey = travel(terms(), [[]], polls=13, remember=everything)
        assert journey.asked == [0, HOUR, 2 * HOUR, 3 * HOUR]

    def test_so_does_the_time_alone(self) -> None:
        journey = travel(terms(), [[]], polls=13, remember=nothing_but_the_time)
        assert journey.asked == [0, HOUR, 2 * HOUR, 3 * HOUR]

    @pytest.mark.parametrize("interval", [1000.0, 1800.0, HOUR, 2.5 * HOUR])
    def test_the_time_alone_allows_one_in_each_hour(self, interval: float) -> None:
        journey = travel(terms(interval=interval), [[]], polls=60, remember=nothing_but_the_time)
        polled = list(dict.fromkeys(elapsed // HOUR for elapsed in journey.polls))
        assert [elapsed // HOUR for elapsed in journey.asked] == polled

    def test_the_time_alone_with_growing_delays(self) -> None:
        asked_for = terms(exponential_backoff=True, max_wait=HOUR)
        journey = travel(asked_for, [[]], polls=50, answer_takes=0.05, remember=nothing_but_the_time)
        assert max(later - earlier for earlier, later in pairwise(journey.asked)) < 2.1 * HOUR

    def test_a_passing_error_is_whispered(self) -> None:
        journey = travel(terms(), [[]], DOWN, polls=13)
        assert journey.news[:1] == said((0, DEBUG, " was not described: its words"))

    @pytest.mark.parametrize("remember", [None, everything], ids=["", "in many processes"])
    def test_without_permission_one_warning_and_no_second_call(self, remember: Any) -> None:
        journey = travel(terms(timeout=DAY), [[]], DENIED, remember=remember)
        assert isinstance(journey.end, Fail)
        assert journey.end.kind is FailKind.TIMEOUT
        assert journey.asked == [0]
        warnings = [line for line in journey.news if line[1] == WARNING]
        assert warnings == said(
            (
                0,
                WARNING,
                " cannot be described, so that a cancelled cluster without jobs would be waited for until "
                "the timeout (its words)",
            )
        )


class TestMemory:
    def test_it_is_times_by_name(self) -> None:
        wait = Wait(terms(), now=START)
        assert wait.memory() == {"heard_at": "2026-01-01T00:00:00+00:00"}
        clock = Clock()
        clock.move(60)
        drive(wait.poll(clock), lambda request: [] if request == ListClusterJobs(CLUSTER) else {})
        assert wait.memory() == {
            "heard_at": "2026-01-01T00:01:00+00:00",
            "asked_at": "2026-01-01T00:01:00+00:00",
        }

    def test_it_comes_back_as_it_was(self) -> None:
        memory = {"heard_at": "2026-01-01T00:00:00+00:00", "asked_at": "2026-01-02T00:00:00.123456+00:00"}
        assert Wait(terms(), now=START + timedelta(days=9), memory=memory).memory() == memory

    def test_a_part_of_it_will_do(self) -> None:
        memory = {"asked_at": "2026-01-02T00:00:00+00:00"}
        assert Wait(terms(), now=START, memory=memory).memory() == memory | {
            "heard_at": "2026-01-01T00:00:00+00:00"
        }

    def test_it_tells_that_the_cluster_may_not_be_described(self) -> None:
        wait = Wait(terms(), now=START)

        def answer(request: Call) -> Any:
            if request == DescribeCluster(CLUSTER):
                raise DENIED
            return []

        drive(wait.poll(Clock()), answer)
        assert wait.memory() == dict.fromkeys(
            ("heard_at", "asked_at", "refused_at"), "2026-01-01T00:00:00+00:00"
        )

    def test_what_a_later_version_adds_is_left_alone(self) -> None:
        memory = {"heard_at": "2026-01-01T00:00:00+00:00", "added_later": "no time"}
        assert Wait(terms(), now=START, memory=memory).memory() == {"heard_at": "2026-01-01T00:00:00+00:00"}


class TestTerms:
    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ({"target_state": "Shipped"}, "target_state must be one of"),
            ({"min_jobs": 0}, "min_jobs must be a whole number of at least 1; got 0"),
            ({"target_state": "Cancelled", "ignore_cancelled": True}, "ignore_cancelled leaves out"),
        ],
        ids=["target_state", "min_jobs", "contradiction"],
    )
    def test_terms_that_make_no_sense(self, arguments: dict[str, Any], text: str) -> None:
        with pytest.raises(ValueError, match=text):
            terms(**arguments)

    def test_deadline(self) -> None:
        assert terms(timeout=DAY).deadline == START + timedelta(days=1)


def test_fail_kinds_stay() -> None:
    """Their values are stored in events, which another version of this package reads."""
    assert {kind.value for kind in FailKind} >= {
        "unreachable",
        "cluster_ended",
        "request",
        "timeout",
        "blind",
        "error",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (0.25, "0.25 seconds"),
        (1, "1 second"),
        (2.4, "2 seconds"),
        (59.6, "1 minute"),
        (90, "1 minute 30 seconds"),
        (3600, "1 hour"),
        (5400, "1 hour 30 minutes"),
        (5401, "1 hour 30 minutes"),
        (86400, "1 day"),
        (86460, "1 day 1 minute"),
        (172800, "2 days"),
        (90 * DAY, "90 days"),
        (400 * DAY + 3 * HOUR + 59, "400 days 3 hours"),
    ],
)
def test_format_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
