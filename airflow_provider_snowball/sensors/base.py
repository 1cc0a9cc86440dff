"""What the sensors share: the wait on a worker, in every mode, and its hand-over to a trigger."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, overload

from airflow_provider_snowball.aws import AWS_TEMPLATE_FIELDS, AwsParameters
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
    TaskDeferralTimeout,
    conf,
    first_poke_of_this_try,
    is_deferral_timeout,
    is_made_from_mapped,
    remembers_between_pokes,
    task_state_store,
    try_numbers,
)
from airflow_provider_snowball.exceptions import (
    SnowballJobsOverdueError,
    SnowballOutageError,
    SnowballPermanentError,
    SnowballTargetUnreachableError,
    SnowballTriggerError,
)
from airflow_provider_snowball.lifecycle import ArgumentError
from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink, console_url
from airflow_provider_snowball.sensors.telling import OnChange, OnOverdue, Teller, check_notifier
from airflow_provider_snowball.sensors.trigger_rendering import why_not_rendered_alike
from airflow_provider_snowball.validate import check_flag, is_literal, plain, plain_json
from airflow_provider_snowball.waiting.calls import Call, RequestError
from airflow_provider_snowball.waiting.config import BACKSTOP, LONGEST_WAIT, WAIT_PARAMETERS, WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Done, Fail, FailKind, Step, Wait, drive
from airflow_provider_snowball.waiting.text import write_lines

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_snowball.hooks.snowball import SnowballHook

__all__ = ["SnowballSensor"]

T = TypeVar("T")

#: After the deadline, no request goes out that comes later than this.
_GRACE = timedelta(seconds=10)
#: The key of a wait's memory in Airflow's task state store. It stays.
_MEMORY = "snowball_wait"
#: What of it is another try's too. Whether there ever was a listing is not: a retry shows what is wrong now.
_KEPT_OVER_TRIES = ("started_at", "since ", "seen ", "away ", "told ", "shown")
#: How long after its deadline a wait is remembered: retries may have a delay of days.
_KEPT_AFTER_DEADLINE = timedelta(days=30)
#: So many tasks of one DAG take a triggerer long to begin: 400 took minutes and 1.8 GB on Airflow 3.3.2.
_CROWD = 50
#: Seconds before Airflow is asked again for what it did not tell.
_PAUSES = (1.0, 5.0)
_TRIGGERS = "airflow_provider_snowball.triggers.snowball"
#: Those parameters of a wait that Airflow's sensors have, too.
_AIRFLOWS_OWN = frozenset({"exponential_backoff", "max_wait", "poke_interval", "silent_fail", "timeout"})

#: Failures after which Airflow's ``retries`` apply.
_TRIED_AGAIN = frozenset({FailKind.OUTAGE, FailKind.TRANSIENT})
_RAISED = {
    FailKind.UNREACHABLE: SnowballTargetUnreachableError,
    FailKind.CLUSTER_ENDED: SnowballTargetUnreachableError,
    FailKind.OVERDUE: SnowballJobsOverdueError,
    FailKind.PERMANENT: SnowballPermanentError,
    FailKind.OUTAGE: SnowballOutageError,
    FailKind.TRANSIENT: SnowballTriggerError,
    FailKind.TIMEOUT: AirflowSensorTimeout,
}


class SnowballSensor(AwsParameters, BaseSensorOperator):
    """
    Wait until jobs are at or past a state.

    Task state, XCom, exception and message are the same in poke, reschedule and deferrable mode.
    ``timeout`` counts from the start of the first try on, over all that ``retries`` allow; from the start of
    each with ``start_from_trigger``, and before Airflow 3.3, which cannot remember it. A subclass spells
    the parameters, and says which trigger waits for its jobs. The AWS parameters are those of
    :class:`~airflow_provider_snowball.aws.AwsParameters`, all others those of Airflow's sensors.

    :param target_state: one of :class:`~airflow_provider_snowball.lifecycle.JobState` (templated).
    :param job_ids: wait for these jobs only; one that is not listed yet is waited for (templated).
    :param ignore_cancelled: leave cancelled jobs out, instead of failing for them.
    :param outage_timeout: how long a wait that once had a listing bears to have none (``timedelta`` or
        seconds). In reschedule mode it is known only from Airflow 3.3 on.
    :param max_days_in_state: days by state after which a job that is still waited for is overdue, counted
        from when this wait first saw it there. Before Airflow 3.3, another try begins to count anew, and so
        does each poke in reschedule mode. A deferred wait whose job enters such a state goes to a worker and
        back for a moment, so that a triggerer's restart does not count anew.
    :param on_overdue: "warn" logs a warning and counts ``snowball.jobs_overdue``, once for each job and
        state; "fail" fails the wait; a notifier, or any function of the context, is called besides the
        warning, with the texts as ``overdue_jobs`` in the context, and again at the next poll if it fails.
    :param on_change: a notifier, or any function of the context: called for each poll that found a device
        changed (listed, moved, at or past the target, cancelled, late, listed no more), with all such changes
        as ``device_changes`` and all devices as ``devices`` in the context. At least once for each change:
        again at the next poll if it fails, and after a process died with what it knew; a repeat has the same
        ``id``. What the first poll finds is no change. A deferred wait goes to a worker and back for that.
    :param change_interval: tell of the changes of so long together (``timedelta`` or seconds).
    :param publish_devices: keep all devices as the XCom ``devices`` while the wait goes on, as ``on_change``
        does; where a wait is deferred, by way of a worker at each change.
    :param describe_jobs: have the log tell of shipments (status and tracking number) and of data that is
        transferred, too: one DescribeJob for each device, at a change and at most daily without one. Without
        ``snowball:DescribeJob`` there is one warning, and the wait goes on.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param start_from_trigger: begin in the triggerer as well, so that no worker is needed until the wait is
        over. Where Airflow cannot do that, the wait begins on a worker, which says why, and is deferred. Not
        for 50 tasks or more of one DAG: Airflow reads the whole DAG for each, and the triggerer stands still.
    :param poke_interval: default: ``[snowball] poke_interval``, which is 900 seconds.
    :param mode: default: reschedule, since a wait takes days.
    :param timeout: default, and what None means: 400 days, more than a device may stay.
    :raises ValueError: if an argument has the wrong form, when the DAG is parsed if it is literal.
    :raises SnowballTargetUnreachableError: if a job ended without reaching the target.
    :raises SnowballJobsOverdueError: if a job is overdue and ``on_overdue`` is "fail".
    :raises SnowballPermanentError: if a rendered argument has the wrong form, what is asked for does not
        exist, or access is denied from the start.
    :raises SnowballOutageError: after ``outage_timeout``, or if Airflow does not say which changes were told;
        ``retries`` apply.
    :raises SnowballTriggerError: if the triggerer gave no verdict; ``retries`` apply. As do they to
        SnowballAnswerError and botocore's errors, which a try raises before its first answer.
    :raises AirflowSensorTimeout: after ``timeout``.
    """

    template_fields: Sequence[str] = ("target_state", "job_ids", *AWS_TEMPLATE_FIELDS)
    ui_color = "#e0eef9"
    #: The name of the trigger that waits for the jobs, in :mod:`airflow_provider_snowball.triggers.snowball`.
    trigger_class: str
    #: The parameters of a wait that a sensor does without.
    left_out: ClassVar[frozenset[str]] = frozenset()
    on_overdue: OnOverdue
    job_ids: Any
    #: Why what an earlier poke or try has seen could not be read in this process; None if it could.
    _why_unread: Exception | None = None

    def __init__(
        self,
        *,
        on_change: OnChange | None,
        publish_devices: bool,
        deferrable: bool | None,
        start_from_trigger: bool,
        poke_interval: timedelta | float | None,
        timeout: timedelta | float | None,
        **kwargs: Any,
    ) -> None:
        timeout = LONGEST_WAIT if timeout is None else timeout
        flags = {
            "deferrable": deferrable,
            "start_from_trigger": start_from_trigger,
            "publish_devices": publish_devices,
        }
        for name, value in flags.items():
            if value is not None:
                check_flag(value, name)
        if on_change is not None and not callable(on_change):
            raise ArgumentError(
                f"on_change must be a notifier, or a function of the context; got {on_change!r} [SNB108]"
            )
        for name, notifier in (("on_change", on_change), ("on_overdue", kwargs.get("on_overdue"))):
            check_notifier(notifier, name)
        own = WAIT_PARAMETERS.keys() - _AIRFLOWS_OWN - self.left_out - {"tell_changes"}
        ours = {name: kwargs.pop(name) for name in own if name in kwargs}
        if poke_interval is None:
            poke_interval = conf.getfloat("snowball", "poke_interval", fallback=900.0)
        # Before Airflow's own arithmetic with them.
        given = {"poke_interval": poke_interval, "timeout": timeout, "max_wait": kwargs.get("max_wait")}
        WaitConfig.check_literals(given)
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable: bool = deferrable or start_from_trigger
        self.on_change = on_change
        self.publish_devices = publish_devices
        for name, value in ours.items():
            setattr(self, name, value)
        self._names_jobs = self.job_ids is not None
        self._check_that_changes_are_seen()
        # Of a mapped task, a worker judges them in execute(), where soft_fail and the like apply.
        if not is_made_from_mapped(self):
            WaitConfig.check_literals(self._wait_arguments())
        #: Where a wait that was to begin in the triggerer says why it did not, should a worker get it.
        self._why_on_worker = self._plan_start_from_trigger() if start_from_trigger else None

    def _check_that_changes_are_seen(self) -> None:
        if self.on_change is None or self.deferrable or not self.reschedule or remembers_between_pokes():
            return
        raise ArgumentError(
            "on_change has nothing to compare with in reschedule mode, where Airflow remembers nothing "
            "between two pokes before 3.3; use deferrable=True or mode='poke' [SNB109]"
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse an override of what no mode calls: it would be ignored without a word."""
        super().__init_subclass__(**kwargs)
        if cls.poke is not SnowballSensor.poke:
            raise TypeError(
                f"{cls.__name__} overrides poke(), which no mode of a Snowball sensor calls; "
                "override execute(), or put a task of your own behind the sensor [SNB112]"
            )

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Poll, and wait in this process, by rescheduling or by deferring until the wait has ended."""
        if self._why_on_worker:
            self.log.info("Begun on a worker in spite of start_from_trigger: %s", self._why_on_worker)
        try:
            wait = self._begin(context)
            if self._why_unread is not None and self._may_have_told(context):
                self._come_back(wait, self._why_unread)
            poller = _Poller(self, context)
            is_kept = False
            while True:
                step = self._poll(wait, poller)
                if not isinstance(step, Again):
                    self._tell_at_end(context, step, wait)
                    return self._end(step)
                is_told = self._teller(context).tell(wait, step)
                if step.new_client:
                    poller = _Poller(self, context)
                if self.deferrable:
                    self._defer(wait, step.delay, context)
                if self.reschedule or step.keep or is_told or not is_kept:
                    self._remember(context, wait)
                    is_kept = True
                if self.reschedule:
                    next_poke = datetime.now(UTC) + timedelta(seconds=step.delay)
                    raise AirflowRescheduleException(next_poke)  # type: ignore[no-untyped-call]  # Airflow's own
                time.sleep(step.delay)
        except AirflowTaskTimeout as error:
            self._skip_if_asked(error)
            raise

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Poll once and return the verdict, with the jobs as the XCom value once it is met.

        For the test of a DAG, or a look by hand: no mode calls it.
        """
        step = self._poll(self._begin(context), _Poller(self, context))
        if isinstance(step, Again):
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._end(step))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> list[dict[str, Any]]:
        """End the wait as the trigger found; the method's name and the event's form are stored: they stay."""
        from airflow_provider_snowball.triggers.events import (
            interim_of,
            local_url_of,
            region_of,
            step_of,
            try_number_of,
        )

        if region := region_of(event):
            # No worker has had this task before.
            SnowFamilyConsoleLink().persist(context, lambda: local_url_of(event) or console_url(region))
        if interim := interim_of(event):
            self._go_on(context, *interim)
        step = step_of(event)
        this_try, _ = try_numbers(context, self.retries or 0)
        if isinstance(step, Fail) and (try_number_of(event) or this_try) < this_try:
            # Before 3.1.1, Airflow resumes a retry with what failed the try before (apache/airflow#56704).
            return self.execute(context)
        self._tell_at_end(context, step)
        return self._end(step)

    def _go_on(self, context: Context, step: Again, memory: Mapping[str, str]) -> NoReturn:
        """Tell what the trigger could not, and hand on what it knew to another one."""
        now = datetime.now(UTC)
        wait = Wait(self._config(), started_at=now, memory=memory)
        self._teller(context).tell(wait, step)
        self._defer(wait, step.delay, context)

    def _tell_at_end(self, context: Context, step: Done | Fail, wait: Wait | None = None) -> None:
        """
        Tell what the last poll found, and have the next try know that it was told, where there is one.

        :param wait: None if it ended in the triggerer: what is known of it then is what was kept.
        """
        teller = self._teller(context)
        if not isinstance(step, Fail) or step.kind not in _TRIED_AGAIN or not _has_news(step):
            teller.tell_at_end(step)
            return
        if wait is None and (memory := self._recall(context)):
            wait = Wait(self._config(), started_at=datetime.now(UTC), memory=memory)
        if teller.tell_at_end(step, wait) and wait is not None:
            self._remember(context, wait)

    def _teller(self, context: Context) -> Teller:
        return Teller(
            context,
            on_overdue=self.on_overdue,
            on_change=self.on_change,
            is_poke=self._is_rescheduled,
            log=self.log,
        )

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> list[dict[str, Any]]:
        """Resume after a deferral, past the base sensor's rules for it, which differ between lines."""
        # apache/airflow#71255 is about soft_fail; on 2.11 a timeout is another exception as well.
        try:
            return BaseOperator.resume_execution(self, next_method, next_kwargs, context)  # type: ignore[no-any-return]  # untyped there
        except (TaskDeferralError, TaskDeferralTimeout, AirflowTaskTimeout) as error:
            if not is_deferral_timeout(error):
                self._skip_if_asked(error)
                raise
        # Nobody polled at the deadline, since no triggerer was there to: do it here, with no time left.
        started_at = datetime.now(UTC) - timedelta(seconds=self.timeout) - BACKSTOP
        # What was wrong as it was deferred may not be what is wrong now.
        began = {"started_at": started_at.isoformat(), "listed_at": started_at.isoformat()}
        wait = Wait(self._config(), started_at=started_at, memory=_kept(self._recall(context)) | began)
        if self._why_unread is not None and self.on_change is not None:
            self._come_back(wait, self._why_unread)
        step = self._poll(wait, _Poller(self, context))
        if isinstance(step, Again):
            raise AssertionError("a poll at the deadline ends a wait")
        self._teller(context).tell_at_end(step)
        return self._end(step)

    def _begin(self, context: Context) -> Wait:
        """Return the wait, with what an earlier poke or an earlier try has remembered of it."""
        now = datetime.now(UTC)
        config = self._config()
        memory = self._recall(context)
        this_try, first_try = try_numbers(context, self.retries or 0)
        return Wait(config, started_at=now, memory=memory, retried=this_try > first_try)

    def _may_have_told(self, context: Context) -> bool:
        """Tell whether another process may have told changes of this wait, or has left some to tell."""
        this_try, first_try = try_numbers(context, self.retries or 0)
        # The first try of a wait that is not rescheduled begins in this very process.
        return self.on_change is not None and (this_try > first_try or self._is_rescheduled)

    @property
    def _is_rescheduled(self) -> bool:
        return self.reschedule and not self.deferrable

    def _come_back(self, wait: Wait, error: Exception) -> NoReturn:
        """Have what was told looked up again, before anything is judged: what has changed would be lost."""
        text = (
            f"What was told of {wait.config.listed} cannot be read from Airflow's task state store, and "
            f"nothing was judged, lest a change be lost: {error}; see that the store answers: the next poke, "
            "or another try, looks again [SNB415]"
        )
        now = datetime.now(UTC)
        # At its deadline a wait ends: a store that never answers must not keep it for ever.
        if not self._is_rescheduled or now >= wait.deadline:
            self._end(Fail(FailKind.OUTAGE, text, error))
        self.log.warning("%s", text)
        next_poke = now + timedelta(seconds=wait.config.delay(wait.started_at, now))
        raise AirflowRescheduleException(next_poke)  # type: ignore[no-untyped-call]  # Airflow's own

    def _wait_arguments(self) -> dict[str, Any]:
        """Return the flat dict of keywords that says what is waited for, as rendered so far."""
        given = {name: getattr(self, name) for name in WAIT_PARAMETERS if hasattr(self, name)}
        if callable(self.on_overdue):
            given["on_overdue"] = "notify"
        given["tell_changes"] = self.publish_devices or self.on_change is not None
        for name in ("exponential_backoff", "silent_fail"):
            # A default argument that is None is none.
            given[name] = False if given[name] is None else given[name]
        return {name: plain(value) for name, value in given.items()}

    def _config(self) -> WaitConfig:
        try:
            config = WaitConfig.read(self._wait_arguments())
            if self._names_jobs and config.job_ids is None:
                # Without names, all that is listed would do.
                raise ArgumentError(
                    "job_ids was to name the jobs to wait for, and came to None; look at the task that was "
                    "to name them [SNB103]"
                )
            # Raises, too, if what was to name the connection has come to nothing.
            _ = self.aws_parameters
        except ValueError as error:
            # A rendered or mapped value: what a literal one would have met when the DAG was parsed.
            self._end(Fail(FailKind.PERMANENT, str(error), error))
        return config

    def _poll(self, wait: Wait, poller: _Poller) -> Step:
        listing: Any
        # The last poll of all has its time, too, however late it begins.
        poller.ends_at = max(wait.deadline, datetime.now(UTC)) + _GRACE
        try:
            listing = poller(wait.config.listing)
        except RequestError as error:
            listing = error
        step = drive(wait.judge(listing, lambda: datetime.now(UTC)), poller)
        write_lines(wait.take_lines(), self.log)
        if isinstance(step, Fail) and step.kind is FailKind.TIMEOUT:
            from airflow_provider_snowball.triggers.metrics import count_late_end

            count_late_end(wait.deadline, datetime.now(UTC))
        return step

    def _plan_start_from_trigger(self) -> str:
        """Have Airflow begin the wait in the triggerer; return why not, in case that it does not."""
        from airflow.triggers.base import BaseTrigger, StartTriggerArgs

        arguments = plain_json(self._wait_arguments() | self.aws_parameters)
        renders = hasattr(BaseTrigger, "render_template_fields")
        if arguments is not None and arguments["tell_changes"]:
            # A triggerer that restarts would take what it finds then for what was there before.
            return "the changes that on_change and publish_devices tell of have to be remembered"
        if self.execution_timeout is not None:
            # No other deferral of Airflow 3 is bounded by it (apache/airflow#69678).
            return "Airflow would count execution_timeout against the whole wait"
        if arguments is None:
            return "an argument is neither a plain value nor a template string"
        if not all(is_literal(arguments[name]) for name in AWS_TEMPLATE_FIELDS):
            # There, what is undefined is an empty text; and an empty one of these counts as none given.
            return "an AWS parameter is a template"
        templated = {name: arguments[name] for name in self.template_fields}
        if not renders and not all(map(is_literal, templated.values())):
            return "this version of Airflow renders no templates in the triggerer"
        if reason := why_not_rendered_alike(templated, self.get_dag()):
            return reason
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{_TRIGGERS}.{self.trigger_class}",
            trigger_kwargs=arguments,
            next_method="execute_complete",
            timeout=timedelta(seconds=self.timeout) + BACKSTOP,
        )
        # On the instance, not the class: mapped values would not reach the trigger (apache/airflow#48009).
        self.start_from_trigger = True
        self._warn_of_a_crowd()
        return "mapped tasks, dag.test() and some versions of Airflow cannot begin in the triggerer"

    def _warn_of_a_crowd(self) -> None:
        """Warn once for a DAG of which many tasks begin in the triggerer."""
        dag = self.get_dag()
        begun_there = (
            sum(bool(getattr(each, "start_from_trigger", False)) for each in dag.tasks) if dag else 0
        )
        if begun_there == _CROWD:
            self.log.warning(
                "DAG %s has %d tasks with start_from_trigger, or more. Airflow reads the whole DAG for each, "
                "while all waits of the triggerer stand still: spread them over several DAGs, or use "
                "deferrable=True",
                self.dag_id,
                _CROWD,
            )

    def _defer(self, wait: Wait, delay: float, context: Context) -> NoReturn:
        from airflow_provider_snowball.triggers import snowball as triggers

        # For another try: this one's trigger has it from here.
        self._remember(context, wait)
        now = datetime.now(UTC)
        # The delay may have been planned before a worker was free.
        next_poll = min(now + timedelta(seconds=delay), max(wait.deadline, now))
        this_try, _ = try_numbers(context, self.retries or 0)
        trigger = getattr(triggers, self.trigger_class)(
            **wait.config.arguments(),
            **self.aws_parameters,
            memory=wait.memory() | {"try_number": str(this_try)},
            next_poll=next_poll.isoformat(),
        )
        left = max(wait.deadline - now, timedelta(0))
        self.defer(trigger=trigger, method_name="execute_complete", timeout=left + BACKSTOP)
        raise AssertionError("defer() raises")

    def _recall(self, context: Context) -> dict[str, str]:
        """
        Return what an earlier poke of this try remembered, or of an earlier try what outlives it.

        Before Airflow 3.3, no more than that this try has had a poke.
        """
        try:
            remembered = self._read_memory(context)
        except Exception as error:
            self.log.warning("What the wait has seen is not known to this try: %s", error)
            self._why_unread = error
            return self._told_by_reschedule(context)
        self._why_unread = None
        if not isinstance(remembered, dict):
            return self._told_by_reschedule(context)
        memory = {key: value for key, value in remembered.items() if isinstance(value, str)}
        this_try, first_try = try_numbers(context, self.retries or 0)
        if remembered.get("try_number") == this_try and "started_at" in memory:
            return memory
        known = self._told_by_reschedule(context)
        # A task that was cleared is a new wait.
        if remembered.get("first_try") != first_try:
            return known
        return known | _kept(memory)

    def _read_memory(self, context: Context) -> object:
        store = task_state_store(context)
        return None if store is None else _with_pauses(lambda: store.get(_MEMORY))

    def _told_by_reschedule(self, context: Context) -> dict[str, str]:
        """Return what Airflow's own records of a rescheduled task tell of this try."""
        if not self._is_rescheduled:
            return {}
        first_poke = _with_pauses(lambda: first_poke_of_this_try(context))
        if first_poke is None:
            return {}
        began = {"started_at": first_poke.isoformat()}
        if self.on_change is not None and remembers_between_pokes():
            # A poke that could not read what was told has been rescheduled without a listing.
            return began
        # Had the first poke failed, this try would not have been rescheduled; with silent_fail it may have.
        return began | {"listed_at": first_poke.isoformat()}

    def _remember(self, context: Context, wait: Wait) -> None:
        """Keep what the next poke or another try needs to know, where Airflow has a place for it (3.3 on)."""
        wait.mark_kept()
        store = task_state_store(context)
        # What could not be read may not be written over: the next poke finds it, and what has changed since.
        if store is None or (self._why_unread is not None and self._is_rescheduled):
            return
        this_try, first_try = try_numbers(context, self.retries or 0)
        numbers = {"try_number": this_try, "first_try": first_try}
        left = max(wait.deadline - datetime.now(UTC), timedelta(0))
        try:
            # For longer than Airflow's default of 30 days.
            store.set(_MEMORY, numbers | wait.memory(), retention=left + _KEPT_AFTER_DEADLINE)
        except Exception as error:
            self.log.warning("What the wait has seen cannot be kept: %s", error)

    @overload
    def _end(self, step: Done) -> list[dict[str, Any]]: ...
    @overload
    def _end(self, step: Fail) -> NoReturn: ...
    def _end(self, step: Done | Fail) -> list[dict[str, Any]]:
        """End the wait, in every mode, by the rules of Airflow's synchronous sensor loop."""
        if isinstance(step, Done):
            return step.jobs
        error = _exception_of(step)
        if isinstance(error, AirflowSensorTimeout):
            if self.soft_fail:
                raise AirflowSkipException(step.message)
            raise error from None
        if isinstance(error, AirflowFailException):
            self._skip_if_asked(error)
        elif self.never_fail:
            raise AirflowSkipException("Skipping due to never_fail is set to True.") from error
        raise error from None

    def _skip_if_asked(self, error: BaseException) -> None:
        for name in ("soft_fail", "never_fail"):
            if getattr(self, name):
                raise AirflowSkipException(f"Skipping due to {name} is set to True.") from error


def _with_pauses(ask: Callable[[], T]) -> T:
    """Ask Airflow for something, and ask again where it does not answer."""
    for pause in _PAUSES:
        try:
            return ask()
        except Exception:
            time.sleep(pause)
    return ask()


def _has_news(step: Fail) -> bool:
    return bool(step.overdue or (step.news is not None and step.news.changes))


def _kept(memory: Mapping[str, str]) -> dict[str, str]:
    """Return what of a memory is another try's too."""
    return {key: value for key, value in memory.items() if key.startswith(_KEPT_OVER_TRIES)}


class _Poller:
    """
    Makes a wait's calls with a hook of its own, built at the first one.

    No more than the configured calls a second go out, and none after ``ends_at``.
    """

    ends_at: datetime

    def __init__(self, sensor: SnowballSensor, context: Context) -> None:
        self._sensor = sensor
        self._context = context
        self._hook: SnowballHook | None = None

    def __call__(self, call: Call) -> Any:
        from airflow_provider_snowball.hooks.errors import classify
        from airflow_provider_snowball.hooks.snowball import SnowballHook, make_call
        from airflow_provider_snowball.triggers.rate_cap import RateCap, calls_per_second

        if self._hook is None:
            found: RequestError | None = None
            try:
                hook = SnowballHook.of(**self._sensor.aws_parameters)
                hook.before_each_request(self._check_time)
                hook.before_each_request(RateCap(calls_per_second()))
            except Exception as error:
                found = classify(error)
            if found is not None:
                # Not above: what came would be the context of what is raised, secrets and all.
                raise found from found.__cause__
            self._hook = hook
            SnowFamilyConsoleLink().follow(self._context, hook.find_region, hook.when_local)
        return make_call(self._hook, call)

    def _check_time(self, **_: Any) -> None:
        # botocore's retries, and further pages, would put off what is to be told.
        if datetime.now(UTC) >= self.ends_at:
            raise TimeoutError("no answer yet, and the wait is at its end")


def _exception_of(fail: Fail) -> BaseException:
    """Return the exception that a failed wait raises, in every mode."""
    if fail.kind is FailKind.TRANSIENT and fail.error is not None:
        return fail.error
    # Not chained: what it came from says the same again, in 25 frames of botocore's.
    return _RAISED[fail.kind](fail.message)
