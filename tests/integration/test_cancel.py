"""Orders that are cancelled, at the emulator over HTTP."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_snowball.emulator import snowball_clock, snowball_faults
from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.exceptions import SnowballPermanentError
from airflow_provider_snowball.hooks.audit import WORDS
from airflow_provider_snowball.operators.cancel import CancelClusterOperator, CancelJobOperator
from tests.fakes.emulated import client_of, order_cluster, order_import
from tests.fakes.fleet_server import connection

DAY = 86400.0
NOBODYS = "123e4567-e89b-12d3-a456-426655440000"


class Kept:
    """A task instance as far as the operators know one."""

    def xcom_push(self, key: str, value: Any) -> None:
        pass


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with SnowballServer() as server:
        snowball_clock.pause()
        # botocore's own retries, as they are for a user.
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(server.endpoint_url, retries=True))
        monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "manual__1")
        yield client_of(server.endpoint_url)


@pytest.fixture
def audited(caplog: pytest.LogCaptureFixture) -> Any:
    """Return what returns the audit's lines so far."""
    caplog.set_level(logging.INFO)

    def lines() -> list[dict[str, Any]]:
        return [
            json.loads(record.getMessage().removeprefix(WORDS))
            for record in caplog.records
            if record.getMessage().startswith(WORDS)
        ]

    return lines


def cancel_job(job_id: str, **arguments: Any) -> dict[str, str]:
    operator = CancelJobOperator(task_id="cancel", job_id=job_id, aws_conn_id="snow", **arguments)
    return operator.execute({"ti": Kept()})  # type: ignore[typeddict-item]


def cancel_cluster(cluster_id: str, **arguments: Any) -> dict[str, str]:
    operator = CancelClusterOperator(task_id="cancel", cluster_id=cluster_id, aws_conn_id="snow", **arguments)
    return operator.execute({"ti": Kept()})  # type: ignore[typeddict-item]


def state_of(client: Any, job_id: str) -> str:
    return str(client.describe_job(JobId=job_id)["JobMetadata"]["JobState"])


class TestJobs:
    def test_in_time(self, client: Any, audited: Any) -> None:
        job_id = order_import(client)
        assert cancel_job(job_id) == {"JobId": job_id, "JobState": "Cancelled"}
        assert state_of(client, job_id) == "Cancelled"
        [line] = audited()
        assert line == {
            "action": "CancelJob",
            "job_id": job_id,
            "outcome": "done",
            "identity": "arn:aws:sts::123456789012:user/moto",
            "account": "123456789012",
            "region": "us-east-1",
            "aws_conn_id": "snow",
            "dag_id": line["dag_id"],
            "task_id": line["task_id"],
            "run_id": "manual__1",
            "try_number": line["try_number"],
            "owner": line["owner"],
        }

    def test_again_is_a_success_without_a_request(self, client: Any, audited: Any) -> None:
        job_id = order_import(client)
        cancel_job(job_id)
        assert cancel_job(job_id) == {"JobId": job_id, "JobState": "Cancelled"}
        assert len(audited()) == 1

    @pytest.mark.parametrize("how", ["reset", "server_error"])
    def test_the_answer_is_lost(self, client: Any, audited: Any, how: str) -> None:
        job_id = order_import(client)
        snowball_faults.add("lost_answer", operations=["CancelJob"], count=1, how=how)
        assert cancel_job(job_id) == {"JobId": job_id, "JobState": "Cancelled"}
        # botocore has asked again, and was told that it is Cancelled.
        assert [line["outcome"] for line in audited()] == ["InvalidJobStateException"]

    def test_the_answer_is_torn(self, client: Any) -> None:
        job_id = order_import(client)
        snowball_faults.add("lost_answer", operations=["CancelJob"], count=1, how="cut")
        with pytest.raises(Exception, match=r"^The answer to CancelJob does not count") as caught:
            cancel_job(job_id)
        # Airflow's retries apply: another try finds what there is.
        assert not isinstance(caught.value, SnowballPermanentError)
        assert cancel_job(job_id)["JobState"] == "Cancelled"

    def test_too_late(self, client: Any, audited: Any) -> None:
        job_id = order_import(client)
        snowball_clock.jump(10 * DAY)
        state = state_of(client, job_id)
        with pytest.raises(SnowballPermanentError) as caught:
            cancel_job(job_id)
        assert str(caught.value) == (
            f"Job {job_id} is not cancelled: it is {state}. "
            "AWS cancels a job before it is PreparingAppliance only, and without a charge while it is New "
            "(region us-east-1, Airflow connection 'snow') [SNB601]"
        )
        assert audited() == []

    def test_too_late_in_between(self, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        job_id = order_import(client)
        operator = CancelJobOperator(task_id="cancel", job_id=job_id, aws_conn_id="snow")
        ask = operator._ask

        def dawdle(hook: Any) -> None:
            snowball_clock.jump(10 * DAY)
            ask(hook)

        monkeypatch.setattr(operator, "_ask", dawdle)
        with pytest.raises(SnowballPermanentError, match=rf"^Job {job_id} is not cancelled: it is (?!New)"):
            operator.execute({"ti": Kept()})  # type: ignore[typeddict-item]

    def test_too_late_for_a_teardown(
        self, client: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(CancelJobOperator, "log", logging.getLogger("cancel"))
        job_id = order_import(client)
        snowball_clock.jump(60 * DAY)
        assert cancel_job(job_id, fail_if_too_late=False) == {"JobId": job_id, "JobState": "Complete"}
        assert f"Job {job_id} is not cancelled: it is Complete." in caplog.text

    def test_one_that_nobody_knows(self, client: Any) -> None:
        with pytest.raises(SnowballPermanentError, match=r"^InvalidResourceException .*\[SNB303\]$"):
            cancel_job(f"JID{NOBODYS}")

    def test_refused(self, client: Any) -> None:
        job_id = order_import(client)
        snowball_faults.add(
            "error", operations=["CancelJob"], code="AccessDeniedException", message="Not you"
        )
        with pytest.raises(SnowballPermanentError, match=r"allow the IAM action snowball:CancelJob"):
            cancel_job(job_id)
        assert state_of(client, job_id) == "New"

    def test_a_state_that_is_new_is_for_aws_to_judge(self, client: Any) -> None:
        job_id = order_import(client)
        snowball_faults.add("unknown_state", state="Teleporting", operations=["DescribeJob"], count=1)
        assert cancel_job(job_id)["JobState"] == "Cancelled"


class TestClusters:
    def test_in_time(self, client: Any, audited: Any) -> None:
        cluster_id = order_cluster(client)
        assert cancel_cluster(cluster_id) == {"ClusterId": cluster_id, "ClusterState": "Cancelled"}
        jobs = client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]
        assert {job["JobState"] for job in jobs} == {"Cancelled"}
        [line] = audited()
        assert (line["action"], line["cluster_id"], line["outcome"]) == ("CancelCluster", cluster_id, "done")

    def test_too_late(self, client: Any) -> None:
        cluster_id = order_cluster(client)
        snowball_clock.jump(DAY)
        with pytest.raises(SnowballPermanentError, match=r"not cancelled: it is Pending\. AWS .*\[SNB601\]$"):
            cancel_cluster(cluster_id)

    def test_one_that_nobody_knows(self, client: Any) -> None:
        with pytest.raises(SnowballPermanentError, match=r"\[SNB303\]$"):
            cancel_cluster(f"CID{NOBODYS}")


class TestArguments:
    @pytest.mark.parametrize("job_id", ["JID1", f"CID{NOBODYS}", None, 5])
    def test_no_job_id(self, job_id: Any) -> None:
        with pytest.raises(ValueError, match=r"^job_id must be JID .*\[SNB102\]$"):
            CancelJobOperator(task_id="cancel", job_id=job_id)

    def test_no_cluster_id(self) -> None:
        with pytest.raises(ValueError, match=r"^cluster_id must be CID .*\[SNB101\]$"):
            CancelClusterOperator(task_id="cancel", cluster_id=f"JID{NOBODYS}")

    def test_no_flag(self) -> None:
        with pytest.raises(ValueError, match=r"^fail_if_too_late must be True or False"):
            CancelJobOperator(task_id="cancel", job_id=f"JID{NOBODYS}", fail_if_too_late="no")  # type: ignore[arg-type]  # the mistake itself

    def test_one_that_was_rendered_is_checked_when_it_runs(self, client: Any) -> None:
        operator = CancelJobOperator(task_id="cancel", job_id="{{ params.job_id }}", aws_conn_id="snow")
        operator.job_id = "None"
        with pytest.raises(SnowballPermanentError, match=r"^job_id must be JID"):
            operator.execute({"ti": Kept()})  # type: ignore[typeddict-item]

    @pytest.mark.parametrize("operator", [CancelJobOperator, CancelClusterOperator])
    def test_nothing_is_cancelled_because_a_task_is_killed(self, operator: type) -> None:
        assert operator.on_kill.__module__.startswith("airflow.")  # type: ignore[attr-defined]  # of each operator
