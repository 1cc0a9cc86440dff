"""What people meet of the package in Airflow's UI."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_snowball.hooks.connection_form import EXTRA_FIELDS
from tests.browser.conftest import Place
from tests.fakes.emulated import KEY, REGION, steer
from tests.pages import blocks_of, not_printed
from tests.system.airflow_processes import AirflowProcesses
from tests.system.demo import DAG_ID, DEVICES, WAIT, order_cluster

if TYPE_CHECKING:
    from tests.browser.browser import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.system,
    pytest.mark.skipif(airflow_version.startswith("2."), reason="the UI here is that of Airflow 3"),
]

DIALOG = "//*[@role='dialog']"
ROOT = Path(__file__).parents[2]
CONSOLE = "AWS Snow Family console"
ROLE = "arn:aws:iam::123456789012:role/nobody-may"


@dataclass(frozen=True)
class Case:
    """
    What is typed into the form, and what the test says then.

    :param at: whose address is the endpoint URL, if any.
    """

    says: str
    fields: dict[str, str] = field(default_factory=dict)
    at: str | None = "snowball"


CASES = {
    "good": Case(
        f"{REGION}: arn:aws:sts::123456789012:user/moto: AWS Snowball answers", {"region_name": REGION}
    ),
    "no-region": Case("NoRegionError: You must specify a region; set the region of the connection"),
    "region-without-snowball": Case(
        "region us-nowhere-7 has no AWS Snowball as far as botocore knows; choose the region of the jobs",
        {"region_name": "us-nowhere-7"},
        at=None,
    ),
    "role-of-nobody": Case(
        f"is not authorized to perform: sts:AssumeRole on resource: {ROLE}; the connection's role cannot "
        "be assumed: its trust policy must name",
        {"region_name": REGION, "role_arn": ROLE},
    ),
    "missing-action": Case(
        "allow the IAM action snowball:ListClusters [SNB304], which this test alone asks for",
        {"region_name": REGION},
        at="denying",
    ),
}


class TestConnections:
    def begin(self, browser: Browser, conn_id: str) -> None:
        browser.open("/connections")
        browser.press("Add Connection")
        browser.fill("connection_id", conn_id)
        browser.choose("AWS Snowball")
        browser.reads("Access key ID")

    def test_the_form_has_its_fields(self, place: Place) -> None:
        browser = place.browser
        self.begin(browser, "warehouse")
        browser.fill("description", "The devices of the warehouse")
        shown = browser.text
        assert "Secret access key" in shown
        assert "Host" not in shown.partition("Add Connection\nConnection ID")[2]
        assert "Schema" not in shown
        for name, kind in (("login", "text"), ("password", "password")):
            assert browser.attributes(f"//*[@name='{name}']", "placeholder", "type") == {
                "placeholder": "empty: the credentials that boto3 finds",
                "type": kind,
            }
        assert browser.attributes("//*[@name='port']", "placeholder")["placeholder"].startswith("0: ")
        browser.picture("connection-key", DIALOG)

        browser.press("Extra Fields", within=DIALOG)
        for each in EXTRA_FIELDS:
            browser.reads(f"{each.label} {each.description}")
        browser.fill("element_region_name", REGION)
        browser.fill("element_endpoint_url", place.snowball.endpoint_url)
        browser.picture("connection-extra", DIALOG)

    def test_the_page_has_what_a_good_one_says(self) -> None:
        """That it says so is looked at below."""
        (block,) = blocks_of("text", ROOT / "docs" / "in_the_ui.md")
        assert not_printed(block, CASES["good"].says) == []

    @pytest.mark.parametrize("name", CASES)
    def test_one_is_saved_and_tested(self, name: str, place: Place) -> None:
        browser, case = place.browser, CASES[name]
        self.begin(browser, name)
        browser.fill("login", "AKIAIOSFODNN7EXAMPLE")
        browser.fill("password", KEY["aws_secret_access_key"])
        browser.fill("port", "0")
        browser.press("Extra Fields", within=DIALOG)
        fields = dict(case.fields)
        if case.at:
            fields["endpoint_url"] = getattr(place, case.at).endpoint_url
        for key, value in fields.items():
            browser.fill(f"element_{key}", value)
        browser.press("Save", within=DIALOG)
        browser.reads("Connection has been successfully created")

        stored = place.airflow.api.get(f"/connections/{name}")
        assert stored["conn_type"] == "snowball"
        assert json.loads(stored["extra"]) == {each.key: fields.get(each.key) for each in EXTRA_FIELDS}

        # Without the news of before.
        browser.open("/connections")
        browser.press("Test Connection", within=f"//tr[.//td[normalize-space()='{name}']]")
        browser.reads(case.says)
        browser.reads("Test Connection Successful" if name == "good" else "Test Connection Failed")
        if name == "missing-action":
            browser.picture("connection-test")
        assert KEY["aws_secret_access_key"] not in browser.text


@pytest.fixture(scope="module")
def page(place: Place) -> str:
    """Return the page of a task that waits for a cluster, three of whose five devices have arrived."""
    client, cluster_id = order_cluster(place.snowball.endpoint_url)
    run_id = place.airflow.api.trigger(DAG_ID, {"cluster_id": cluster_id, "min_jobs": DEVICES})
    until_deferred(place.airflow, run_id)
    for number, job in enumerate(client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]):
        state = "WithCustomer" if number < 3 else "InTransitToCustomer"
        steer(place.snowball.endpoint_url, job["JobId"], state=state)
    return f"/dags/{DAG_ID}/runs/{quote(run_id)}/tasks/{WAIT}"


class TestTasks:
    def test_the_log_says_where_the_devices_are(self, place: Place, page: str) -> None:
        browser = place.browser

        def reads() -> bool:
            browser.open(page)
            browser.reads("0 of 5 jobs at or past WithCustomer (5 New")
            return "3 of 5 jobs at or past WithCustomer (2 InTransitToCustomer" in browser.text

        browser.until(reads, "the log tells of the devices that have arrived", within=240)
        assert "Deferred" in browser.text
        assert KEY["aws_secret_access_key"] not in browser.text
        browser.hotkey("w")  # wraps long lines
        browser.picture("waiting-log")

    def test_a_deferred_task_links_to_the_local_snowball(self, place: Place, page: str) -> None:
        browser = place.browser
        browser.open(f"{page}/details")
        browser.reads("Deferred")
        link = browser.attributes(f"//a[normalize-space()='{CONSOLE}']", "href", "target")
        assert link == {
            "href": f"{place.snowball.endpoint_url}/_snowball/jobs",
            "target": "_blank",
        }
        browser.picture("console-link")


def test_the_graph_of_the_migration_reads_well(place: Place) -> None:
    browser = place.browser
    browser.open("/dags/example_snowball_migration")
    browser.reads("wait_for_imports")
    browser.hotkey("g")
    for text in ("wait_for_imports", "verify", "everything_is_there", "approve", "source_may_be_deleted"):
        browser.reads(text)
    browser.picture("migration-graph")


def until_deferred(airflow: AirflowProcesses, run_id: str) -> None:
    deadline = time.monotonic() + 300
    while True:
        tasks = {each["task_id"]: each for each in airflow.api.task_instances(DAG_ID, run_id)}
        # Airflow writes the link just after it has deferred the task.
        if tasks[WAIT]["state"] == "deferred" and airflow.api.links(DAG_ID, run_id, WAIT)[CONSOLE]:
            return
        assert time.monotonic() < deadline, tasks[WAIT]
        time.sleep(0.5)
