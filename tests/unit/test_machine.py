"""The judgement of a wait over time, on a clock moved by hand."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from airflow_provider_snowball.waiting.calls import Call, DescribeCluster, ErrorKind, RequestError
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import (
    REACTIONS,
    Again,
    Done,
    Fail,
    FailKind,
    Reaction,
    Standing,
    Step,
    Wait,
    drive,
    drive_async,
)
from airflow_provider_snowball.waiting.text import LogLine
from tests.fakes.scripted_snowball import job_id

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
DENIED = error(ErrorKind.DENIED)
STATES = ["New", "Pending", "PreparingAppliance", "PreparingShipment", "InTransitToCustomer"]
DOWN = error(ErrorKind.TRANSIENT)


def config(**more: Any) -> WaitConfig:
    asked: dict[str, Any] = {
        "cluster_id": CLUSTER,
        "target_state": "WithCustomer",
        "timeout": 90 * DAY,
        "poke_interval": 900.0,
    }
    return WaitConfig.read(asked | more)


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
    described: list[float] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    lines: list[tuple[float, int, str]] = field(default_factory=list)

    @property
    def end(self) -> Step:
        return self.steps[-1]

    @property
    def delays(self) -> list[float]:
        return [step.delay for step in self.steps if isinstance(step, Again)]


#: What a listing is at a time: the listings of each poll, of which the last stays, or a function of the time.
Listings = Sequence[Any] | Callable[[float], Any]
#: The memory of a wait that has had a listing, and of which nothing else is known.
LISTED = {"listed_at": START.isoformat()}


def travel(
    asked_for: WaitConfig,
    listings: Listings,
    cluster: Any = "Pending",
    *,
    polls: int = 1000,
    begin: float = 0.0,
    memory: dict[str, str] | None = None,
    patience: float = 0.0,
    retried: bool = False,
    reply_takes: float = 0.0,
    remember: Callable[[Wait], dict[str, str]] | None = None,
) -> Journey:
    """
    Poll as a worker and as a triggerer would, until the wait ends, and hold them to the same.

    :param cluster: what DescribeCluster says, a ClusterState or an error.
    :param polls: stop after so many.
    :param begin: seconds after the start at which the first poll is.
    :param memory: what the wait knows at first.
    :param retried: whether an earlier try has failed.
    :param reply_takes: seconds that pass in each call.
    :param remember: what is left of a wait when every poll is a process of its own.
    """
    clock = Clock()
    clock.move(begin)
    journey = Journey()
    waits = [
        Wait(asked_for, started_at=START, memory=memory, patience=patience, retried=retried) for _ in range(2)
    ]
    with asyncio.Runner() as runner:
        for number in range(polls):
            journey.polls.append(clock.elapsed)
            begun = clock.now
            outcomes = []
            for wait, is_async in zip(waits, (False, True), strict=True):
                clock.now = begun
                described: list[float] = []

                def ask(call: Call, described: list[float] = described) -> Any:
                    assert call == DescribeCluster(CLUSTER)
                    described.append(clock.elapsed)
                    clock.move(reply_takes)
                    if isinstance(cluster, Exception):
                        raise cluster
                    return {"ClusterState": cluster}

                async def ask_later(call: Call, ask: Callable[[Call], Any] = ask) -> Any:
                    await asyncio.sleep(0)
                    return ask(call)

                if callable(listings):
                    listing = listings(clock.elapsed)
                else:
                    listing = listings[min(number, len(listings) - 1)]
                clock.move(reply_takes)
                judging = wait.judge(listing, clock)
                step = runner.run(drive_async(judging, ask_later)) if is_async else drive(judging, ask)
                outcomes.append((step, wait.take_lines(), described, wait.memory(), clock.now))
            assert outcomes[0] == outcomes[1]
            step, lines, described, _, _ = outcomes[0]
            journey.steps.append(step)
            journey.described += described
            # The table of devices has tests of its own.
            journey.lines += [(clock.elapsed, line.level, line.text.partition("\n  ")[0]) for line in lines]
            if not isinstance(step, Again):
                break
            clock.move(step.delay)
            if remember is not None:
                waits = [Wait(asked_for, started_at=clock.now, memory=remember(wait)) for wait in waits]
    return journey


def everything(wait: Wait) -> dict[str, str]:
    """Remember as reschedule mode does on Airflow 3.3 and later: what went through JSON."""
    memory: dict[str, str] = json.loads(json.dumps(wait.memory()))
    return memory


def nothing(_: Wait) -> dict[str, str]:
    """Remember as reschedule mode does before that, where a try has no memory."""
    return {}


def nothing_but_the_time(wait: Wait) -> dict[str, str]:
    """Remember as reschedule mode does before Airflow 3.3, where the first poke's time is known."""
    return {"started_at": START.isoformat(), "listed_at": START.isoformat()}


class TestListings:
    def test_done_at_once(self) -> None:
        journey = travel(config(), [HERE])
        assert journey.steps == [Done(HERE)]
        assert journey.described == []

    def test_done_after_a_while(self) -> None:
        journey = travel(config(), [NEW, NEW, HERE])
        assert journey.steps == [Again(900.0), Again(900.0), Done(HERE)]
        assert journey.polls == [0, 900, 1800]

    def test_passed_the_target_between_two_polls(self) -> None:
        later = [job(1, "InTransitToAWS")]
        assert travel(config(), [NEW, later]).end == Done(later)

    def test_each_listing_is_judged_alone(self) -> None:
        assert travel(config(min_jobs=2), [[*HERE, job(2, "New")], HERE, []], polls=3).end == Again(900.0)

    def test_the_result_is_portable(self) -> None:
        listed = job(1, "WithCustomer", CreationDate=START)
        assert travel(config(), [[listed]]).end == Done(
            [job(1, "WithCustomer", CreationDate="2026-01-01T00:00:00+00:00")]
        )

    def test_the_result_holds_ignored_and_main_jobs(self) -> None:
        listed = [job(1, "WithCustomer"), job(2, "Cancelled"), job(3, "New", IsMaster=True)]
        assert travel(config(ignore_cancelled=True), [listed]).end == Done(listed)

    def test_the_result_holds_only_the_jobs_asked_for(self) -> None:
        listed = [job(1, "WithCustomer"), job(2, "New"), job(3, "WithCustomer")]
        assert travel(config(job_ids=[job_id(3), job_id(1)]), [listed]).end == Done([listed[0], listed[2]])

    def test_unreachable(self) -> None:
        journey = travel(config(), [[*HERE, job(2, "Cancelled")]])
        assert journey.steps == [
            Fail(
                FailKind.UNREACHABLE,
                f"1 of 2 jobs of cluster {CLUSTER} cannot reach WithCustomer: {job_id(2)} Cancelled [SNB401]",
            )
        ]
        assert journey.described == []

    def test_nothing_left(self) -> None:
        assert travel(config(ignore_cancelled=True), [[job(2, "Cancelled")]]).end == Fail(
            FailKind.UNREACHABLE,
            f"Nothing left to wait for: all 1 jobs of cluster {CLUSTER} are Cancelled and ignored "
            f"({job_id(2)}) [SNB402]",
        )


PERMANENT = Fail(FailKind.PERMANENT, f"Cannot list the jobs of cluster {CLUSTER}: its words", CAUSE)
TRANSIENT = Fail(FailKind.TRANSIENT, f"Cannot list the jobs of cluster {CLUSTER}: its words", CAUSE)
GOES_ON = Again(900.0)
WITH_NEW_CLIENT = Again(900.0, new_client=True)


def outage(last_error: str = "its words", limit: str = "2 days", named: str = " (outage_timeout)") -> Fail:
    return Fail(
        FailKind.OUTAGE,
        f"No listing of the jobs of cluster {CLUSTER} for {limit}{named} [SNB406]; last error: {last_error}",
        CAUSE,
    )


#: What a wait does about an error. Typed here anew: by kind, for each standing.
REACTION_OF = {
    ("not found", "unproven"): "end",
    ("not found", "retried"): "end",
    ("not found", "patient"): "end",
    ("not found", "proven"): "end",
    ("bad input", "unproven"): "end",
    ("bad input", "retried"): "end",
    ("bad input", "patient"): "end",
    ("bad input", "proven"): "end",
    ("denied", "unproven"): "end",
    ("denied", "retried"): "raise",
    ("denied", "patient"): "bear",
    ("denied", "proven"): "bear",
    ("transient", "unproven"): "raise",
    ("transient", "retried"): "raise",
    ("transient", "patient"): "bear",
    ("transient", "proven"): "bear",
}


class TestReactions:
    def test_the_table(self) -> None:
        assert {
            (kind.value, standing.value): reaction.value
            for kind, row in REACTIONS.items()
            for standing, reaction in row.items()
        } == REACTION_OF

    @pytest.mark.parametrize("kind", ErrorKind, ids=lambda kind: kind.value)
    @pytest.mark.parametrize("standing", Standing, ids=lambda standing: standing.value)
    @pytest.mark.parametrize("silent_fail", [False, True], ids=["", "silent_fail"])
    def test_a_wait_of_each_standing_keeps_to_it(
        self, kind: ErrorKind, standing: Standing, silent_fail: bool
    ) -> None:
        by_standing: dict[Standing, dict[str, Any]] = {
            Standing.UNPROVEN: {},
            Standing.RETRIED: {"retried": True},
            Standing.PATIENT: {"patience": HOUR},
            Standing.PROVEN: {"memory": LISTED},
        }
        reaction = Reaction(REACTION_OF[kind.value, standing.value])
        goes_on = Again(900.0, new_client=kind is ErrorKind.DENIED)
        expected = {
            Reaction.END: PERMANENT,
            # What is silenced is what another poll might not meet.
            Reaction.RAISE: goes_on if silent_fail else TRANSIENT,
            Reaction.BEAR: goes_on,
        }[reaction]
        asked_for = config(silent_fail=silent_fail)
        assert travel(asked_for, [error(kind)], polls=1, **by_standing[standing]).end == expected

    def test_a_wait_is_taken_for_a_first_try(self) -> None:
        assert drive(Wait(config(), started_at=START).judge(DENIED, Clock()), ask_nothing) == PERMANENT


class TestErrors:
    @pytest.mark.parametrize("silent_fail", [False, True], ids=["", "silent_fail"])
    @pytest.mark.parametrize(
        ("failure", "before", "before_silent", "after"),
        [
            pytest.param(GONE, PERMANENT, PERMANENT, PERMANENT, id="not found"),
            pytest.param(BAD, PERMANENT, PERMANENT, PERMANENT, id="bad input"),
            pytest.param(DENIED, PERMANENT, PERMANENT, WITH_NEW_CLIENT, id="denied"),
            pytest.param(DOWN, TRANSIENT, GOES_ON, GOES_ON, id="transient"),
        ],
    )
    def test_before_and_after_the_first_listing(
        self, failure: RequestError, before: Step, before_silent: Step, after: Step, silent_fail: bool
    ) -> None:
        asked_for = config(silent_fail=silent_fail)
        assert travel(asked_for, [failure], polls=1).end == (before_silent if silent_fail else before)
        assert travel(asked_for, [NEW, failure], polls=2).end == after
        # The listing may have been in another process.
        assert travel(asked_for, [failure], polls=1, memory=LISTED).end == after

    def test_silent_fail_does_not_count_as_a_listing(self) -> None:
        assert travel(config(silent_fail=True), [DOWN, DENIED]).steps == [GOES_ON, PERMANENT]

    def test_the_wait_goes_on_where_it_was(self) -> None:
        assert travel(config(), [NEW, DOWN, DENIED, HERE]).steps == [
            GOES_ON,
            GOES_ON,
            WITH_NEW_CLIENT,
            Done(HERE),
        ]

    def test_any_other_exception_passes_through(self) -> None:
        with pytest.raises(ZeroDivisionError):
            travel(config(), [[]], ZeroDivisionError())

    @pytest.mark.parametrize("kind", ErrorKind, ids=lambda kind: kind.value)
    def test_request_error_keeps_kind_and_words(self, kind: ErrorKind) -> None:
        found = error(kind, "the API's own words")
        assert (found.kind, str(found), found.__cause__) == (kind, "the API's own words", CAUSE)

    def test_its_copy_is_the_same_but_for_the_traceback(self) -> None:
        found = RequestError(ErrorKind.TRANSIENT, "slow down", code="Throttling", throttled=True)
        found.__cause__ = CAUSE
        try:
            raise found
        except RequestError:
            twin = found.copy()
        assert twin is not found
        assert twin.__traceback__ is None
        assert (twin.kind, str(twin), twin.code, twin.throttled, twin.__cause__) == (
            ErrorKind.TRANSIENT,
            "slow down",
            "Throttling",
            True,
            CAUSE,
        )


class TestOutage:
    """It begins with the first poll that fails, and is over with a listing."""

    @pytest.mark.parametrize("failure", [DOWN, DENIED], ids=["transient", "denied"])
    def test_it_is_borne_and_then_fails(self, failure: RequestError) -> None:
        journey = travel(config(poke_interval=HOUR), [NEW, failure])
        # From the first failed poll, at one hour, not from the last listing, at none.
        assert journey.polls == [hour * HOUR for hour in range(50)]
        assert journey.end == outage()

    def test_it_counts_from_the_first_failed_poll(self) -> None:
        def listing(elapsed: float) -> Any:
            return NEW if elapsed <= 10 * HOUR else DOWN

        journey = travel(config(poke_interval=HOUR), listing)
        assert journey.polls[-1] == (11 + 48) * HOUR
        assert journey.end == outage()

    @pytest.mark.parametrize("remember", [None, everything], ids=["", "in many processes"])
    def test_one_failed_poll_never_ends_a_wait(self, remember: Any) -> None:
        """However rare polls are, and however long ago the last listing was."""
        asked_for = config(poke_interval=10 * DAY, outage_timeout=1.0)
        journey = travel(asked_for, [NEW, DOWN, NEW, DOWN, NEW, DOWN, HERE], remember=remember)
        assert journey.end == Done(HERE)
        assert len(journey.steps) == 7

    def test_the_second_in_a_row_may(self) -> None:
        journey = travel(config(poke_interval=DAY, outage_timeout=1.0), [NEW, DOWN, DOWN])
        assert journey.polls == [0, DAY, 2 * DAY]
        assert journey.end == outage(limit="1 second")

    def test_a_listing_ends_it(self) -> None:
        def listing(elapsed: float) -> Any:
            return NEW if elapsed % (47 * HOUR) == 0 else DOWN

        journey = travel(config(poke_interval=HOUR, timeout=20 * DAY), listing)
        assert journey.polls[-1] == 20 * DAY
        assert isinstance(journey.end, Fail)
        assert journey.end.kind is FailKind.TIMEOUT

    def test_the_last_error_is_the_one_named(self) -> None:
        late = error(ErrorKind.TRANSIENT, "at the end")
        journey = travel(config(poke_interval=DAY), [NEW, DOWN, DOWN, late])
        assert journey.end == outage("at the end")

    def test_its_length_can_be_chosen(self) -> None:
        journey = travel(config(poke_interval=HOUR, outage_timeout=90 * 60.0), [NEW, DOWN])
        assert journey.polls[-1] == 3 * HOUR
        assert journey.end == outage(limit="1 hour 30 minutes")

    def test_its_end_is_not_rounded_up(self) -> None:
        assert travel(config(poke_interval=HOUR, outage_timeout=HOUR), [NEW, DOWN]).polls[-1] == 2 * HOUR
        assert travel(config(poke_interval=HOUR, outage_timeout=HOUR + 1), [NEW, DOWN]).polls[-1] == 3 * HOUR

    def test_it_comes_before_the_timeout(self) -> None:
        asked_for = config(poke_interval=HOUR, outage_timeout=2 * HOUR, timeout=3 * HOUR)
        assert travel(asked_for, [NEW, DOWN]).end == outage(limit="2 hours")

    def test_silent_fail_bears_everything_until_the_timeout(self) -> None:
        journey = travel(config(poke_interval=DAY, timeout=10 * DAY, silent_fail=True), [NEW, DENIED])
        assert journey.polls[-1] == 10 * DAY
        assert journey.end == Fail(
            FailKind.TIMEOUT,
            f"Timed out after 10 days [SNB407]: the last poll of cluster {CLUSTER} failed: its words",
        )

    def test_a_wait_that_remembers_counts_on(self) -> None:
        journey = travel(config(poke_interval=HOUR), [NEW, DOWN], remember=everything)
        assert journey.polls[-1] == 49 * HOUR
        assert journey.end == outage()

    def test_a_wait_that_remembers_nothing_counts_from_where_it_began_again(self) -> None:
        journey = travel(config(poke_interval=HOUR), [DOWN], begin=30 * DAY, memory=LISTED)
        assert journey.polls[-1] == 32 * DAY
        assert journey.end == outage()

    def test_of_polls_that_remember_nothing_each_is_the_first(self) -> None:
        asked_for = config(poke_interval=DAY, timeout=10 * DAY)
        journey = travel(asked_for, [NEW, DOWN], remember=nothing_but_the_time)
        assert isinstance(journey.end, Fail)
        assert journey.end.kind is FailKind.TIMEOUT

    def test_memory_of_its_beginning_alone_will_do(self) -> None:
        failing = {"failing_since": START.isoformat(), **LISTED}
        journey = travel(config(poke_interval=HOUR), [DOWN], begin=47 * HOUR, memory=failing)
        assert journey.polls == [47 * HOUR, 48 * HOUR]
        assert journey.end == outage()


class Triggerers:
    """
    Waits in triggerers that end after so many polls each, and keep nothing but what a worker was given.

    :param polls: of each triggerer.
    """

    def __init__(self, asked_for: WaitConfig, *, polls: int) -> None:
        self._asked_for, self._polls = asked_for, polls
        self.clock = Clock()
        #: When a worker was needed, in days, and of what it had to tell.
        self.workers: list[tuple[float, tuple[str, ...]]] = []

    def play(self, listing: Callable[[float], Any], polls: int) -> Step:
        # A worker polls first, and hands all over.
        wait, is_worker, left = Wait(self._asked_for, started_at=START), True, self._polls
        for _ in range(polls):
            step = drive(wait.judge(listing(self.clock.elapsed / DAY), self.clock), lambda _: {})
            if not isinstance(step, Again):
                return step
            left -= 1
            if is_worker or step.keep or step.overdue:
                if not is_worker:
                    told = tuple(f"{each.job_id[-1]} {each.state}" for each in step.overdue)
                    self.workers.append((self.clock.elapsed / DAY, told))
                    wait.mark_told(step.overdue, self.clock())
                is_worker, kept, left = False, everything(wait), self._polls
                wait = Wait(self._asked_for, started_at=START, memory=kept)
            elif left <= 0:
                wait, left = Wait(self._asked_for, started_at=START, memory=kept), self._polls
            self.clock.move(step.delay)
        return step


class TestKeeping:
    """What a triggerer's restart must not make a wait forget goes to a worker, and nothing else does."""

    LIMITED: ClassVar[dict[str, Any]] = {
        "max_days_in_state": {"InTransitToCustomer": 10},
        "poke_interval": DAY,
    }

    def test_an_alarm_outlives_triggerers_that_live_for_less_than_its_days(self) -> None:
        """They are restarted daily; the device leaves on day 3."""
        asked_for = config(**self.LIMITED, on_overdue="notify")
        triggerers = Triggerers(asked_for, polls=1)
        triggerers.play(lambda day: [job(1, "New" if day < 3 else "InTransitToCustomer")], polls=30)
        assert triggerers.workers == [(3, ()), (13, ("1 InTransitToCustomer",))]

    def test_one_that_fails_the_wait_does_so_too(self) -> None:
        asked_for = config(**self.LIMITED, on_overdue="fail")
        end = Triggerers(asked_for, polls=1).play(
            lambda day: [job(1, "New" if day < 3 else "InTransitToCustomer")], polls=30
        )
        assert isinstance(end, Fail)
        assert end.kind is FailKind.OVERDUE

    def test_a_worker_is_needed_for_what_is_new_only(self) -> None:
        triggerers = Triggerers(config(**self.LIMITED), polls=1000)
        states = {4: "InTransitToCustomer", 6: "PreparingShipment", 8: "InTransitToCustomer"}

        def listing(day: float) -> Any:
            state = next((states[at] for at in sorted(states, reverse=True) if at <= day), "New")
            return [job(1, state), job(2, "InTransitToCustomer")]

        triggerers.play(listing, polls=25)
        # The second has been there since the worker's own poll. A job that comes back begins anew.
        assert triggerers.workers == [
            (4, ()),
            (8, ()),
            (10, ("2 InTransitToCustomer",)),
            (18, ("1 InTransitToCustomer",)),
        ]

    def test_without_a_limit_nothing_is(self) -> None:
        triggerers = Triggerers(config(poke_interval=DAY), polls=1)
        triggerers.play(lambda day: [job(1, STATES[int(day) % len(STATES)])], polls=80)
        assert triggerers.workers == []

    def test_an_outage_outlives_triggerers(self) -> None:
        asked_for = config(poke_interval=HOUR, outage_timeout=8 * DAY)
        for polls in (30, 1000):
            triggerers = Triggerers(asked_for, polls=polls)
            end = triggerers.play(lambda day: NEW if day < 1 else DOWN, polls=1000)
            assert end == outage(limit="8 days")
        assert triggerers.workers == [(day, ()) for day in range(2, 9)]

    def test_a_restart_forgets_an_eighth_of_it_at_most(self) -> None:
        asked_for = config(poke_interval=HOUR, outage_timeout=8 * DAY)
        triggerers = Triggerers(asked_for, polls=23)
        # Of triggerers that never get that far, each begins where the last one did.
        assert isinstance(triggerers.play(lambda day: NEW if day < 1 else DOWN, polls=1000), Again)
        triggerers = Triggerers(asked_for, polls=26)
        end = triggerers.play(lambda day: NEW if day < 1 else DOWN, polls=1000)
        assert end == outage(limit="8 days")

    def test_one_that_is_over_is_forgotten(self) -> None:
        """Or the next one would begin with its days."""
        asked_for = config(poke_interval=HOUR, outage_timeout=8 * DAY)
        triggerers = Triggerers(asked_for, polls=1000)
        triggerers.play(lambda day: DOWN if 1 <= day < 3.5 or day > 20 else NEW, polls=24 * 20 + 7)
        assert triggerers.workers == [(2, ()), (3, ()), (3.5, ())]

    def test_one_of_a_second_is_forgotten_too(self) -> None:
        triggerers = Triggerers(config(poke_interval=1.0, outage_timeout=8.0), polls=1000)
        triggerers.play(lambda day: DOWN if 2 <= round(day * DAY) <= 3 else NEW, polls=8)
        assert [round(day * DAY) for day, _ in triggerers.workers] == [3, 4]

    @pytest.mark.parametrize("more", [{"silent_fail": True}, {"outage_timeout": 80 * DAY}], ids=str)
    def test_one_that_ends_no_wait_needs_nobody(self, more: dict[str, Any]) -> None:
        triggerers = Triggerers(config(poke_interval=HOUR, **more), polls=100)
        triggerers.play(lambda day: NEW if day < 1 else DOWN, polls=24 * 9)
        assert triggerers.workers == []

    def test_one_that_never_had_a_listing_is_not_kept(self) -> None:
        """Who began in the triggerer bears an hour; with a memory, it would bear nothing."""
        journey = travel(config(outage_timeout=60.0), [DOWN], patience=HOUR, polls=4)
        assert [step.keep for step in journey.steps if isinstance(step, Again)] == [False] * 4

    def test_what_is_kept_need_not_be_kept_again(self) -> None:
        wait = Wait(config(**self.LIMITED), started_at=START)
        way = [job(1, "InTransitToCustomer")]
        clock = Clock()
        steps = [drive(wait.judge(listing, clock), ask_nothing) for listing in (NEW, way, way)]
        wait.mark_kept()
        steps.append(drive(wait.judge(way, clock), ask_nothing))
        assert [step.keep for step in steps if isinstance(step, Again)] == [False, True, True, False]


class TestAway:
    """Time in which nobody asked, since a scheduler or triggerer was away, is no time of an outage."""

    @staticmethod
    def failed(first: float, last: float) -> dict[str, str]:
        """Remember an outage, from its first poll that failed to its last."""
        times = {"failing_since": first, "failed_at": last}
        return LISTED | {
            name: (START + timedelta(seconds=seconds)).isoformat() for name, seconds in times.items()
        }

    def test_of_a_long_absence_one_delay_counts(self) -> None:
        asked_for = config(poke_interval=HOUR, outage_timeout=20 * HOUR)
        journey = travel(asked_for, [DOWN], begin=30 * DAY, memory=self.failed(0, 10 * HOUR))
        # Ten hours before, one for the absence, and nine more.
        assert journey.polls[-1] == 30 * DAY + 9 * HOUR
        assert journey.end == outage(limit="20 hours")

    def test_a_delay_that_was_put_off_counts(self) -> None:
        """By a full queue, or by a call that hung."""
        late = 12 * HOUR + 600
        asked_for = config(poke_interval=HOUR, outage_timeout=late)
        assert travel(asked_for, [DOWN], begin=late, memory=self.failed(0, 10 * HOUR)).polls == [late]
        journey = travel(asked_for, [DOWN], begin=late + 1, memory=self.failed(0, 10 * HOUR), polls=1)
        assert isinstance(journey.end, Again)

    def test_absence_alone_never_ends_a_wait(self) -> None:
        asked_for = config(poke_interval=HOUR)
        journey = travel(asked_for, [DOWN, HERE], begin=30 * DAY, memory=self.failed(0, 0))
        assert journey.end == Done(HERE)
        # An hour for the absence, and one until the listing.
        assert [text for _, _, text in journey.lines if "again after" in text] == [
            f"Cluster {CLUSTER} is listed again after 2 hours"
        ]

    def test_it_is_the_delay_of_then(self) -> None:
        """With exponential_backoff, the next would be longer."""
        asked_for = config(exponential_backoff=True)
        due = asked_for.delay(START, START)
        wait = Wait(asked_for, started_at=START, memory=self.failed(0, 0))
        now = START + timedelta(seconds=2 * due + 601)
        drive(wait.judge(DOWN, lambda: now), ask_nothing)
        assert datetime.fromisoformat(wait.memory()["failing_since"]) == now - timedelta(seconds=due)


class TestPatience:
    """A wait that may have had a listing, and knows of none, bears what others end for: for a while."""

    @pytest.mark.parametrize(
        ("failure", "end"),
        [
            pytest.param(DOWN, outage(limit="1 hour", named=""), id="transient"),
            pytest.param(DENIED, PERMANENT, id="denied"),
        ],
    )
    def test_it_ends(self, failure: RequestError, end: Fail) -> None:
        journey = travel(config(), [failure], patience=HOUR)
        assert journey.polls == [0, 900, 1800, 2700, HOUR]
        assert journey.end == end

    @pytest.mark.parametrize("failure", [GONE, BAD], ids=["not found", "bad input"])
    def test_what_stays_wrong_is_not_borne(self, failure: RequestError) -> None:
        assert travel(config(), [failure], patience=HOUR).steps == [PERMANENT]

    def test_none_unless_it_is_asked_for(self) -> None:
        step = drive(Wait(config(), started_at=START).judge(DOWN, Clock()), ask_nothing)
        assert step == Fail(
            FailKind.TRANSIENT, f"Cannot list the jobs of cluster {CLUSTER}: its words", CAUSE
        )

    def test_it_counts_from_the_first_error(self) -> None:
        """As an outage does: however late a triggerer begins."""
        journey = travel(config(), [DENIED], begin=30 * DAY, patience=HOUR)
        assert len(journey.polls) == 5

    def test_the_last_error_decides(self) -> None:
        assert travel(config(), [DENIED] * 4 + [DOWN], patience=HOUR).end == outage(limit="1 hour", named="")
        assert travel(config(), [DOWN] * 4 + [DENIED], patience=HOUR).end == PERMANENT

    def test_a_listing_proves_the_wait(self) -> None:
        journey = travel(config(poke_interval=HOUR), [DENIED, NEW, DENIED], patience=2 * HOUR)
        assert journey.polls[-1] == 50 * HOUR
        assert journey.end == outage()

    def test_what_is_known_needs_no_patience(self) -> None:
        journey = travel(config(poke_interval=HOUR), [DENIED], memory=LISTED, patience=HOUR)
        assert journey.end == outage()

    def test_silent_fail_bears_what_may_pass_for_longer(self) -> None:
        asked_for = config(poke_interval=HOUR, timeout=DAY, silent_fail=True)
        journey = travel(asked_for, [DOWN], patience=HOUR)
        assert journey.polls[-1] == DAY
        assert isinstance(journey.end, Fail)
        assert journey.end.kind is FailKind.TIMEOUT
        assert travel(asked_for, [DENIED], patience=HOUR).end == PERMANENT

    def test_the_deadline_comes_first(self) -> None:
        journey = travel(config(timeout=1000.0), [DENIED], patience=HOUR)
        assert journey.polls == [0, 900, 1000]
        assert isinstance(journey.end, Fail)
        assert journey.end.kind is FailKind.TIMEOUT


class TestClockSetBack:
    """The clock of another machine, or of this one once it was set right, may be behind."""

    LATER = (START + timedelta(days=1)).isoformat()

    def test_an_outage_that_began_in_the_future_is_borne(self) -> None:
        memory = {**LISTED, "failing_since": self.LATER}
        journey = travel(config(poke_interval=DAY), [DOWN], memory=memory)
        assert journey.polls == [0, DAY, 2 * DAY, 3 * DAY]
        assert journey.end == outage()

    def test_it_lasted_no_less_than_nothing(self) -> None:
        memory = {**LISTED, "failing_since": self.LATER}
        journey = travel(config(), [HERE], memory=memory)
        assert journey.lines[0] == (0, INFO, f"Cluster {CLUSTER} is listed again after 0 seconds")

    def test_a_description_in_the_future_puts_the_next_off_no_further(self) -> None:
        journey = travel(config(), [[]], memory={"described_at": self.LATER}, polls=6)
        assert journey.described == [0, HOUR]

    @pytest.mark.parametrize("backoff", [False, True], ids=["", "exponential_backoff"])
    def test_delays_are_those_of_a_start(self, backoff: bool) -> None:
        asked_for = config(exponential_backoff=backoff)
        early = travel(asked_for, [NEW], begin=-DAY, polls=1).delays
        assert early == travel(asked_for, [NEW], polls=1).delays

    def test_the_deadline_stays_where_it_was(self) -> None:
        journey = travel(config(timeout=2 * DAY, poke_interval=DAY), [NEW], begin=-DAY)
        assert journey.polls == [-DAY, 0, DAY, 2 * DAY]

    def test_a_job_seen_in_the_future_is_not_late(self) -> None:
        memory = {f"since {job_id(1)} New": self.LATER}
        asked_for = config(max_days_in_state={"New": 1}, poke_interval=DAY)
        journey = travel(asked_for, [NEW], memory=memory, polls=3)
        assert [len(step.overdue) for step in journey.steps if isinstance(step, Again)] == [0, 0, 1]
        assert journey.lines[0] == (
            0,
            INFO,
            f"Cluster {CLUSTER}: 0 of 1 jobs at or past WithCustomer (1 New)",
        )


class TestDeadline:
    def test_a_last_poll_at_it(self) -> None:
        journey = travel(config(timeout=2000), [[*HERE, job(2, "New")]])
        assert journey.polls == [0, 900, 1800, 2000]
        assert journey.delays == [900, 900, 200]
        assert journey.end == Fail(
            FailKind.TIMEOUT,
            "Timed out after 33 minutes 20 seconds [SNB407]: "
            f"1 of 2 jobs at or past WithCustomer ({job_id(2)} New)",
        )

    def test_done_at_it(self) -> None:
        assert travel(config(timeout=2000), [NEW, NEW, NEW, HERE]).end == Done(HERE)

    def test_no_exception_is_behind_it(self) -> None:
        end = travel(config(), [NEW], begin=90 * DAY).end
        assert isinstance(end, Fail)
        assert (end.kind, end.error) == (FailKind.TIMEOUT, None)

    def test_unreachable_at_it(self) -> None:
        end = travel(config(timeout=2000), [NEW, NEW, NEW, [job(1, "Cancelled")]]).end
        assert isinstance(end, Fail)
        assert end.kind is FailKind.UNREACHABLE

    def test_an_error_at_it(self) -> None:
        journey = travel(config(timeout=2000), [NEW, NEW, NEW, DOWN])
        assert journey.polls[-1] == 2000
        assert journey.end == Fail(
            FailKind.TIMEOUT,
            "Timed out after 33 minutes 20 seconds [SNB407]: "
            f"the last poll of cluster {CLUSTER} failed: its words",
        )

    def test_too_few_at_it(self) -> None:
        assert travel(config(timeout=60, min_jobs=2), [HERE], begin=60).end == Fail(
            FailKind.TIMEOUT,
            "Timed out after 1 minute [SNB407]: 1 of 1 jobs at or past WithCustomer; 1 of at least 2 listed",
        )

    def test_the_default_interval_meets_it_once(self) -> None:
        journey = travel(config(timeout=1800), [NEW])
        assert journey.polls == [0, 900, 1800]

    def test_one_poll_long_after_it(self) -> None:
        """No triggerer ran when it was due: what counts is what is listed now."""
        assert travel(config(timeout=2000), [HERE], begin=3 * DAY, memory=LISTED).end == Done(HERE)
        journey = travel(config(timeout=2000), [NEW], begin=3 * DAY, memory=LISTED)
        assert len(journey.polls) == 1
        assert isinstance(journey.end, Fail)
        assert journey.end.kind is FailKind.TIMEOUT

    def test_it_may_pass_while_a_reply_is_awaited(self) -> None:
        journey = travel(config(timeout=200), [NEW], reply_takes=300)
        assert journey.polls == [0]
        assert isinstance(journey.end, Fail)
        assert journey.end.kind is FailKind.TIMEOUT

    def test_the_delay_to_it_counts_from_the_reply(self) -> None:
        journey = travel(config(timeout=1300), [NEW], reply_takes=450)
        assert journey.delays == [850]
        assert journey.polls == [0, 1300]

    def test_polls_are_a_second_apart(self) -> None:
        journey = travel(config(timeout=900.25), [NEW])
        assert journey.polls == [0, 900, 901]

    @pytest.mark.parametrize(
        "backoff", [{}, {"exponential_backoff": True, "max_wait": 0.5}], ids=["", "max_wait"]
    )
    def test_whatever_is_asked_for(self, backoff: dict[str, Any]) -> None:
        assert travel(config(poke_interval=0.25, **backoff), [NEW], polls=1).end == Again(1.0)

    def test_a_poll_after_it_is_the_last(self) -> None:
        assert len(travel(config(timeout=60), [DOWN], begin=61, memory=LISTED).polls) == 1


class TestBackoff:
    """The growth of Airflow's sensors: half the interval, doubled each time, plus up to as much again."""

    # A reply takes some time, as it does: exactly at the end of a delay, rounding would decide.
    LATENCY = 0.05

    def grow(self, polls: int = 8, **more: Any) -> Journey:
        remember = more.pop("remember", None)
        asked_for = config(**{"exponential_backoff": True, "timeout": 400 * DAY} | more)
        return travel(asked_for, [NEW], polls=polls, reply_takes=self.LATENCY, remember=remember)

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
        delays = self.grow(max_wait=2000.0, cluster_id=f"{CLUSTER[:-1]}{number}").delays
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
        asked_for = config(exponential_backoff=True)
        delay = travel(asked_for, [NEW], begin=DAY, memory=LISTED, polls=1).delays[0]
        assert DAY / 4 < delay < 2 * DAY

    def test_an_error_makes_no_difference(self) -> None:
        asked_for = config(exponential_backoff=True)
        assert (
            travel(asked_for, [NEW, DOWN, NEW], polls=3, reply_takes=0.05).delays
            == travel(asked_for, [NEW], polls=3, reply_takes=0.05).delays
        )

    def test_two_waits_are_spread(self) -> None:
        assert self.grow().delays != self.grow(cluster_id=OTHER_CLUSTER).delays
        assert self.grow().delays == self.grow().delays

    def test_a_short_interval_starts_at_a_second(self) -> None:
        assert 1 <= self.grow(1, poke_interval=0.25).delays[0] < 2

    def test_it_is_off_by_default(self) -> None:
        assert set(travel(config(), [NEW], polls=5).delays) == {900.0}


def said(*lines: tuple[float, int, str]) -> list[tuple[float, int, str]]:
    return [(elapsed, level, f"Cluster {CLUSTER}{text}") for elapsed, level, text in lines]


#: Of a cluster as a whole, fewer jobs than a cluster has make a line of their own.
ONE_JOB = config(job_ids=[job_id(1)])


class TestLogLines:
    def test_what_changed_and_not_what_is(self) -> None:
        way = [job(1, "InTransitToCustomer")]
        journey = travel(ONE_JOB, [NEW, NEW, NEW, way, way, HERE])
        assert journey.lines == said(
            (0, INFO, ": 0 of 1 jobs at or past WithCustomer (1 New)"),
            (2700, INFO, ": 0 of 1 jobs at or past WithCustomer (1 InTransitToCustomer)"),
            (4500, INFO, ": 1 of 1 jobs at or past WithCustomer"),
        )

    def test_what_was_so_before_is_said_again(self) -> None:
        way = [job(1, "InTransitToCustomer")]
        assert len(travel(ONE_JOB, [NEW, way, NEW], polls=4).lines) == 3

    def test_another_process_says_it_again_if_it_knows_nothing(self) -> None:
        assert len(travel(ONE_JOB, [NEW], polls=4, remember=everything).lines) == 1
        assert len(travel(ONE_JOB, [NEW], polls=4, remember=nothing).lines) == 4

    def test_an_outage_is_two_lines(self) -> None:
        journey = travel(ONE_JOB, [NEW, DOWN, DOWN, DOWN, NEW, NEW], polls=6)
        assert journey.lines[1:] == [
            (900, WARNING, f"Cannot list the jobs of cluster {CLUSTER}, will poll again [SNB413]: its words"),
            (3600, INFO, f"Cluster {CLUSTER} is listed again after 45 minutes"),
        ]

    def test_an_outage_of_an_hour_is_said_with_its_end(self) -> None:
        journey = travel(ONE_JOB, [NEW, *[DOWN] * 9, NEW, *[DOWN] * 5, NEW], polls=17)
        warnings = [(at, text) for at, level, text in journey.lines if level == WARNING]
        long = (
            f"No listing of the jobs of cluster {CLUSTER} for 1 hour; the wait fails after 2 days "
            "(outage_timeout) [SNB414]"
        )
        assert [(at, text) for at, text in warnings if "No listing" in text] == [(4500, long), (13500, long)]

    def test_so_is_one_that_ends_no_wait(self) -> None:
        journey = travel(config(silent_fail=True), [NEW, DOWN], polls=7)
        assert journey.lines[-1][2].endswith("for 1 hour; the wait goes on (silent_fail) [SNB414]")

    def test_a_second_outage_is_said_though_its_words_are_the_same(self) -> None:
        journey = travel(ONE_JOB, [NEW, DOWN, NEW, DOWN, NEW], polls=5)
        assert [level for _, level, _ in journey.lines[1:]] == [WARNING, INFO, WARNING, INFO]

    def test_another_error_in_an_outage_is_said(self) -> None:
        journey = travel(ONE_JOB, [NEW, DOWN, error(ErrorKind.TRANSIENT, "other words"), DOWN], polls=4)
        assert [text.rpartition(": ")[2] for _, _, text in journey.lines[1:]] == [
            "its words",
            "other words",
            "its words",
        ]

    def test_an_error_that_ends_the_wait_is_not_said_but_its_end(self) -> None:
        assert travel(ONE_JOB, [DENIED]).lines == []

    def test_ignored_jobs_are_named_once(self) -> None:
        listed = [job(1, "Cancelled"), job(2, "New"), job(3, "Cancelled")]
        journey = travel(config(ignore_cancelled=True), [listed], polls=3)
        assert journey.lines[1:] == said(
            (0, WARNING, f": cancelled jobs are ignored: {job_id(1)}, {job_id(3)} [SNB410]")
        )

    def test_unknown_states_are_named_once(self) -> None:
        listed = [job(1, "Shipped"), {"JobId": job_id(2)}, job(3, "New")]
        journey = travel(config(), [listed], polls=3)
        assert journey.lines[1:] == said(
            (
                0,
                WARNING,
                f": states unknown to this version, taken as waiting: {job_id(1)} Shipped, "
                f"{job_id(2)} without a state [SNB411]",
            )
        )

    def test_lines_are_taken_once(self) -> None:
        wait = Wait(ONE_JOB, started_at=START)
        drive(wait.judge(NEW, Clock()), ask_nothing)
        assert wait.take_lines() == (
            LogLine(
                INFO,
                f"Cluster {CLUSTER}: 0 of 1 jobs at or past WithCustomer (1 New)\n"
                f"  {job_id(1)}  New  since 2026-01-01 00:00+00:00",
            ),
        )
        assert wait.take_lines() == ()

    @pytest.mark.parametrize("count", [1, 2])
    def test_fewer_jobs_than_a_cluster_has_are_said_once(self, count: int) -> None:
        listed = [job(number, "New") for number in range(count)]
        journey = travel(config(), [listed], polls=3)
        assert journey.lines[1:] == said(
            (
                0,
                WARNING,
                f" lists {count} jobs, and a cluster has at least 3: set min_jobs to the number of devices "
                "ordered, or the wait may be over before all are listed [SNB409]",
            )
        )

    @pytest.mark.parametrize(
        ("more", "count"),
        [({}, 0), ({}, 3), ({"min_jobs": 2}, 2), ({"min_jobs": 2}, 1), ({"job_ids": [job_id(0)]}, 1)],
        ids=str,
    )
    def test_not_of_a_wait_that_says_how_many(self, more: dict[str, Any], count: int) -> None:
        listed = [job(number, "New") for number in range(count)]
        assert len(travel(config(**more), [listed], polls=3).lines) == 1


def ask_nothing(call: Call) -> Any:
    raise AssertionError(f"{call} was not expected")


class TestDescribingTheCluster:
    @pytest.mark.parametrize("state", ["Cancelled", "Complete"])
    def test_an_ended_cluster_fails_the_wait(self, state: str) -> None:
        assert travel(config(min_jobs=2), [HERE], state).end == Fail(
            FailKind.CLUSTER_ENDED,
            f"Cluster {CLUSTER} is {state} and will list no more jobs: "
            "1 of 1 jobs at or past WithCustomer; 1 of at least 2 listed [SNB403]",
        )

    def test_an_ended_cluster_lists_no_job_that_is_missing(self) -> None:
        assert travel(config(job_ids=[job_id(1), job_id(2)]), [HERE], "Complete").end == Fail(
            FailKind.CLUSTER_ENDED,
            f"Cluster {CLUSTER} is Complete and will list no more jobs: "
            "1 of 2 jobs at or past WithCustomer (1 not listed yet) [SNB403]",
        )

    @pytest.mark.parametrize("state", ["AwaitingQuorum", "Pending", "InUse", "LaterState", None])
    def test_any_other_goes_on(self, state: str | None) -> None:
        assert travel(config(), [[]], state, polls=1).end == Again(900.0)

    def test_it_is_not_described_once_enough_jobs_are_listed(self) -> None:
        assert travel(config(), [NEW], "Cancelled", polls=20).described == []

    @pytest.mark.parametrize("cluster", ["Pending", DOWN, GONE], ids=["reply", "transient", "not found"])
    def test_at_most_hourly(self, cluster: Any) -> None:
        assert travel(config(), [[]], cluster, polls=13).described == [0, HOUR, 2 * HOUR, 3 * HOUR]

    def test_once_if_two_polls_are_at_one_time(self) -> None:
        wait = Wait(config(), started_at=START)
        asked: list[Call] = []
        for _ in range(2):
            drive(wait.judge([], Clock()), lambda call: asked.append(call) or {})  # type: ignore[func-returns-value]
        assert asked == [DescribeCluster(CLUSTER)]

    def test_at_each_poll_if_polls_are_rarer(self) -> None:
        assert travel(config(poke_interval=2 * HOUR), [[]], polls=4).described == [
            0,
            2 * HOUR,
            4 * HOUR,
            6 * HOUR,
        ]

    def test_an_hour_from_the_last_time(self) -> None:
        listings = [[], NEW, NEW, [], [], []]
        assert travel(config(poke_interval=1000.0), listings, polls=6).described == [0, 4000]

    def test_not_while_listings_fail(self) -> None:
        assert travel(config(poke_interval=HOUR), [[], DOWN, DOWN, []], polls=4).described == [0, 3 * HOUR]

    def test_memory_keeps_the_hour(self) -> None:
        journey = travel(config(), [[]], polls=13, remember=everything)
        assert journey.described == [0, HOUR, 2 * HOUR, 3 * HOUR]

    def test_without_memory_at_each_poll(self) -> None:
        journey = travel(config(), [[]], polls=5, remember=nothing_but_the_time)
        assert journey.described == journey.polls

    def test_a_transient_error_is_whispered(self) -> None:
        journey = travel(config(), [[]], DOWN, polls=13)
        assert journey.lines[:1] == said((0, DEBUG, " was not described: its words"))

    @pytest.mark.parametrize("remember", [None, everything], ids=["", "in many processes"])
    def test_without_permission_one_warning_and_no_second_call(self, remember: Any) -> None:
        journey = travel(config(timeout=DAY), [[]], DENIED, remember=remember)
        assert isinstance(journey.end, Fail)
        assert journey.end.kind is FailKind.TIMEOUT
        assert journey.described == [0]
        warnings = [line for line in journey.lines if line[1] == WARNING]
        assert warnings == said(
            (
                0,
                WARNING,
                " cannot be described, so that a cancelled cluster without jobs would be waited for until "
                "the timeout (its words) [SNB412]",
            )
        )


T = [(START + timedelta(days=1 + number, microseconds=123456)).isoformat() for number in range(7)]
#: Every key, each with a time of its own.
MEMORY = {
    "started_at": T[0],
    "listed_at": T[1],
    "failing_since": T[2],
    "failed_at": T[2],
    "described_at": T[3],
    "description_denied_at": T[4],
    f"since {job_id(1)} New": T[5],
    f"told {job_id(1)} New": T[6],
}


#: What of a memory is about the log (tests/unit/test_devices.py).
OF_THE_LOG = frozenset({"changed_at", "told_at", "polls", "failed_polls"})


def judgement(wait: Wait) -> dict[str, str]:
    """Return what a wait remembers, but for what was said."""
    return {name: value for name, value in wait.memory().items() if name not in OF_THE_LOG}


class TestMemory:
    def test_it_is_times_by_name(self) -> None:
        wait = Wait(config(), started_at=START)
        assert wait.memory() == {"started_at": "2026-01-01T00:00:00+00:00"}
        clock = Clock()
        clock.move(60)
        drive(wait.judge([], clock), lambda _: {})
        assert judgement(wait) == {
            "started_at": "2026-01-01T00:00:00+00:00",
            "listed_at": "2026-01-01T00:01:00+00:00",
            "described_at": "2026-01-01T00:01:00+00:00",
        }

    @pytest.mark.parametrize("left_out", [None, *MEMORY], ids=str)
    def test_it_comes_back_as_it_was(self, left_out: str | None) -> None:
        memory = {name: time for name, time in MEMORY.items() if name != left_out}
        again = Wait(config(), started_at=START, memory=json.loads(json.dumps(memory))).memory()
        # Once the start is not known, it is what the caller takes it for.
        assert again == {"started_at": START.isoformat()} | memory
        assert Wait(config(), started_at=START, memory=again).memory() == again

    def test_a_part_of_it_will_do(self) -> None:
        memory = {"described_at": T[0]}
        assert Wait(config(), started_at=START, memory=memory).memory() == memory | {
            "started_at": START.isoformat()
        }

    def test_each_key_is_what_some_wait_writes(self) -> None:
        """Denied a description, told of a job, and then without a listing."""
        clock = Clock()
        wait = Wait(config(min_jobs=2, max_days_in_state={"New": 1}), started_at=START)

        def deny(call: Call) -> Any:
            raise DENIED

        for listing in (NEW, NEW, DOWN):
            drive(wait.judge(listing, clock), deny)
            clock.move(DAY)
        days = [(START + timedelta(days=number)).isoformat() for number in range(3)]
        assert judgement(wait) == {
            "started_at": days[0],
            "listed_at": days[1],
            "failing_since": days[2],
            "failed_at": days[2],
            "described_at": days[0],
            "description_denied_at": days[0],
            f"since {job_id(1)} New": days[0],
            f"told {job_id(1)} New": days[1],
        }
        assert {name.partition(" ")[0] for name in judgement(wait)} == {
            name.partition(" ")[0] for name in MEMORY
        }

    def test_a_listing_ends_what_was_failing(self) -> None:
        wait = Wait(config(), started_at=START, memory=MEMORY)
        drive(wait.judge(NEW, Clock()), ask_nothing)
        assert judgement(wait) == {
            **{name: time for name, time in MEMORY.items() if name not in ("failing_since", "failed_at")},
            "listed_at": START.isoformat(),
        }

    def test_the_start_is_the_remembered_one(self) -> None:
        wait = Wait(config(timeout=DAY), started_at=START + timedelta(days=9), memory=MEMORY)
        assert wait.started_at.isoformat() == T[0]
        assert wait.deadline == datetime.fromisoformat(T[0]) + timedelta(days=1)

    def test_what_a_later_version_adds_is_left_alone(self) -> None:
        memory = {"started_at": START.isoformat(), "added_later": "no time"}
        assert Wait(config(), started_at=START, memory=memory).memory() == {"started_at": START.isoformat()}


def test_fail_kinds_stay() -> None:
    """Their values are stored in events, which another version of this package reads."""
    assert {kind.value for kind in FailKind} >= {
        "unreachable",
        "cluster_ended",
        "overdue",
        "permanent",
        "outage",
        "transient",
        "timeout",
    }
