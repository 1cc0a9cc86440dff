"""The judge of the fire (tests/system): what it has to see, and what it must not take for a fault of ours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.system.fire import judge
from tests.system.fire.cast import cast_of
from tests.system.fire.judge import Verdicts
from tests.system.fire.snowball import Log

CAST = cast_of(
    {
        "deferred": {"reach": 1, "unreachable": 1, "timeout": 1, "soft": 1, "outage": 1, "late": 1},
        "triggered": {"reach": 1},
    },
    timeout=300.0,
)
BEGAN = 1000.0


def wait_of(kind: str, way: str = "deferred") -> Any:
    return next(each for each in CAST.waits.values() if each.name.startswith(f"{way}_{kind}_"))


def fire(**more: Any) -> Any:
    return SimpleNamespace(
        **{"by_hand": {}, "cleared_at": {}, "down": [], "cast": CAST, "since": BEGAN - 30.0, **more}
    )


def log(wait: Any, *, answers: list[float] | None = None, moved: float = 1100.0) -> Log:
    moves = [(BEGAN, "PreparingShipment"), (moved, wait.moves or "PreparingShipment")]
    return Log({wait.cluster: [BEGAN, BEGAN + 5]}, {wait.cluster: answers or []}, {wait.cluster: moves})


def end(at: float, kind: str) -> dict[str, Any]:
    done = kind in ("success", "skipped")
    return {
        "at": at,
        "end": kind if done else "failed",
        "try_number": 1,
        "error": None if done else [kind, ""],
    }


def judged(wait: Any, *ends: dict[str, Any], of: Log | None = None, **more: Any) -> dict[str, int]:
    verdicts = Verdicts()
    judge._judge_tries(verdicts, fire(**more), wait, ends, of or log(wait))
    return dict(verdicts.counts)


@pytest.mark.parametrize(
    ("kind", "ended", "late_enough"),
    [
        ("reach", "success", 1100.0),
        ("unreachable", "SnowballTargetUnreachableError", 1100.0),
        ("timeout", "AirflowSensorTimeout", 1270.0),
        ("soft", "skipped", 1270.0),
        ("outage", "SnowballOutageError", 1029.0),
        ("late", "SnowballJobsOverdueError", 1059.0),
    ],
)
def test_an_end_before_its_time(kind: str, ended: str, late_enough: float) -> None:
    wait = wait_of(kind)
    assert judged(wait, end(late_enough, ended)) == {}
    assert judged(wait, end(late_enough - 1.0, ended)) == {"early": 1}
    assert judged(wait, end(late_enough - 1.0, ended), by_hand={wait.name: "success"}) == {}


def test_an_end_without_its_reason() -> None:
    wait = wait_of("reach")
    never = Log({wait.cluster: [BEGAN]}, {}, {wait.cluster: [(BEGAN, "PreparingShipment")]})
    assert judged(wait, end(1e9, "success"), of=never) == {"early": 1}


@pytest.mark.parametrize("error", ["TypeError", "SnowballTriggerError", "SnowballOutageError"])
def test_a_try_that_fails_for_no_reason(error: str) -> None:
    """Though the next one succeeds."""
    wait = wait_of("reach")
    assert judged(wait, end(1090.0, error), end(1100.0, "success"), of=log(wait, answers=[1055.0])) == {
        "failed a try": 1
    }


@pytest.mark.parametrize(("answered", "says"), [(1060.0, False), (1081.0, True)])
@pytest.mark.parametrize("how", ["failed", "cleared"])
def test_a_try_that_has_had_an_answer(answered: float, says: bool, how: str) -> None:
    """Answers soon after the try before are of its trigger, which goes on for a moment."""
    wait = wait_of("reach")
    ends = [end(1050.0, "str"), end(1090.0, "ClientError"), end(1100.0, "success")]
    cleared_at = {}
    if how == "cleared":
        # Nobody is told of its end.
        del ends[0]
        cleared_at[wait.name] = 1050.0
    verdicts = Verdicts()
    seen = log(wait, answers=[1040.0, answered])
    judge._judge_tries(verdicts, fire(cleared_at=cleared_at), wait, ends, seen)
    assert not verdicts.bad()
    assert any("after a good answer" in what for what in verdicts.tries) is says


def test_what_airflow_says_or_lacks() -> None:
    wait = wait_of("reach")
    assert judged(wait, end(1050.0, "str"), end(1060.0, "ConnectError"), end(1100.0, "success")) == {}


def test_one_that_begins_in_the_triggerer_does_not_know() -> None:
    wait = wait_of("reach", "triggered")
    assert judged(wait, end(1090.0, "ClientError"), of=log(wait, answers=[1080.0])) == {}


@pytest.mark.parametrize(
    "states", [None, [], ["WithCustomer"] * 4, ["WithCustomer"] * 4 + ["InTransitToAWS"]]
)
def test_a_wrong_result(states: list[str] | None) -> None:
    wait = wait_of("reach")
    whole = [{"JobId": job_id, "JobState": "WithCustomer"} for job_id in sorted(wait.ids)]
    verdicts = Verdicts()
    judge._judge_result(verdicts, wait, whole)
    assert not verdicts.bad()
    result = (
        states
        if states is None
        else [each | {"JobState": state} for each, state in zip(whole, states, strict=False)]
    )
    judge._judge_result(verdicts, wait, result)
    assert verdicts.counts["wrong"] == 1


@pytest.mark.parametrize(
    ("down", "ended", "is_late"),
    [
        ([], 1400.0, False),
        ([], 1401.0, True),
        # Whatever was away then has its time, and nothing more.
        ([(1290.0, 1350.0)], 1450.0, False),
        ([(1290.0, 1350.0)], 1451.0, True),
        ([(1290.0, 1350.0), (1500.0, 1600.0)], 1500.0, True),
        ([(1100.0, 1200.0)], 1401.0, True),
    ],
)
def test_a_deadline(down: list[tuple[float, float]], ended: float, is_late: bool) -> None:
    wait = wait_of("timeout")
    verdicts = Verdicts()
    # Half a minute, a minute of the worker, and some seconds for each that ends beside it, rounded here.
    allowed = judge._ON_TIME + judge._WORKER + 2 * judge._BESIDE
    judge._judge_time(verdicts, fire(down=down), wait, [BEGAN], ended - 100.0 + allowed)
    assert bool(verdicts.counts["late"]) is is_late
