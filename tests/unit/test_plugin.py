"""The page in Airflow's UI: what loading it costs, what it knows of journeys, and that it is served whole."""

from __future__ import annotations

import json
import re
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
