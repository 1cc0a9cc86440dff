"""ListClusterJobsOperator and ListClustersOperator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_snowball.aws import AWS_TEMPLATE_FIELDS, AwsParameters
from airflow_provider_snowball.lifecycle import parse_cluster_state, parse_state, portable
from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink
from airflow_provider_snowball.validate import check_cluster_id, check_page_size, is_literal

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["ListClusterJobsOperator", "ListClustersOperator"]


class ListClusterJobsOperator(AwsParameters):
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
    :raises botocore.exceptions.ClientError: as the API answers.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_cluster_jobs`
    """

    template_fields: Sequence[str] = ("cluster_id", "job_states", *AWS_TEMPLATE_FIELDS)
    ui_color = "#e0f2e9"

    def __init__(
        self,
        *,
        cluster_id: str,
        job_states: Sequence[str] | None = None,
        page_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cluster_id = cluster_id
        self.job_states = job_states
        self.page_size = page_size
        check_page_size(page_size)
        if is_literal(cluster_id):
            check_cluster_id(cluster_id)
        if job_states is not None and is_literal(job_states):
            _check_states(job_states, "job_states", parse_state)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """List the jobs."""
        from airflow_provider_snowball.hooks.snowball import SnowballHook

        states = (
            None if self.job_states is None else _check_states(self.job_states, "job_states", parse_state)
        )
        hook = SnowballHook.of(**self.aws_parameters)
        SnowFamilyConsoleLink().persist(context, hook.find_region)
        jobs = hook.list_cluster_jobs(self.cluster_id, page_size=self.page_size)
        chosen = [portable(job) for job in jobs if states is None or job.get("JobState") in states]
        self.log.info("Cluster %s: %s jobs, %s returned", self.cluster_id, len(jobs), len(chosen))
        return chosen


class ListClustersOperator(AwsParameters):
    """
    Push the Snowball clusters of the account and region to XCom, from all pages.

    Returns a list of dicts in the API's own keys (``ClusterId``, ``ClusterState``, ``CreationDate``,
    ``Description``; any may be missing), in the portable form of :class:`ListClusterJobsOperator`.

    The AWS parameters are those of :class:`~airflow_provider_snowball.aws.AwsParameters`.

    :param cluster_states: return only clusters in these states, of
        :class:`~airflow_provider_snowball.lifecycle.ClusterState` (templated); None returns all.
    :param page_size: clusters asked for in each request, 1 to 100; None leaves it to the API.
    :raises ValueError: if an argument has the wrong form, when the DAG is parsed if it is literal.
    :raises botocore.exceptions.ClientError: as the API answers.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_clusters`
    """

    template_fields: Sequence[str] = ("cluster_states", *AWS_TEMPLATE_FIELDS)
    ui_color = "#e0f2e9"

    def __init__(
        self, *, cluster_states: Sequence[str] | None = None, page_size: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.cluster_states = cluster_states
        self.page_size = page_size
        check_page_size(page_size)
        if cluster_states is not None and is_literal(cluster_states):
            _check_states(cluster_states, "cluster_states", parse_cluster_state)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """List the clusters."""
        from airflow_provider_snowball.hooks.snowball import SnowballHook

        states = None
        if self.cluster_states is not None:
            states = _check_states(self.cluster_states, "cluster_states", parse_cluster_state)
        hook = SnowballHook.of(**self.aws_parameters)
        SnowFamilyConsoleLink().persist(context, hook.find_region)
        clusters = hook.list_clusters(page_size=self.page_size)
        chosen = [portable(each) for each in clusters if states is None or each.get("ClusterState") in states]
        self.log.info("%s clusters, %s returned", len(clusters), len(chosen))
        return chosen


def _check_states(states: Sequence[str], name: str, parse: Callable[[object, str], str]) -> frozenset[str]:
    if isinstance(states, str) or not isinstance(states, Iterable):
        raise ValueError(f"{name} must be a list of states; got the {type(states).__name__} {states!r}")
    return frozenset(parse(state, f"each of {name}") for state in states)
