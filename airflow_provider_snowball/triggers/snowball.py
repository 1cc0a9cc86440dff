"""ClusterJobsTrigger and JobsTrigger. Airflow stores these class paths: they stay."""

from __future__ import annotations

from airflow_provider_snowball.triggers.base import SnowballTrigger

__all__ = ["ClusterJobsTrigger", "JobsTrigger"]


class ClusterJobsTrigger(SnowballTrigger):
    """Wait for the jobs of a cluster: ``cluster_id`` is among the arguments."""


class JobsTrigger(SnowballTrigger):
    """Wait for jobs by their ids, whether they belong to a cluster or not."""

    left_out = frozenset({"cluster_id", "min_jobs"})
