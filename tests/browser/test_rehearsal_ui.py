"""The page of a local Snowball, as people in a room use it: no Airflow is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_snowball.emulator import snowball_clock, snowball_faults
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.emulator.api.calls import client_of, create_address, create_cluster, create_job, ids_of
from tests.emulator.snowball_calls import backend

if TYPE_CHECKING:
    from tests.browser.browser import Browser

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Room:
    """What is on the screen, and the Snowball behind it."""

    browser: Browser
    client: Any
    cluster_id: str
    job_id: str

    def device(self, name: str) -> str:
        return f"//li[span[text()='{name}']]"

    def change(self, name: str, words: str) -> None:
        """Press a button of a device."""
        place = self.device(name)
        if self.browser.attributes(f"{place}/details", "open")["open"] is None:
            self.browser.find(f"{place}//summary").click()
        self.browser.press(words, within=place)

    def state_of(self, name: str, state: str) -> None:
        self.browser.find(f"{self.device(name)}//span[@class='state'][text()='{state}']")


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    pytest.importorskip("selenium", reason="browser tests need Selenium")
    from tests.browser.browser import CHROMIUM, DRIVER, Browser

    if not (CHROMIUM and DRIVER):
        pytest.skip("browser tests need Debian's packages chromium and chromium-driver, or the like")
    browser = Browser("", pictures=request.config.getoption("--pictures"))
    yield browser
    browser.close()


@pytest.fixture
def room(browser: Browser) -> Iterator[Room]:
    with SnowballServer() as server:
        snowball_clock.pause()
        client = client_of(server.endpoint_url)
        cluster_id = create_cluster(client, 3, Description="North")
        job_id = create_job(client, "IMPORT", Description="<b>tapes</b>")
        browser.open(f"{server.endpoint_url}/_snowball/")
        browser.reads("4 jobs")
        yield Room(browser, client, cluster_id, job_id)


def test_devices_on_their_journey(room: Room) -> None:
    browser = room.browser
    assert browser.attributes("//time[@id='now']", "textContent")["textContent"].startswith("Day ")
    browser.reads("Cluster North in us-east-1, account 123456789012 3 jobs, 0 with you")
    # Words of whoever ordered it are words.
    browser.reads("<b>tapes</b>")
    station = f"{room.device('North-node-001')}//li[@aria-current='step']"
    assert browser.find(station).text == "Ordered"
    backend().set_state(ids_of(room.client, room.cluster_id)[0], "WithCustomer")
    browser.reads("3 jobs, 1 with you")
    assert browser.find(station).text == "With you"


def test_picture_of_the_guide(room: Room) -> None:
    first, second, third = ids_of(room.client, room.cluster_id)
    for job_id, state in ((first, "WithCustomer"), (second, "InTransitToCustomer"), (third, "Cancelled")):
        backend().set_state(job_id, state)
    create_job(room.client, "EXPORT", Description="archive")
    create_job(room.client, "IMPORT", Description="photos")
    backend().set_state(room.job_id, "WithAWS")
    snowball_faults.add("throttle", rate=0.5, during="1d")
    room.browser.reads("6 jobs, 1 cancelled")
    room.browser.reads("throttle: ")
    room.browser.picture("local-snowball")


def test_time_is_moved(room: Room) -> None:
    browser = room.browser
    browser.reads("stands still")
    before = snowball_clock.now()
    browser.press("1 week on")
    browser.reads("3 jobs, 3 with you")
    assert snowball_clock.now() - before == 7 * 86400
    browser.press("Resume")
    browser.reads("1 second a second")
    assert not snowball_clock.paused
    browser.press("Pause")
    browser.reads("stands still")
    browser.find("//input[@name='speed']").clear()
    browser.fill("speed", "6h/s")
    browser.press("Set speed")
    browser.reads("6 hours a second")
    assert (snowball_clock.speed, snowball_clock.paused) == (6 * 3600, False)
    browser.find("//input[@name='speed']").clear()
    browser.fill("speed", "fast")
    browser.press("Set speed")
    browser.reads("A speed is a number above zero or text such as '1d/s' or '6h/s'; got 'fast'")


def test_bad_days_of_devices(room: Room) -> None:
    first, second, third = (f"North-node-00{number}" for number in (1, 2, 3))
    room.change(first, "Cancelled now")
    room.state_of(first, "Cancelled")
    room.change(second, "Hold with customer")
    room.browser.press("1 week on")
    room.browser.press("1 week on")
    room.browser.press("1 week on")
    room.state_of(second, "WithCustomer")
    room.state_of(third, "Complete")
    room.change(second, "Send on")
    room.state_of(second, "InTransitToAWS")
    # What cannot be is said.
    room.change(third, "Send on")
    room.browser.reads("is Complete, and nothing comes after that")
    assert room.browser.barriers() == []


def test_what_goes_wrong_is_ordered_and_ended(room: Room) -> None:
    browser = room.browser
    fields = browser.find("//select[@name='fault']")
    fields.send_keys("503")
    browser.find("//select[@name='during']").send_keys("a day")
    browser.press("Let it happen")
    browser.reads("server_error: 0 requests so far, until Day ")
    (fault,) = snowball_faults.list()
    assert (fault.kind, fault.options["status"]) == ("server_error", 503)
    with pytest.raises(Exception, match="ServiceUnavailable"):
        room.client.list_jobs()
    browser.reads(f"server_error: {fault.hits} requests so far")
    assert browser.barriers() == []
    browser.press(f"End server_error {fault.id}")
    browser.until(lambda: not snowball_faults.list() or None, "the fault has ended")
    room.client.list_jobs()


def test_it_asks_nobody_else(room: Room) -> None:
    loaded = room.browser.run("return performance.getEntriesByType('resource').map((each) => each.name)")
    here = room.browser.address
    assert {each.removeprefix(here) for each in loaded if each.startswith(here)} == {
        "rehearsal.css",
        "rehearsal.js",
        "clock",
        "jobs",
        "clusters",
        "faults",
    }
    assert [each for each in loaded if not each.startswith((here, "data:"))] == []


def test_other_names(room: Room) -> None:
    room.client.update_job(JobId=room.job_id, Description="disks")
    room.client.update_cluster(ClusterId=room.cluster_id, Description="South")
    room.browser.reads("Cluster South in us-east-1")
    room.browser.find(room.device("disks"))
    assert "<b>tapes</b>" not in room.browser.text


def test_faults_that_strike_no_more_are_not_shown(room: Room) -> None:
    snowball_faults.add("throttle", after="1d")
    snowball_faults.add("reset", count=1, operations=["ListClusters"])
    snowball_faults.add("latency", seconds=0)
    room.browser.reads("latency: ")
    room.browser.reads("reset: 0 requests so far")
    room.client.list_clusters()
    room.browser.until(lambda: "reset: " not in room.browser.text or None, "it has struck")
    assert "throttle: " not in room.browser.text
    room.browser.press("1 day on")
    room.browser.reads("throttle: ")


def test_new_orders_and_the_end_of_all(room: Room) -> None:
    create_job(room.client, "EXPORT", Description="archive")
    room.browser.reads("5 jobs")
    create_address(room.client)
    backend().forget()
    room.browser.reads("Nothing is ordered yet")
    assert "North" not in room.browser.text


def test_snowball_that_has_ended(browser: Browser) -> None:
    with SnowballServer() as server:
        browser.open(f"{server.endpoint_url}/_snowball/")
        browser.reads("Nothing is ordered yet")
    browser.reads("This Snowball cannot be reached: has it ended?")
