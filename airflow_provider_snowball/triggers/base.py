"""What the triggers share: the wait in a triggerer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_snowball.aws import AWS_PARAMETERS
from airflow_provider_snowball.calls import Call, ListClusterJobs, ListJobs
from airflow_provider_snowball.terms import BACKSTOP, Terms
from airflow_provider_snowball.triggers.events import event_of, overdue_event_of
from airflow_provider_snowball.triggers.feeds import Feed, Register
from airflow_provider_snowball.triggers.metrics import count_overdue, wait_began, wait_ended
from airflow_provider_snowball.wait import Again, Fail, FailKind, Wait, drive_async

__all__ = ["SnowballTrigger"]

#: One logger for all: Airflow knows by context whose trigger logs. A BaseTrigger's own costs each wait
#: eight objects more for Python's garbage collector to look at while the event loop stands still.
log = logging.getLogger(__name__)

#: A wait that began in a triggerer cannot know, after a restart of it, whether it ever had an answer.
_PATIENCE = timedelta(hours=1)


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
        try:
            event = await self._wait()
        except Exception as error:
            # A trigger that raises leaves its task to Airflow's own rules, which differ between its lines.
            log.exception("The wait for %s broke off", self._source())
            event = event_of(Fail(FailKind.ERROR, f"The trigger broke off: {type(error).__name__}: {error}"))
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _wait(self) -> dict[str, Any]:
        try:
            terms = self._terms()
        except ValueError as error:
            # What a template came to, where no worker has looked at it before.
            return event_of(Fail(FailKind.REQUEST, str(error), error))
        wait = Wait(terms, now=_now(), succeeded=self.succeeded, memory=self.seen)
        register = Register.of_this_loop()
        wait_began()
        try:
            with register.seat(self._aws_parameters, terms.source) as feed:
                asker = _Asker(terms, feed, register, self._aws_parameters, self.next_poll)
                while True:
                    step = await drive_async(wait.poll(_now), asker.answer)
                    _tell(wait)
                    if not isinstance(step, Again):
                        # For a link to the console, where no worker has had the task yet.
                        region = register.region_of(self._aws_parameters) if self.started_at is None else None
                        return event_of(step, region=region)
                    if step.overdue:
                        count_overdue(len(step.overdue))
                        if terms.on_overdue == "notify":
                            return overdue_event_of(step, started_at=terms.started_at, seen=wait.seen())
                    asker.again_after(step.delay)
        finally:
            wait_ended()

    def _terms(self) -> Terms:
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


def _tell(wait: Wait) -> None:
    for news in wait.take_news():
        log.log(news.level, "%s", news.text)


class _Asker:
    """Answers what a wait asks for: its own listing in its own time, anything else at once."""

    def __init__(
        self,
        terms: Terms,
        feed: Feed,
        register: Register,
        parameters: dict[str, Any],
        next_poll: str | None,
    ) -> None:
        self._terms = terms
        self._feed = feed
        self._register = register
        self._parameters = parameters
        self._loop = asyncio.get_running_loop()
        left = 0.0
        if next_poll is not None:
            left = max((datetime.fromisoformat(next_poll) - _now()).total_seconds(), 0.0)
        # When the next listing is due, on the event loop's clock, and from when on one would do.
        self._due = self._loop.time() + left
        # Whoever comes late is served what others got meanwhile, unless this is the last look of all.
        late = 0.0 if _now() >= terms.deadline else terms.interval
        self._earliest = self._due - (left / 2 if left else late)
        self._asked_at = self._due

    async def answer(self, call: Call) -> Any:
        """
        Return the answer to a call.

        :raises RequestError: for any error, told apart.
        """
        if call == self._terms.source:
            answer = await self._feed.ask(due=self._due, earliest=self._earliest)
            self._asked_at = answer.asked_at
            return answer.open()
        now = self._loop.time()
        with self._register.seat(self._parameters, call) as feed:
            return (await feed.ask(due=now, earliest=now)).open()

    def again_after(self, delay: float) -> None:
        """Plan the next listing, ``delay`` seconds after the last one or exactly at the deadline."""
        now = self._loop.time()
        left = (self._terms.deadline - _now()).total_seconds()
        # From when the last poll began: then waits that share it are due together for the next.
        self._due = now + delay if delay >= left else max(self._asked_at + delay * self._feed.stretch, now)
        # Another's poll is as good as one's own once half of the delay is over.
        self._earliest = self._due - (self._due - now) / 2
