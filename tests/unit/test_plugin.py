"""The page in Airflow's UI: what loading it costs, what it knows of journeys, and that it is served whole."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_snowball.plugin as plugin
from airflow_provider_snowball.lifecycle import PATHS, JobState, JobType

PAGE = Path(plugin.__file__).parent / "page"
SCRIPT = (PAGE / "devices.js").read_text()


def test_loading_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, airflow.plugins_manager; before = set(sys.modules);"
        "import airflow_provider_snowball.plugin; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    added = done.stdout.splitlines()[-1].split()
    assert set(added) <= {"airflow_provider_snowball", "airflow_provider_snowball.plugin"}


def literal(name: str) -> object:
    """Return what a constant of the script is."""
    found = re.search(rf"^const {name} = ([\[{{].*?[\]}}]);$", SCRIPT, re.DOTALL | re.MULTILINE)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize("job_type", JobType)
def test_its_stations_are_the_lifecycles(job_type: JobType) -> None:
    stations = literal("STATIONS")
    assert isinstance(stations, dict)
    names = literal("OF_AN_EXPORT") if job_type is JobType.EXPORT else list(stations)
    assert isinstance(names, list)
    assert [state for name in names for state in stations[name]] == [str(each) for each in PATHS[job_type]]
    assert {state for states in stations.values() for state in states} == set(JobState) - {"Cancelled"}


def test_it_asks_nobody_but_airflow() -> None:
    """What it is made of comes with it, and its requests go to where it came from."""
    html = (PAGE / "index.html").read_text()
    assert "connect-src 'self'" in html
    addresses = re.findall(r"https?://[^\s\"')]+", html + SCRIPT + (PAGE / "devices.css").read_text())
    assert addresses == ["https://docs.aws.amazon.com/snowball/latest/developer-guide/jobstatuses.html"]


def test_nothing_is_taken_for_markup() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", SCRIPT)


DEVICE = {
    "job_id": "JID1",
    "name": "tray 1",
    "state": "New",
    "since": "2026-01-01T00:00:00+00:00",
    "outlook": "on its way",
    "late": False,
    "job_type": "LOCAL_USE",
}
ASSET = {"id": 1, "name": "snowball_devices", "watchers": [{"name": "each_device", "trigger_id": 2}]}


@pytest.mark.skipif(shutil.which("node") is None, reason="runs the page's script without a browser")
class TestShown:
    def shown(self, **waits: object) -> tuple[list[str], str]:
        """Return what is shown of tasks with these XComs and no asset, and what went wrong."""
        tasks: list[object] = [
            {"dag_id": "d", "dag_run_id": "r", "task_id": name, "map_index": -1, "state": "deferred"}
            for name in waits
        ]
        answers: dict[str, object] = {
            f"dags/d/dagRuns/r/taskInstances/{name}/xcomEntries/devices": {"value": value}
            for name, value in waits.items()
            if value is not None
        }
        return self.shown_of(tasks, [], answers)

    def shown_of(
        self, tasks: list[object], assets: list[object], answers: dict[str, object]
    ) -> tuple[list[str], str]:
        listed = {"dags/~/dagRuns/~/taskInstances": {"task_instances": tasks, "total_entries": len(tasks)}}
        answers = {**answers, **listed, "assets": {"assets": assets, "total_entries": len(assets)}}
        world = Path(__file__).parents[1] / "fakes" / "page_world.js"
        done = subprocess.run(
            ["node", str(world), str(PAGE / "devices.js")],
            input=json.dumps(answers),
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        return found["groups"], found["trouble"]

    @pytest.mark.parametrize(
        "elsewhere",
        ["s3://bucket/key", json.dumps("s3://bucket/key"), {"path": "s3://bucket/key"}, "[", 5],
        ids=str,
    )
    def test_devices_that_are_kept_elsewhere_hide_no_others(self, elsewhere: object) -> None:
        groups, trouble = self.shown(kept=elsewhere, here=json.dumps([DEVICE]), silent=None)
        assert trouble == ""
        assert ["tray 1" in each for each in groups] == [False, True, False]
        assert groups[0].endswith("Its devices are not known here: an XCom backend keeps them elsewhere.")
        assert "Publishes no devices" in groups[2]

    @pytest.mark.parametrize("value", ["[", "5", None, {}, {"devices": "s3://bucket/key"}], ids=str)
    def test_a_store_that_has_something_else_hides_no_others(self, value: object) -> None:
        entries = [{"key": "snowball_watch_1", "value": value}]
        entries += [{"key": "snowball_watch_2", "value": {"devices": [DEVICE]}}]
        store = {"asset_state_store": entries, "total_entries": len(entries)}
        groups, trouble = self.shown_of([], [ASSET], {"assets/1/state-store": store})
        assert trouble == ""
        assert ["tray 1" in each for each in groups] == [False, True]

    def test_an_asset_that_has_seen_none_yet(self) -> None:
        groups, trouble = self.shown_of(
            [], [ASSET], {"assets/1/state-store": {"asset_state_store": [], "total_entries": 0}}
        )
        text = "Nothing waits for Snowball devices, and no asset has seen any yet, as far as you may see."
        assert (groups, trouble) == ([text], "")


class TestServed:
    @pytest.fixture
    def client(self) -> object:
        testclient = pytest.importorskip("starlette.testclient", reason="Airflow 2 has no FastAPI")
        [served] = plugin.SnowballPlugin.fastapi_apps
        from starlette.applications import Starlette

        airflow = Starlette()
        airflow.mount(served["url_prefix"], served["app"])
        return testclient.TestClient(airflow)

    @pytest.mark.parametrize(
        ("path", "kind"),
        [("", "text/html"), ("devices.js", "text/javascript"), ("devices.css", "text/css")],
    )
    def test_each_file(self, client: object, path: str, kind: str) -> None:
        answer = client.get(f"/snowball/{path}")  # type: ignore[attr-defined]  # where there is one
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert answer.text == (PAGE / (path or "index.html")).read_text()

    @pytest.mark.parametrize("path", ["nothing", "../__init__.py", "%2e%2e/__init__.py"])
    def test_nothing_else(self, client: object, path: str) -> None:
        assert client.get(f"/snowball/{path}").status_code == 404  # type: ignore[attr-defined]
