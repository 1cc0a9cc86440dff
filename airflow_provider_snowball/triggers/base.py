"""What the triggers share: the wait in a triggerer."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_snowball.aws import AWS_PARAMETERS
from airflow_provider_snowball.calls import Call, ListClusterJobs, ListJobs
from airflow_provider_snowball.terms import BACKSTOP, Terms
from airflow_provider_snowball.triggers.events import event_of, overdue_event_of
from airflow_provider_snowball.triggers.feeds import Answer, Register, Seat
from airflow_provider_snowball.triggers.metrics import count_overdue, wait_began, wait_ended
from airflow_provider_snowball.wait import Again, Fail, FailKind, Wait, drive_async

__all__ = ["SnowballTrigger"]

#: One logger for all: Airflow knows by context whose trigger logs. A BaseTrigger's own costs each wait
#: eight objects more for Python's garbage collector to look at while the event loop stands still.
log = logging.getLogger(__name__)

#: A wait that began in a triggerer cannot know, after a restart of it, whether it ever had an answer.
_PATIENCE = timedelta(hours=1)


class _BadTermsError(Exception):
    """The arguments, as templates came to them, make no sense; ``__cause__`` says why."""


class SnowballTrigger(BaseTrigger):
    """
    Wait for jobs in a triggerer, and fire once, when the wait has ended.

    Airflow stores the class path and the arguments for as long as the wait goes on, and a later
    version of this package rebuilds the trigger from them: arguments are only added, with defaults.

    Waits in one triggerer share a client and their polls (:mod:`airflow_provider_snowball.triggers.feeds`).

    :param started_at: when this try's wait began, ISO 8601 with offset; ``timeout`` seconds later it fails.
        None if it begins in the triggerer: then the end of Airflow's own deferral tells.
    :param succeeded: whether the wait had an answer before it was handed to the triggerer.
    :param seen: what the wait had seen of its jobs before it was handed to the triggerer.
    :param on_overdue: ``notify`` ends the trigger with an event about overdue jobs, from which its task goes
        on with another trigger.
    :param next_poll: when to poll first, ISO 8601 with offset; None or past means at once.

    The other parameters are those of :class:`~airflow_provider_snowball.sensors.base.SnowballSensor`,
    times in seconds.
    """

    min_jobs: int | str = 1

    def __init__(
        self,
        *,
        target_state: str,
        timeout: float,
        started_at: str | None = None,
        job_ids: list[str] | None = None,
        ignore_cancelled: bool = False,
        poke_interval: float = 900.0,
        exponential_backoff: bool = False,
        max_wait: float | None = None,
        max_blind_time: float = 172800.0,
        silent_fail: bool = False,
        succeeded: bool = True,
        next_poll: str | None = None,
        max_days_in_state: dict[str, float] | None = None,
        on_overdue: str = "warn",
        seen: dict[str, str] | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # Attributes by these names are what Airflow renders, where the wait began in the triggerer.
        self.target_state = target_state
        self.timeout = timeout
        self.started_at = started_at
        self.job_ids = job_ids
        self.ignore_cancelled = ignore_cancelled
        self.poke_interval = poke_interval
        self.exponential_backoff = exponential_backoff
        self.max_wait = max_wait
        self.max_blind_time = max_blind_time
        self.silent_fail = silent_fail
        self.succeeded = succeeded
        self.next_poll = next_poll
        self.max_days_in_state = max_days_in_state
        self.on_overdue = on_overdue
        self.seen = seen
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        if unknown:
            # Stored by a newer version, before a downgrade: the wait is worth more than the argument.
            log.warning("%s ignores arguments unknown to it: %s", type(self).__name__, ", ".join(unknown))

    def _source(self) -> ListClusterJobs | ListJobs:
        """Return the call that lists the jobs."""
        raise NotImplementedError

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and all arguments, as Airflow stores them."""
        # In full, not __module__: what is stored outlives a move of this class.
        return f"airflow_provider_snowball.triggers.snowball.{type(self).__name__}", self._arguments()

    def _arguments(self) -> dict[str, Any]:
        return {
            "target_state": self.target_state,
            "timeout": self.timeout,
            "started_at": self.started_at,
            "job_ids": self.job_ids,
            "ignore_cancelled": self.ignore_cancelled,
            "poke_interval": self.poke_interval,
            "exponential_backoff": self.exponential_backoff,
            "max_wait": self.max_wait,
            "max_blind_time": self.max_blind_time,
            "silent_fail": self.silent_fail,
            "succeeded": self.succeeded,
            "next_poll": self.next_poll,
            "max_days_in_state": self.max_days_in_state,
            "on_overdue": self.on_overdue,
            "seen": self.seen,
            **self._aws_parameters,
        }

    @property
    def _aws_parameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in AWS_PARAMETERS}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the wait has ended, or until its task is needed, then say how and why."""
        event, seat = None, None
        try:
            wait = Wait(self._terms(), now=_now(), succeeded=self.succeeded, memory=self.seen)
            seat = Register.of_this_loop().seat(self._aws_parameters, wait.terms.source)
            wait_began()
            self._plan_first_look(seat, wait.terms)
            while event is None:
                # Here a wait spends its weeks: what it holds here is what ten thousand hold at once.
                listing = await seat.answer()
                event = await self._look(wait, listing, seat)
        except _BadTermsError as error:
            # What a template came to, where no worker has looked at it before.
            event = event_of(Fail(FailKind.REQUEST, str(error), error.__cause__))
        except Exception as error:
            # A trigger that raises leaves its task to Airflow's own rules, which differ between its lines.
            log.exception("The wait for %s broke off", self._source())
            event = event_of(Fail(FailKind.ERROR, f"The trigger broke off: {type(error).__name__}: {error}"))
        finally:
            if seat is not None:
                seat.leave()
                wait_ended()
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    def _plan_first_look(self, seat: Seat, terms: Terms) -> None:
        now = _now()
        left = 0.0
        if self.next_poll is not None:
            left = (datetime.fromisoformat(self.next_poll) - now).total_seconds()
        if left > 0:
            seat.first_after(left, age=left / 2)
        elif now < terms.deadline:
            # Whoever comes late is served what others got meanwhile; but not in the last look of all.
            seat.first_after(0.0, age=terms.interval)

    async def _look(self, wait: Wait, listing: Answer, seat: Seat) -> dict[str, Any] | None:
        """Judge a listing; return the event if the wait is over, or plan the next listing."""
        register = Register.of_this_loop()

        async def answer(call: Call) -> Any:
            if call == wait.terms.source:
                return listing.open()
            return await register.ask_now(self._aws_parameters, call)

        step = await drive_async(wait.poll(_now), answer)
        for news in wait.take_news():
            log.log(news.level, "%s", news.text)
        if not isinstance(step, Again):
            # For a link to the console, where no worker has had the task yet.
            region = register.region_of(self._aws_parameters) if self.started_at is None else None
            return event_of(step, region=region)
        if step.overdue:
            count_overdue(len(step.overdue))
            if wait.terms.on_overdue == "notify":
                return overdue_event_of(step, started_at=wait.terms.started_at, seen=wait.seen())
        # The last listing is exactly at the deadline.
        left = (wait.terms.deadline - _now()).total_seconds()
        seat.again_after(step.delay, exactly=step.delay >= left)
        return None

    def _terms(self) -> Terms:
        try:
            return Terms(
                source=self._source(),
                target_state=self.target_state,
                job_ids=self.job_ids,
                min_jobs=self.min_jobs,
                ignore_cancelled=self.ignore_cancelled,
                started_at=self._began_at(),
                timeout=self.timeout,
                interval=self.poke_interval,
                exponential_backoff=self.exponential_backoff,
                max_wait=self.max_wait,
                max_blind_time=self.max_blind_time,
                max_days_in_state=self.max_days_in_state,
                on_overdue=self.on_overdue,
                silent_fail=self.silent_fail,
                shortest_delay=1.0,
                patience=_PATIENCE.total_seconds() if self.started_at is None else 0.0,
            )
        except ValueError as error:
            raise _BadTermsError(str(error)) from error

    def _began_at(self) -> datetime:
        if self.started_at is not None:
            return datetime.fromisoformat(self.started_at)
        # Airflow set the end of the deferral when it began, and keeps it over a triggerer's restarts:
        # 3.x hands it to the trigger, 2.11 to the task instance.
        ends_at = getattr(self, "timeout_after", None) or getattr(self.task_instance, "trigger_timeout", None)
        if ends_at is None:
            return _now()
        return ends_at - BACKSTOP - timedelta(seconds=self.timeout)  # type: ignore[no-any-return]


def _now() -> datetime:
    return datetime.now(UTC)
