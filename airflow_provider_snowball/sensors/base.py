"""What the sensors share: the wait on a worker, in every mode, and its hand-over to a trigger."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast, overload

from airflow_provider_snowball.aws import AWS_TEMPLATE_FIELDS, AwsParameters
from airflow_provider_snowball.calls import Call, ListClusterJobs, ListJobs
from airflow_provider_snowball.compat import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseOperator,
    BaseSensorOperator,
    PokeReturnValue,
    TaskDeferralError,
    conf,
    first_poke_of_this_try,
    is_made_from_mapped,
    task_state_store,
)
from airflow_provider_snowball.exceptions import exception_for
from airflow_provider_snowball.lifecycle import JobState, parse_state
from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink
from airflow_provider_snowball.sightings import check_max_days_in_state
from airflow_provider_snowball.terms import BACKSTOP, Terms
from airflow_provider_snowball.validate import (
    check_job_ids,
    check_max_blind_time,
    is_literal,
    plain_json,
)
from airflow_provider_snowball.wait import Again, Done, Fail, FailKind, Step, Wait, drive

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_snowball.hooks.snowball import SnowballHook

__all__ = ["SnowballSensor"]

_REMEMBERED = "snowball_wait"
_TRIGGERS = "airflow_provider_snowball.triggers.snowball"
#: Without map_indexes it asks for a slice of XComs. Airflow 3.3's triggerer has none: the trigger hangs.
_UNANSWERED = re.compile(r"xcom_pull\((?![^)]*\bmap_indexes\b)")


class SnowballSensor(AwsParameters, BaseSensorOperator):
    """
    Wait until jobs are at or past a state.

    Task state, XCom, exception and message are the same in poke, reschedule and deferrable mode.
    ``timeout`` counts from the start of each try. A subclass says where the jobs are listed, and which
    trigger waits for them. The AWS parameters are those of
    :class:`~airflow_provider_snowball.aws.AwsParameters`, all others those of Airflow's sensors.

    :param target_state: one of :class:`~airflow_provider_snowball.lifecycle.JobState` (templated).
    :param job_ids: wait for these jobs only; one that is not listed yet is waited for (templated).
    :param ignore_cancelled: leave cancelled jobs out, instead of failing for them.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param start_from_trigger: begin in the triggerer as well, so that no worker is needed until the wait is
        over. Where Airflow cannot do that, the wait begins on a worker, which says why, and is deferred.
    :param max_blind_time: how long a wait that once had an answer bears to have none (``timedelta`` or
        seconds). In reschedule mode it is known only from Airflow 3.3 on.
    :param max_days_in_state: days by state after which a job that is still waited for is overdue, counted
        from when this wait first saw it there. Another try begins to count anew, and so does each poke in
        reschedule mode before Airflow 3.3, and a triggerer's restart for states entered since the deferral.
    :param on_overdue: "warn" logs a warning and counts ``snowball.jobs_overdue``, once for each job and
        state; "fail" fails the wait; a notifier, or any function of the context, is called besides the
        warning, with the texts as ``overdue_jobs`` in the context.
    :param poke_interval: default: ``[snowball] poke_interval``, which is 900 seconds.
    :param mode: default: reschedule, since a wait takes days.
    :param timeout: default: 400 days, more than a device may stay.
    :raises ValueError: if an argument has the wrong form, when the DAG is parsed if it is literal.
    :raises ClusterJobsFailed: if a job ended without reaching the target.
    :raises JobsOverdue: if a job is overdue and ``on_overdue`` is "fail".
    :raises SnowballRequestFailed: if what is asked for does not exist, or access is refused from the start.
    :raises SnowballPollingFailed: after ``max_blind_time``; ``retries`` apply.
    :raises AirflowSensorTimeout: after ``timeout``.
    """

    template_fields: Sequence[str] = ("target_state", "job_ids", *AWS_TEMPLATE_FIELDS)
    ui_color = "#e0eef9"
    #: The name of the trigger that waits for the jobs, in :mod:`airflow_provider_snowball.triggers.snowball`.
    trigger_class: str
    min_jobs: int | str = 1

    def __init__(
        self,
        *,
        target_state: str = JobState.COMPLETE.value,
        job_ids: Sequence[str] | None = None,
        ignore_cancelled: bool = False,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        max_blind_time: timedelta | float = timedelta(days=2),
        max_days_in_state: Mapping[str, float] | None = None,
        on_overdue: Literal["warn", "fail"] | Callable[[Context], Any] = "warn",
        poke_interval: timedelta | float | None = None,
        mode: str = "reschedule",
        timeout: timedelta | float = timedelta(days=400),
        **kwargs: Any,
    ) -> None:
        if poke_interval is None:
            poke_interval = conf.getfloat("snowball", "poke_interval", fallback=900.0)
        super().__init__(poke_interval=poke_interval, mode=mode, timeout=timeout, **kwargs)
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.target_state = target_state
        self.job_ids = job_ids
        self.ignore_cancelled = ignore_cancelled
        self.deferrable = deferrable or start_from_trigger
        self.max_blind_time = check_max_blind_time(max_blind_time)
        self.max_days_in_state = check_max_days_in_state(max_days_in_state)
        if on_overdue not in ("warn", "fail") and not callable(on_overdue):
            raise ValueError(f'on_overdue must be "warn", "fail" or a notifier; got {on_overdue!r}')
        self.on_overdue = on_overdue
        self._begins_in_trigger = start_from_trigger
        #: Where a wait that was to begin in the triggerer says why it did not, should a worker get it.
        self._why_on_worker: str | None = None

    def _source(self) -> ListClusterJobs | ListJobs:
        """Return the call that lists the jobs, as rendered so far."""
        raise NotImplementedError

    def _settle(self) -> None:
        """Judge what is known when the DAG is parsed; each subclass calls it once its arguments are set."""
        # Of a mapped task, a worker judges them in execute(), where soft_fail and the like apply.
        if not is_made_from_mapped(self):
            self._check_literals()
        if self._begins_in_trigger:
            self._why_on_worker = self._plan_start_from_trigger()

    def _check_literals(self) -> None:
        if is_literal(self.target_state):
            target = parse_state(self.target_state)
            if self.ignore_cancelled and target is JobState.CANCELLED:
                raise ValueError(
                    "ignore_cancelled leaves out the very jobs that target_state Cancelled waits for"
                )
        if is_literal(self.job_ids):
            check_job_ids(self.job_ids)
        elif isinstance(self.job_ids, list | tuple):
            check_job_ids([job_id for job_id in self.job_ids if is_literal(job_id)] or None)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Poll, and wait in this process, by rescheduling or by deferring until the wait has ended."""
        if self._why_on_worker:
            self.log.info("Begun on a worker in spite of start_from_trigger: %s", self._why_on_worker)
        try:
            started_at, wait = self._begin(context)
            poller = _HookPoller(self, context)
            while True:
                step = self._poll(wait, poller)
                if not isinstance(step, Again):
                    return self._end(step)
                if step.overdue:
                    self._on_overdue([str(each) for each in step.overdue], context)
                if step.new_client:
                    poller = _HookPoller(self, context)
                if self.deferrable:
                    self._defer(wait, started_at, step)
                if self.reschedule:
                    _remember(context, wait)
                    next_poke = datetime.now(UTC) + timedelta(seconds=step.delay)
                    raise AirflowRescheduleException(next_poke)  # type: ignore[no-untyped-call]
                time.sleep(step.delay)
        except AirflowTaskTimeout as error:
            self._skip_if_asked(error)
            raise

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once and return the verdict, with the jobs as the XCom value once it is met."""
        step = self._poll(self._begin(context)[1], _HookPoller(self, context))
        if isinstance(step, Again):
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._end(step))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> list[dict[str, Any]]:
        """End the wait as the trigger found; the method's name and the event's form are stored: they stay."""
        from airflow_provider_snowball.triggers.events import region_of, step_of

        if event and event.get("status") == "overdue":
            self._go_on(context, event)
        if region := region_of(event):
            # No worker has had this task before.
            SnowFamilyConsoleLink().persist(context, lambda: region)
        return self._end(step_of(event))

    def _go_on(self, context: Context, event: Mapping[str, Any]) -> NoReturn:
        """Tell of overdue jobs where the trigger could not, and hand the wait to another one."""
        self._notify([str(each) for each in event["overdue"]], context)
        started_at = datetime.fromisoformat(event["started_at"])
        wait = Wait(self._terms(started_at), now=datetime.now(UTC), succeeded=True, memory=event["seen"])
        self._defer(wait, started_at, Again(float(event["delay"])))

    def _on_overdue(self, jobs: list[str], context: Context) -> None:
        from airflow_provider_snowball.triggers.metrics import count_overdue

        count_overdue(len(jobs))
        self._notify(jobs, context)

    def _notify(self, jobs: list[str], context: Context) -> None:
        if callable(self.on_overdue):
            try:
                self.on_overdue(cast("Context", {**context, "overdue_jobs": jobs}))
            except Exception:
                # Nobody was told, but the wait is worth more.
                self.log.exception("on_overdue failed for %s", ", ".join(jobs))

    @property
    def _overdue_means(self) -> str:
        return self.on_overdue if isinstance(self.on_overdue, str) else "notify"

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> list[dict[str, Any]]:
        """Resume after a deferral, past the base sensor's rules for it, which differ between lines."""
        try:
            return BaseOperator.resume_execution(self, next_method, next_kwargs, context)  # type: ignore[no-any-return]
        except TaskDeferralError as error:
            if str(error) != "Trigger timeout":
                self._skip_if_asked(error)
                raise
        except AirflowTaskTimeout as error:
            self._skip_if_asked(error)
            raise
        # Nobody polled at the deadline, since no triggerer was there to: do it here, with no time left.
        now = datetime.now(UTC)
        wait = Wait(self._terms(now - timedelta(seconds=self.timeout)), now=now, succeeded=True)
        step = self._poll(wait, _HookPoller(self, context))
        if isinstance(step, Again):
            raise AssertionError("a poll at the deadline ends a wait")
        return self._end(step)

    def _begin(self, context: Context) -> tuple[datetime, Wait]:
        now = datetime.now(UTC)
        if self.deferrable or not self.reschedule:
            return now, Wait(self._terms(now), now=now)
        first_poke_at = first_poke_of_this_try(context)
        if first_poke_at is None:
            return now, Wait(self._terms(now), now=now)
        terms = self._terms(first_poke_at)
        return first_poke_at, Wait(
            terms,
            now=now,
            # Had the first poke failed, this try would not have been rescheduled (but with silent_fail,
            # where it does not matter).
            succeeded=True,
            memory=_recall(context) or {"asked_at": terms.presumably_asked_at(now).isoformat()},
        )

    def _terms(self, started_at: datetime) -> Terms:
        try:
            return Terms(
                source=self._source(),
                target_state=self.target_state,
                job_ids=self.job_ids,
                min_jobs=self.min_jobs,
                ignore_cancelled=self.ignore_cancelled,
                started_at=started_at,
                timeout=self.timeout,
                interval=self.poke_interval,
                exponential_backoff=bool(self.exponential_backoff),
                max_wait=None if self.max_wait is None else self.max_wait.total_seconds(),
                max_blind_time=self.max_blind_time,
                max_days_in_state=self.max_days_in_state,
                on_overdue=self._overdue_means,
                silent_fail=self.silent_fail,
            )
        except ValueError as error:
            # A rendered or mapped value: what a literal one would have met when the DAG was parsed.
            self._end(Fail(FailKind.REQUEST, str(error), error))

    def _poll(self, wait: Wait, poller: _HookPoller) -> Step:
        step = drive(wait.poll(lambda: datetime.now(UTC)), poller)
        for news in wait.take_news():
            self.log.log(news.level, "%s", news.text)
        return step

    def _trigger_arguments(self) -> dict[str, Any]:
        """Return what the trigger is told in any case, as rendered so far."""
        return {
            "target_state": self.target_state,
            "job_ids": self.job_ids,
            "ignore_cancelled": self.ignore_cancelled,
            "timeout": self.timeout,
            "poke_interval": self.poke_interval,
            "exponential_backoff": bool(self.exponential_backoff),
            "max_wait": None if self.max_wait is None else self.max_wait.total_seconds(),
            "max_blind_time": self.max_blind_time,
            "max_days_in_state": self.max_days_in_state,
            "on_overdue": self._overdue_means,
            "silent_fail": self.silent_fail,
            **self.aws_parameters,
        }

    def _plan_start_from_trigger(self) -> str:
        """Have Airflow begin the wait in the triggerer; return why not, in case that it does not."""
        from airflow.triggers.base import BaseTrigger, StartTriggerArgs

        arguments = plain_json(self._trigger_arguments() | {"succeeded": False})
        renders = hasattr(BaseTrigger, "render_template_fields")
        if self.execution_timeout is not None:
            return "Airflow would count execution_timeout against the whole wait"
        if arguments is None:
            return "an argument is neither a plain value nor a template string"
        if not renders and not is_literal(list(arguments.values())):
            return "this version of Airflow renders no templates in the triggerer"
        if _UNANSWERED.search(str(arguments)):
            return (
                "Airflow's triggerer answers xcom_pull only if it is told map_indexes (-1 for a plain task)"
            )
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{_TRIGGERS}.{self.trigger_class}",
            trigger_kwargs=arguments,
            next_method="execute_complete",
            timeout=timedelta(seconds=self.timeout) + BACKSTOP,
        )
        self.start_from_trigger = True
        return "mapped tasks, dag.test() and some versions of Airflow cannot begin in the triggerer"

    def _defer(self, wait: Wait, started_at: datetime, step: Again) -> NoReturn:
        from airflow_provider_snowball.triggers import snowball as triggers

        terms = wait.terms
        left = terms.deadline - datetime.now(UTC)
        told = self._trigger_arguments()
        # Templates may have rendered to text what terms have as a number.
        told |= {name: getattr(terms, name) for name in ("job_ids", "min_jobs") if name in told}
        told |= {
            "target_state": str(terms.target_state),
            "started_at": started_at.isoformat(),
            "seen": wait.seen(),
            "succeeded": wait.succeeded,
            "next_poll": (datetime.now(UTC) + timedelta(seconds=step.delay)).isoformat(),
        }
        self.defer(
            trigger=getattr(triggers, self.trigger_class)(**told),
            method_name="execute_complete",
            timeout=max(left, timedelta(0)) + BACKSTOP,
        )
        raise AssertionError("defer() raises")

    @overload
    def _end(self, step: Done) -> list[dict[str, Any]]: ...
    @overload
    def _end(self, step: Fail) -> NoReturn: ...
    def _end(self, step: Done | Fail) -> list[dict[str, Any]]:
        """End the wait, in every mode, by the rules of Airflow's synchronous sensor loop."""
        if isinstance(step, Done):
            return step.jobs
        error = exception_for(step)
        if isinstance(error, AirflowSensorTimeout):
            if self.soft_fail:
                raise AirflowSkipException(step.message)
            raise error
        if isinstance(error, AirflowFailException):
            self._skip_if_asked(error)
        elif self.never_fail:
            raise AirflowSkipException("Skipping due to never_fail is set to True.") from error
        raise error

    def _skip_if_asked(self, error: BaseException) -> None:
        for name in ("soft_fail", "never_fail"):
            if getattr(self, name):
                raise AirflowSkipException(f"Skipping due to {name} is set to True.") from error


class _HookPoller:
    """Answers a wait's requests with a hook of its own, built at the first one."""

    def __init__(self, sensor: SnowballSensor, context: Context) -> None:
        self._sensor = sensor
        self._context = context
        self._hook: SnowballHook | None = None

    def __call__(self, call: Call) -> Any:
        from airflow_provider_snowball.hooks.snowball import SnowballHook, answer

        if self._hook is None:
            self._hook = SnowballHook.of(**self._sensor.aws_parameters)
            SnowFamilyConsoleLink().persist(self._context, self._hook.find_region)
        return answer(self._hook, call)


def _recall(context: Context) -> dict[str, str]:
    """Return what an earlier poke of this try remembered; empty before Airflow 3.3."""
    store = task_state_store(context)
    remembered = store.get(_REMEMBERED) if store is not None else None
    if not isinstance(remembered, dict) or remembered.get("try_number") != context["ti"].try_number:
        return {}
    return {key: value for key, value in remembered.items() if isinstance(value, str)}


def _remember(context: Context, wait: Wait) -> None:
    """Keep what the next poke needs to know, where Airflow has a place for it (3.3 and later)."""
    store = task_state_store(context)
    if store is not None:
        store.set(_REMEMBERED, {"try_number": context["ti"].try_number, **wait.memory()})
