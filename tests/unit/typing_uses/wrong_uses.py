"""Uses that a type checker has to refuse, one in each line marked so; test_types.py has them checked."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_snowball.hooks.snowball import SnowballHook
from airflow_provider_snowball.lifecycle import JobState
from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator, ListClustersOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
JOB = "JID123e4567-e89b-12d3-a456-426655440000"

ClusterJobsSensor(task_id="a")  # wrong
ClusterJobsSensor(task_id="b", cluster_id=5)  # wrong
ClusterJobsSensor(task_id="c", cluster_id=CLUSTER, target_state=5)  # wrong
ClusterJobsSensor(task_id="d", cluster_id=CLUSTER, target_state=None)  # wrong
ClusterJobsSensor(task_id="e", cluster_id=CLUSTER, min_jobs=2.5)  # wrong
ClusterJobsSensor(task_id="f", cluster_id=CLUSTER, job_ids=5)  # wrong
ClusterJobsSensor(task_id="g", cluster_id=CLUSTER, ignore_cancelled="yes")  # wrong
ClusterJobsSensor(task_id="h", cluster_id=CLUSTER, on_overdue="page me")  # wrong
ClusterJobsSensor(task_id="i", cluster_id=CLUSTER, deferrable="false")  # wrong
ClusterJobsSensor(task_id="j", cluster_id=CLUSTER, mode="push")  # wrong
ClusterJobsSensor(task_id="k", cluster_id=CLUSTER, outage_timeout="2 days")  # wrong
ClusterJobsSensor(task_id="l", cluster_id=CLUSTER, max_days_in_state=10)  # wrong
ClusterJobsSensor(task_id="m", cluster_id=CLUSTER, verify=Path("/etc/ssl/ca.pem"))  # wrong
ClusterJobsSensor(task_id="n", cluster_id=CLUSTER, region_name=["us-east-1"])  # wrong
ClusterJobsSensor(task_id="o", cluster_id=CLUSTER, botocore_config="retries=1")  # wrong
ClusterJobsSensor(task_id="p", cluster_id=CLUSTER, timeout="90 days")  # wrong
JobsSensor(task_id="q")  # wrong
JobsSensor(task_id="r", job_ids=None)  # wrong
JobsSensor(task_id="s", job_ids=[JobState.NEW, 5])  # wrong
JobsSensor(task_id="t", job_ids=[JOB], start_from_trigger="yes")  # wrong
ListClusterJobsOperator(task_id="u", cluster_id=None)  # wrong
ListClusterJobsOperator(task_id="v", cluster_id=CLUSTER, job_states=[5])  # wrong
ListClusterJobsOperator(task_id="w", cluster_id=CLUSTER, page_size="10")  # wrong
ListClustersOperator(task_id="x", cluster_states=5)  # wrong
SnowballHook().list_cluster_jobs(5)  # wrong
SnowballHook().describe_job(job_id=None)  # wrong
SnowballHook().iter_job_log(JOB, "errors")  # wrong
