"""Who is told of a wait while it goes on: notifiers, and whoever looks at its XCom."""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow_provider_snowball.lifecycle import ArgumentError
from airflow_provider_snowball.waiting.changes import News
from airflow_provider_snowball.waiting.machine import Again, Done, Fail, Wait
from airflow_provider_snowball.waiting.time_in_state import Overdue

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["DEVICES", "OnChange", "OnOverdue", "Teller", "check_notifier"]

#: What ``on_change`` takes.
OnChange = Callable[[Any], Any]
#: What ``on_overdue`` takes.
OnOverdue = Literal["warn", "fail"] | Callable[[Any], Any]

#: The key of the XCom with all devices. It stays.
DEVICES = "devices"
#: Seconds before a notifier that failed is called again, at the end of a wait.
_PAUSES = (1.0, 5.0)


def check_notifier(value: object, name: str) -> None:
    """
    Check that calling a notifier tells somebody.

    :raises ArgumentError: if a call would only make something that nobody runs.
    """
    makes_nothing_happen = (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    )
    if inspect.isclass(value):
        raise ArgumentError(
            f"{name} must be a notifier, or a function of the context; got the class {value.__name__}, "
            f"of which a call only makes one: give {value.__name__}(...) [SNB108]"
        )
    # An object is called by a method of its own.
    called = (value, getattr(value, "__call__", None))  # noqa: B004 - the method itself
    if any(is_one(each) for is_one in makes_nothing_happen for each in called):
        raise ArgumentError(
            f"{name} must be an ordinary function, which runs when it is called; got {value!r} [SNB108]"
        )


class Teller:
    """
    Tells, on a worker, what a poll found.

    A notifier that fails never ends a wait: it is called again at the next poll, and at the end of the wait,
    where there is none, a few times at once.

    :param is_poke: whether the next poll is a start of the task, at which Airflow deletes its XComs.
    :param log: a logger, the standard library's or structlog's.
    """

    def __init__(
        self,
        context: Context,
        *,
        on_overdue: OnOverdue,
        on_change: OnChange | None,
        is_poke: bool,
        log: Any,
    ) -> None:
        self._context = context
        self._on_overdue = on_overdue
        self._on_change = on_change
        self._is_poke = is_poke
        self._log = log

    def tell(self, wait: Wait, step: Again) -> bool:
        """Tell of what was found and have the wait know who was told; return whether that is to be kept."""
        if step.overdue and self._tell_of_overdue(step.overdue):
            wait.mark_told(step.overdue, datetime.now(UTC))
        if step.news is None:
            return bool(step.overdue)
        if step.news.due or self._is_poke:
            self._publish(step.news)
        is_told = step.news.due and self._tell_of_changes(step.news)
        if is_told:
            wait.mark_news_told(step.news, datetime.now(UTC))
        return is_told or bool(step.overdue)

    def tell_at_end(self, step: Done | Fail, wait: Wait | None = None) -> bool:
        """
        Tell of what the last poll found; return whether nobody is left to be told of some of it.

        :param wait: what is to know who was told, where another try goes on with it.
        """
        is_told = False
        if isinstance(step, Fail) and step.overdue:
            is_told = _call_until_told(partial(self._tell_of_overdue, step.overdue))
            if is_told and wait is not None:
                wait.mark_told(step.overdue, datetime.now(UTC))
        if step.news is None:
            return is_told
        self._publish(step.news)
        if not _call_until_told(partial(self._tell_of_changes, step.news)):
            return is_told
        if wait is not None:
            wait.mark_news_told(step.news, datetime.now(UTC))
        return True

    def _tell_of_overdue(self, overdue: Sequence[Overdue]) -> bool:
        """Return whether nobody is left to be told."""
        from airflow_provider_snowball.triggers.metrics import count_overdue

        if callable(self._on_overdue):
            jobs = [str(each) for each in overdue]
            if not self._call("on_overdue", self._on_overdue, ", ".join(jobs), overdue_jobs=jobs):
                return False
        count_overdue(len(overdue))
        return True

    def _tell_of_changes(self, news: News) -> bool:
        """Return whether nobody is left to be told."""
        if self._on_change is None or not news.changes:
            return True
        return self._call(
            "on_change",
            self._on_change,
            ", ".join(map(str, news.changes)),
            device_changes=[each.plain() for each in news.changes],
            # Its own: it may change them, and be called again.
            devices=[dict(each) for each in news.devices],
        )

    def _call(self, name: str, notifier: Callable[[Any], Any], about: str, **more: Any) -> bool:
        """Call a notifier with more in its context; return whether it has not failed."""
        from airflow_provider_snowball.triggers.metrics import count_notifier_error

        # A copy, and not a dict of it: on Airflow 2.11 reading all of it warns of every deprecated key.
        told = cast("dict[str, Any]", copy.copy(self._context))
        told.update(more)
        try:
            # A notifier may render its own fields in place (Airflow's BaseNotifier does, no issue
            # filed): each time, a copy of it is told. A function has none to render.
            (notifier if inspect.isroutine(notifier) else copy.copy(notifier))(told)
        except Exception:
            self._log.exception("%s failed for %s", name, about)
            count_notifier_error()
            return False
        return True

    def _publish(self, news: News) -> None:
        try:
            self._context["ti"].xcom_push(key=DEVICES, value=list(news.devices))
        except Exception as error:
            # Whoever looks sees what was there before: no reason to end the wait.
            self._log.warning("The devices of this wait cannot be published: %s", error)


def _call_until_told(tell: Callable[[], bool]) -> bool:
    """Call what returns whether it has told, a few times at most; return whether it has."""
    for pause in _PAUSES:
        if tell():
            return True
        time.sleep(pause)
    return tell()
