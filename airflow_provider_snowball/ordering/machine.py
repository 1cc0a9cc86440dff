"""
One order at most, whatever happens: what a worker's run of a create operator does next.

Pure: no clock, no network, no Airflow. Whoever drives it does what an action says, and tells what came::

    begin ──> List, Remember, Send, Describe ──> Adopt(id)     the order is there, and is this task's
                 │                ▲              Fail(why)     for a person; another try changes nothing
            carried out          told            Retry         Airflow's retries apply
                 ▼                │              Park(until)   deferred; the next run begins with its memory
                whoever drives it

Why there are never two:

- An order is sent only if nothing of an earlier one can be on its way: nothing was ever sent, or what was
  sent is known not to have been taken. After an unknown outcome nothing is sent again, listed or not.
- That an order is about to be sent is remembered before (Airflow 3.3 and later). Airflow takes the word of
  the current try alone: one of which another has taken the place cannot leave it, and so does not send.
- A request leaves within a lease after that word, or not at all: a person can be told when the last may come.
- Where Airflow remembers nothing, only the first try ever sends.

``tests/properties/test_orders.py`` drives this very object through every order of events of a small world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

__all__ = [
    "Action",
    "Adopt",
    "Describe",
    "Described",
    "Event",
    "Fail",
    "Failed",
    "Known",
    "List",
    "Listed",
    "Memory",
    "NotTaken",
    "Ordering",
    "Park",
    "Remember",
    "Remembered",
    "Retry",
    "Run",
    "Seen",
    "Send",
    "Taken",
    "Times",
    "Unknown",
    "Why",
    "later",
]


@dataclass(frozen=True)
class Times:
    """
    How long things take, in seconds.

    :param lease: after the word of what is sent was kept; a request leaves by then, or not at all.
    :param settle: after that word; an order that was taken is listed by then: the lease, 15 minutes in which
        AWS takes a signature, and 14 until a new job is listed. Less than the hour in which AWS cancels it.
    :param audit: after an order's creation; two of them are told of while they can still be cancelled.
    :param look: between two listings in which an order may appear.
    :param again: until what failed is tried again; it doubles.
    :param attempts: of what fails, within one try.
    """

    lease: float = 60.0
    settle: float = 1800.0
    audit: float = 2700.0
    look: float = 120.0
    again: float = 30.0
    attempts: int = 6


class Known(StrEnum):
    """What is known of an order. The values are stored: they stay."""

    #: Nothing was sent that could still be taken.
    NOT_SENT = "not_sent"
    #: Something is about to be sent, or was.
    SENT = "sent"
    TAKEN = "taken"


@dataclass(frozen=True)
class Memory:
    """
    What is known of an order, as it is remembered from one worker's run to the next.

    :param where: account and region that were asked; empty where a task has begun, and has not asked yet.
    :param marker: of the order.
    :param at: Unix time of the word that it is about to be sent.
    """

    known: Known
    where: str
    marker: str
    at: float = 0.0
    order_id: str = ""

    def stored(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {**asdict(self), "known": str(self.known)}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Memory:
        """
        Return it from what was stored.

        :raises ValueError: if a later version has stored what this one does not know.
        """
        return cls(
            Known(stored["known"]),
            str(stored["where"]),
            str(stored["marker"]),
            float(stored.get("at", 0.0)),
            str(stored.get("order_id", "")),
        )


@dataclass(frozen=True)
class Run:
    """
    A worker's run.

    :param try_number: of the task instance; those before it was cleared count.
    :param remembers: whether Airflow remembers something of a task from one try to the next.
    :param began: when the run began, in Unix time.
    :param where: account and region that are asked.
    :param marker: of the order.
    :param is_mapped: whether the task is one of several, which may change places.
    """

    try_number: int
    remembers: bool
    began: float
    where: str
    marker: str
    times: Times = field(default_factory=Times)
    is_mapped: bool = False


@dataclass(frozen=True)
class Seen:
    """An order with the marker, in a listing."""

    order_id: str
    cancelled: bool = False


# What is to be done


@dataclass(frozen=True)
class List:
    """List all orders, all pages, and pick those with the marker: :class:`Listed` or :class:`Failed`."""


@dataclass(frozen=True)
class Remember:
    """Store something for this try and those after it: :class:`Remembered`, or :class:`Failed`."""

    memory: Memory


@dataclass(frozen=True)
class Send:
    """
    Send the order, once: :class:`Taken`, :class:`NotTaken` or :class:`Unknown`.

    :param before: Unix time after which it must not leave any more.
    """

    before: float


@dataclass(frozen=True)
class Describe:
    """Ask for an order: :class:`Described`, or :class:`Failed`."""

    order_id: str


@dataclass(frozen=True)
class Park:
    """
    Give the worker back until a time; the run after it begins with this memory.

    :param attempts: how often something has failed in this try.
    """

    until: float
    memory: Memory | None
    attempts: int = 0


@dataclass(frozen=True)
class Adopt:
    """The order is there, and is the only one."""

    order_id: str


class Why(StrEnum):
    """Why an order failed for good."""

    #: AWS refuses it; nothing was ordered.
    REFUSED = "refused"
    #: It may have been taken, and is not listed.
    UNKNOWN = "unknown"
    #: Two have the marker.
    TWO = "two"
    CANCELLED = "cancelled"
    #: This task has ordered nothing, and there is one: of a run of the same name that was deleted, say.
    NOT_OURS = "not_ours"
    #: It is not what is asked for.
    DIFFERENT = "different"
    #: It was ordered in another account or region.
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Fail:
    """
    Nobody but a person can tell what is right.

    :param words: of AWS, or what differs.
    """

    why: Why
    order_ids: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True)
class Retry:
    """Something failed too often for this try; whatever is known of the order, another try may go on."""

    words: str


Action = List | Remember | Send | Describe | Park | Adopt | Fail | Retry

# What came of it


@dataclass(frozen=True)
class Listed:
    """All orders with the marker."""

    seen: tuple[Seen, ...]


@dataclass(frozen=True)
class Described:
    """
    An order.

    :param created: Unix time.
    :param differs: what of it is not as asked for.
    """

    cancelled: bool
    created: float
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Remembered:
    """It is stored."""


@dataclass(frozen=True)
class Failed:
    """It was not done, or nobody knows."""

    words: str


@dataclass(frozen=True)
class Taken:
    """AWS has taken the order."""

    order_id: str


@dataclass(frozen=True)
class NotTaken:
    """
    The order was not sent, or AWS has refused it.

    :param final: whether another request would be refused, too.
    """

    words: str
    final: bool = False


@dataclass(frozen=True)
class Unknown:
    """Anything else: no answer, a 5xx, an answer without an id."""

    words: str


Event = Listed | Described | Remembered | Failed | Taken | NotTaken | Unknown


@dataclass(frozen=True)
class Ordering:
    """
    An order, from the beginning of a worker's run to what ends it.

    :param memory: what was stored, or what :class:`Park` has handed on.
    :param attempts: likewise.
    """

    run: Run
    memory: Memory | None = None
    attempts: int = 0
    #: What was asked for last.
    asked: Action | None = None
    #: What is to be done once something is stored, or could not be.
    then: Action | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether this is the very beginning: nothing of the order was looked at before."""
        return self.run.try_number == 1 if self.memory is None else not self.memory.where

    @property
    def is_unsent(self) -> bool:
        """Whether it is known that nothing was sent under this marker, so that something may be."""
        memory = self.memory
        if memory is None:
            return self.is_fresh
        if memory.marker != self.run.marker:
            # Somebody has given the task another key, for another order. But where it is one of several, what
            # has this key now may have been another before.
            return not self.run.is_mapped
        return memory.known is Known.NOT_SENT

    def begin(self) -> tuple[Ordering, Action]:
        """Return what to do first."""
        memory = self.memory
        if self.is_unsent:
            # A worker that is lost from here on leaves word that it has sent nothing.
            return self._keep(self._unsent(), List())
        if memory is not None and memory.marker != self.run.marker:
            # It may be on its way, for all that is known here; not since this run has begun.
            return replace(self, memory=self._sent(self.run.began))._do(List())
        if memory is not None and memory.where != self.run.where:
            order_ids = (memory.order_id,) if memory.order_id else ()
            return self._do(Fail(Why.ELSEWHERE, order_ids, f"{memory.where}, and now {self.run.where}"))
        return self._do(List())

    def on(self, event: Event, now: float) -> tuple[Ordering, Action]:
        """Return what to do next, now that the last action has come to this."""
        match self.asked, event:
            case List(), Listed(seen):
                return self._listed(seen, now)
            case Describe(order_id), Described():
                return self._described(order_id, event, now)
            case ((List() | Describe()), Failed(words)):
                return self._do(self._later(words, now, self.memory))
            case Remember(), (Remembered() | Failed()):
                return self._remembered(event, now)
            case Send(), Taken(order_id):
                memory = self._taken(order_id)
                return self._keep(memory, Park(now + self.run.times.audit, memory))
            case Send(), NotTaken(words, final):
                unsent = self._unsent()
                end = Fail(Why.REFUSED, words=words) if final else self._later(words, now, unsent)
                return self._keep(unsent, end)
            case Send(), Unknown():
                return self._look_on(now, is_listed=False)
        raise AssertionError(f"{event} is no answer to {self.asked}")

    def timed(self, times: Times) -> Ordering:
        """Return it with other times."""
        return replace(self, run=replace(self.run, times=times))

    def later(self, words: str, now: float) -> Park | Retry:
        """Return what to do after something has failed that this did not ask for."""
        return self._later(words, now, self.memory)

    def _do(self, action: Action, then: Action | None = None) -> tuple[Ordering, Action]:
        return replace(self, asked=action, then=then), action

    def _keep(self, memory: Memory, then: Action) -> tuple[Ordering, Action]:
        """Store what is known from now on, where Airflow can; then go on."""
        knowing = replace(self, memory=memory)
        return knowing._do(Remember(memory), then) if self.run.remembers else knowing._do(then)

    def _unsent(self) -> Memory:
        return Memory(Known.NOT_SENT, self.run.where, self.run.marker)

    def _sent(self, at: float) -> Memory:
        return Memory(Known.SENT, self.run.where, self.run.marker, at=at)

    def _taken(self, order_id: str) -> Memory:
        return Memory(Known.TAKEN, self.run.where, self.run.marker, order_id=order_id)

    def _remembered(self, event: Remembered | Failed, now: float) -> tuple[Ordering, Action]:
        match self.then, event:
            case Send(), Failed(words):
                # Nobody knows whether it is there. It is not read: a run that has been replaced can read.
                return self._keep(self._unsent(), Retry(words))
            case List(), Failed(words):
                return self._do(self._later(words, now, self._unsent()))
            case None, _:
                raise AssertionError("nothing was to be done then")
            case then, _:
                return self._do(then)

    def _listed(self, seen: tuple[Seen, ...], now: float) -> tuple[Ordering, Action]:
        live = [each.order_id for each in seen if not each.cancelled]
        known = self.memory.order_id if self.memory is not None else ""
        if known and known not in [each.order_id for each in seen]:
            # Not listed yet.
            live.append(known)
        if live and self.memory is not None and self.memory.known is Known.NOT_SENT:
            return self._do(Fail(Why.NOT_OURS, tuple(live)))
        if len(live) > 1:
            return self._do(Fail(Why.TWO, tuple(live)))
        if live:
            return self._do(Describe(live[0]))
        if seen:
            return self._do(Fail(Why.CANCELLED, tuple(each.order_id for each in seen)))
        if self.memory is not None and self.memory.known is Known.NOT_SENT and self._may_send():
            return self._send(now)
        return self._look_on(now)

    def _may_send(self) -> bool:
        # Where nothing is remembered, nobody knows of the tries before.
        return self.run.remembers or self.run.try_number == 1

    def _send(self, now: float) -> tuple[Ordering, Action]:
        lease = self.run.times.lease
        # Of the time before the word: it may take a while until that is there.
        sent = self._sent(now)
        if self.run.remembers:
            return self._keep(sent, Send(now + lease))
        before = self.run.began + lease
        if now > before:
            return self._do(self._later("it took too long until the order could be sent", now, self.memory))
        return self._keep(sent, Send(before))

    def _look_on(self, now: float, *, is_listed: bool = True) -> tuple[Ordering, Action]:
        """
        Wait until an order that may be on its way is listed, or would be.

        :param is_listed: whether the last listing was after the order was sent, however long that took.
        """
        times, memory = self.run.times, self.memory
        if memory is None or memory.known is Known.NOT_SENT:
            # Nobody knows when something was sent; not after this run has begun.
            memory = self._sent(self.run.began)
        settled = memory.at + times.settle
        end = (
            Fail(Why.UNKNOWN)
            if is_listed and now >= settled
            else Park(min(now + times.look, max(now, settled)), memory, self.attempts)
        )
        return self._do(end) if memory == self.memory else self._keep(memory, end)

    def _described(self, order_id: str, order: Described, now: float) -> tuple[Ordering, Action]:
        if order.cancelled:
            return self._do(Fail(Why.CANCELLED, (order_id,)))
        if order.differs:
            return self._do(Fail(Why.DIFFERENT, (order_id,), ", ".join(order.differs)))
        taken = self._taken(order_id)
        audit = order.created + self.run.times.audit
        end: Action = Adopt(order_id) if now >= audit else Park(audit, taken)
        return self._do(end) if taken == self.memory else self._keep(taken, end)

    def _later(self, words: str, now: float, memory: Memory | None) -> Park | Retry:
        return later(self.run.times, words, now, memory, self.attempts)


def later(times: Times, words: str, now: float, memory: Memory | None, attempts: int) -> Park | Retry:
    """
    Return a pause after something has failed, or the end of this try if it has had enough of them.

    :param attempts: how often something has failed in it before.
    """
    if attempts + 1 >= times.attempts:
        return Retry(words)
    return Park(now + times.again * 2**attempts, memory, attempts + 1)
