"""
Faults on demand: bad days of the service and of the network, for some requests or for a while.

``snowball_faults.add("throttle", rate=0.5)`` from Python, ``POST /_snowball/faults`` over HTTP. Every
fault can be narrowed down by operation, account and region, and by how often or when it strikes.
Windows are of simulated time, so that an outage of a day takes a day of the simulation.

======================  ===========================================================================
kind                    what a request gets
======================  ===========================================================================
``throttle``            400 ThrottlingException, which clients send again
``server_error``        ``status`` (500): InternalServerError, or ServiceUnavailable for 503
``latency``             its answer, ``seconds`` (1) of real time later
``reset``               no answer: the connection is reset
``expired_next_token``  400 InvalidNextTokenException, if it asks for a further page
``shifted_listing``     a further page that starts ``by`` entries later (-1): the last entry of the
                        page before comes once more, or, above zero, entries are left out
``expired_credentials`` 400 ExpiredTokenException
``unknown_state``       its answer, in which all jobs are in ``state``
``error``               ``status`` (400), ``code`` and ``message`` of any other error
``lost_answer``         nothing of its answer: the operation is carried out, and then, by ``how``, the
                        connection is reset (``reset``), also ``seconds`` (1) later (``hang``), or the
                        answer is a 500 (``server_error``) or the first half of itself (``cut``)
``late_listing``        its answer; what it creates is in no listing for ``lag`` (``1h``) of simulated time
======================  ===========================================================================
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

from moto.core.utils import get_service_model

from ..api.plan import FOREVER
from .clock import Clock, parse_duration

__all__ = ["KINDS", "LOSSES", "Fault", "Faults", "go_on_with"]

_REQUIRED = object()
#: The kinds, and the options of each with their defaults.
KINDS: Mapping[str, Mapping[str, Any]] = {
    "throttle": {},
    "server_error": {"status": 500},
    "latency": {"seconds": 1.0},
    "reset": {},
    "expired_next_token": {},
    "shifted_listing": {"by": -1},
    "expired_credentials": {},
    "unknown_state": {"state": "Teleporting"},
    "error": {"code": _REQUIRED, "message": "", "status": 400},
    "lost_answer": {"how": "reset", "seconds": 1.0},
    "late_listing": {"lag": "1h"},
}
#: Ways to lose an answer.
LOSSES = ("reset", "hang", "server_error", "cut")
_OF_FURTHER_PAGES = ("expired_next_token", "shifted_listing")
_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "status": (lambda v: _is_number(v) and 400 <= v <= 599, "a status from 400 to 599"),
    "seconds": (lambda v: _is_number(v) and v >= 0, "a number of seconds"),
    "by": (lambda v: isinstance(v, int) and v != 0, "a whole number other than 0"),
    "state": (lambda v: isinstance(v, str) and bool(v), "a state"),
    "code": (lambda v: isinstance(v, str) and bool(v), "an error code"),
    "message": (lambda v: isinstance(v, str), "text"),
    "how": (lambda v: v in LOSSES, f"one of {', '.join(LOSSES)}"),
    "lag": (lambda v: _is_duration(v), "a duration such as 90 or 1h"),
}


@dataclass(eq=False)
class Fault:
    """
    A fault, as :meth:`Faults.add` made it.

    :param hits: the requests that it struck so far.
    :param begins: the simulated second in which its window opens, ``ends`` the one in which it closes.
    """

    id: int
    kind: str
    options: Mapping[str, Any]
    operations: frozenset[str]
    account_id: str | None
    region_name: str | None
    rate: float
    count: int | None
    begins: float
    ends: float
    hits: int = 0
    _dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        # The same requests are struck in every run: what was rehearsed can be repeated.
        self._dice = random.Random(self.id)  # noqa: S311

    def strikes(
        self, operation: str, account_id: str, region_name: str, *, further_page: bool, now: float
    ) -> bool:
        """Tell whether it strikes this request, and count it if so."""
        if (
            (self.operations and operation not in self.operations)
            or self.account_id not in (None, account_id)
            or self.region_name not in (None, region_name)
            or (self.kind in _OF_FURTHER_PAGES and not further_page)
            or not self.begins <= now < self.ends
            or (self.count is not None and self.hits >= self.count)
            or self._dice.random() >= self.rate
        ):
            return False
        self.hits += 1
        return True

    def described(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "id": self.id,
            "kind": self.kind,
            **self.options,
            "operations": sorted(self.operations),
            "account_id": self.account_id,
            "region_name": self.region_name,
            "rate": self.rate,
            "count": self.count,
            "begins": self.begins,
            "ends": None if self.ends == FOREVER else self.ends,
            "hits": self.hits,
        }


class Faults:
    """The faults of the process, in the order in which they were added. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        #: What lets the real seconds of a late answer pass.
        self.sleep: Callable[[float], object] = time.sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._faults: dict[int, Fault] = {}

    def add(
        self,
        kind: str,
        *,
        operations: Iterable[str] = (),
        account_id: str | None = None,
        region_name: str | None = None,
        rate: float = 1.0,
        count: int | None = None,
        after: float | str | timedelta = 0.0,
        during: float | str | timedelta | None = None,
        **options: Any,
    ) -> Fault:
        """
        Let requests meet a fault from now on, until it is removed or moto is reset.

        :param kind: one of the table above, with its ``options``.
        :param operations: those that it concerns, such as ``ListJobs``; none for all.
        :param account_id: the account that it concerns, None for all; likewise ``region_name``.
        :param rate: the part of the requests that it strikes.
        :param count: how many requests it strikes at most.
        :param after: the simulated time until it begins.
        :param during: the simulated time that it lasts; None: until it is removed.
        :raises ValueError: if any of these is not as it has to be.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
        chosen = _checked_options(kind, options)
        wanted = frozenset([operations] if isinstance(operations, str) else operations)
        if unknown := sorted(wanted - _operations()):
            raise ValueError(f"Snowball has no operation {', '.join(unknown)}")
        if not _is_number(rate) or not 0 < rate <= 1:
            raise ValueError(f"rate must be above 0 and at most 1; got {rate!r}")
        if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
            raise ValueError(f"count must be a whole number of at least 1; got {count!r}")
        begins = self._clock.now() + parse_duration(after)
        ends = FOREVER if during is None else begins + parse_duration(during)
        with self._lock:
            fault = Fault(
                next(self._ids),
                kind,
                chosen,
                wanted,
                account_id,
                region_name,
                rate,
                count,
                begins,
                ends,
            )
            self._faults[fault.id] = fault
        return fault

    def list(self) -> list[Fault]:
        """Return those that were added and not removed, those that have had their time included."""
        with self._lock:
            return [*self._faults.values()]

    def remove(self, fault: Fault | int) -> None:
        """
        Remove a fault.

        :raises ValueError: if it is not there.
        """
        number = fault.id if isinstance(fault, Fault) else fault
        with self._lock:
            if self._faults.pop(number, None) is None:
                raise ValueError(f"There is no fault {number}")

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def striking(
        self, operation: str, account_id: str, region_name: str, *, further_page: bool
    ) -> Iterator[Fault]:
        """
        Give out the faults that strike a request, one after the other.

        A fault that is not asked for, as one before it has answered, is not counted.
        """
        if not self._faults:
            return
        now = self._clock.now()
        for fault in self.list():
            with self._lock:
                strikes = fault.strikes(
                    operation, account_id, region_name, further_page=further_page, now=now
                )
            if strikes:
                yield fault


def go_on_with(faults: Faults, described: Iterable[Mapping[str, Any]]) -> None:
    """Let there be these faults, as :meth:`Fault.described` has them, in place of those that there are."""
    with faults._lock:
        faults._faults = {each["id"]: _restored(each) for each in described}
        faults._ids = itertools.count(max(faults._faults, default=0) + 1)


def _restored(described: Mapping[str, Any]) -> Fault:
    kind = described["kind"]
    return Fault(
        described["id"],
        kind,
        {name: described[name] for name in KINDS[kind]},
        frozenset(described["operations"]),
        described["account_id"],
        described["region_name"],
        described["rate"],
        described["count"],
        described["begins"],
        FOREVER if described["ends"] is None else described["ends"],
        described["hits"],
    )


def _checked_options(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    known = KINDS[kind]
    if unknown := sorted(set(options) - set(known)):
        takes = f"takes {', '.join(known)}" if known else "takes no options"
        raise ValueError(f"{kind} {takes}; got {', '.join(unknown)}")
    chosen = {**known, **options}
    for name, value in chosen.items():
        is_good, what = _CHECKS[name]
        if not is_good(value):
            got = "nothing" if value is _REQUIRED else repr(value)
            raise ValueError(f"{name} of {kind} must be {what}; got {got}")
    return chosen


def _is_duration(value: Any) -> bool:
    try:
        return parse_duration(value) > 0
    except (TypeError, ValueError):
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@cache
def _operations() -> frozenset[str]:
    return frozenset(get_service_model("snowball").operation_names)
