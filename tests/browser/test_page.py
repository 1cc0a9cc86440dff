"""The page that shows where devices are, as those see it who may see all, or next to nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from tests.browser.conftest import GUEST, Place
from tests.fakes.emulated import client_of, order_cluster, steer
from tests.system.local_airflow import begins_dags
from tests.system.patience import until

if TYPE_CHECKING:
    from tests.browser.browser import Browser
    from tests.system.airflow_api import AirflowApi

pytestmark = [
    pytest.mark.browser,
    pytest.mark.system,
    pytest.mark.skipif(
        Version(airflow_version) < Version("3.1"), reason="pages of plugins are there from Airflow 3.1 on"
    ),
]

PAGE = "/plugin/snowball_devices"
TITLE = "Snowball devices"


@dataclass(frozen=True)
class Waits:
    """
    Two runs that wait for a cluster each.

    :param runs: their ids, by DAG.
    :param devices: what the clusters' devices are called, by DAG.
    """

    runs: dict[str, str]
    devices: dict[str, list[str]]


@pytest.fixture(scope="module")
def waits(place: Place) -> Iterator[Waits]:
    """Return waits whose devices are at different stations: one in transit for too long, one cancelled."""
    endpoint = place.snowball.endpoint_url
    client = client_of(endpoint)
    waits = Waits({}, {})
    for dag_id in ("page_north", "page_south"):
        cluster_id = order_cluster(client, 5)
        jobs = [each["JobId"] for each in client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]]
        states = ["InTransitToCustomer", "WithCustomer", "PreparingShipment", "Cancelled", "WithAWS"]
        names = [f"{dag_id.removeprefix('page_').capitalize()} tray {number}" for number in range(1, 6)]
        for job_id, name, state in zip(jobs, names, states, strict=True):
            client.update_job(JobId=job_id, Description=name)
            steer(endpoint, job_id, state=state)
        waits.devices[dag_id] = names
        waits.runs[dag_id] = place.airflow.api.trigger(dag_id, {"cluster_id": cluster_id})
    for dag_id, run_id in waits.runs.items():
        until(lambda: all_wait(place.airflow.api, dag_id, run_id), f"the tasks of {dag_id} wait")  # noqa: B023
    yield waits
    for dag_id, run_id in waits.runs.items():
        place.airflow.api.patch(f"/dags/{dag_id}/dagRuns/{run_id}", {"state": "failed"})


def all_wait(api: AirflowApi, dag_id: str, run_id: str) -> bool:
    """Tell whether all tasks of a run wait in the triggerer; fail with its log once one has failed."""
    for task in api.task_instances(dag_id, run_id):
        if task["state"] == "failed":
            log = api.log(dag_id, run_id, task["task_id"], try_number=task["try_number"])
            pytest.fail(f"{dag_id}.{task['task_id']} has failed:\n{log}")
        if task["state"] != "deferred":
            return False
    return True


def opened(browser: Browser, text: str, within: float = 180.0) -> None:
    """Open the page, again and again, until it shows a text."""

    def reads() -> bool:
        browser.open(PAGE)
        with browser.inside(TITLE):
            browser.reads("as of")
            return text in " ".join(browser.text.split())

    browser.until(reads, f"the page shows {text!r}", within)


def test_whoever_may_see_nothing_sees_nothing(place: Place) -> None:
    from tests.browser.browser import Browser

    browser = Browser(place.airflow.url, pictures=place.browser.pictures)
    browser.log_in(GUEST, place.guests_password)
    try:
        opened(
            browser,
            "Nothing waits for Snowball devices, and no asset has seen any yet, as far as you may see.",
        )
        browser.picture("devices-empty")
    finally:
        browser.close()


def test_it_shows_each_device(place: Place, waits: Waits) -> None:
    browser = place.browser
    opened(browser, "1 late")
    with browser.inside(TITLE):
        shown = " ".join(browser.text.split())
        for dag_id, names in waits.devices.items():
            assert f"{dag_id}: wait_for_devices" in shown
            assert all(name in shown for name in names)
        assert "page_north: wait_in_silence" in shown
        assert "Publishes no devices: set publish_devices=True or on_change on its sensor" in shown
        here = "//li[span[normalize-space()='{}']]//li[@aria-current='step']"
        stations = {0: "On its way to you", 1: "With you", 2: "Ready to ship", 4: "At AWS"}
        for number, station in stations.items():
            assert browser.find(here.format(waits.devices["page_north"][number])).text == station
        cancelled = f"//li[span[normalize-space()='{waits.devices['page_north'][3]}']]"
        assert "At no station Cancelled" in " ".join(browser.find(cancelled).text.split())
        if begins_dags():
            assert "Asset snowball_devices" in shown
    browser.picture("devices-late")


def test_a_task_is_a_press_away(place: Place, waits: Waits) -> None:
    browser = place.browser
    opened(browser, "page_north: wait_for_devices")
    with browser.inside(TITLE):
        browser.find("//a[normalize-space()='page_north: wait_for_devices']").click()
    browser.until(lambda: "/tasks/wait_for_devices" in browser.address, "Airflow's UI goes to the task")
    browser.reads("wait_for_devices")
    with pytest.raises(AssertionError):
        browser.until(lambda: TITLE in browser.text and "as of" in browser.text, "the page is gone", within=1)


def test_a_guest_sees_what_is_theirs(place: Place, waits: Waits) -> None:
    from tests.browser.browser import Browser

    browser = Browser(place.airflow.url, pictures=place.browser.pictures)
    browser.log_in(GUEST, place.guests_password)
    try:
        opened(browser, "page_south: wait_for_devices")
        with browser.inside(TITLE):
            shown = browser.text
        assert all(name in shown for name in waits.devices["page_south"])
        assert "page_north" not in shown
        assert "North tray" not in shown
        assert "Asset" not in shown
        browser.picture("devices-on-their-way")
    finally:
        browser.close()


def test_it_wears_what_airflow_wears(place: Place, waits: Waits) -> None:
    browser = place.browser
    colours = {}
    for theme in ("dark", "light"):
        browser.open(PAGE)
        browser.run(f"localStorage.setItem('theme', '{theme}')")
        opened(browser, "page_north")
        with browser.inside(TITLE):
            colours[theme] = browser.run("return getComputedStyle(document.body).backgroundColor")
        if theme == "dark":
            browser.picture("devices-dark")
    dark, light = (sum(map(int, re.findall(r"\d+", colours[theme])[:3])) for theme in ("dark", "light"))
    assert dark < 200 < 600 < light


def test_a_keyboard_is_enough(place: Place, waits: Waits) -> None:
    browser = place.browser
    opened(browser, "page_north")
    with browser.inside(TITLE):
        reached = browser.run(
            "const all = [...document.querySelectorAll('a, button')];"
            "return all.length > 1 && all.every((each) => each.tabIndex >= 0)"
        )
        assert reached
        named = browser.run(
            "const all = [...document.querySelectorAll('ol')];"
            "return all.length > 0 && all.every((each) => Boolean(each.getAttribute('aria-label')))"
        )
        assert named


def test_nobody_is_kept_out(place: Place, waits: Waits) -> None:
    browser = place.browser
    opened(browser, "1 late")
    with browser.inside(TITLE):
        own_address = browser.run("return location.href")
    for theme in ("dark", "light"):
        browser.run(f"localStorage.setItem('theme', '{theme}')")
        # Out of Airflow's frame, whose barriers are its own.
        browser.open(own_address)
        browser.reads("as of")
        assert browser.barriers() == []
    spoken = browser.spoken()
    assert ("heading", TITLE) in spoken
    assert ("button", "Refresh") in spoken
    assert ("link", "page_north: wait_for_devices") in spoken
    for name in waits.devices["page_north"][:3]:
        start = spoken.index(("list", f"The journey of {name}"))
        stations = [text for role, text in spoken[start : start + 30] if role == "StaticText"][:3]
        assert stations == ["Ordered", "Prepared", "Ready to ship"]


def test_an_error_of_the_api_is_said_and_what_was_known_stays(place: Place, waits: Waits) -> None:
    browser = place.browser
    opened(browser, "page_north")
    place.airflow.kill("api-server")
    try:
        with browser.inside(TITLE):
            browser.press("Refresh")
            browser.reads("Airflow's API cannot be reached; what is shown is what was known before.")
            assert "page_north: wait_for_devices" in browser.text
        browser.picture("devices-error")
    finally:
        place.airflow.start("api-server")
        place.airflow.wait_until_ready()
    with browser.inside(TITLE):
        browser.press("Refresh")
        browser.until(lambda: "cannot be reached" not in browser.text, "the error is gone")
