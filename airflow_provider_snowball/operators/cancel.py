"""CancelJobOperator and CancelClusterOperator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_snowball.aws import AWS_TEMPLATE_FIELDS, AwsParameters, passed_on
from airflow_provider_snowball.exceptions import SnowballPermanentError
from airflow_provider_snowball.lifecycle import ClusterState, JobState, is_at_or_past
from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink
from airflow_provider_snowball.validate import check_cluster_id, check_flag, check_job_id, is_literal

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from airflow_provider_snowball.hooks.snowball import SnowballHook

__all__ = ["CancelClusterOperator", "CancelJobOperator"]


class _CancelOperator(AwsParameters):
    """
    What the operators share: look, cancel, look again.

    Nothing is cancelled because a task ends: whoever marks one or stops a worker has not cancelled an order.
    """

    ui_color = "#e0f2e9"
    #: The parameter that has the id, its check, and the keys of the answer.
    id_parameter: ClassVar[str]
    check: ClassVar[Callable[[object, str], str]]
    id_key: ClassVar[str]
    state_key: ClassVar[str]
    #: What messages call it, its state when it is cancelled, and what is said of when AWS cancels it.
    noun: ClassVar[str]
    cancelled: ClassVar[str]
    rule: ClassVar[str]
    fail_if_too_late: bool

    def __init__(self, **kwargs: Any) -> None:
        own = {name: kwargs.pop(name) for name in (self.id_parameter, "fail_if_too_late")}
        super().__init__(**kwargs)
        for name, value in own.items():
            setattr(self, name, value)
        self._check_in_dag_file()

    def _check_given(self) -> None:
        check_flag(self.fail_if_too_late, "fail_if_too_late")
        if is_literal(given := getattr(self, self.id_parameter)):
            type(self).check(given, self.id_parameter)

    def execute(self, context: Context) -> dict[str, str]:
        """Cancel it, and return its id and the state that it is in then."""
        from airflow_provider_snowball.hooks.errors import permanent_as_such
        from airflow_provider_snowball.hooks.snowball import SnowballHook

        permanent_as_such(self._check_given)
        hook = permanent_as_such(lambda: SnowballHook.of(**self.aws_parameters))
        SnowFamilyConsoleLink().follow(context, hook.find_region, hook.when_local)
        state = permanent_as_such(lambda: self._cancel(hook), hook.where)
        return {self.id_key: self._id, self.state_key: state}

    def _cancel(self, hook: SnowballHook) -> str:
        """Return the state that it is in once nothing more is to be done."""
        state = self._state(hook)
        if state == self.cancelled:
            self.log.info("%s is %s already", self._what, state)
            return state
        if self._is_too_late(state):
            return self._too_late(state, hook)
        self.log.info("%s is %s. %s", self._what, state, self.rule)
        try:
            self._ask(hook)
        except hook.conn.exceptions.InvalidJobStateException:
            # It has gone on meanwhile; or an answer was lost, and botocore has asked again.
            state = self._state(hook)
            if state != self.cancelled:
                return self._too_late(state, hook)
        else:
            state = self._state(hook)
        self.log.info("%s is %s", self._what, state)
        return state

    def _too_late(self, state: str, hook: SnowballHook) -> str:
        words = f"{self._what} is not cancelled: it is {state}. {self.rule} ({hook.where()}) [SNB601]"
        if self.fail_if_too_late:
            raise SnowballPermanentError(words)
        self.log.warning("%s", words)
        return state

    @property
    def _id(self) -> str:
        return str(getattr(self, self.id_parameter))

    @property
    def _what(self) -> str:
        return f"{self.noun} {self._id}"

    def _is_too_late(self, state: str) -> bool:
        """Tell whether AWS cancels it no more. Of a state that is new, AWS is to judge."""
        raise NotImplementedError

    def _state(self, hook: SnowballHook) -> str:
        raise NotImplementedError

    def _ask(self, hook: SnowballHook) -> None:
        raise NotImplementedError


class CancelJobOperator(_CancelOperator):
    """
    Cancel a Snowball job, so that no device is sent.

    AWS cancels a job before it is PreparingAppliance. One that is Cancelled already is a success; so is one
    whose cancellation got no answer, if it is Cancelled then. Returns a dict of ``JobId`` and ``JobState``.

    As a teardown, ``CancelJobOperator(...).as_teardown(setups=order)``, take ``fail_if_too_late=False``: a
    device that was sent meanwhile is nothing that a teardown could undo.

    The AWS parameters are those of :class:`~airflow_provider_snowball.aws.AwsParameters`.

    :param job_id: ``JID`` (an export's main job: ``MID``) and a UUID (templated).
    :param fail_if_too_late: whether the task fails if AWS cancels the job no more; if not, the log has a
        warning.
    :raises ValueError: if an argument has the wrong form, when the DAG is parsed if it is literal.
    :raises SnowballPermanentError: if a rendered argument has the wrong form, it is too late, there is no
        such job, or access is denied.
    :raises SnowballAnswerError: if an answer is not whole; ``retries`` apply.
    :raises botocore.exceptions.ClientError: for other errors, as the API answers; ``retries`` apply.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.cancel_job`
    """

    template_fields: Sequence[str] = ("job_id", *AWS_TEMPLATE_FIELDS)
    id_parameter = "job_id"
    check = staticmethod(check_job_id)
    id_key = "JobId"
    state_key = "JobState"
    noun = "Job"
    cancelled = JobState.CANCELLED
    rule = "AWS cancels a job before it is PreparingAppliance only, and without a charge while it is New"
    job_id: str

    def __init__(
        self,
        *,
        job_id: str | XComArg,
        fail_if_too_late: bool = True,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**passed_on(locals()))

    def _is_too_late(self, state: str) -> bool:
        # On each path alike.
        return is_at_or_past(state, JobState.PREPARING_APPLIANCE, None)

    def _state(self, hook: SnowballHook) -> str:
        return str(hook.describe_job(self.job_id).get("JobMetadata", {}).get("JobState"))

    def _ask(self, hook: SnowballHook) -> None:
        hook.cancel_job(self.job_id)


class CancelClusterOperator(_CancelOperator):
    """
    Cancel a Snowball cluster with its jobs, so that no device is sent.

    AWS cancels a cluster while it is AwaitingQuorum, for an hour at the least; its jobs can be cancelled by
    themselves afterwards, by :class:`CancelJobOperator`, as far as they have not gone on. Otherwise as
    there. Returns a dict of ``ClusterId`` and ``ClusterState``.

    The AWS parameters are those of :class:`~airflow_provider_snowball.aws.AwsParameters`.

    :param cluster_id: ``CID`` and a UUID (templated).
    :param fail_if_too_late: whether the task fails if AWS cancels the cluster no more; if not, the log has a
        warning.
    :raises ValueError: if an argument has the wrong form, when the DAG is parsed if it is literal.
    :raises SnowballPermanentError: if a rendered argument has the wrong form, it is too late, there is no
        such cluster, or access is denied.
    :raises SnowballAnswerError: if an answer is not whole; ``retries`` apply.
    :raises botocore.exceptions.ClientError: for other errors, as the API answers; ``retries`` apply.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.cancel_cluster`
    """

    template_fields: Sequence[str] = ("cluster_id", *AWS_TEMPLATE_FIELDS)
    id_parameter = "cluster_id"
    check = staticmethod(check_cluster_id)
    id_key = "ClusterId"
    state_key = "ClusterState"
    noun = "Cluster"
    cancelled = ClusterState.CANCELLED
    rule = "AWS cancels a cluster while it is AwaitingQuorum only, for an hour at the least after its order"
    cluster_id: str

    def __init__(
        self,
        *,
        cluster_id: str | XComArg,
        fail_if_too_late: bool = True,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**passed_on(locals()))

    def _is_too_late(self, state: str) -> bool:
        return state in set(ClusterState) - {ClusterState.AWAITING_QUORUM}

    def _state(self, hook: SnowballHook) -> str:
        return str(hook.describe_cluster(self.cluster_id).get("ClusterState"))

    def _ask(self, hook: SnowballHook) -> None:
        hook.cancel_cluster(self.cluster_id)
