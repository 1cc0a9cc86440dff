"""
A small world in which an order is made, and all that can happen in it: for an exhaustive search.

Time is whole ticks. The machine is the shipped one; what is around it is written apart from the drivers: AWS,
whose answers are lost and whose listings are late; Airflow with its tries and its store; a worker that stands
still while another has taken its place; a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from airflow_provider_snowball.ordering.machine import (
    Action,
    Adopt,
    Describe,
    Described,
    Event,
    Fail,
    Failed,
    List,
    Listed,
    Memory,
    NotTaken,
    Ordering,
    Park,
    Remember,
    Remembered,
    Retry,
    Run,
    Seen,
    Send,
    Taken,
    Times,
    Unknown,
    Why,
)

__all__ = ["TICKS", "Order", "Rules", "World", "begin", "moves"]

WHERE = "123456789012 us-east-1"
MARKER = "[af-0123456789abcdef]"
NEVER = 99


#: Lease, signature and lag are a tick each.
TICKS = Times(lease=1, settle=4, audit=4, look=4, again=1, attempts=3)


@dataclass(frozen=True)
class Rules:
    """
    What can happen, and how often.

    :param remembers: whether Airflow has a store (3.3 and later).
    :param end: the last tick.
    :param lag: ticks until an order is listed, at most; at once, or so late.
    :param expires: ticks for which AWS takes a signature; None for ever.
    :param tries: of the task.
    :param kills: workers that are lost.
    :param zombies: workers that stand still while another try begins.
    :param losses: words to the store, and answers of a listing, that are lost on their way.
    :param refusals: orders that AWS refuses, or that are never sent.
    :param clears: how often a person clears the task after its end.
    :param wipes: how often the store loses what it has.
    :param cancels: orders that a person cancels.
    :param edits: orders of which a person edits the Description.
    :param fences: whether the store refuses a try that is not the one that goes on.
    :param make: makes the machine; another one for what a rule is there for.
    """

    remembers: bool = True
    end: int = 7
    lag: int = 1
    expires: int | None = 1
    tries: int = 2
    kills: int = 0
    zombies: int = 0
    losses: int = 0
    refusals: int = 0
    clears: int = 0
    wipes: int = 0
    cancels: int = 0
    edits: int = 0
    fences: bool = True
    make: Callable[..., Ordering] = Ordering
    times: Times = field(default_factory=lambda: TICKS)


class Order(NamedTuple):
    """An order that AWS has taken."""

    created: int
    listed: int
    cancelled: bool = False
    marked: bool = True
    #: Which try has sent it.
    by: int = 1


class Request(NamedTuple):
    """An order on its way."""

    signed: int
    by: int


@dataclass(frozen=True, eq=False)
class Worker:
    """
    A worker's run. Two that are alike are one object, since a search compares them all the time.

    :param machine: and what it wants done.
    :param event: what came of that, which the machine is not told yet.
    """

    number: int
    machine: Ordering
    action: Action
    event: Event | None = None


@cache
def _worker(number: int, machine: Ordering, action: Action, event: Event | None = None) -> Worker:
    return Worker(number, machine, action, event)


@cache
def _knowing(worker: Worker, event: Event) -> Worker:
    return _worker(worker.number, worker.machine, worker.action, event)


@cache
def _told(worker: Worker, now: int) -> Worker:
    assert worker.event is not None
    return _worker(worker.number, *worker.machine.on(worker.event, now))


class World(NamedTuple):
    """
    Everything.

    :param current: the number of the try that goes on.
    :param workers: that run, those that another has taken the place of included.
    :param parked: what the current try is deferred with.
    :param ended: how the task has ended.
    :param left: how often each thing can still happen.
    :param told_unknown: whether somebody was told that an order may have been made.
    :param unnoted: whether a worker was lost before its first word.
    :param first: the number of the first try since the task was cleared.
    """

    now: int
    current: int
    first: int
    workers: tuple[Worker, ...]
    parked: Park | None
    store: Memory | None
    flying: tuple[Request, ...]
    orders: tuple[Order, ...]
    ended: Action | None
    left: tuple[int, ...]
    sent: bool = False
    told_unknown: bool = False
    late: bool = False
    unnoted: bool = False


_THINGS = ("kills", "zombies", "losses", "refusals", "clears", "wipes", "cancels", "edits")


def begin(rules: Rules) -> World:
    """Return the world as the task begins."""
    world = World(0, 1, 1, (), None, None, (), (), None, tuple(getattr(rules, name) for name in _THINGS))
    return _start(world, rules, 1)


def moves(world: World, rules: Rules) -> Iterator[World]:
    """Return what the world can be next."""
    if world.now < rules.end:
        yield _tick(world, rules)
    for index, worker in enumerate(world.workers):
        yield from _work(world, rules, index, worker)
    if world.parked is not None and world.now >= world.parked.until:
        yield _start(world._replace(parked=None), rules, world.current, world.parked)
    for index, request in enumerate(world.flying):
        rest = world.flying[:index] + world.flying[index + 1 :]
        for lag in {0, rules.lag}:
            order = Order(world.now, world.now + lag, by=request.by)
            yield world._replace(flying=rest, orders=(*world.orders, order), late=world.told_unknown)
        yield world._replace(flying=rest)
    if world.ended is not None and (fewer := _spend(world, "clears")):
        first = world.current + 1
        yield _start(fewer._replace(ended=None, first=first), rules, first)
    if world.store is not None and (fewer := _spend(world, "wipes")):
        yield fewer._replace(store=None)
    for index, order in enumerate(world.orders):
        for name, change in (("cancels", {"cancelled": True}), ("edits", {"marked": False})):
            changed = order._replace(**change)
            if changed != order and (fewer := _spend(world, name)):
                orders = (*world.orders[:index], changed, *world.orders[index + 1 :])
                yield fewer._replace(orders=orders)


def _spend(world: World, name: str) -> World | None:
    index = _THINGS.index(name)
    if world.left[index] == 0:
        return None
    left = list(world.left)
    left[index] -= 1
    return world._replace(left=tuple(left))


def _tick(world: World, rules: Rules) -> World:
    now = world.now + 1
    flying = world.flying
    if rules.expires is not None:
        # Refused by now: whoever waits for an answer gets none that tells anything.
        flying = tuple(each for each in flying if now <= each.signed + rules.expires)
    return world._replace(now=now, flying=flying)


def _start(world: World, rules: Rules, number: int, parked: Park | None = None) -> World:
    """Begin a worker's run of a try."""
    run = Run(number, rules.remembers, world.now, WHERE, MARKER, rules.times)
    memory = parked.memory if parked is not None else (world.store if rules.remembers else None)
    machine, action = rules.make(run, memory, parked.attempts if parked is not None else 0).begin()
    worker = _worker(number, machine, action)
    return _settle(
        world._replace(current=number, workers=(*world.workers, worker)), rules, len(world.workers)
    )


def _settle(world: World, rules: Rules, index: int) -> World:
    """End the run of a worker whose machine has come to its end."""
    worker = world.workers[index]
    if not isinstance(worker.action, Park | Adopt | Fail | Retry):
        return world
    rest = world.workers[:index] + world.workers[index + 1 :]
    world = world._replace(workers=rest)
    if worker.number != world.current:
        # Airflow takes nothing of it.
        return world
    match worker.action:
        case Park():
            return world._replace(parked=worker.action)
        case Retry():
            return _next_try(world, rules, worker.action)
        case Fail(why):
            return world._replace(ended=worker.action, told_unknown=world.told_unknown or why is Why.UNKNOWN)
    return world._replace(ended=worker.action)


def _next_try(world: World, rules: Rules, end: Action) -> World:
    number = world.current + 1
    if number - world.first >= rules.tries:
        return world._replace(ended=end)
    return _start(world, rules, number)


def _work(world: World, rules: Rules, index: int, worker: Worker) -> Iterator[World]:
    others = world.workers[:index] + world.workers[index + 1 :]
    is_current = worker.number == world.current
    lost = Retry("the worker is lost")
    unnoted = world.unnoted or (
        rules.remembers and worker.number == 1 and world.store is None and worker.machine.asked is not None
    )
    if fewer := _spend(world, "kills"):
        gone = fewer._replace(workers=others, unnoted=unnoted if is_current else world.unnoted)
        yield _next_try(gone, rules, lost) if is_current else gone
    if is_current and (fewer := _spend(world, "zombies")):
        yield _next_try(fewer._replace(unnoted=unnoted), rules, lost)
    if worker.event is not None:
        yield _settle(_with(world, index, _told(worker, world.now)), rules, index)
        return
    for changed, event in _do(world, rules, worker):
        yield _with(changed, index, _knowing(worker, event))


def _with(world: World, index: int, worker: Worker) -> World:
    return world._replace(workers=(*world.workers[:index], worker, *world.workers[index + 1 :]))


def _do(world: World, rules: Rules, worker: Worker) -> Iterator[tuple[World, Event]]:
    """Return what an action can come to."""
    match worker.action:
        case List():
            listed = [
                (number, order)
                for number, order in enumerate(world.orders)
                if order.marked and order.listed <= world.now
            ]
            yield world, Listed(tuple(Seen(str(number), order.cancelled) for number, order in listed))
            if fewer := _spend(world, "losses"):
                yield fewer, Failed("no listing")
        case Describe(order_id):
            order = world.orders[int(order_id)]
            yield world, Described(order.cancelled, order.created)
        case Remember(memory):
            if rules.fences and worker.number != world.current:
                yield world, Failed("404")
                return
            yield world._replace(store=memory), Remembered()
            if fewer := _spend(world, "losses"):
                yield fewer, Failed("not stored")
                yield fewer._replace(store=memory), Failed("stored, and not told")
        case Send(before):
            if world.now > before:
                yield world, NotTaken("the lease is over")
                return
            if fewer := _spend(world, "refusals"):
                yield fewer, NotTaken("throttled")
                yield fewer, NotTaken("no such address", final=True)
            sent = world._replace(sent=True)
            # Whoever has sent it may stand still, and the request be on its way.
            request = Request(world.now, worker.number)
            yield sent._replace(flying=(*sent.flying, request)), Unknown("no answer")
            for lag in {0, rules.lag}:
                order = Order(world.now, world.now + lag, by=worker.number)
                taken = sent._replace(orders=(*sent.orders, order), late=world.told_unknown)
                yield taken, Taken(str(len(world.orders)))
