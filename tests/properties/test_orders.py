"""
Never two orders, and none that is reported and not there: in every order of events of a small world.

The shipped machine is driven through all of them. What each rule is there for is shown by a machine, or a
world, without it: then there are two.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from airflow_provider_snowball.ordering.machine import (
    Action,
    Adopt,
    Describe,
    Fail,
    Known,
    Listed,
    Memory,
    Ordering,
    Park,
    Remembered,
    Retry,
    Run,
    Seen,
    Send,
    Times,
    Unknown,
    Why,
)
from tests.properties.orders_world import Rules, World, begin, moves

#: More than this, and a scenario is no exhaustive one any more.
MOST = 300_000


class Found(Counter[str]):
    """What an exhaustive search has met: how often, and one world of each."""

    def __init__(self) -> None:
        super().__init__()
        self.examples: dict[str, World] = {}

    def note(self, what: str, world: World) -> None:
        self[what] += 1
        self.examples.setdefault(what, world)


def is_over(world: World) -> bool:
    return world.ended is not None and not world.workers and not world.flying


def is_unknown(world: World) -> bool:
    """Tell whether nobody can know that nothing was sent: a worker was lost just before it, or before all."""
    left_word = world.store is not None and world.store.known is Known.SENT
    return left_word or world.unnoted


@cache
def search(rules: Rules, until: str = "") -> Found:
    """
    Go everywhere.

    :param until: what ends the search once it is met.
    """
    found = Found()
    first = begin(rules)
    seen, edge = {first}, [first]
    while edge:
        world = edge.pop()
        found["worlds"] += 1
        assert found["worlds"] <= MOST
        note(found, world)
        if found[until]:
            break
        for after in moves(world, rules):
            if after not in seen:
                seen.add(after)
                edge.append(after)
    return found


def note(found: Found, world: World) -> None:
    taken = len(world.orders)
    if taken > 1:
        found.note("two", world)
    if world.late and taken:
        found.note("ordered after somebody was told that nothing comes any more", world)
    if taken and world.orders[0].by > 1:
        found.note("ordered by a retry", world)
    if not isinstance(world.ended, Adopt):
        if is_over(world) and not taken and not world.sent and not is_unknown(world):
            found.note("nothing ordered, and nothing unknown", world)
            found.note(f"nothing ordered, and nothing unknown: {world.ended}", world)
        if is_over(world) and isinstance(world.ended, Fail):
            found.note(f"failed: {world.ended.why}", world)
        return
    found.note("success", world)
    if not taken or world.ended.order_id not in {str(number) for number in range(taken)}:
        found.note("success without an order", world)


MEMORY: dict[str, dict[str, Any]] = {
    "kills": {"kills": 1},
    "a zombie": {"zombies": 1, "end": 6},
    "a zombie and a kill": {"zombies": 1, "kills": 1, "end": 5},
    "lost words": {"losses": 2, "tries": 3},
    "refusals": {"refusals": 2, "losses": 1},
    "a kill and lost words": {"kills": 1, "losses": 1},
    "a zombie and lost words": {"zombies": 1, "losses": 1, "end": 5},
    "cleared": {"clears": 1, "kills": 1},
    "cleared, with a zombie": {"clears": 1, "zombies": 1, "end": 5},
    "memory that is lost": {"wipes": 1, "kills": 1, "clears": 1, "end": 6},
    "memory that is lost under a zombie": {"wipes": 1, "zombies": 1, "end": 5},
    "cancelled by a person": {"cancels": 1, "kills": 1, "clears": 1},
    "edited by a person": {"edits": 1, "kills": 1, "clears": 1},
    "three tries": {"tries": 3, "kills": 2},
}
NO_MEMORY: dict[str, dict[str, Any]] = {
    name: {key: value for key, value in events.items() if key != "wipes"}
    for name, events in MEMORY.items()
    if not name.startswith("memory")
}
WORLDS: dict[str, dict[str, Any]] = {
    "A": {},
    "B: listed late": {"lag": 5},
    "C: signatures that do not expire": {"expires": None},
}


def rules_of(events: dict[str, Any], remembers: bool, world: str) -> Rules:
    return Rules(remembers=remembers, **(WORLDS[world] | events))


#: Of these many worlds, the last two take minutes: ``make fuzz``.
MANY = {
    "a zombie and a kill",
    "a zombie and lost words",
    "cleared, with a zombie",
    "memory that is lost under a zombie",
}
IS_FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
CASES = [
    pytest.param(events, remembers, world, id=f"{'3.3' if remembers else 'before'}-{name}-{world}")
    for remembers, all_events in ((True, MEMORY), (False, NO_MEMORY))
    for name, events in all_events.items()
    for world in WORLDS
    if IS_FUZZ or world == "A" or not (remembers and name in MANY)
]


@pytest.mark.parametrize(("events", "remembers", "world"), CASES)
def test_never_two(events: dict[str, Any], remembers: bool, world: str) -> None:
    found = search(rules_of(events, remembers, world))
    assert found.examples.get("two") is None
    assert found.examples.get("success without an order") is None
    if not world.startswith("C"):
        # Whoever then orders by hand has one; a request without an end may come at any time.
        assert found.examples.get("ordered after somebody was told that nothing comes any more") is None
    # A rule that orders nothing is right, too.
    assert found["success"] > 0


class TestLiveness:
    @pytest.mark.parametrize(
        "rules",
        [
            pytest.param(Rules(losses=2, tries=3), id="lost words"),
            pytest.param(Rules(refusals=2, losses=1, tries=4), id="refusals and a lost word"),
            pytest.param(Rules(kills=2, tries=3), id="kills"),
            pytest.param(Rules(kills=1, losses=1, tries=3), id="a kill and a lost word"),
        ],
    )
    def test_with_nothing_sent_an_order_is_made(self, rules: Rules) -> None:
        """But for what AWS refuses for good, and a worker that is lost before its very first word."""
        examples = search(rules).examples.items()
        ends = {world.ended for what, world in examples if what.startswith("nothing ordered, and nothing")}
        assert ends <= {Fail(Why.REFUSED, words="no such address")}

    def test_a_retry_orders(self) -> None:
        assert search(Rules(**MEMORY["three tries"]))["ordered by a retry"] > 0

    def test_no_retry_orders_where_nothing_is_remembered(self) -> None:
        assert search(Rules(remembers=False, **NO_MEMORY["three tries"]))["ordered by a retry"] == 0


class OrdersAgain(Ordering):
    """Sends again once an order that was sent would be listed."""

    def _look_on(self, now: float, *, is_listed: bool = True) -> tuple[Ordering, Action]:
        after, action = super()._look_on(now, is_listed=is_listed)
        if isinstance(action, Fail) and self.run.remembers:
            return self._send(now)
        return after, action


class TrustsWhatItReads(Ordering):
    """Sends without leaving word."""

    def _send(self, now: float) -> tuple[Ordering, Action]:
        return self._do(Send(now + self.run.times.lease))


class EveryTrySends(Ordering):
    """Takes each try for the first."""

    def _may_send(self) -> bool:
        return True

    def begin(self) -> tuple[Ordering, Action]:
        return Ordering.begin(replace(self, run=replace(self.run, try_number=1)))


class TestWhatEachRuleIsFor:
    @pytest.mark.parametrize(
        "rules",
        [
            pytest.param(
                Rules(kills=1, lag=5, end=8, make=OrdersAgain), id="never again after an unknown outcome"
            ),
            pytest.param(Rules(kills=1, make=TrustsWhatItReads), id="word is left before each order"),
            pytest.param(
                Rules(zombies=1, fences=False, end=6), id="one that has been replaced writes nothing"
            ),
            pytest.param(
                Rules(zombies=1, remembers=False, make=EveryTrySends),
                id="before 3.3, only the first try sends",
            ),
        ],
    )
    def test_without_it_there_are_two(self, rules: Rules) -> None:
        assert search(rules, until="two")["two"] > 0

    def test_without_a_lease_what_is_said_is_not_so(self) -> None:
        times = replace(Rules().times, lease=50)
        what = "ordered after somebody was told that nothing comes any more"
        assert search(Rules(zombies=1, times=times), until=what)[what] > 0


def test_the_times_fit() -> None:
    times = Times()
    # AWS cancels without a charge for an hour.
    assert times.lease + 15 * 60 < times.settle < times.audit < 3600


def test_what_is_stored_is_read_again() -> None:
    memory = Memory(Known.SENT, "123456789012 us-east-1", "[af-0123456789abcdef]", at=5.0)
    assert Memory.read(memory.stored()) == memory
    with pytest.raises(ValueError, match="teleported"):
        Memory.read({"known": "teleported", "where": ""})


def test_a_retry_says_what_failed() -> None:
    found = search(Rules(losses=3, tries=1, end=8))
    assert isinstance(found.examples["nothing ordered, and nothing unknown"].ended, Retry)


def test_an_answer_that_is_lost_late_is_looked_for() -> None:
    """However long it took: a listing of before the order was sent says nothing of it."""
    run = Run(1, True, 0.0, "here", "[af-0123456789abcdef]")
    machine, _ = Ordering(run).begin()
    for event in (Remembered(), Listed(()), Remembered()):
        machine, action = machine.on(event, 1.0)
    assert isinstance(action, Send)
    late = 1.0 + 2 * run.times.settle
    machine, action = machine.on(Unknown("no answer"), late)
    assert isinstance(action, Park)
    assert action.until == late
    machine, _ = Ordering(run, action.memory).begin()
    assert machine.on(Listed((Seen("JID"),)), late)[1] == Describe("JID")
    assert machine.on(Listed(()), late)[1] == Fail(Why.UNKNOWN)
