"""Whoever is told of changes knows in the end where each device is, whatever fails or dies meanwhile."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_snowball.lifecycle import Job
from airflow_provider_snowball.waiting.calls import Call
from airflow_provider_snowball.waiting.changes import Change
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Step, Wait, drive
from airflow_provider_snowball.waiting.time_in_state import TimeInState
from tests.properties.profile import examples

START = datetime(2026, 1, 1, tzinfo=UTC)
CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
#: What a device may be, in its order; it is not listed before the first. None comes back to where it was:
#: what was told, forgotten and undone before anybody looked again is not told.
WAY = ["New", "Pending", "InTransitToCustomer", "WithCustomer", "InTransitToAWS", "LaterState", "WithAWS"]
DEVICES = ["JID1", "JID2", "JID3"]


class Fate(Enum):
    """What becomes of a poll's news."""

    TOLD = "told and remembered"
    FAILS = "the notifier fails"
    MOVES = "told and remembered, and the next poll is another process's"
    FORGOTTEN = "told, and the process dies before it is remembered"


#: How far each device has come at each poll: places never go back; and whose state the listing lacks.
steps = st.lists(
    st.tuples(
        st.lists(st.integers(0, 3), min_size=3, max_size=3),
        st.sampled_from(Fate),
        st.frozensets(st.sampled_from(DEVICES), max_size=2),
    ),
    min_size=1,
    max_size=15,
)


def listing(places: list[int], silent: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """Return what is listed of devices at these places (0 is before the first); silent ones lack a state."""
    return [
        {"JobId": name, "JobType": "LOCAL_USE"} | ({} if name in silent else {"JobState": WAY[place - 1]})
        for name, place in zip(DEVICES, places, strict=True)
        if place
    ]


Move = tuple[list[int], Fate, frozenset[str]]


def poll(wait: Wait, jobs: list[dict[str, Any]], now: datetime) -> Step:
    """Poll once, of a cluster that goes on."""

    def describe(_: Call) -> Any:
        return {"ClusterState": "InUse"}

    return drive(wait.judge(jobs, lambda: now), describe)


def play(
    first: list[int], moves: list[Move], interval: float
) -> tuple[list[list[dict[str, Any]]], dict[str, str], dict[str, str]]:
    """Return what somebody was told, and where the devices were at the beginning and are at the end."""
    config = WaitConfig.read(
        {
            "cluster_id": CLUSTER,
            "target_state": "Complete",
            "min_jobs": 99,
            "tell_changes": True,
            "change_interval": interval,
        }
    )
    wait, kept, places, now = Wait(config, started_at=START), "{}", list(first), START
    told: list[list[dict[str, Any]]] = []
    calm: Move = ([0, 0, 0], Fate.TOLD, frozenset())
    for number, (move, fate, silent) in enumerate([calm, *moves, calm, calm]):
        # The last poll comes when whatever was gathered is due.
        now += timedelta(days=1) if number > len(moves) else timedelta(seconds=600)
        places = [min(place + step, len(WAY)) for place, step in zip(places, move, strict=True)]
        step = poll(wait, listing(places, silent), now)
        assert isinstance(step, Again)
        assert step.news is not None
        if step.news.due and fate is not Fate.FAILS:
            if step.news.changes:
                told.append([each.plain() for each in step.news.changes])
            if fate is not Fate.FORGOTTEN:
                wait.mark_news_told(step.news, now)
        if fate is not Fate.FORGOTTEN:
            kept = json.dumps(wait.memory())
        if fate in (Fate.FORGOTTEN, Fate.MOVES):
            wait = Wait(config, started_at=now, memory=json.loads(kept))
    states = [{each["JobId"]: each["JobState"] for each in listing(where)} for where in (first, places)]
    return told, states[0], states[1]


class TestChanges:
    @examples(1000)
    @given(st.lists(st.integers(0, 3), min_size=3, max_size=3), steps, st.sampled_from([0.0, 3600.0]))
    def test_in_the_end_everything_is_known(
        self, first: list[int], moves: list[Move], interval: float
    ) -> None:
        told, known, there = play(first, moves, interval)
        for changes in told:
            assert len({each["job_id"] for each in changes}) == len(changes)
            for each in changes:
                known[each["job_id"]] = each["state"]
        assert known == there

    @examples(1000)
    @given(st.lists(st.integers(0, 3), min_size=3, max_size=3), steps, st.sampled_from([0.0, 3600.0]))
    def test_a_repeat_has_the_same_id_and_nothing_else_has(
        self, first: list[int], moves: list[Move], interval: float
    ) -> None:
        told, known, _ = play(first, moves, interval)
        by_id: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for each in (each for changes in told for each in changes):
            by_id[each["id"]].append(each)
            assert Change.of(json.loads(json.dumps(each))).plain() == each
        assert all(each == repeats[0] for repeats in by_id.values() for each in repeats)
        if not any(fate is Fate.FORGOTTEN for _, fate, _ in moves):
            # Then there is none, and each change goes on from the one before.
            assert all(len(repeats) == 1 for repeats in by_id.values())
            last: dict[str, str | None] = dict(known)
            for each in (each for changes in told for each in changes):
                assert each["before"] == last.get(each["job_id"])
                assert each["before"] != each["state"]
                last[each["job_id"]] = each["state"]

    @examples(1000)
    @given(
        st.lists(
            st.lists(st.sampled_from([None, "", "New", "Pending", "WithCustomer"]), min_size=3, max_size=3),
            min_size=1,
            max_size=12,
        ),
        st.booleans(),
    )
    def test_what_is_told_is_what_the_listings_say(self, polls: list[list[str | None]], dies: bool) -> None:
        """None is not listed, and an empty state is none: nobody knows then where the device is."""
        asked = {"cluster_id": CLUSTER, "target_state": "Complete", "min_jobs": 99, "tell_changes": True}
        config = WaitConfig.read(asked)
        wait = Wait(config, started_at=START)
        known: dict[str, str | None] = {}
        for number, states in enumerate(polls):
            now = START + timedelta(hours=number)
            entries = [
                {"JobId": name, "JobType": "LOCAL_USE"} | ({"JobState": state} if state else {})
                for name, state in zip(DEVICES, states, strict=True)
                if state is not None
            ]
            step = poll(wait, entries, now)
            assert isinstance(step, Again)
            assert step.news is not None
            expected = {
                (name, known.get(name), state)
                for name, state in zip(DEVICES, states, strict=True)
                if state != "" and state != known.get(name)
            }
            known |= {name: state for name, state in zip(DEVICES, states, strict=True) if state != ""}
            # What is found first is no change.
            assert {(each.job_id, each.before, each.state) for each in step.news.changes} == (
                expected if number else set()
            )
            wait.mark_news_told(step.news, now)
            if dies:
                wait = Wait(config, started_at=START, memory=json.loads(json.dumps(wait.memory())))


class TestTimeInState:
    @examples(500)
    @given(
        st.lists(st.sampled_from([None, "", "New", "Pending"]), min_size=1, max_size=15),
        st.booleans(),
    )
    def test_a_device_is_where_it_was_seen_last_until_it_is_seen_elsewhere(
        self, states: list[str | None], dies: bool
    ) -> None:
        times = TimeInState({"New": 3, "Pending": 3})
        for number, state in enumerate(states):
            now = START + timedelta(days=number)
            times.see([] if state is None else [Job("JID1", state or None)], [], now)
            if dies:
                times = TimeInState({"New": 3, "Pending": 3}, json.loads(json.dumps(times.memory())))
            if not state:
                assert times.overdue(now) == ()
                continue
            # Counted back over the polls that do not tell, to the first of the same state.
            told = [(day, each) for day, each in enumerate(states[: number + 1]) if each]
            others = [day for day, each in told if each != state]
            first = next(day for day, each in told if day > max(others, default=-1))
            assert times.since(Job("JID1", state)) == START + timedelta(days=first)
            assert [each.job_id for each in times.overdue(now)] == (["JID1"] if number - first >= 3 else [])
