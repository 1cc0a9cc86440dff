"""What the triggers share: the wait in a triggerer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_snowball.aws import AWS_PARAMETERS
from airflow_provider_snowball.triggers.events import event_of, interim_event_of
from airflow_provider_snowball.triggers.metrics import count_late_end, wait_began, wait_ended
from airflow_provider_snowball.triggers.shared_polls import PollResult, SharedPolls, Subscription
from airflow_provider_snowball.waiting.calls import Call, ErrorKind, RequestError
from airflow_provider_snowball.waiting.config import BACKSTOP, WAIT_PARAMETERS, WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Fail, FailKind, Wait, drive_async
from airflow_provider_snowball.waiting.text import write_lines

__all__ = ["SnowballTrigger"]

#: One logger for all: Airflow knows by context whose trigger logs. A BaseTrigger's own costs each wait
#: eight objects more for Python's garbage collector to look at while the event loop stands still.
log = logging.getLogger(__name__)

#: A wait that began in a triggerer cannot know, after a restart of it, whether it ever had a listing.
_PATIENCE = timedelta(hours=1)
#: Seconds after the deadline at which a wait ends, even if its last poll has not.
_GRACE = 20.0
#: Every argument, and what it means in a stored trigger that lacks it.
_ARGUMENTS: Mapping[str, Any] = {
    **WAIT_PARAMETERS,
    **AWS_PARAMETERS,
    "memory": None,
    "next_poll": None,
}


class SnowballTrigger(BaseTrigger):
    """
    Wait for jobs in a triggerer, and fire once, when the wait has ended or its task is needed.

    Airflow stores the class path and the arguments for as long as the wait goes on, and a later
    version of this package rebuilds the trigger from them: arguments are only added, with defaults.

    Waits in one triggerer share a client and their polls
    (:mod:`airflow_provider_snowball.triggers.shared_polls`).

    The arguments are the parameters of a wait
    (:class:`~airflow_provider_snowball.waiting.config.WaitConfig`), the four AWS parameters, and

    * ``memory``: what the wait knew when it was handed to the triggerer, and the number of the try that
      did so; None if it begins there.
    * ``next_poll``: when to poll first, ISO 8601 with offset; None or past means at once.
    """

    memory: dict[str, str] | None
    next_poll: str | None
    #: The arguments that a class does without.
    left_out: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **arguments: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        # Attributes by these names are what Airflow renders, where the wait began in the triggerer.
        for name in _ARGUMENTS.keys() - self.left_out:
            setattr(self, name, arguments.pop(name, _ARGUMENTS[name]))
        if arguments:
            # Stored by a newer version, before a downgrade: the wait is worth more than the argument.
            log.warning(
                "%s ignores arguments unknown to it: %s", type(self).__name__, ", ".join(sorted(arguments))
            )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and all arguments, as Airflow stores them."""
        # In full, not __module__: what is stored outlives a move of this class.
        return f"airflow_provider_snowball.triggers.snowball.{type(self).__name__}", self._arguments

    @property
    def _arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _ARGUMENTS if name not in self.left_out}

    @property
    def _aws_parameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in AWS_PARAMETERS}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the wait has ended, or until its task is needed, then say how and why."""
        event, subscription = None, None
        try:
            wait = self._wait()
            polls = SharedPolls.of_this_loop()
            subscription = polls.subscribe(self._aws_parameters, wait.config.listing)
            wait_began()
            self._plan_first_poll(subscription, wait)
            while event is None:
                # Here a wait spends its weeks: what it holds here is what ten thousand hold at once.
                result = await subscription.result()
                event = await self._judge(wait, result, subscription)
        except _BadArgumentsError as error:
            # What a template came to, where no worker has looked at it before.
            event = event_of(Fail(FailKind.PERMANENT, str(error), error.__cause__))
        except Exception as error:
            # A trigger that raises leaves its task to Airflow's own rules, which differ between its lines;
            # dag.test() of Airflow 2.11 loops for ever (no issue filed).
            log.exception("%s broke off", type(self).__name__)
            text = f"The trigger broke off [SNB408]: {type(error).__name__}: {error}"
            event = event_of(Fail(FailKind.TRANSIENT, text), try_number=self._try_number)
        finally:
            if subscription is not None:
                subscription.end()
                wait_ended()
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's own

    @property
    def _try_number(self) -> str | None:
        return (self.memory or {}).get("try_number")

    def _wait(self) -> Wait:
        try:
            config = WaitConfig.read(self._arguments)
        except ValueError as error:
            raise _BadArgumentsError(str(error)) from error
        if self.memory is not None:
            return Wait(config, started_at=_now(), memory=self.memory)
        return Wait(config, started_at=self._began_at(config.timeout), patience=_PATIENCE.total_seconds())

    def _plan_first_poll(self, subscription: Subscription, wait: Wait) -> None:
        now = _now()
        subscription.tell_by(max(_left(wait), 0.0) + _GRACE)
        left = 0.0
        if self.next_poll is not None:
            left = (datetime.fromisoformat(self.next_poll) - now).total_seconds()
        if left > 0:
            subscription.first_after(left, age=left / 2)
        elif now < wait.deadline:
            # Whoever comes late is served what others got meanwhile; but not in the last poll of all, nor
            # what they got before this wait began: its jobs may be newer.
            since = max((now - wait.started_at).total_seconds(), 0.0)
            subscription.first_after(0.0, age=min(wait.config.poke_interval, since))

    async def _judge(
        self, wait: Wait, result: PollResult, subscription: Subscription
    ) -> dict[str, Any] | None:
        """Judge what a poll brought; return the event if the task is needed, or plan the next poll."""
        polls = SharedPolls.of_this_loop()

        async def ask(call: Call) -> Any:
            try:
                async with asyncio.timeout(max(_left(wait), 0.0) + _GRACE):
                    return await polls.ask_now(self._aws_parameters, call)
            except TimeoutError:
                raise RequestError(ErrorKind.TRANSIENT, "no answer yet", code="NoAnswerYet") from None

        step = await drive_async(wait.judge(result.outcome, _now), ask)
        if lines := wait.take_lines():
            # A line is a write that waits for Airflow's supervisor, which may be long at its database
            # (docs/upstream): not on the loop. The thread knows by its context whose line it is.
            await asyncio.to_thread(write_lines, lines, log)
        # For a link to the console, where no worker has had the task yet.
        place: dict[str, str | None] = {}
        if self.memory is None:
            aws = self._aws_parameters
            place = {"region": polls.region_of(aws), "local_url": polls.local_url_of(aws)}
        if not isinstance(step, Again):
            if isinstance(step, Fail) and step.kind is FailKind.TIMEOUT:
                count_late_end(wait.deadline, _now())
            return event_of(step, **place, try_number=self._try_number)
        if step.needs_worker:
            # Airflow keeps a trigger's arguments as they were when it began: a worker has to tell whoever is
            # to be told, and to begin another trigger with what this one knows.
            return interim_event_of(step, memory=wait.memory(), **place)
        # Anew each time: the wall's clock, which the deadline is of, may have been set back.
        subscription.tell_by(max(_left(wait), 0.0) + _GRACE)
        # The last poll is exactly at the deadline.
        subscription.again_after(step.delay, exactly=step.delay >= _left(wait))
        return None

    def _began_at(self, timeout: float) -> datetime:
        # Airflow set the end of the deferral when it began, and keeps it over a triggerer's restarts:
        # 3.x hands it to the trigger, 2.11 to the task instance.
        ends_at = getattr(self, "timeout_after", None) or getattr(self.task_instance, "trigger_timeout", None)
        if ends_at is None:
            return _now()
        if ends_at.tzinfo is None:
            # 2.11 stores it in UTC, and gives it back without (no issue filed).
            ends_at = ends_at.replace(tzinfo=UTC)
        return ends_at - BACKSTOP - timedelta(seconds=timeout)  # type: ignore[no-any-return]  # untyped there


class _BadArgumentsError(Exception):
    """The arguments, as templates came to them, make no sense; ``__cause__`` says why."""


def _now() -> datetime:
    return datetime.now(UTC)


def _left(wait: Wait) -> float:
    """Return the seconds until the deadline, less than 0 past it."""
    return (wait.deadline - _now()).total_seconds()
