"""ListClusterJobsOperator and ListClustersOperator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_snowball.aws import AWS_TEMPLATE_FIELDS, AwsParameters, passed_on
from airflow_provider_snowball.lifecycle import (
    ArgumentError,
    ClusterState,
    JobState,
    parse_cluster_state,
    parse_state,
    portable,
)
from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink
from airflow_provider_snowball.validate import check_cluster_id, check_page_size, is_literal

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from airflow_provider_snowball.hooks.snowball import SnowballHook

__all__ = ["ListClusterJobsOperator", "ListClustersOperator"]


class _ListOperator(AwsParameters):
    """What the operators share: a listing, of which what is in some states is returned."""

    ui_color = "#e0f2e9"
    #: The parameters of a class, besides the AWS parameters.
    own_parameters: ClassVar[tuple[str, ...]]
    #: Which of them has the states, the member of a listed entry that has its state, and what reads one.
    states_parameter: ClassVar[str]
    state_member: ClassVar[str]
    parse: ClassVar[Callable[[object, str], str]]

    def __init__(self, **kwargs: Any) -> None:
        own = {name: kwargs.pop(name) for name in self.own_parameters}
        super().__init__(**kwargs)
        for name, value in own.items():
            setattr(self, name, value)
        self._check_in_dag_file()

    def _check_given(self) -> None:
        if is_literal(getattr(self, self.states_parameter)):
            self._states()

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """List them, all pages, and return those that were asked for."""
        from airflow_provider_snowball.hooks.errors import permanent_as_such
        from airflow_provider_snowball.hooks.snowball import SnowballHook

        permanent_as_such(self._check_given)
        states = permanent_as_such(self._states)
        hook = permanent_as_such(lambda: SnowballHook.of(**self.aws_parameters))
        SnowFamilyConsoleLink().follow(context, hook.find_region, hook.when_local)
        entries = permanent_as_such(lambda: self._list(hook), hook.where)
        chosen = [
            portable(each) for each in entries if states is None or each.get(self.state_member) in states
        ]
        self.log.info("%s, %s returned", self._describe(len(entries)), len(chosen))
        return chosen

    def _list(self, hook: SnowballHook) -> Sequence[Mapping[str, Any]]:
        """Return all entries."""
        raise NotImplementedError

    def _describe(self, count: int) -> str:
        """Say what was listed, for the log."""
        raise NotImplementedError

    def _states(self) -> frozenset[str] | None:
        name = self.states_parameter
        states = getattr(self, name)
        if states is None:
            return None
        if isinstance(states, str) or not isinstance(states, Iterable):
            raise ArgumentError(
                f"{name} must be a list of states; got the {type(states).__name__} {states!r} [SNB104]"
            )
        return frozenset(type(self).parse(state, f"each of {name}") for state in states)


class ListClusterJobsOperator(_ListOperator):
    """
    Push the jobs of a Snowball cluster to XCom, from all pages.

    Returns a list of dicts in the API's own keys (``JobId``, ``JobState``, ``IsMaster``, ``JobType``,
    ``SnowballType``, ``CreationDate``, ``Description``; any may be missing). ``CreationDate`` is ISO 8601
    with its offset and everything else plain, so that any XCom backend stores it and
    ``.expand(job=op.output)`` maps over it.

    The AWS parameters are those of :class:`~airflow_provider_snowball.aws.AwsParameters`.

    :param cluster_id: ``CID`` and a UUID (templated).
    :param job_states: return only jobs in these states (templated); None returns all.
    :param page_size: jobs asked for in each request, 1 to 100; None leaves it to the API.
    :raises ValueError: if an argument has the wrong form, when the DAG is parsed if it is literal.
    :raises SnowballPermanentError: if a rendered argument has the wrong form, what is asked for does not
        exist, or access is denied.
    :raises SnowballAnswerError: if an answer is not whole; ``retries`` apply.
    :raises botocore.exceptions.ClientError: for other errors, as the API answers; ``retries`` apply.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_cluster_jobs`
    """

    template_fields: Sequence[str] = ("cluster_id", "job_states", *AWS_TEMPLATE_FIELDS)
    own_parameters = ("cluster_id", "job_states", "page_size")
    states_parameter = "job_states"
    state_member = "JobState"
    parse = staticmethod(parse_state)
    cluster_id: str
    page_size: int | None

    def __init__(
        self,
        *,
        cluster_id: str | XComArg,
        job_states: Sequence[JobState | str] | str | XComArg | None = None,
        page_size: int | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**passed_on(locals()))

    def _check_given(self) -> None:
        super()._check_given()
        check_page_size(self.page_size)
        if is_literal(self.cluster_id):
            check_cluster_id(self.cluster_id)

    def _list(self, hook: SnowballHook) -> Sequence[Mapping[str, Any]]:
        return hook.list_cluster_jobs(self.cluster_id, page_size=self.page_size)

    def _describe(self, count: int) -> str:
        return f"Cluster {self.cluster_id}: {count} jobs"


class ListClustersOperator(_ListOperator):
    """
    Push the Snowball clusters of the account and region to XCom, from all pages.

    Returns a list of dicts in the API's own keys (``ClusterId``, ``ClusterState``, ``CreationDate``,
    ``Description``; any may be missing), in the portable form of :class:`ListClusterJobsOperator`.

    The AWS parameters are those of :class:`~airflow_provider_snowball.aws.AwsParameters`.

    :param cluster_states: return only clusters in these states, of
        :class:`~airflow_provider_snowball.lifecycle.ClusterState` (templated); None returns all.
    :raises ValueError: if an argument has the wrong form, when the DAG is parsed if it is literal.
    :raises SnowballPermanentError: if a rendered argument has the wrong form, access is denied, or the
        connection is malformed.
    :raises SnowballAnswerError: if an answer is not whole; ``retries`` apply.
    :raises botocore.exceptions.ClientError: for other errors, as the API answers; ``retries`` apply.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_clusters`
    """

    template_fields: Sequence[str] = ("cluster_states", *AWS_TEMPLATE_FIELDS)
    own_parameters = ("cluster_states",)
    states_parameter = "cluster_states"
    state_member = "ClusterState"
    parse = staticmethod(parse_cluster_state)

    def __init__(
        self,
        *,
        cluster_states: Sequence[ClusterState | str] | str | XComArg | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**passed_on(locals()))

    def _list(self, hook: SnowballHook) -> Sequence[Mapping[str, Any]]:
        return hook.list_clusters()

    def _describe(self, count: int) -> str:
        return f"{count} clusters"
