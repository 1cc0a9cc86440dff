"""Simulated time, as a table: pure, with a timer that the test moves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_snowball.emulator import Clock, usual_plan
from airflow_provider_snowball.emulator.api.plan import FOREVER
from airflow_provider_snowball.emulator.rehearsal.clock import parse_duration, parse_speed
from airflow_provider_snowball.emulator.rehearsal.plans import cancelled, delayed, held, plan_of
from airflow_provider_snowball.lifecycle import PATHS, JobType

HOUR = 3600.0
DAY = 24 * HOUR


class Timer:
    """Real seconds, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("6h", 6 * HOUR),
        ("1d", DAY),
        ("2w", 14 * DAY),
        ("1d12h", 1.5 * DAY),
        ("0.5d", 0.5 * DAY),
        ("7", 7),
        (7.5, 7.5),
        (0, 0),
        (timedelta(days=2), 2 * DAY),
    ],
)
def test_durations(value: Any, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value", ["", "d", "1y", "1 d", "-1d", -1, "nan", "inf", None, [], timedelta(days=-1)]
)
def test_what_is_no_duration(value: Any) -> None:
    with pytest.raises(ValueError, match="A duration is a number of seconds or text such as '3d'"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "speed"), [("1d/s", DAY), ("6h/s", 6 * HOUR), ("90", 90), (2, 2), ("0.5", 0.5), ("1d", DAY)]
)
def test_speeds(value: Any, speed: float) -> None:
    assert parse_speed(value) == speed


@pytest.mark.parametrize("value", ["", "/s", "1d/h", 0, "0s/s", -1, "fast", None])
def test_what_is_no_speed(value: Any) -> None:
    with pytest.raises(ValueError, match="A speed is a number above zero or text such as '1d/s'"):
        parse_speed(value)


# What is done, step by step: a number lets real seconds pass, a name with an argument is called.
@pytest.mark.parametrize(
    ("speed", "steps", "now"),
    [
        pytest.param(1, [10], 10, id="as fast as the wall"),
        pytest.param("1d/s", [2], 2 * DAY, id="a day a second"),
        pytest.param("1d/s", [0.5, ("pause",), 100], 0.5 * DAY, id="paused"),
        pytest.param("1d/s", [1, ("pause",), 100, ("resume",), 1], 2 * DAY, id="resumed"),
        pytest.param(
            "1d/s", [1, ("pause",), ("pause",), 5, ("resume",), ("resume",), 1], 2 * DAY, id="twice"
        ),
        pytest.param(1, [1, ("jump", "3d"), 1], 3 * DAY + 2, id="jump"),
        pytest.param(1, [("pause",), ("jump", "3d"), 9], 3 * DAY, id="jump while paused"),
        pytest.param(1, [10, ("set_speed", "1h/s"), 2], 10 + 2 * HOUR, id="another speed"),
        pytest.param(1, [("pause",), 9, ("set_speed", 60), 2], 120, id="a speed starts it"),
        pytest.param(
            1, [("set_speed", 60, {"paused": True}), 5, ("resume",), 2], 120, id="a speed for later"
        ),
        pytest.param(1, [("set_speed", 60), 1, ("reset",), 1], 61, id="reset"),
        pytest.param(
            1, [("configure", 60), 1, ("set_speed", 5), ("pause",), ("reset",), 1], 120, id="configured"
        ),
    ],
)
def test_now(speed: Any, steps: list[Any], now: float) -> None:
    timer = Timer()
    clock = Clock(speed, timer=timer)
    for step in steps:
        if isinstance(step, tuple):
            name, *arguments = step
            options = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
            getattr(clock, name)(*arguments, **options)
        else:
            timer.seconds += step
    assert clock.now() == pytest.approx(now)


def test_speed_that_is_none_leaves_it_paused() -> None:
    clock = Clock()
    clock.pause()
    with pytest.raises(ValueError, match="got 'fast'"):
        clock.set_speed("fast")
    assert (clock.paused, clock.speed) == (True, 1.0)


def test_time_does_not_run_backwards() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="got '-1d'"):
        clock.jump("-1d")


PLAN = plan_of([("New", "1h"), ("Listing", 0), ("Pending", "2h"), ("Shipped", None)])


@pytest.mark.parametrize(
    ("hours", "state", "entered"),
    [
        (-1, "New", []),
        (0, "New", ["New"]),
        (0.99, "New", ["New"]),
        (1, "Pending", ["New", "Listing", "Pending"]),
        (2.99, "Pending", ["New", "Listing", "Pending"]),
        (3, "Shipped", ["New", "Listing", "Pending", "Shipped"]),
        (10_000, "Shipped", ["New", "Listing", "Pending", "Shipped"]),
    ],
)
def test_state_of_a_plan(hours: float, state: str, entered: list[str]) -> None:
    assert PLAN.state_at(hours * HOUR) == state
    assert [name for at, name in PLAN.timeline() if at <= hours * HOUR] == entered


def test_plan_survives_its_own_form() -> None:
    assert (
        plan_of(PLAN.steps()).steps()
        == PLAN.steps()
        == [
            ("New", HOUR),
            ("Listing", 0.0),
            ("Pending", 2 * HOUR),
            ("Shipped", None),
        ]
    )


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "at least one state"),
        ([("", None)], "no state is empty"),
        ([("New", None), ("Complete", None)], "Only the last state"),
        ([("New", "soon"), ("Complete", None)], "got 'soon'"),
    ],
)
def test_what_is_no_plan(steps: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_of(steps)


@pytest.mark.parametrize(
    ("job_type", "skipped"), [("IMPORT", set()), ("EXPORT", set()), ("LOCAL_USE", {"InProgress"})]
)
def test_usual_plan_walks_the_lifecycle(job_type: str, skipped: set[str]) -> None:
    states = [state for state, _ in usual_plan(job_type)]
    assert states == [state.value for state in PATHS[JobType(job_type)] if state not in skipped]


PLANNED = [("New", HOUR), ("Listing", 2 * HOUR), ("Pending", HOUR), ("Complete", None)]


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        pytest.param(
            lambda: delayed(PLANNED, "1d", "Listing"),
            [("New", HOUR), ("Listing", 26 * HOUR), ("Pending", HOUR), ("Complete", None)],
            id="lags",
        ),
        pytest.param(lambda: delayed(PLANNED, "1d", "Complete"), PLANNED, id="lags for ever"),
        pytest.param(lambda: held(PLANNED, "Listing"), [("New", HOUR), ("Listing", None)], id="held"),
        pytest.param(
            lambda: cancelled(PLANNED, "Listing"),
            [("New", HOUR), ("Listing", 2 * HOUR), ("Cancelled", None)],
            id="cancelled",
        ),
        pytest.param(
            lambda: plan_of(PLANNED).rest(1.5 * HOUR, "Listing"),
            [("Listing", 1.5 * HOUR), *PLANNED[2:]],
            id="rest",
        ),
        pytest.param(
            lambda: plan_of(PLANNED).rest(9 * HOUR, "Listing"),
            [("Listing", 0.0), *PLANNED[2:]],
            id="rest of what it outlasted",
        ),
        pytest.param(
            lambda: plan_of(PLANNED).rest(9 * HOUR, "Complete"), [("Complete", None)], id="rest at the end"
        ),
        pytest.param(
            lambda: plan_of([*PLANNED[:2], *PLANNED]).rest(3.5 * HOUR, "New"),
            [("New", 0.5 * HOUR), *PLANNED[1:]],
            id="rest of a state that came twice",
        ),
        pytest.param(
            lambda: plan_of(PLANNED).waiting_in("Listing", 5 * HOUR).steps(),
            [("New", HOUR), ("Listing", 4 * HOUR), ("Pending", HOUR), ("Complete", None)],
            id="waits",
        ),
        pytest.param(
            lambda: plan_of(PLANNED).waiting_in("Listing", 3 * HOUR).steps(), PLANNED, id="need not wait"
        ),
        pytest.param(
            lambda: plan_of(PLANNED).waiting_in("WithAWS", 3 * HOUR).steps(), PLANNED, id="never there"
        ),
        pytest.param(
            lambda: plan_of(PLANNED).waiting_in("Listing", FOREVER).steps(),
            [("New", HOUR), ("Listing", None)],
            id="waits for ever",
        ),
    ],
)
def test_changed_plans(change: Any, steps: list[Any]) -> None:
    assert change() == steps


def test_devices_differ_and_can_be_repeated() -> None:
    plans = [usual_plan("LOCAL_USE", seed) for seed in range(20)]
    assert plans == [usual_plan("LOCAL_USE", seed) for seed in range(20)]
    arrivals = {sum(took or 0 for _, took in plan[:6]) for plan in plans}
    assert len(arrivals) == 20
    assert all(3 * DAY < arrival < 5 * DAY for arrival in arrivals)
    # The hour in which a cluster can be cancelled.
    assert all(plan[0][1] is not None and plan[0][1] >= HOUR for plan in plans)
