"""
Move the data of sites to S3: from the order of a device for each to "the source may be deleted".

An order is a device on a truck that somebody pays for: the first task shows it, and a person says yes.
"""

from __future__ import annotations

import logging
import re
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow import __version__ as airflow_version

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG

try:
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
except ImportError:  # Airflow 2.11, where it may not be installed
    from airflow.operators.trigger_dagrun import (  # type: ignore[import-not-found]  # there then
        TriggerDagRunOperator,
    )

from airflow_provider_snowball.operators.create import CreateJobOperator
from airflow_provider_snowball.operators.verify_import import VerifyImportOperator
from airflow_provider_snowball.sensors.snowball import JobsSensor

# Airflow asks people from 3.1 on.
ASKS_PEOPLE = not airflow_version.startswith(("2.", "3.0."))
if ASKS_PEOPLE:
    from airflow.providers.standard.operators.hitl import ApprovalOperator

log = logging.getLogger(__name__)
RETRIES = {"retries": 3, "retry_delay": timedelta(minutes=5)}

# [START howto_snowball_order]
# What there is to move: a device's id in the plan, its site, where it goes, its bucket, and what the site
# has: key and size.
SITES = [
    {
        "id": "oslo-1",
        "site": "Oslo",
        "address_id": "ADID123e4567-e89b-12d3-a456-426655440000",
        "bucket": "archive-oslo",
        "manifest": "s3://manifests/oslo.csv",
    },
    {
        "id": "bergen-1",
        "site": "Bergen",
        "address_id": "ADID123e4567-e89b-12d3-a456-426655440000",
        "bucket": "archive-bergen",
        "manifest": "s3://manifests/bergen.csv",
    },
]
# The order, as it is shown and as it is made.
ORDER: dict[str, Any] = {
    "job_type": "IMPORT",
    "description": "{{ params.site }}",
    "address_id": "{{ params.address_id }}",
    "s3_resources": [{"BucketArn": "arn:aws:s3:::{{ params.bucket }}"}],
    "role_arn": "arn:aws:iam::123456789012:role/snowball-import",
    "snowball_type": "EDGE",
    "shipping_option": "SECOND_DAY",
}


def tell(context: Any) -> None:
    """Stand in for a message to the site and to whoever pays."""
    for change in context["device_changes"]:
        log.info("%s: %s (%s)", change["kind"], change["text"], change["id"])


with DAG(
    dag_id="example_snowball_order",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    # approved: before Airflow 3.1, the fingerprint of the order that was shown.
    params={**SITES[0], "approved": ""},
    # A wave: no more devices than these on the road. The next run begins when one is done.
    max_active_runs=3,
    default_args=RETRIES,
    tags=["example", "snowball"],
    doc_md=__doc__,
) as dag:
    show = CreateJobOperator(task_id="show", submit=False, **ORDER)
    order = CreateJobOperator(
        task_id="order",
        submit=True,
        # What differs from what somebody has seen is not ordered.
        approved=(
            "{{ ti.xcom_pull(task_ids='show')['fingerprint'] }}" if ASKS_PEOPLE else "{{ params.approved }}"
        ),
        **ORDER,
    )
    if ASKS_PEOPLE:
        approve_order = ApprovalOperator(
            task_id="approve_order",
            subject="Order a device for {{ params.site }}?",
            body="What would be ordered: {{ ti.xcom_pull(task_ids='show') }}",
        )
        show >> approve_order >> order
    else:

        @task.short_circuit
        def is_approved(params: dict[str, Any]) -> bool:
            """Whether somebody has triggered this with what another run has shown."""
            return bool(params["approved"])

        show >> is_approved() >> order

    wait_for_device = JobsSensor(
        task_id="wait_for_device",
        job_ids=order.output,
        target_state="WithCustomer",
        max_days_in_state={"InTransitToCustomer": 10},
        on_change=tell,
        deferrable=True,
    )

    @task
    def hand_over(job_id: str) -> str:
        """Stand in for what brings manifest and unlock code to the site, by ways of their own."""
        from airflow_provider_snowball.hooks.snowball import SnowballHook

        hook = SnowballHook()
        with TemporaryDirectory() as folder:
            manifest = Path(folder, "manifest.bin")
            hook.download_manifest(job_id, manifest)
            code = hook.get_job_unlock_code(job_id)
            # Neither is returned: what a task returns can be read by whoever may see the DAG.
            return f"a manifest of {manifest.stat().st_size} bytes, and a code of {len(code)} characters"

    wait_for_import = JobsSensor(
        task_id="wait_for_import",
        job_ids=order.output,
        target_state="Complete",
        on_change=tell,
        deferrable=True,
    )
    verify = VerifyImportOperator(task_id="verify", job_ids=order.output, manifest="{{ params.manifest }}")

    @task(trigger_rule="all_failed")
    def list_what_differs(ti: Any = None) -> list[dict[str, str]]:
        """Return the first twenty objects that differ, those of the failure log among them."""
        summary = ti.xcom_pull(task_ids="verify", key="verification")
        return summary["first"] if summary else []

    wait_for_device >> hand_over(order.output) >> wait_for_import >> verify >> list_what_differs()
    if ASKS_PEOPLE:
        # A run of its own, so that the next device need not wait for a person.
        verify >> TriggerDagRunOperator(
            task_id="ask",
            trigger_dag_id="example_snowball_order_last_step",
            trigger_run_id="{{ run_id }}",
            skip_when_already_exists=True,
            conf={"site": "{{ params.site }}", "compared": "{{ ti.xcom_pull(task_ids='verify') }}"},
        )
    else:

        @task
        def everything_is_there(summary: dict[str, Any]) -> str:
            """End the run as verify has: a leaf that runs after failures alone makes it a success."""
            return f"{summary['alike']} objects, {summary['bytes']} bytes"

        everything_is_there(verify.output)


@task
def source_may_be_deleted(params: dict[str, Any]) -> str:
    """Stand in for what must never run too early."""
    return f"the source in {params['site']} may be deleted"


with DAG(
    dag_id="example_snowball_order_last_step",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"site": "Oslo", "compared": ""},
    tags=["example", "snowball"],
    doc_md=__doc__,
):
    if ASKS_PEOPLE:
        approve_deletion = ApprovalOperator(
            task_id="approve_deletion",
            subject="May the source in {{ params.site }} be deleted?",
            body="What was compared: {{ params.compared }}",
        )
        approve_deletion >> source_may_be_deleted()
    else:
        # Whoever has read what was compared triggers this one.
        source_may_be_deleted()


with DAG(
    dag_id="example_snowball_plan",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"sites": SITES},
    default_args=RETRIES,
    tags=["example", "snowball"],
    doc_md=__doc__,
):

    @task
    def runs(params: dict[str, Any], run_id: str) -> list[dict[str, Any]]:
        """Return a run for each device, with an id that makes it the same one if this is cleared."""
        ids = [row["id"] for row in params["sites"]]
        # One that is there twice would be skipped: a device less, in silence. Others make no id of a run.
        wrong = [each for each in ids if ids.count(each) > 1 or not re.fullmatch("[A-Za-z0-9_.-]+", each)]
        if wrong:
            raise ValueError(f"each id must be there once, of letters, digits, _, . and -; got {wrong}")
        return [{"trigger_run_id": f"{run_id}__{row['id']}", "conf": row} for row in params["sites"]]

    TriggerDagRunOperator.partial(
        task_id="begin",
        trigger_dag_id="example_snowball_order",
        skip_when_already_exists=True,
    ).expand_kwargs(runs())
# [END howto_snowball_order]
