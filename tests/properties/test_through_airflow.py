"""Generated histories through Airflow's own runner: every mode ends alike, and as the reference says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from hypothesis import example, given, seed, settings
from hypothesis import strategies as st
from packaging.version import Version

from tests.fakes.scripted_snowball import job_id
from tests.fakes.sensor_clock import sensor_clock
from tests.integration.airflow_runner import MODES, Outcome, run_sensor
from tests.properties.drives import arguments_of
from tests.properties.histories import History, Poll
from tests.properties.profile import examples
from tests.properties.reference import Asked, ReferenceWait, Trouble, Verdict
from tests.properties.wire import HistoryServer, Layout, layouts, wire_histories

FINAL = {
    "unreachable": "SnowballTargetUnreachableError",
    "cluster_ended": "SnowballTargetUnreachableError",
    "permanent": "SnowballPermanentError",
    "timeout": "AirflowSensorTimeout",
}
#: How many tries the task has.
TRIES = 2


#: Whether Airflow keeps what a task remembers.
REMEMBERS = Version(airflow_version) >= Version("3.3")


@st.composite
def short_histories(draw: Callable[..., Any]) -> History:
    """Return histories that end after a few polls, each of which costs Airflow a run of the task."""
    history: History = draw(wire_histories())
    interval = draw(st.sampled_from([900.0, 7200.0, 86400.0]))
    asked = replace(
        history.asked,
        poke_interval=interval,
        timeout=interval * draw(st.sampled_from([1, 3, 5])),
        outage_timeout=interval * draw(st.sampled_from([1, 2, 100])),
        # Grows by a jitter that the reference does not know.
        backoff=False,
        max_wait=None,
    )
    return replace(history, asked=asked)


FLAGS = st.sampled_from([{}, {}, {}, {"soft_fail": True}, {"never_fail": True}])


@dataclass(frozen=True)
class Expected:
    """
    What a task must come to.

    :param verdicts: of each try.
    :param polls: how many listings there are.
    """

    verdicts: tuple[Verdict, ...]
    polls: int

    @property
    def last(self) -> Verdict:
        return self.verdicts[-1]


def expect(
    history: History, flags: dict[str, bool], *, remembers: bool = True, forgets: bool = False
) -> Expected:
    """
    Have the reference judge, with a new wait for each try.

    :param remembers: whether Airflow has a place for what a wait remembers between two tries.
    :param forgets: whether it remembers between two polls no more than that there was one.
    """
    verdicts: list[Verdict] = []
    at, number = 0.0, 0
    while True:
        wait = ReferenceWait(history.asked, retried=bool(verdicts))
        # The timeout counts over all tries where the first one's beginning is known.
        began = 0.0 if remembers else at
        while True:
            found = wait.poll(at - began, history.poll(number))
            number += 1
            if isinstance(found, Verdict):
                break
            at += found.shortest
            if forgets:
                wait = _all_that_is_known(wait)
        verdicts.append(found)
        again = found.kind in ("transient", "outage") and not flags.get("never_fail")
        if not again or len(verdicts) == TRIES:
            return Expected(tuple(verdicts), number)


def _all_that_is_known(wait: ReferenceWait) -> ReferenceWait:
    """Return a rescheduled wait before Airflow 3.3: had its first poll failed, it would not be there."""
    known = ReferenceWait(wait.asked, retried=wait.retried)
    known.ever_listed, known.last_poll = True, wait.last_poll
    return known


def agree(outcome: Outcome, expected: Expected, flags: dict[str, bool]) -> None:
    """Assert that a task came to what the reference says."""
    verdict = expected.last
    assert outcome.try_number == len(expected.verdicts)
    if verdict.kind == "done":
        assert (outcome.state, outcome.xcom) == ("success", verdict.jobs)
        return
    assert outcome.xcom is None
    final = verdict.kind in FINAL
    if (flags.get("soft_fail") and final) or (flags.get("never_fail") and verdict.kind != "timeout"):
        assert outcome.state == "skipped"
        return
    assert outcome.state == "failed"
    name, message = outcome.errors[-1]
    if final:
        assert name == FINAL[verdict.kind]
    elif verdict.kind == "outage":
        assert name == "SnowballOutageError"
    if verdict.kind != "transient":
        # Of which botocore's own exception is raised, with its own words.
        for text in verdict.says:
            assert text in message
    if verdict.exactly is not None:
        assert message == verdict.exactly


@pytest.fixture(scope="module")
def server() -> Iterator[HistoryServer]:
    with HistoryServer() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", server.connection())
        patch.setenv("AIRFLOW__SNOWBALL__MAX_CALLS_PER_SECOND", "1000")
        yield server


#: Access is denied once a first poll has failed by chance, which silent_fail passed over.
DENIED_LATE = History(
    Asked(
        of_cluster=False,
        target="New",
        job_ids=[job_id(1)],
        min_jobs=1,
        ignore_cancelled=False,
        timeout=2700.0,
        poke_interval=900.0,
        backoff=False,
        max_wait=None,
        silent_fail=True,
        outage_timeout=900.0,
    ),
    polls=[Poll(Trouble("transient", "Rate exceeded")), Poll(Trouble("denied", "not authorized"))],
    hand_backs=frozenset(),
)


@examples(20)
@given(short_histories(), layouts(), FLAGS)
@example(DENIED_LATE, Layout(page_size=1, framing="length", begins_well=False, shifts=0, repeats=False), {})
def test_every_mode_ends_as_the_reference_says(
    server: HistoryServer, airflow_home: Path, history: History, layout: Layout, flags: dict[str, bool]
) -> None:
    expected = expect(history, flags, remembers=REMEMBERS)
    outcomes = {}
    for mode, arguments in MODES.items():
        server.serve(history, layout)
        with sensor_clock():
            outcome = run_sensor(airflow_home, _of_sensor(history) | flags | arguments)
        if mode == "reschedule" and not REMEMBERS:
            forgetful = expect(history, flags, remembers=False, forgets=True)
            agree(outcome, forgetful, flags)
            assert server.polls == forgetful.polls
        else:
            agree(outcome, expected, flags)
            assert server.polls == expected.polls, mode
            outcomes[mode] = outcome
    first, *others = outcomes.values()
    assert all(each == first for each in others), outcomes


def _of_sensor(history: History) -> dict[str, Any]:
    return {name: value for name, value in arguments_of(history.asked).items() if value is not None}


def test_the_histories_are_of_every_kind() -> None:
    verdicts, tries = Counter[str](), Counter[int]()

    @seed(20261126)
    @settings(max_examples=400)
    @given(short_histories(), FLAGS)
    def count(history: History, flags: dict[str, bool]) -> None:
        expected = expect(history, flags)
        verdicts.update(each.kind for each in expected.verdicts)
        tries[len(expected.verdicts)] += 1

    count()
    shares = {kind: number / tries.total() for kind, number in verdicts.items()}
    for kind in (*FINAL, "transient", "outage"):
        assert shares.get(kind, 0) >= 0.01, shares
    assert shares["done"] >= 0.05, shares
    assert tries[TRIES] / tries.total() >= 0.02, tries
